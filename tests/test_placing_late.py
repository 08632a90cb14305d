"""What is found late: after a person was asked, after it counted as not placed, and because somebody told of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from checkout.database.tables import attempts, holds, orders, outbox
from checkout.placing import Placing
from checkout.sandbox import create_sandbox
from tests.databases import KINDS, database_url
from tests.placing_world import PATIENCE, World, problem, running_on
from tests.service import key
from tests.upstreams import Forward, answers, lost_answer, lost_request

CLOSED = {"expired"}


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with database_url(request.param, tmp_path) as made:
        yield made


async def hidden(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """A healthy answer that shows no order yet, although there is one."""
    return httpx.Response(404, json={"status": False, "message": "Cart not found"})


async def called_not_placed(world: World, using: str) -> tuple[dict[str, Any], httpx.Response]:
    """A checkout whose order is there, and that was closed because Locally did not show it for long enough."""
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", lost_answer)
    world.upstreams.always("v2/cart", hidden)
    await world.place(checkout, card, using=using)
    await world.until(checkout, lambda now: now["status"] in CLOSED)
    first = await world.place(checkout, card, using=using)
    assert problem(first) == (409, "order_not_placed", "restart", "expired")
    assert await world.rows(orders) == []
    return {**checkout, "card": card}, first


async def test_order_that_turns_up_late_is_linked(url: str) -> None:
    using = key()
    async with running_on(url, create_sandbox(), late_looks="600,6000") as world:
        checkout, _ = await called_not_placed(world, using)
        assert len(await world.rows(holds)) == 1
        with capture_logs() as logged:
            world.upstreams.clear()
            world.service.clock.advance(minutes=11)
            now = await world.until(checkout, lambda now: now["status"] == "placed")
        assert [line["log_level"] for line in logged if line["event"] == "order_after_not_placed"] == ["error"]
        (order,) = await world.rows(orders)
        assert (order["id"], order["cart_hash"]) == (now["order"]["id"], (await world.orders())[0])
        assert await world.rows(holds) == []
        assert [row["event"] for row in await world.timeline(checkout)][-1] == "order.found_late"
        assert "order.found_late" in [row["topic"] for row in await world.rows(outbox)]
        replay = await world.place(checkout, checkout["card"], using=using)
        assert (replay.status_code, replay.json()["order"]["id"]) == (200, order["id"])
        assert (await world.place(checkout, checkout["card"], using=using)).content == replay.content
        again = await world.place(checkout, checkout["card"])
        assert (again.status_code, again.json()["order"]["id"]) == (200, order["id"])
        assert await world.calls() == (1, 1)


async def test_late_looks_end(tmp_path: Path) -> None:
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox(), late_looks="0.2,0.4") as world:
        await called_not_placed(world, key())
        ends = asyncio.get_running_loop().time() + PATIENCE
        while (await world.rows(attempts))[0]["next_read_at"] is not None:
            assert asyncio.get_running_loop().time() < ends
            await asyncio.sleep(0.05)
        assert (await world.rows(attempts))[0]["status"] == "not_placed"


async def test_news_of_a_cart_is_looked_at_after_not_placed(url: str, placings: list[Placing]) -> None:
    async with running_on(url, create_sandbox(), late_looks="3600") as world:
        checkout, _ = await called_not_placed(world, key())
        world.upstreams.clear()
        assert await placings[-1].look_now((await world.orders())[0])
        assert (await world.until(checkout, lambda now: now["status"] == "placed"))["order"]


@pytest.mark.parametrize("until", ["0.1", "60"], ids=["review", "unknown"])
async def test_news_of_a_cart_ends_the_wait(until: str, tmp_path: Path, placings: list[Placing]) -> None:
    spans = {"readback_delays": "0.05,3600", "readback_interval": "3600", "readback_until": until}
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox(), **spans) as world:
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.on("v2/cart", *[answers(500, "down")] * 2)
        await world.place(checkout, card, wait=0)
        await world.until(checkout, lambda _: world.upstreams.count("v2/cart") == 2)
        assert await placings[-1].look_now((await world.orders())[0])
        assert (await world.settled(checkout))["status"] == "placed"


async def test_news_of_an_unknown_cart_is_no_news(tmp_path: Path, placings: list[Placing]) -> None:
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox()):
        assert not await placings[-1].look_now("ABCDE")


@pytest.mark.parametrize(("commit", "status"), [(lost_answer, "placed"), (lost_request, "expired")])
async def test_review_ends_once_locally_answers_again(commit: Any, status: str, url: str) -> None:
    async with running_on(url, create_sandbox(), readback_until="0.2") as world:
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", commit)
        world.upstreams.always("v2/cart", answers(500, "down"))
        told = await world.place(checkout, card)
        assert told.json()["problems"][0]["code"] == "order_in_review"
        world.upstreams.clear()
        assert (await world.settled(checkout))["status"] == status
        assert len(await world.rows(orders)) == len(await world.orders())


async def test_setup_intent_of_a_late_order_is_not_used_again(tmp_path: Path) -> None:
    """The card that may yet be charged for the closed checkout must not be held for another one."""
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox()) as world:
        closed, _ = await called_not_placed(world, key())
        (attempt,) = await world.rows(attempts)
        assert (attempt["status"], attempt["setup_intent_id"]) == ("not_placed", closed["card"])
        other = await world.service.create()
        refused = await world.place(other, closed["card"])
        assert problem(refused)[:2] == (409, "setup_intent_invalid")
