"""Several instances on one PostgreSQL database: whoever works on a checkout, it is one order."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from checkout.database.tables import attempts, holds, orders, outbox
from checkout.placing import Placing
from checkout.sandbox import create_sandbox
from tests.databases import database_url
from tests.placing_world import World, problem, running_on, tally
from tests.service import key
from tests.test_placing_late import called_not_placed, hidden
from tests.upstreams import Forward, lost_answer

Pair = tuple[World, World]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Two instances of the service on one database and one sandbox."""
    sandbox = create_sandbox()
    async with (
        database_url("postgresql", tmp_path) as url,
        running_on(url, sandbox) as one,
        running_on(url, sandbox) as two,
    ):
        yield one, two


@pytest.mark.parametrize("same", [True, False], ids=["one key", "own keys"])
async def test_two_instances_make_one_order(pair: Pair, same: bool) -> None:
    one, _ = pair
    checkout, card = await one.ready()
    shared = key()
    requests = (each.place(checkout, card, using=shared if same else key()) for each in pair * 10)
    told = tally(await asyncio.gather(*requests))
    assert (await one.settled(checkout))["status"] == "placed"
    assert told[200, "placed"] >= 1
    assert set(told) <= {(200, "placed"), (409, "request_in_progress" if same else "placing")}
    assert await one.calls() == (1, 1)
    assert len(await one.orders()) == 1


async def test_key_of_one_instance_is_known_to_the_other(pair: Pair) -> None:
    one, two = pair
    checkout, card = await one.ready()
    using = key()
    first = await one.place(checkout, card, using=using)
    again = await two.place(checkout, card, using=using)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")


async def answer_late(_request: httpx.Request, forward: Forward) -> httpx.Response:
    """Done at once, answered after another instance has lost its patience."""
    answer = await forward()
    await answer.aread()
    await asyncio.sleep(1)
    return answer


async def placed_by_both(pair: Pair, call: str) -> httpx.Response:
    """The first instance waits for an answer; for the second, whose clock is ahead, its lease has run out."""
    one, two = pair
    checkout, card = await one.ready()
    one.upstreams.on(call, answer_late)
    request = asyncio.create_task(one.place(checkout, card))
    await one.until(checkout, lambda _: one.upstreams.count(call))
    two.service.clock.advance(minutes=1)
    return await request


async def test_commit_taken_up_by_another_instance_is_one_order(pair: Pair) -> None:
    one, two = pair
    placed = await placed_by_both(pair, "cart/commit")
    assert (placed.status_code, placed.json()["status"]) == (200, "placed")
    assert two.upstreams.count("v2/cart") >= 1
    assert await one.calls() == (1, 1)
    assert [row["cart_hash"] for row in await one.rows(orders)] == await one.orders()
    assert await one.rows(holds) == []


async def test_validate_taken_up_by_another_instance_is_on_the_books(pair: Pair) -> None:
    one, _ = pair
    told = await placed_by_both(pair, "cart/validate")
    assert problem(told) == (503, "authorization_unknown", "retry", "ready")
    assert await one.calls() == (1, 0)
    assert [hold["state"] for hold in await one.rows(holds)] == ["possible"]
    assert [row["status"] for row in await one.rows(attempts)] == ["hold_unknown"]


PATIENT = {"readback_delays": "600", "readback_interval": "600", "readback_until": "3600"}


async def test_news_at_one_instance_ends_the_wait_of_the_other(tmp_path: Path, placings: list[Placing]) -> None:
    sandbox = create_sandbox()
    async with (
        database_url("postgresql", tmp_path) as url,
        running_on(url, sandbox, **PATIENT) as one,
        running_on(url, sandbox, **PATIENT) as two,
    ):
        checkout, card = await one.ready()
        one.upstreams.on("cart/commit", lost_answer)
        waiting = asyncio.create_task(one.place(checkout, card))
        await one.until(checkout, lambda now: now["problems"])
        (cart_hash,) = await one.orders()
        assert await placings[1].look_now(cart_hash)
        assert (await two.settled(checkout))["status"] == "placed"
        assert two.upstreams.count("v2/cart") >= 1
        assert await placings[0].look_now(cart_hash)  # Its attempt sleeps on, and finds that all is done.
        assert ((await waiting).status_code, await one.calls()) == (200, (1, 1))
        assert [row["topic"] for row in await one.rows(outbox)].count("checkout.placed") == 1


async def test_order_found_late_by_two_instances_is_one(tmp_path: Path, placings: list[Placing]) -> None:
    sandbox = create_sandbox()
    async with (
        database_url("postgresql", tmp_path) as url,
        running_on(url, sandbox, late_looks="3600") as one,
        running_on(url, sandbox, late_looks="3600") as two,
    ):
        two.upstreams.always("v2/cart", hidden)
        checkout, _ = await called_not_placed(one, key())
        (cart_hash,) = await one.orders()
        one.upstreams.clear()
        two.upstreams.clear()
        assert await asyncio.gather(*(each.look_now(cart_hash) for each in placings * 3)) == [True] * 6
        assert (await one.until(checkout, lambda now: now["status"] == "placed"))["order"]
        assert [row["topic"] for row in await one.rows(outbox)].count("order.found_late") == 1
        assert len(await one.rows(orders)) == 1
        assert await one.rows(holds) == []
