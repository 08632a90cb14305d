"""The wish to cancel: noted and told, and never shown as done."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from checkout.database.tables import outbox
from tests.placing_world import World, running_world
from tests.rescuing_world import buy, events, facts, read, turn
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, SHOPPER


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world("sqlite", tmp_path) as running:
        yield running


async def ask(world: World, order: dict[str, Any], body: Any = None, with_: str | None = None) -> httpx.Response:
    path = f"/v1/orders/{order['id']}/cancel-request"
    return await world.service.call("POST", path, body, with_=with_ or order["token"])


async def wishes(world: World) -> list[str]:
    """The orders of which the brand is told."""
    return [row["subject"] for row in await world.rows(outbox) if row["topic"] == "order.cancel_requested"]


@pytest.mark.parametrize("body", [None, {}, {"reason": "Too late for June's birthday."}])
async def test_wish_is_noted_and_told(world: World, body: Any) -> None:
    order = await buy(world)
    before = await read(world, order)
    answer = await ask(world, order, body)
    assert (answer.status_code, answer.json()["cancel_requested"]) == (200, True)
    assert (before["cancel_requested"], before["cancel_reason"]) == (False, None)
    after = await read(world, order)
    assert after == {**before, "cancel_requested": True, "cancel_reason": (body or {}).get("reason")}
    assert await wishes(world) == [order["id"]]
    assert (await events(world, order))[-1] == "order.cancel_requested"
    (told,) = await facts(world, "order.cancel_requested")
    assert told == {"source": "shopper", "request_id": answer.headers["request-id"]}


async def test_answer_says_how_to_reach_the_store(world: World) -> None:
    asked = (await ask(world, await buy(world))).json()
    assert asked["store"]["phone"]
    assert asked["locally_order_url"]
    assert SHOPPER["email"] not in str(asked)


async def test_reason_is_for_the_brand_alone(world: World) -> None:
    order = await buy(world)
    assert "birthday" not in (await ask(world, order, {"reason": "June's birthday"})).text
    assert "birthday" in (await ask(world, order, with_=SECRET_KEY)).text


async def test_asking_again_changes_nothing(world: World) -> None:
    order = await buy(world)
    first = await ask(world, order, {"reason": "one"})
    assert (await ask(world, order, {"reason": "another"})).json() == first.json()
    assert (await read(world, order))["cancel_reason"] == "one"
    await turn(world, order, "picked_up")
    assert (await ask(world, order)).status_code == 200
    assert await wishes(world) == [order["id"]]


@pytest.mark.parametrize("status", ["picked_up", "declined", "auto_canceled", "canceled", "refunded"])
async def test_what_has_ended_cannot_be_canceled(world: World, status: str) -> None:
    order = await buy(world)
    await turn(world, order, status)
    answer = await ask(world, order)
    assert (answer.status_code, answer.json()["code"], answer.json()["next"]) == (409, "nothing_to_cancel", "stop")
    assert await wishes(world) == []


async def test_brands_server_may_ask(world: World) -> None:
    order = await buy(world)
    answer = await ask(world, order, {"reason": "She called us."}, with_=SECRET_KEY)
    assert answer.json()["cancel_reason"] == "She called us."
    (told,) = await facts(world, "order.cancel_requested")
    assert told["source"] == "brand"


async def test_wish_takes_the_orders_own_token(world: World) -> None:
    order, other = await buy(world), await buy(world)
    for wrong, status in ((PUBLISHABLE_KEY, 403), (other["token"], 404), ("ot_x", 404)):
        assert (await ask(world, order, with_=wrong)).status_code == status
    assert await wishes(world) == []


@pytest.mark.parametrize("body", [{"reason": "x" * 501}, {"reason": 5}, {"reason": "a\u0000b"}, {"when": "now"}, []])
async def test_faulty_wish_is_refused(world: World, body: Any) -> None:
    order = await buy(world)
    assert (await ask(world, order, body)).status_code == 422
    assert await wishes(world) == []
