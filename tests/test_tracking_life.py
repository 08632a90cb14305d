"""An order's life over the whole service: what its store does reaches the API, the timeline and the outbox."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.database.tables import inbox, orders, outbox, timeline
from checkout.orders import OrderTotals
from tests.databases import KINDS
from tests.placing_world import SECOND_UPC, World, running_world
from tests.service import SANDBOX_URL, SECRET_KEY, UPC
from tests.test_webhooks import NEW, PATIENT, TOKENS, notice, send
from tests.upstreams import Forward

QUICK = {"recovery_interval": "0.05", "locally_webhook_tokens": TOKENS, **PATIENT}
PLENTY_SECONDS = 30


@dataclass
class Life:
    """One order, and what its store does."""

    world: World
    order: dict[str, Any]

    async def act(self, action: str, upc: str = UPC, **fields: Any) -> None:
        path = f"/_sandbox/orders/{self.order['cart_hash']}/items/{upc}"
        answer = await self.world.service.sandbox.post(path, json={"action": action, **fields})
        assert answer.status_code == 200, answer.text

    async def announce(self) -> None:
        assert (await send(self.world, notice(self.order["cart_hash"]))).status_code == 200

    async def read(self, path: str = "", with_: str = SECRET_KEY) -> dict[str, Any]:
        answer = await self.world.service.call("GET", f"/v1/orders/{self.order['id']}{path}", with_=with_)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def until(self, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The order once a condition holds for it."""
        ends = time.monotonic() + PLENTY_SECONDS
        while not holds(now := await self.read()):
            assert time.monotonic() < ends, now
            await asyncio.sleep(0.02)
        return now

    async def becomes(self, *statuses: str) -> dict[str, Any]:
        return await self.until(lambda now: [item["status"] for item in now["items"]] == list(statuses))

    async def story(self) -> list[tuple[str, dict[str, Any]]]:
        """What happened since the order was placed."""
        entries = [(entry["event"], entry["facts"]) for entry in (await self.read("/timeline"))["data"]]
        return entries[[event for event, _ in entries].index("order.placed") + 1 :]


async def buy(world: World, path: str = "bopis", *upcs: str) -> Life:
    items = [{"upc": upc, "quantity": 1} for upc in upcs or (UPC,)]
    checkout = await world.service.create(path_to_purchase=path, items=items)
    card = None if path == "ropis" else await world.service.take_card(checkout)
    answer = await world.place(checkout, card)
    assert answer.status_code == 200, answer.text
    life = Life(world, answer.json()["order"])
    life.order = {**(await life.read()), "token": life.order["token"]}
    return life


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(request.param, tmp_path, **QUICK) as running:
        yield running


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[World]:
    """On SQLite alone, for what does not depend on the database."""
    async with running_world("sqlite", tmp_path, **QUICK) as running:
        yield running


def ship_to_store(folder: Path) -> dict[str, str]:
    """Its prices are those of the brand's catalogue."""
    catalogue = folder / "catalogue.csv"
    catalogue.write_text(f"upc,name,price\n{UPC},Trail jacket,89.00\n")
    return {"catalogue": str(catalogue), "paths": "bopis,ropis,sts"}


def amounts(order: dict[str, Any]) -> list[int]:
    return [order["totals"][name]["amount"] for name in OrderTotals.model_fields]


async def test_confirmed_order_is_charged_and_told(world: World) -> None:
    life = await buy(world)
    assert life.order["answer_by"] is not None
    told = len(await world.rows(outbox))
    await life.act("confirm", message="On the shelf, June")
    await life.announce()
    order = await life.becomes("confirmed")
    assert (order["status"], order["answer_by"], amounts(order)) == ("confirmed", None, [9812, 9812, 9812, 0])
    assert [(each["sender"], each["text"]) for each in order["messages"]] == [("retailer", "On the shelf, June")]
    facts = {"source": "webhook", "request_id": None}
    item = {"upc": UPC, "status": "confirmed", "order_resolution": "SUCCESS"}
    assert await life.story() == [
        ("item.confirmed", {**item, **facts}),
        ("order.message", {"sender": "retailer", **facts}),
    ]
    rows = (await world.rows(outbox))[told:]
    assert [(row["topic"], row["subject"]) for row in rows] == [("order.updated", order["id"])]


async def test_declined_order_says_why(small: World) -> None:
    life = await buy(small)
    await life.act("decline", reason="Sold the last one", message="Sorry, June")
    await life.announce()
    order = await life.becomes("declined")
    assert (order["status"], amounts(order)) == ("canceled", [9812, 9812, 0, 0])
    assert (order["items"][0]["reason"], order["items"][0]["order_resolution"]) == ("Sold the last one", "DECLINED")
    assert [hold[1] for hold in await small.holds()] == ["released"]


async def test_refunds_in_part_and_in_full_are_told(small: World) -> None:
    life = await buy(small)
    await life.act("confirm")
    await life.act("refund", amount=1000)
    await life.announce()
    order = await life.becomes("partially_refunded")
    assert (amounts(order), order["items"][0]["refunded"]["amount"]) == ([9812, 9812, 9812, 1000], 1000)
    await life.act("refund")
    await life.announce()
    order = await life.becomes("refunded")
    assert (order["status"], amounts(order)) == ("refunded", [9812, 9812, 9812, 9812])
    refunds = [facts["amount"] for event, facts in await life.story() if event == "order.refunded"]
    assert refunds == [1000, 8812]


async def test_charge_that_fails_is_paid_in_the_store(small: World) -> None:
    life = await buy(small)
    path = f"/_sandbox/orders/{life.order['cart_hash']}"
    await small.service.sandbox.post(path, json={"capture_fails": True})
    await life.act("confirm")
    await life.announce()
    assert amounts(await life.becomes("charge_failed")) == [9812, 9812, 0, 0]
    await life.act("picked_up")
    await life.announce()
    order = await life.becomes("picked_up")
    assert (order["status"], amounts(order)) == ("completed", [9812, 9812, 0, 0])


async def test_items_are_answered_one_by_one(small: World) -> None:
    life = await buy(small, "bopis", UPC, SECOND_UPC)
    await life.act("confirm")
    await life.announce()
    order = await life.becomes("confirmed", "ordered")
    assert (order["status"], order["answer_by"]) == ("open", life.order["answer_by"])
    await life.act("decline", SECOND_UPC, reason="Broken")
    await life.announce()
    order = await life.becomes("confirmed", "declined")
    assert (order["status"], order["answer_by"]) == ("confirmed", None)
    assert order["totals"]["charged"] == order["items"][0]["total"]


async def test_order_tells_product_and_accounting_to_the_brand(small: World) -> None:
    life = await buy(small)
    (item,) = life.order["items"]
    assert item["product"]["msrp"] == {"amount": 8900, "currency": "USD"}
    assert (item["product"]["alias"], item["product"]["attributes"]) == (["RL100-MOS-S"], ["S", "Moss"])
    assert (item["accounting"]["tax"]["amount"], item["accounting"]["rate"]) == (912, "10.25")
    assert life.order["invoice_url"].startswith(f"{SANDBOX_URL}/order/")
    (shown,) = (await life.read(with_=life.order["token"]))["items"]
    assert not {"product", "accounting", "charged", "pays_in_store"} & set(shown)


async def test_shopper_sees_what_happened_without_the_rest(small: World) -> None:
    life = await buy(small)
    await life.act("decline", reason="Call 312 555 0142")
    await life.announce()
    await life.becomes("declined")
    seen = [(entry["event"], entry["facts"]) for entry in (await life.read("/timeline", life.order["token"]))["data"]]
    assert seen[1:] == [("order.placed", {}), ("item.declined", {"upc": UPC, "status": "declined"})]


async def test_words_of_locally_that_nobody_knows_are_shown(small: World) -> None:
    life = await buy(small)

    async def of_tomorrow(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        return httpx.Response(200, content=(await answer.aread()).replace(b'"Ordered"', b'"On Backorder"'))

    small.upstreams.on("v2/cart", of_tomorrow)
    await life.announce()
    order = await life.becomes("On Backorder")
    assert (order["status"], (await life.story())[0][0]) == ("confirmed", "item.changed")


async def test_request_id_of_the_reading_is_kept(small: World) -> None:
    life = await buy(small)

    async def named(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        return httpx.Response(200, content=await answer.aread(), headers={"X-Request-Id": "lcly-17"})

    small.upstreams.on("v2/cart", named)
    await life.act("confirm")
    await life.announce()
    await life.becomes("confirmed")
    assert [facts["request_id"] for _, facts in await life.story()] == ["lcly-17"]


async def test_notices_doubled_and_in_disorder_are_told_once(world: World) -> None:
    life = await buy(world)
    words = ["confirmed", "partially_refunded", "fulfilled"]
    await life.act("confirm")
    await life.act("refund", amount=500)
    await life.act("picked_up")
    for word in [*reversed(words), *words, "ordered"]:
        assert (await send(world, notice(life.order["cart_hash"], word))).status_code == 200
    await life.becomes("picked_up")
    world.service.clock.advance(seconds=5)
    ends = time.monotonic() + PLENTY_SECONDS
    while not all(row["applied_at"] for row in await world.rows(inbox)):
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)
    assert [event for event, _ in await life.story()] == ["item.picked_up", "order.refunded"]


async def test_change_is_written_whole_or_not_at_all(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    life = await buy(small)
    loop, tried = asyncio.get_running_loop(), asyncio.Event()

    async def failing(*_: Any) -> None:
        loop.call_soon_threadsafe(tried.set)  # The database works in a thread of its own.
        raise RuntimeError("in the middle of it")

    ends = time.monotonic() + PLENTY_SECONDS
    while not all(row["spread_at"] for row in await small.rows(outbox)):  # What was put before is done with.
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)
    was = [await small.rows(table) for table in (orders, timeline, outbox)]
    with monkeypatch.context() as broken:
        broken.setattr("checkout.tracking.put_event", failing)
        await life.act("confirm")
        await life.announce()
        await asyncio.wait_for(tried.wait(), PLENTY_SECONDS)
        assert [await small.rows(table) for table in (orders, timeline, outbox)] == was
    small.service.clock.advance(seconds=30)
    await life.becomes("confirmed")


STORIES: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "bopis": [("confirm", {}, "confirmed"), ("picked_up", {}, "picked_up"), ("refund", {}, "refunded")],
    "bopis no": [("decline", {"reason": "Sold"}, "declined")],
    "bopis gone": [("cancel", {}, "canceled")],
    "ropis": [("confirm", {}, "confirmed"), ("picked_up", {}, "picked_up")],
    "sts": [
        ("confirm", {}, "confirmed"),
        ("process", {}, "processing"),
        ("ship", {}, "shipped"),
        ("ready", {}, "ready_for_pickup"),
        ("picked_up", {}, "picked_up"),
    ],
    "sts no": [("decline", {"reason": "Sold"}, "rejected")],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_status_is_right_within_ten_minutes_without_webhooks(kind: str, tmp_path: Path) -> None:
    """Nothing is announced; the clock alone goes on, by ten minutes after each thing that happens."""
    async with running_world(kind, tmp_path, **QUICK, **ship_to_store(tmp_path)) as world:
        lives = {name: await buy(world, name.split()[0]) for name in STORIES}
        for step in range(max(map(len, STORIES.values()))):
            due = {name: story[step] for name, story in STORIES.items() if step < len(story)}
            for name, (action, fields, _) in due.items():
                await lives[name].act(action, **fields)
            world.service.clock.advance(minutes=10)
            for name, (_, _, status) in due.items():
                await lives[name].becomes(status)
        told = [fact for life in lives.values() for fact in await life.story()]
        assert {facts["source"] for event, facts in told if event.startswith("item.")} == {"sweep"}


async def test_silent_store_is_told_before_its_time_is_over(small: World) -> None:
    life = await buy(small)
    answer_by = datetime.fromisoformat(life.order["answer_by"])
    ahead = answer_by - small.service.clock() - timedelta(minutes=59)
    small.service.clock.advance(seconds=ahead.total_seconds())
    ends = time.monotonic() + PLENTY_SECONDS
    while not [row for row in await small.rows(outbox) if row["topic"] == "order.answer_due"]:
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)
    ((event, facts),) = await life.story()
    assert (event, datetime.fromisoformat(facts["answer_by"]).astimezone(UTC)) == ("order.answer_due", answer_by)


async def test_time_to_answer_is_the_one_that_locally_keeps(small: World) -> None:
    life = await buy(small)
    left = datetime.fromisoformat(life.order["answer_by"]) - small.service.clock()
    statuses = []
    for seconds in (left.total_seconds() - 120, 240):
        body = {"advance": f"PT{seconds:.0f}S"}
        assert (await small.service.sandbox.post("/_sandbox/clock", json=body)).status_code == 200
        shown = await small.service.sandbox.get(f"/_sandbox/orders/{life.order['cart_hash']}")
        statuses.append(shown.json()["items"][0]["resolution"])
    assert statuses == ["", "AUTO_CANCELED"]


async def test_chosen_window_sets_the_time_to_answer(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, answer_window="2") as world:
        short = datetime.fromisoformat((await buy(world)).order["answer_by"])
    async with running_world("sqlite", tmp_path, answer_window="4") as world:
        long = datetime.fromisoformat((await buy(world)).order["answer_by"])
    assert short < long


async def test_brand_answers_ship_to_store_without_a_time(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, **ship_to_store(tmp_path)) as world:
        assert (await buy(world, "sts")).order["answer_by"] is None


async def test_names_of_locally_open_nothing(small: World) -> None:
    life = await buy(small)
    cart_hash, client = life.order["cart_hash"], small.service.client
    for path in (f"/v1/orders/{cart_hash}", f"/v1/orders/{cart_hash}/timeline"):
        for credential in (SECRET_KEY, life.order["token"], cart_hash, f"ot_{cart_hash}"):
            answer = await client.get(path, headers={"Authorization": f"Bearer {credential}"})
            assert answer.status_code in {401, 404}, path
    for link in (cart_hash, f"ol_{cart_hash}", life.order["id"]):
        assert (await client.get(f"/o/{link}")).status_code == 404
    guessed = await client.get(f"/v1/orders/{life.order['id']}", headers={"Authorization": f"Bearer ot_{cart_hash}"})
    assert guessed.status_code in {401, 404}
    assert NEW not in (await client.get("/openapi.json")).text
