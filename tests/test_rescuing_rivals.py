"""Many who rescue one order at once, and rescues whose outcome is found late: no declined item is ordered twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.sandbox import create_sandbox
from tests.databases import KINDS, database_url
from tests.placing_world import PATIENCE, SECOND_UPC, World, problem, running_on, running_world
from tests.rescuing_world import buy, decline, declined, events, open_rescue, place, pointer, read, rescue, turn
from tests.service import SECRET_KEY, UPC, key
from tests.test_placing_late import hidden
from tests.upstreams import Forward, lost_answer

Worlds = list[World]

NEXT, AFTER_NEXT = 37176, 37178
THIRD_UPC = "068648100223"
MAY_OPEN = {(201, "ready"), (409, "conflict"), (409, "placing"), (409, "not_rescuable")}
MAY_PLACE = {
    *((200, "placed"), (202, "placing"), (409, "conflict"), (409, "not_open"), (409, "not_rescuable")),
    (409, "placing"),
}


@pytest.fixture(params=KINDS)
async def worlds(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Worlds]:
    """One instance of the service on SQLite, which knows no more; two on PostgreSQL."""
    sandbox = create_sandbox()
    async with database_url(request.param, tmp_path) as url, AsyncExitStack() as stack:
        count = 1 if request.param == "sqlite" else 2
        yield [await stack.enter_async_context(running_on(url, sandbox)) for _ in range(count)]


@pytest.fixture(params=KINDS)
async def late_world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A service that looks again and again for an order that counts as not placed, however slow the machine is."""
    looks = ",".join(str(second) for second in range(1, 2 * PATIENCE))
    async with running_world(request.param, tmp_path, late_looks=looks) as world:
        yield world


def told(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body.get("code") or body["status"]


async def reserved(world: World, *upcs: str) -> dict[str, Any]:
    """A reservation, which takes no card, of which the store declined everything."""
    checkout = await world.service.create(path_to_purchase="ropis", items=[{"upc": upc, "quantity": 1} for upc in upcs])
    order = dict((await world.place(checkout, None)).json()["order"])
    await decline(world, order)
    return order


async def ordered(world: World) -> Counter[str]:
    """How often each item stands in an order at the sandbox."""
    found = (await world.service.ledger())["orders"]
    return Counter(item["upc"] for order in found for item in order["items"])


async def in_a_tab(world: World, old: dict[str, Any], store_id: int, upcs: list[str] | None) -> set[tuple[int, str]]:
    """Open a rescue and place it at once, as a tab does; gives what it was told that nobody should be."""
    opened = await open_rescue(world, old, store_id, upcs=upcs)
    wrong = {told(opened)} - MAY_OPEN
    if opened.status_code == 201:
        wrong |= {told(await place(world, opened.json()))} - MAY_PLACE
    return wrong


async def test_of_many_tabs_one_opens_the_rescue(worlds: Worlds) -> None:
    world = worlds[0]
    old = await reserved(world, UPC)
    answers = await asyncio.gather(*(open_rescue(worlds[n % len(worlds)], old, NEXT) for n in range(10)))
    assert {told(answer) for answer in answers} <= {(201, "ready"), (409, "conflict")}
    opened = [answer.json() for answer in answers if answer.status_code == 201]
    statuses = {checkout["id"]: (await world.service.read(checkout))["status"] for checkout in opened}
    assert [each for each, status in statuses.items() if status == "ready"] == [await pointer(world, old)]
    placed = await asyncio.gather(*(place(worlds[n % len(worlds)], each) for n, each in enumerate(opened)))
    assert Counter(told(answer) for answer in placed)[200, "placed"] == 1
    assert await ordered(world) == {UPC: 2}


@pytest.mark.parametrize("round_number", range(3))
async def test_rivals_order_each_declined_item_once(worlds: Worlds, round_number: int) -> None:
    world, upcs = worlds[0], [UPC, SECOND_UPC, THIRD_UPC]
    old = await reserved(world, *upcs)
    wanted = [None, [UPC], [SECOND_UPC, THIRD_UPC], [THIRD_UPC]]
    for turn_number in range(12):
        tabs = (
            in_a_tab(
                worlds[n % len(worlds)],
                old,
                (NEXT, AFTER_NEXT)[n % 2],
                wanted[(n + turn_number + round_number) % len(wanted)],
            )
            for n in range(8)
        )
        assert set().union(*await asyncio.gather(*tabs)) == set()
        if all(count == 2 for count in (await ordered(world)).values()):
            break
    else:
        await place(world, await rescue(world, old, NEXT))
    assert await ordered(world) == dict.fromkeys(upcs, 2)
    assert told(await open_rescue(world, old, NEXT)) == (409, "not_rescuable")
    assert "order.rescued" in await events(world, old)


async def test_placing_and_replacing_a_rescue_leaves_one(worlds: Worlds) -> None:
    world, other = worlds[0], worlds[-1]
    old = await declined(world)
    first = await rescue(world, old, NEXT)
    card = await world.service.take_card(first)
    placed, replaced = await asyncio.gather(world.place(first, card), open_rescue(other, old, AFTER_NEXT))
    if placed.status_code == 200:
        assert told(replaced) in {(409, "placing"), (409, "not_rescuable"), (409, "conflict")}
    else:
        assert told(placed) in MAY_PLACE
        assert replaced.status_code == 201
        assert (await place(other, replaced.json())).status_code == 200
    assert await ordered(world) == {UPC: 2}


async def test_confirmation_keeps_whoever_places_out(worlds: Worlds) -> None:
    world = worlds[0]
    old = await reserved(world, UPC)
    checkout = await rescue(world, old, NEXT)
    _, answer = await asyncio.gather(turn(world, old, "confirmed"), place(worlds[-1], checkout))
    assert told(answer) in {(200, "placed"), (409, "not_rescuable")}
    assert await ordered(world) == {UPC: 1 + (answer.status_code == 200)}


async def called_not_placed(world: World, checkout: dict[str, Any]) -> None:
    """The rescue counts as not placed, because Locally did not show its order for long enough."""
    world.upstreams.on("cart/commit", lost_answer)
    world.upstreams.always("v2/cart", hidden)
    await place(world, checkout)
    await world.until(checkout, lambda now: now["status"] == "expired")


async def test_rescue_that_is_found_late_is_linked(late_world: World) -> None:
    world = late_world
    old = await declined(world)
    checkout = await rescue(world, old, NEXT)
    await called_not_placed(world, checkout)
    assert (await read(world, old))["rescued_by"] is None
    waiting = await rescue(world, old, AFTER_NEXT)
    world.upstreams.clear()
    found = await world.until(checkout, lambda now: now["status"] == "placed")
    assert (await read(world, old))["rescued_by"] == found["order"]["id"]
    assert problem(await place(world, waiting)) == (409, "not_rescuable", "stop", "ready")
    assert await ordered(world) == {UPC: 2}


async def test_rescue_that_a_person_settles_is_linked(late_world: World) -> None:
    world = late_world
    old = await declined(world)
    checkout = await rescue(world, old, NEXT)
    await called_not_placed(world, checkout)
    (new,) = [each for each in await world.orders() if each != (await read(world, old))["cart_hash"]]
    path = f"/v1/checkouts/{checkout['id']}/settle"
    settled = await world.service.call("POST", path, {"placed": new}, with_=SECRET_KEY)
    assert settled.status_code == 200, settled.text
    assert (await read(world, old))["rescued_by"] == settled.json()["order"]["id"]


async def test_unknown_outcome_keeps_the_next_rescue_shut(late_world: World) -> None:
    world = late_world
    old = await declined(world)
    checkout = await rescue(world, old, NEXT)
    may_read = asyncio.Event()

    async def silent(_request: httpx.Request, forward: Forward) -> httpx.Response:
        await may_read.wait()
        return await forward()

    world.upstreams.on("cart/commit", lost_answer)
    world.upstreams.always("v2/cart", silent)
    using = key()
    card = await world.service.take_card(checkout)
    assert (await world.place(checkout, card, using=using, wait=0)).status_code == 202
    await world.until(checkout, lambda now: [each["code"] for each in now["problems"]] == ["order_unconfirmed"])
    refused = await open_rescue(world, old, AFTER_NEXT)
    assert told(refused) == (409, "placing")
    may_read.set()
    assert (await world.until(checkout, lambda now: now["status"] == "placed"))["order"]
    assert told(await open_rescue(world, old, AFTER_NEXT)) == (409, "not_rescuable")


async def test_order_that_changes_meanwhile_keeps_its_links(late_world: World) -> None:
    """What is read of the old order's cart later takes nothing back."""
    world = late_world
    old = await buy(world, UPC, SECOND_UPC)
    await decline(world, old)
    new = (await place(world, await rescue(world, old, NEXT))).json()["order"]
    before = world.upstreams.count("v2/cart")
    world.service.clock.advance(minutes=30)
    ends = asyncio.get_running_loop().time() + 10
    while world.upstreams.count("v2/cart") == before:
        assert asyncio.get_running_loop().time() < ends
        await asyncio.sleep(0.05)
    assert (await read(world, old))["rescued_by"] == new["id"]
    assert told(await open_rescue(world, old, AFTER_NEXT)) == (409, "not_rescuable")
