"""Orders that are kept in step with Locally's carts, by several readers at once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

import checkout.app
from checkout.database.tables import orders
from checkout.orders import Order
from checkout.tracking import Tracking
from tests.databases import KINDS
from tests.placing_world import World, running_world
from tests.upstreams import Forward, changed


@pytest.fixture
def trackings(monkeypatch: pytest.MonkeyPatch) -> list[Tracking]:
    """The part of each service that reads the carts of orders."""
    made: list[Tracking] = []

    class Noted(Tracking):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            made.append(self)

    monkeypatch.setattr(checkout.app, "Tracking", Noted)
    return made


async def stored(world: World) -> Order:
    (row,) = await world.rows(orders)
    return Order.model_validate_json(row["document"])


async def place(world: World) -> Order:
    checkout, card = await world.ready()
    assert (await world.place(checkout, card)).status_code == 200
    return await stored(world)


async def test_new_order_is_read_once(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path) as world:
        await place(world)
        assert world.upstreams.count("v2/cart") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_older_reading_never_replaces_a_younger_one(kind: str, tmp_path: Path, trackings: list[Tracking]) -> None:
    async with running_world(kind, tmp_path) as world:
        order, tracking = await place(world), trackings[0]
        was_read, may_answer = asyncio.Event(), asyncio.Event()

        async def overtaken(_request: httpx.Request, forward: Forward) -> httpx.Response:
            answer = await forward()
            was_read.set()
            await may_answer.wait()
            return answer

        dearer = changed(lambda cart: cart["items"][0].update(total="95.00"))
        world.upstreams.on("v2/cart", overtaken, dearer, dearer)
        older = asyncio.create_task(tracking.refresh(order))
        await was_read.wait()
        await tracking.refresh(order)
        may_answer.set()
        await older
        assert (await stored(world)).totals.total.amount == 9500
        assert world.upstreams.count("v2/cart") == 4


async def test_messages_of_the_store_reach_the_order(tmp_path: Path, trackings: list[Tracking]) -> None:
    async with running_world("sqlite", tmp_path) as world:
        order = await place(world)
        said = {"sender": "retailer", "description": "On the shelf", "created_at": "2026-01-02 03:04:05"}
        world.upstreams.on("v2/cart", changed(lambda cart: cart["items"][0]["messages"].append(said)))
        await trackings[0].refresh(order)
        assert [message.text for message in (await stored(world)).messages] == ["On the shelf"]
