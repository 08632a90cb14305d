"""The feed in the database: replaced as a whole or not at all, handed out less what was sold, on both databases."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select
from structlog.testing import capture_logs

from checkout.database import Database, Transaction, begin_import, feed_row_of, insert_feed_rows, read_feed_page
from checkout.database.tables import feed_imports, feed_rows, orders
from checkout.errors import DatabaseUnavailable, FeedShrank, FeedUnsound, LostRace
from checkout.feeding import Feeding, Imported
from checkout.feeds import Form, SupplyRow
from checkout.orders import Address, Store
from tests.databases import KINDS, database_url, put, running_database
from tests.service import make_settings
from tests.tracked import item_of, order_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UPC, OTHER = "068648100001", "068648100002"
HEAD = "upc,qty,percent revenue retained,shipping cost,country\r\n"
FEED = f"upc,qty,percent,shipping,country\n{UPC},10,60,1.5,US\n{UPC},4,,,CA\n{OTHER},5,12.5,0,US\n"
SERVED = f"{HEAD}{UPC},4,-1,0.00,CA\r\n{UPC},10,60,1.50,US\r\n{OTHER},5,12.5,0.00,US\r\n"


@dataclass
class Kept:
    """A database with one who keeps the feed in it, and the time."""

    database: Database
    feeding: Feeding
    now: datetime = NOW

    async def take(self, feed: str, *, forced: bool = False) -> Imported:
        async def body() -> AsyncIterator[bytes]:
            content = feed.encode()
            for start in range(0, len(content), 50_000):
                yield content[start : start + 50_000]

        return await self.feeding.take(body(), forced=forced)

    async def text(self) -> str:
        copy = await self.feeding.copy()
        return "" if copy is None else b"".join([piece async for piece in copy.text()]).decode()

    async def sell(self, *quantities: int, at: datetime = NOW, **values: Any) -> None:
        """An order of the first UPC by ship-to-store, one item for each quantity."""
        name = f"{at.timestamp():.0f}{len(quantities)}{values.get('status', '')}"
        items = [
            item_of(f"06864810000{number}", values.get("status", "pending_brand")).changed(quantity=quantity)
            for number, quantity in enumerate(quantities, 1)
        ]
        store = Store(id=1, name="Shop", address=Address(country=values.get("country", "US")))
        order = order_of(values.get("path", "sts"), *items, id=f"ord_{name}", placed_at=at, store=store)
        row = {"id": order.id, "checkout_id": None, "attempt_id": None, "cart_hash": name, "placed_at": at}
        row |= {"token_hash": name, "link_hash": name, "document": order.model_dump_json(exclude={"status"})}
        await self.database.write(lambda tx: put(tx, orders, updated_at=at, **row))

    async def counted(self) -> tuple[int, int]:
        """How many imports and rows there are."""

        async def work(tx: Transaction) -> tuple[int, int]:
            imports = (await tx.execute(select(func.count()).select_from(feed_imports))).scalar_one()
            return imports, (await tx.execute(select(func.count()).select_from(feed_rows))).scalar_one()

        return await self.database.read(work)

    async def until_counted(self, imports: int, rows: int) -> None:
        ends = time.monotonic() + 20
        while (found := await self.counted()) != (imports, rows):
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.02)


@asynccontextmanager
async def keeping(database: Database, **changes: str) -> AsyncIterator[Kept]:
    kept: Kept
    feeding = Feeding(database, make_settings(**changes), clock=lambda: kept.now)
    kept = Kept(database, feeding)
    await feeding.start()
    try:
        yield kept
    finally:
        await feeding.stop()


@pytest_asyncio.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        yield database


@pytest_asyncio.fixture
async def kept(database: Database) -> AsyncIterator[Kept]:
    async with keeping(database) as kept:
        yield kept


def many(rows: int, quantity: int = 1) -> str:
    return "upc,qty\n" + "".join(f"{10**11 + number},{quantity}\n" for number in range(rows))


async def test_imported_feed_is_handed_out(kept: Kept) -> None:
    taken = await kept.take(FEED)
    assert taken == Imported(NOW, 3, 19, Form.PERCENT)
    assert await kept.text() == SERVED


async def test_nothing_is_handed_out_before_an_import(kept: Kept) -> None:
    assert (await kept.feeding.copy(), await kept.feeding.standing()) == (None, None)
    assert await kept.database.read(lambda tx: feed_row_of(tx, "acme", UPC, "US")) is None


async def test_next_feed_takes_the_place_of_the_one_before(kept: Kept) -> None:
    await kept.take(FEED)
    await kept.take(f"upc,qty,split_flat\n{UPC},30,4\n{OTHER},7,\n")
    assert (
        await kept.text() == f"upc,qty,split_flat,shipping cost,country\r\n{UPC},30,4.00,0.00,\r\n{OTHER},7,,0.00,\r\n"
    )


@pytest.mark.parametrize("feed", [f"{FEED}{OTHER},x,,,CA\n", f"{FEED}{OTHER},1,,,US\n", "upc\n1\n", "upc,qty,%,flat\n"])
async def test_unsound_feed_changes_nothing(kept: Kept, feed: str) -> None:
    await kept.take(FEED)
    with pytest.raises(FeedUnsound) as refused:
        await kept.take(feed, forced=True)
    assert refused.value.fields
    assert await kept.text() == SERVED
    kept.now += timedelta(minutes=30)
    await kept.feeding._clean()
    await kept.until_counted(1, 3)


async def test_upc_that_stands_in_two_pieces_is_told(kept: Kept) -> None:
    first, last = 10**11, 10**11 + 4999
    with pytest.raises(FeedUnsound) as refused:
        await kept.take(many(5000) + f"{first},1\n{last},1\n{10**11 + 5000},1\n{first},1\n")
    assert [(fault.pointer, fault.code) for fault in refused.value.fields] == [
        ("/rows/5002/upc", "duplicate"),
        ("/rows/5003/upc", "duplicate"),
        ("/rows/5005/upc", "duplicate"),
    ]
    assert refused.value.detail.startswith("Not sound: 3 faults in 3 rows; 5,001 rows would be sound.")


@pytest.mark.parametrize(
    ("feed", "is_taken"),
    [
        ("", False),
        ("upc,qty\n", False),
        (many(49, 100), False),
        (many(50, 10), True),
        (many(100, 4), False),
        (many(100, 5), True),
    ],
)
async def test_feed_that_shrank_by_more_than_half_is_refused(kept: Kept, feed: str, is_taken: bool) -> None:
    await kept.take(many(100, 10).replace("\n", ",\n"))
    served = await kept.text()
    if not is_taken:
        with pytest.raises(FeedShrank):
            await kept.take(feed)
        assert await kept.text() == served
    await kept.take(feed, forced=not is_taken)
    assert await kept.text() != served


async def test_first_feed_may_not_be_empty(kept: Kept) -> None:
    with pytest.raises(FeedShrank, match="no rows"):
        await kept.take("upc,qty\n")
    assert (await kept.take("upc,qty\n", forced=True)).rows == 0
    assert await kept.text() == HEAD


async def test_same_bytes_again_hold_for_a_later_time(kept: Kept) -> None:
    await kept.take(FEED)
    await kept.sell(3, at=NOW + timedelta(minutes=1))
    kept.now += timedelta(hours=2)
    assert "10,60" not in await kept.text()
    taken = await kept.take(FEED)
    assert taken == Imported(kept.now, 3, 19, Form.PERCENT, is_unchanged=True)
    assert await kept.text() == SERVED
    await kept.until_counted(1, 3)


async def test_what_was_replaced_is_deleted(kept: Kept) -> None:
    await kept.take(many(4500))
    kept.now += timedelta(minutes=30)
    await kept.take(many(4501))
    kept.now += timedelta(minutes=30)
    await kept.feeding._clean()
    await kept.until_counted(1, 4501)
    assert (await kept.text()).count("\r\n") == 4502


async def test_copy_stays_whole_while_it_is_replaced(kept: Kept) -> None:
    await kept.take(many(4500))
    copy = await kept.feeding.copy()
    assert copy is not None
    pages = copy.text()
    text = await anext(pages) + await anext(pages)
    kept.now += timedelta(minutes=30)
    await kept.take(many(4501, 2))
    kept.now += timedelta(minutes=30)
    await kept.feeding._clean()
    text += b"".join([page async for page in pages])
    assert text.decode().split("\r\n", 1)[1] == "".join(f"{10**11 + number},1,-1,0.00,\r\n" for number in range(4500))


async def test_page_of_a_feed_that_is_being_deleted_is_refused(kept: Kept) -> None:
    async def work(tx: Transaction) -> int:
        import_id = await begin_import(tx, "acme", "d", Form.PERCENT, NOW)
        await insert_feed_rows(tx, import_id, [SupplyRow(UPC, "", 1, None, 0)])
        await tx.execute(feed_imports.update().values(state="dropping"))
        return import_id

    import_id = await kept.database.write(work)
    with pytest.raises(LostRace):
        await kept.database.read(lambda tx: read_feed_page(tx, import_id, ("", ""), 10))


async def test_import_that_broke_off_is_deleted_at_the_next_start(database: Database) -> None:
    async with keeping(database) as kept:
        await kept.take(FEED)

        async def work(tx: Transaction) -> None:
            broken = await begin_import(tx, "acme", "d", Form.PERCENT, NOW)
            await insert_feed_rows(tx, broken, [SupplyRow(UPC, "", 1, None, 0)])

        await database.write(work)
        assert await kept.text() == SERVED
    # Where other processes may be loading theirs, it is waited for an hour.
    later = timedelta(minutes=1) if database.is_exclusive else timedelta(hours=2)
    feeding = Feeding(database, make_settings(), clock=lambda: NOW + later)
    await feeding.start()
    await Kept(database, feeding).until_counted(1, 3)
    await feeding.stop()


class Failing:
    """A database that takes so many writes and then none."""

    is_exclusive = True

    def __init__(self, database: Database, writes: int) -> None:
        self._database = database
        self.left = writes

    async def open(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    async def read(self, work: Callable[[Transaction], Any]) -> Any:
        return await self._database.read(work)

    async def write(self, work: Callable[[Transaction], Any]) -> Any:
        self.left -= 1
        if self.left < 0:
            raise DatabaseUnavailable
        return await self._database.write(work)


@pytest.mark.parametrize("writes", range(5))
async def test_failure_at_any_write_leaves_the_old_feed(kept: Kept, writes: int) -> None:
    """The five: look for the same bytes, begin, two pieces, serve."""
    await kept.take(FEED)
    failing = Kept(kept.database, Feeding(Failing(kept.database, writes), make_settings(), clock=lambda: NOW))
    with pytest.raises(DatabaseUnavailable):
        await failing.take(many(3000))
    assert await kept.text() == SERVED


async def test_all_writes_and_the_new_feed_is_served(kept: Kept) -> None:
    await kept.take(FEED)
    passing = Kept(kept.database, Feeding(Failing(kept.database, 5), make_settings(), clock=lambda: NOW))
    await passing.take(many(3000))
    assert (await kept.text()).count("\r\n") == 3001


async def test_of_two_imports_at_once_one_is_served_whole(database: Database) -> None:
    async with keeping(database) as one, keeping(database) as other:
        results = await asyncio.gather(
            one.take(many(2500, 2)), other.take(many(2500, 3)), other.take(many(2500, 4)), return_exceptions=True
        )
        assert all(isinstance(result, Imported | LostRace) for result in results)
        assert any(isinstance(result, Imported) for result in results)
        lines = (await one.text()).splitlines()[1:]
        assert len(lines) == 2500
        assert len({line.split(",")[1] for line in lines}) == 1


async def test_what_was_sold_since_is_subtracted(kept: Kept) -> None:
    await kept.take(FEED)
    later = NOW + timedelta(minutes=5)
    await kept.sell(2, at=NOW - timedelta(minutes=1))  # The warehouse knew of this one.
    await kept.sell(3, 1, at=later)
    await kept.sell(4, at=later, country="CA", status="shipped")
    await kept.sell(5, at=later, path="bopis", status="confirmed")
    for status in ("rejected", "canceled", "declined", "auto_canceled"):
        await kept.sell(1, at=later, status=status)
    assert await kept.text() == f"{HEAD}{UPC},0,-1,0.00,CA\r\n{UPC},7,60,1.50,US\r\n{OTHER},4,12.5,0.00,US\r\n"


async def test_more_sold_than_there_was_leaves_none(kept: Kept) -> None:
    await kept.take(f"upc,qty\n{UPC},3\n")
    await kept.sell(2, at=NOW, country="US")
    await kept.sell(2, at=NOW + timedelta(seconds=1), country="CA")
    assert await kept.text() == f"{HEAD}{UPC},0,-1,0.00,\r\n"


async def test_many_orders_are_all_counted(kept: Kept) -> None:
    await kept.take(f"upc,qty\n{UPC},1000\n")
    for number in range(20):
        await kept.sell(1, at=NOW + timedelta(seconds=number // 2), status="shipped" if number % 2 else "pending_brand")
    copy = await kept.feeding.copy()
    assert copy is not None
    assert copy.sold.pieces[UPC, "US"] == 20
    assert copy.changed_at == NOW + timedelta(seconds=9)


async def test_etag_changes_with_what_is_handed_out(kept: Kept) -> None:
    async def etag() -> str:
        copy = await kept.feeding.copy()
        assert copy is not None
        return copy.etag

    await kept.take(FEED)
    first = await etag()
    kept.now += timedelta(minutes=1)
    await kept.take(FEED)
    assert await etag() == first
    await kept.sell(1, at=kept.now)
    assert await etag() != first


async def test_default_percent_of_the_settings_is_written(database: Database) -> None:
    async with keeping(database, sts_default_percent="62.5") as kept:
        await kept.take(FEED)
        assert f"{UPC},4,62.5,0.00,CA\r\n" in await kept.text()


@pytest.mark.parametrize(
    ("upc", "country", "found"),
    [
        (UPC, "US", SupplyRow(UPC, "US", 7, None, 300)),
        (UPC, "CA", SupplyRow(UPC, "", 5, None, 200)),
        (UPC, "", SupplyRow(UPC, "", 5, None, 200)),
        (OTHER, "CA", SupplyRow(OTHER, "CA", 1, None, 0)),
        (OTHER, "US", None),
    ],
)
async def test_row_of_the_country_comes_before_that_for_all(
    kept: Kept, upc: str, country: str, found: SupplyRow | None
) -> None:
    await kept.take(f"upc,qty,shipping,country\n{UPC},5,2,\n{UPC},7,3,US\n{OTHER},1,,CA\n")
    assert await kept.database.read(lambda tx: feed_row_of(tx, "acme", upc, country)) == found


async def test_other_brand_has_another_feed(kept: Kept) -> None:
    await kept.take(FEED)
    async with keeping(kept.database, brand="other") as other:
        assert await other.text() == ""
        await other.take(f"upc,qty\n{UPC},1\n")
    assert await kept.text() == SERVED


async def test_age_makes_a_feed_stale(database: Database) -> None:
    async with keeping(database, feed_stale_after="2") as kept:
        await kept.take(FEED)
        kept.now += timedelta(hours=2)
        standing = await kept.feeding.standing()
        assert standing is not None
        assert not standing.is_stale
        kept.now += timedelta(seconds=1)
        standing = await kept.feeding.standing()
        assert standing is not None
        assert (standing.is_stale, standing.rows, standing.quantity) == (True, 3, 19)


async def test_stale_feed_is_warned_of_once_an_hour(database: Database) -> None:
    async with keeping(database) as kept:
        await kept.take(FEED)
        kept.now += timedelta(hours=30)
        with capture_logs() as logged:
            for _ in range(3):
                await kept.feeding._warn()
    assert [(line["event"], line["hours"]) for line in logged] == [("feed_stale", 30.0)]


async def test_last_fetch_is_remembered(kept: Kept) -> None:
    await kept.take(FEED)
    await kept.feeding.note_fetch("scanner/1", 200)
    kept.now += timedelta(minutes=1)
    await kept.feeding.note_fetch("scanner/2", 304)
    standing = await kept.feeding.standing()
    assert standing is not None
    assert standing.last_fetch is not None
    assert (standing.last_fetch.by, standing.last_fetch.status, standing.last_fetch.at) == ("scanner/2", 304, kept.now)
