"""The races and dead ends that checkouts are known for, each as its users met it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.database.tables import attempts, holds, orders, outbox
from tests.databases import KINDS
from tests.placing_world import World, problem, running_world
from tests.service import key
from tests.test_webhooks import PATIENT, TOKENS, events, tell
from tests.upstreams import Forward, Happening, after, answers, lost_answer, lost_request, not_sent


@pytest.fixture(params=KINDS)
async def told(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A service that takes webhooks, and that would not read back for minutes."""
    async with running_world(request.param, tmp_path, locally_webhook_tokens=TOKENS, **PATIENT) as running:
        yield running


async def test_browser_and_webhook_complete_one_order(told: World) -> None:
    """Both learn of it in the same moment; one writes, and the other finds it done."""
    checkout, card = await told.ready()

    async def overtaken(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        await answer.aread()
        (cart_hash,) = await told.orders()
        await tell(told, cart_hash, status="ordered")
        await events(told, lambda found: found[0]["tries"])
        return answer

    told.upstreams.on("cart/commit", overtaken)
    placed = await told.place(checkout, card)
    assert (placed.status_code, placed.json()["status"]) == (200, "placed")
    assert await told.calls() == (1, 1)
    assert len(await told.rows(orders)) == 1
    assert [row["topic"] for row in await told.rows(outbox)].count("checkout.placed") == 1


async def test_words_of_a_webhook_complete_nothing(told: World) -> None:
    """Only what the cart itself shows counts, whatever step a notice names."""
    checkout, card = await told.ready()
    told.upstreams.on("cart/commit", lost_request)
    assert (await told.place(checkout, card, wait=0)).status_code == 202
    await told.until(checkout, lambda now: now["problems"])
    (attempt,) = await told.rows(attempts)
    for status in ("created", "processing", "requires_action", "ordered", "confirmed", "picked_up"):
        await tell(told, attempt["cart_hash"], status=status)
    await events(told, lambda found: found[0]["tries"] and told.upstreams.count("v2/cart"))
    assert (await told.rows(attempts))[0]["status"] == "unknown"
    assert (await told.rows(orders), await told.orders()) == ([], [])


async def test_cart_changed_in_another_tab_is_never_charged_unseen(world: World) -> None:
    checkout, card = await world.ready()
    path = f"/v1/checkouts/{checkout['id']}"
    dearer = {"items": [{"upc": checkout["items"][0]["upc"], "quantity": 3}]}
    placing, change = await asyncio.gather(
        world.place(checkout, card), world.service.call("PATCH", path, dearer, with_=checkout["token"])
    )
    if change.status_code == 200:
        assert problem(placing)[:2] in {(409, "price_changed"), (409, "placing")}
        assert await world.orders() == []
    else:
        assert (change.json()["code"], placing.status_code) in {("not_open", 200), ("placing", 200)}
        (order,) = (await world.service.ledger())["orders"]
        assert [item["qty"] for item in order["items"]] == [1]


FAILURES: dict[str, tuple[Happening, ...]] = {
    "busy": (answers(429, {"success": False}),),
    "our token": (answers(401, {"success": False}),),
    "never sent": (not_sent, not_sent),
    "lost": (lost_answer,),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_key_never_blocks_recovery(world: World, failure: tuple[Happening, ...]) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/validate", *failure)
    assert (await world.place(checkout, card, using=using)).status_code == 503
    assert (await world.place(checkout, card, using=using)).status_code == 200
    assert len(await world.orders()) == 1
    assert len(await world.rows(holds)) == (1 if failure == (lost_answer,) else 0)


async def test_key_takes_the_price_that_the_shopper_accepts(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    await world.service.stock(price=9900)
    risen = await world.place(checkout, card, using=using)
    assert problem(risen) == (409, "price_changed", "accept_total", "ready")
    agreed = risen.json()["checkout"]["totals"]["total"]
    assert (await world.place(checkout, card, using=using, expected_total=agreed)).status_code == 200
    assert len(await world.orders()) == 1


async def test_reloaded_page_meets_the_order_it_knows_nothing_of(world: World) -> None:
    """A new page has a new key, while the first one's request goes on without it."""
    checkout, card = await world.ready()
    met = asyncio.Event()
    world.upstreams.on("cart/commit", after(met.wait))
    left = asyncio.create_task(world.place(checkout, card))
    await world.until(checkout, lambda now: now["status"] == "placing")
    left.cancel()
    assert problem(await world.place(checkout, card))[:2] == (409, "placing")
    met.set()
    assert (await world.settled(checkout))["status"] == "placed"
    again = await world.place(checkout, card)
    assert (again.status_code, again.json()["status"]) == (200, "placed")
    assert await world.calls() == (1, 1)


async def test_commit_that_answers_twice_the_patience_is_one_order(tmp_path: Path) -> None:
    """The upstream records the order and answers when nobody listens any more."""
    answered: list[Any] = []

    async def sleeping(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        answered.append(json.loads(await answer.aread()))
        await asyncio.sleep(0.6)
        return answer

    async with running_world("sqlite", tmp_path, write_timeout="0.3") as world:
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", sleeping)
        using = key()
        assert (await world.place(checkout, card, using=using)).status_code == 200
        assert (await world.place(checkout, card, using=using)).headers["idempotent-replayed"] == "true"
        assert [body["success"] for body in answered] == [True]
        assert (await world.calls(), len(await world.orders())) == ((1, 1), 1)
