"""The journal of actions in a real database: what a process leaves behind, the next one finds out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from checkout.database import (
    Database,
    ItemActionRow,
    OrderTokens,
    Transaction,
    actions_of_item,
    actions_under_way,
    begin_action,
    end_action,
    insert_order,
)
from checkout.database.tables import attempts, checkouts, item_actions
from checkout.errors import ActionInProgress, DatabaseUnavailable, LostRace, OutcomeUnknown, Stopping
from checkout.fulfilment import Acted, Actions, Wish, rules_of, sts_wish
from checkout.orders import Order
from checkout.tracking import Tracking
from tests.databases import KINDS, database_url, put, running_database
from tests.service import make_settings
from tests.sweeping_world import Shop
from tests.tracked import UPC, item_of, order_of

PLENTY_SECONDS = 30
Happening = Callable[[], Awaitable[None]]


@dataclass
class Brand:
    """A ship-to-store order, Locally made up, and processes that act on it."""

    shop: Shop
    order: Order
    sent: list[dict[str, Any]] = field(default_factory=list)
    happens: Happening | None = None

    async def update_item(self, cart_hash: str, _upc: str, changes: dict[str, Any]) -> None:
        self.sent.append(changes)
        if self.happens is not None:
            await self.happens()
        self.take_effect()

    def __post_init__(self) -> None:
        self.shop.carts.put(self.order.cart_hash, "Ordered", sts_status="Pending Brand")

    def take_effect(self) -> None:
        self.shop.carts.put(self.order.cart_hash, "Confirmed", sts_status="Confirmed")

    async def read_cart(self, cart_hash: str) -> Any:
        return await self.shop.carts.read_cart(cart_hash)

    def actions(self, **changes: str) -> Actions:
        settings = make_settings(recovery_interval="0.02", **changes)
        locally: Any = self
        tracking = Tracking(self.shop.database, locally, clock=self.shop.clock)
        return Actions(
            self.shop.database, locally, settings, rules_of=rules_of, refresh=tracking.refresh, clock=self.shop.clock
        )

    @asynccontextmanager
    async def process(self, **changes: str) -> AsyncIterator[Actions]:
        actions = self.actions(**changes)
        await actions.start()
        try:
            yield actions
        finally:
            await actions.stop()

    async def ask(self, actions: Actions, wish: Wish | None = None) -> Acted:
        return await actions.act(self.order.id, UPC, wish or sts_wish("confirm"), source="brand", wait=0)

    async def journal(self) -> list[tuple[str, str]]:
        return [(row["action"], row["state"]) for row in await self.shop.rows(item_actions)]

    async def becomes(self, *states: str) -> None:
        ends = time.monotonic() + PLENTY_SECONDS
        while [state for _, state in await self.journal()] != list(states):
            assert time.monotonic() < ends, await self.journal()
            await asyncio.sleep(0.01)


@pytest.fixture(params=KINDS)
async def brand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Brand]:
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        yield Brand(Shop(database), await put_order(database))


async def put_order(database: Database) -> Order:
    order = order_of("sts", item_of(status="pending_brand"), cart_hash="STS1", answer_by=None)

    async def work(tx: Transaction) -> None:
        await put(tx, checkouts)
        await put(tx, attempts)
        await insert_order(tx, order, "att_1", OrderTokens(token="token", link="link"))

    await database.write(work)
    return order


async def killed() -> None:
    """The process ends while its call is on the way."""
    raise asyncio.CancelledError


async def lost() -> None:
    raise OutcomeUnknown


# On PostgreSQL another process may still be at it: the row is let be for as long as a call can last, unless the clock
# was set back since.
@pytest.mark.parametrize("minutes", [2, -60])
async def test_next_process_reads_back_what_was_sent(brand: Brand, minutes: int) -> None:
    async def sent_and_killed() -> None:
        brand.take_effect()
        await killed()

    brand.happens = sent_and_killed
    dead = brand.actions()
    with pytest.raises(asyncio.CancelledError):
        await brand.ask(dead)
    assert await brand.journal() == [("confirm", "sending")]
    brand.shop.clock.advance(minutes=minutes)
    brand.happens = None
    async with brand.process() as actions:
        await brand.becomes("done")
        assert (await brand.ask(actions)).is_settled
    assert len(brand.sent) == 1


async def test_what_never_arrived_is_free_again_at_last(brand: Brand) -> None:
    brand.happens = killed
    with pytest.raises(asyncio.CancelledError):
        await brand.ask(brand.actions())
    brand.shop.clock.advance(minutes=2)
    brand.happens = None
    async with brand.process() as actions:
        await brand.becomes("not_done")
        assert (await brand.ask(actions)).order.items[0].status == "confirmed"
    assert await brand.journal() == [("confirm", "not_done"), ("confirm", "done")]


async def test_row_is_on_the_disk_before_the_call(brand: Brand) -> None:
    seen: list[tuple[str, str]] = []

    async def look() -> None:
        seen.extend(await brand.journal())

    brand.happens = look
    async with brand.process() as actions:
        await brand.ask(actions)
    assert seen == [("confirm", "sending")]


async def test_answer_that_cannot_be_written_is_read_back(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is gone between the call and the row's end."""
    write = brand.shop.database.write

    async def gone(work: Any) -> Any:
        raise DatabaseUnavailable

    async def break_database() -> None:
        monkeypatch.setattr(brand.shop.database, "write", gone)

    brand.happens = break_database
    async with brand.process() as actions:
        with pytest.raises(DatabaseUnavailable):
            await brand.ask(actions)
        monkeypatch.setattr(brand.shop.database, "write", write)
        brand.shop.clock.advance(minutes=2)
        await brand.becomes("done")
        assert (await brand.ask(actions)).is_settled
    assert len(brand.sent) == 1


async def test_caller_that_goes_away_ends_nothing(brand: Brand) -> None:
    arrived, goes_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        arrived.set()
        await goes_on.wait()

    brand.happens = wait
    async with brand.process() as actions:
        caller = asyncio.create_task(brand.ask(actions))
        await arrived.wait()
        caller.cancel()
        goes_on.set()
        await brand.becomes("done")


async def test_stopping_waits_for_the_call_on_the_way(brand: Brand) -> None:
    arrived, goes_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        arrived.set()
        await goes_on.wait()

    brand.happens = wait
    actions = brand.actions()
    await actions.start()
    caller = asyncio.create_task(brand.ask(actions))
    await arrived.wait()
    stopping = asyncio.create_task(actions.stop())
    await asyncio.sleep(0)
    with pytest.raises(Stopping):
        await brand.ask(actions)
    goes_on.set()
    await stopping
    assert (await caller).is_settled
    assert await brand.journal() == [("confirm", "done")]


async def test_two_processes_send_one_action(brand: Brand) -> None:
    async with brand.process() as one, brand.process() as other:
        ended = await asyncio.gather(*(brand.ask(each) for each in (one, other) * 4), return_exceptions=True)
    assert len(brand.sent) == 1
    assert all(isinstance(each, Acted | ActionInProgress) for each in ended)


async def test_doubt_outlives_its_process(brand: Brand) -> None:
    brand.happens = lost
    brand.shop.carts.broken[brand.order.cart_hash] = DatabaseUnavailable()  # Any reason not to be readable.
    async with brand.process() as actions:
        assert not (await brand.ask(actions)).is_settled
    assert await brand.journal() == [("confirm", "unknown")]
    brand.take_effect()
    brand.shop.carts.broken.clear()
    async with brand.process():
        await brand.becomes("done")


async def test_database_lets_one_action_be_under_way(brand: Brand) -> None:
    now = brand.shop.clock()
    first = await brand.shop.database.write(lambda tx: begin_action(tx, brand.order.id, UPC, "refund", 500, now))
    with pytest.raises(LostRace):
        await brand.shop.database.write(lambda tx: begin_action(tx, brand.order.id, UPC, "confirm", None, now))
    waiting = await brand.shop.database.read(lambda tx: actions_under_way(tx, "acme"))
    assert waiting == [first] == [ItemActionRow(first.id, brand.order.id, UPC, "refund", 500, "sending", now, None)]
    assert await brand.shop.database.read(lambda tx: actions_under_way(tx, "other")) == []


async def test_action_ends_once(brand: Brand) -> None:
    now = brand.shop.clock()
    row = await brand.shop.database.write(lambda tx: begin_action(tx, brand.order.id, UPC, "confirm", None, now))
    ends = [await brand.shop.database.write(lambda tx: end_action(tx, row, "done", now, "req_1")) for _ in range(2)]
    assert ends == [True, False]
    rows = await brand.shop.database.read(lambda tx: actions_of_item(tx, brand.order.id, UPC))
    assert [(each.state, each.request_id) for each in rows] == [("done", "req_1")]
