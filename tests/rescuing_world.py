"""Orders whose store says no, and what is bought at another store instead."""

import json
from typing import Any

import httpx
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from checkout.database.tables import orders, timeline
from tests.placing_world import World
from tests.service import SECRET_KEY, UPC, key

_READ, _WRITE = "SELECT document FROM orders WHERE id = :id", "UPDATE orders SET document = :document WHERE id = :id"


async def buy(world: World, *upcs: str, **changes: Any) -> dict[str, Any]:
    """An order of these items, as its checkout tells it: id, status, url and token."""
    items = [{"upc": upc, "quantity": 1, "message": f"about {upc}"} for upc in upcs or (UPC,)]
    checkout, card = await world.ready(**{"items": items, **changes})
    placed = await world.place(checkout, card)
    assert placed.status_code == 200, placed.text
    return dict(placed.json()["order"])


async def turn(world: World, order: dict[str, Any], status: str, *upcs: str, **changes: str) -> None:
    """Items of an order take a status, and the order other values, in our own books."""
    document = json.loads(await _run(world, _READ, id=order["id"])) | changes
    for item in document["items"]:
        if not upcs or item["upc"] in upcs:
            item["status"] = status
    await _run(world, _WRITE, id=order["id"], document=json.dumps(document))


async def _run(world: World, statement: str, **values: str) -> str:
    if world.url.startswith("sqlite"):
        with create_engine(world.url, poolclass=NullPool).begin() as connection:
            result = connection.execute(text(statement), values)
            return str(result.scalar_one()) if result.returns_rows else ""
    engine = create_async_engine(world.url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as running:
        result = await running.execute(text(statement), values)
        return str(result.scalar_one()) if result.returns_rows else ""


async def declined(world: World, *upcs: str, **changes: Any) -> dict[str, Any]:
    """An order of which the store declined everything."""
    order = await buy(world, *upcs, **changes)
    await decline(world, order)
    return order


async def decline(world: World, order: dict[str, Any]) -> None:
    """The store declines everything, at the sandbox too, so that whoever reads the cart again finds the same."""
    known = await read(world, order)
    for item in known["items"]:
        path = f"/_sandbox/orders/{known['cart_hash']}/items/{item['upc']}"
        wanted = {"action": "decline", "reason": "out_of_stock", "webhook": False}
        answer = await world.service.sandbox.post(path, json=wanted)
        assert answer.status_code == 200, answer.text
    await turn(world, order, "declined")


async def read(world: World, order: dict[str, Any], with_: str = SECRET_KEY) -> dict[str, Any]:
    answer = await world.service.call("GET", f"/v1/orders/{order['id']}", with_=with_)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def offers(world: World, order: dict[str, Any], with_: str | None = None) -> dict[str, Any]:
    path = f"/v1/orders/{order['id']}/rescues"
    answer = await world.service.call("GET", path, with_=with_ or order["token"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def open_rescue(
    world: World,
    order: dict[str, Any],
    store_id: int,
    *,
    using: str | None = None,
    with_: str | None = None,
    **more: Any,
) -> httpx.Response:
    path, body = f"/v1/orders/{order['id']}/rescues", {"store_id": store_id, **more}
    return await world.service.call("POST", path, body, with_=with_ or order["token"], Idempotency_Key=using or key())


async def rescue(world: World, order: dict[str, Any], store_id: int, **more: Any) -> dict[str, Any]:
    """The rescue checkout that was opened."""
    answer = await open_rescue(world, order, store_id, **more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def place(world: World, checkout: dict[str, Any]) -> httpx.Response:
    """Place a checkout with a card of its own."""
    card = await world.service.take_card(checkout) if checkout["payment"] else None
    return await world.place(checkout, card)


async def events(world: World, order: dict[str, Any]) -> list[str]:
    """What happened to an order, in the brand's eyes."""
    answer = await world.service.call("GET", f"/v1/orders/{order['id']}/timeline", with_=SECRET_KEY)
    return [entry["event"] for entry in answer.json()["data"]]


async def pointer(world: World, order: dict[str, Any]) -> str | None:
    """The checkout that rescues the order, as the database has it."""
    (row,) = [row for row in await world.rows(orders) if row["id"] == order["id"]]
    found: str | None = row["rescue_checkout_id"]
    return found


async def facts(world: World, event: str) -> list[dict[str, Any]]:
    """The facts of each such event of every checkout."""
    return [json.loads(row["facts"]) for row in await world.rows(timeline) if row["event"] == event]
