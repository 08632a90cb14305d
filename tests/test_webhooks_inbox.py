"""The inbox on a real database: notices are counted, read, tried again, and dropped in the end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from checkout.database import Database
from checkout.database.tables import inbox as rows
from checkout.errors import DatabaseUnavailable, LostRace, UpstreamUnavailable
from checkout.inbox import STRIPE
from tests.databases import KINDS, database_url, put, running_database
from tests.inbox_world import Looking, Place, StillClock, doubtful, nobody

LEASE_SECONDS = 15


@pytest.fixture(params=KINDS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        yield Place(database)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Place]:
    """On SQLite alone, for what does not depend on the database."""
    async with database_url("sqlite", tmp_path) as url, running_database(url) as database:
        yield Place(database)


async def test_notice_is_read_and_marked(place: Place) -> None:
    await place.know("CART1")
    async with place.running() as inbox:
        await inbox.receive("CART1")
        (row,) = await place.applied()
    assert place.looked == ["CART1"]
    assert (row["source"], row["subject"], row["notices"]) == ("locally", "CART1", 1)
    assert (row["outcome"], row["lease_owner"], row["tries"]) == ("quote", None, 0)


async def test_flood_of_notices_is_one_row(place: Place) -> None:
    inbox = place.made(nobody)
    await asyncio.gather(*(inbox.receive("CART1") for _ in range(1000)))
    row = await place.row()
    assert (row["notices"], row["applied_at"]) == (1000, None)


async def test_each_cart_has_a_row_of_its_own(place: Place) -> None:
    inbox = place.made(nobody)
    await asyncio.gather(*(inbox.receive(f"CART{number % 7}") for number in range(70)))
    assert [(row["subject"], row["notices"]) for row in await place.rows()] == [(f"CART{n}", 10) for n in range(7)]


async def test_next_notice_after_the_read_is_a_new_row(place: Place) -> None:
    place.clock = StillClock()
    await place.know("CART1")
    async with place.running() as inbox:
        await inbox.receive("CART1")
        await place.applied()
        await inbox.receive("CART1")
        first, second = await place.rows()
        assert (first["notices"], second["notices"]) == (1, 1)
        # A flood of notices must not make a flood of reads.
        assert second["next_try_at"] - first["applied_at"] == timedelta(seconds=2)
        assert place.looked == ["CART1"]
        place.clock.advance(seconds=2)
        await place.applied()
    assert place.looked == ["CART1", "CART1"]


async def test_notice_during_the_read_is_read_again(place: Place) -> None:
    async def overtaken(cart_hash: str) -> bool:
        if len(place.looked) == 1:
            await inbox.receive(cart_hash)
        return False

    place.clock = StillClock()
    await place.know("CART1")
    async with place.running(overtaken) as inbox:
        await inbox.receive("CART1")
        (row,) = await place.until(lambda found: found[0]["lease_owner"] is None and place.looked)
        assert (row["notices"], row["applied_at"]) == (2, None)
        place.clock.advance(seconds=2)
        await place.applied()
    assert place.looked == ["CART1", "CART1"]


async def test_next_read_begins_as_soon_as_it_may(small: Place) -> None:
    """Whatever the pause between looks at what other instances left."""
    await small.know("CART1")
    async with small.running(recovery_interval="3600") as inbox:
        await inbox.receive("CART1")
        await small.applied()
        await inbox.receive("CART1")
        await small.until(lambda found: len(small.looked) == 2 and all(row["applied_at"] for row in found))


async def test_news_of_a_card_has_a_row_of_its_own(place: Place) -> None:
    async with place.running() as inbox:
        await inbox.receive("seti_ours", STRIPE)
        await inbox.receive("seti_theirs", STRIPE)
        ours, theirs = await place.until(lambda found: found[0]["applied_at"] and found[1]["tries"])
    assert (ours["source"], ours["subject"], ours["outcome"]) == ("stripe", "seti_ours", "card_read")
    assert (theirs["applied_at"], place.looked) == (None, [])
    assert set(place.cards) == {"seti_ours", "seti_theirs"}


@pytest.mark.parametrize(("look", "outcome"), [(nobody, "unknown"), (doubtful, "no_order")])
async def test_cart_without_order_is_kept_a_quarter_of_an_hour(place: Place, look: Looking, outcome: str) -> None:
    async with place.running(look) as inbox:
        await inbox.receive("CART1")
        await place.tried(1)
        place.clock.advance(minutes=14)
        (row,) = await place.tried(2)
        assert row["applied_at"] is None
        place.clock.advance(minutes=14)
        (row,) = await place.applied()
    assert row["outcome"] == outcome
    assert len(place.looked) == 3


async def test_unknown_cart_is_tried_a_few_times_only(small: Place) -> None:
    async with small.running(nobody) as inbox:
        await inbox.receive("CART1")
        while not (await small.row())["applied_at"]:
            small.clock.advance(seconds=20)
            await small.until(lambda found: found[0]["applied_at"] or found[0]["next_try_at"] > small.clock())
    assert 8 <= len(small.looked) <= 12


async def test_cart_that_becomes_known_is_read(place: Place) -> None:
    async with place.running(nobody) as inbox:
        await inbox.receive("CART1")
        await place.tried(1)
        await place.know("CART1")
        place.clock.advance(seconds=2)
        (row,) = await place.applied()
    assert row["outcome"] == "quote"


async def test_new_notice_hastens_the_next_try(small: Place) -> None:
    async with small.running(nobody) as inbox:
        await inbox.receive("CART1")
        for tries in range(1, 7):
            small.clock.advance(minutes=1)
            await small.tried(tries)
        was = await small.row()
        assert was["next_try_at"] - small.clock() > timedelta(seconds=20)
        await inbox.receive("CART1")
        now = await small.row()
        assert (now["tries"], now["next_try_at"] - small.clock() <= timedelta(seconds=5)) == (0, True)


@pytest.mark.parametrize("failure", [UpstreamUnavailable, DatabaseUnavailable, LostRace, RuntimeError])
async def test_failed_read_is_tried_again(small: Place, failure: type[Exception]) -> None:
    async def look(_: str) -> bool:
        if len(small.looked) <= 2:
            raise failure
        return False

    await small.know("CART1")
    async with small.running(look) as inbox:
        with capture_logs() as logs:
            await inbox.receive("CART1")
            for tries in (1, 2):
                await small.tried(tries)
                small.clock.advance(seconds=10)
            (row,) = await small.applied()
    assert row["outcome"] == "quote"
    assert [line["event"] for line in logs] == ["event_postponed"] * 2
    assert all((line["log_level"] == "error") == (failure is RuntimeError) for line in logs)


async def test_read_that_keeps_failing_is_given_up_after_a_day(small: Place) -> None:
    async def look(_: str) -> bool:
        raise UpstreamUnavailable

    async with small.running(look) as inbox:
        await inbox.receive("CART1")
        await small.tried(1)
        small.clock.advance(hours=23)
        await small.tried(2)
        small.clock.advance(hours=2)
        (row,) = await small.applied()
    assert row["outcome"] == "given_up"


async def test_event_that_fails_holds_up_no_other(small: Place) -> None:
    async def look(cart_hash: str) -> bool:
        if cart_hash == "BAD":
            raise RuntimeError
        return False

    good = [f"CART{number}" for number in range(12)]
    await small.know(*good)
    async with small.running(look) as inbox:
        for cart_hash in ("BAD", *good):
            await inbox.receive(cart_hash)
        found = await small.until(lambda found: sum(row["applied_at"] is not None for row in found) == 12)
    assert [row["subject"] for row in found if row["applied_at"] is None] == ["BAD"]


async def test_clock_set_back_stalls_nothing(place: Place) -> None:
    async with place.running(nobody) as inbox:
        await inbox.receive("CART1")
        await place.tried(1)
        place.clock.advance(hours=-1)
        await place.tried(2)


async def test_stop_frees_what_was_being_read(place: Place) -> None:
    async def endless(_: str) -> bool:
        await asyncio.Event().wait()
        return False

    await place.know("CART1")
    async with place.running(endless) as inbox:
        await inbox.receive("CART1")
        (row,) = await place.until(lambda found: found[0]["lease_owner"])
        assert row["lease_until"] is not None
    assert (await place.row())["lease_owner"] is None
    async with place.running():
        await place.applied()


async def hold(place: Place) -> None:
    """A lease of a process that died."""
    until = place.clock() + timedelta(seconds=LEASE_SECONDS)
    await place.know("CART1")
    await place.write(lambda tx: put(tx, rows, subject="CART1", tries=0))
    await place.write(lambda tx: tx.execute(update(rows).values(lease_owner="the dead one", lease_until=until)))


async def test_lease_of_a_dead_process_runs_out(place: Place) -> None:
    await hold(place)
    async with place.running():
        if not place.database.is_exclusive:
            await asyncio.sleep(0.1)
            assert place.looked == []
            place.clock.advance(seconds=LEASE_SECONDS + 1)
        await place.applied()
    assert place.looked == ["CART1"]


async def test_lost_lease_marks_nothing(place: Place) -> None:
    async def look(_: str) -> bool:
        until = place.clock() + timedelta(seconds=LEASE_SECONDS)
        await place.write(lambda tx: tx.execute(update(rows).values(lease_owner="another", lease_until=until)))
        return False

    await place.know("CART1")
    async with place.running(look) as inbox:
        await inbox.receive("CART1")
        await place.until(lambda found: found[0]["lease_owner"] == "another")
        await asyncio.sleep(0.05)
        row = await place.row()
    assert (row["lease_owner"], row["applied_at"]) == ("another", None)


async def test_old_events_are_forgotten(small: Place) -> None:
    month = small.clock() - timedelta(days=31)
    await small.write(lambda tx: put(tx, rows, subject="OLD", tries=0, applied_at=month, outcome="quote"))
    await small.write(lambda tx: put(tx, rows, subject="NEW", tries=0, applied_at=small.clock(), outcome="quote"))
    async with small.running():
        found = await small.until(lambda found: len(found) == 1)
    assert found[0]["subject"] == "NEW"


class Flaky:
    """A database whose next writes fail."""

    is_exclusive = True

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.failures: Iterator[Exception] = iter(())

    async def write(self, work: Any) -> Any:
        if (failure := next(self.failures, None)) is not None:
            raise failure
        return await self._inner.write(work)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def failing(flaky: Flaky, *failures: Exception) -> Iterator[None]:
    flaky.failures = iter(failures)
    yield
    assert next(flaky.failures, None) is None


async def test_notice_that_cannot_be_kept_is_refused(small: Place) -> None:
    flaky = Flaky(small.database)
    inbox = small.made(nobody, flaky)
    with failing(flaky, DatabaseUnavailable()), pytest.raises(DatabaseUnavailable):
        await inbox.receive("CART1")
    assert await small.rows() == []
    await inbox.receive("CART1")
    assert (await small.row())["notices"] == 1


async def test_first_notice_lost_to_a_rival_is_counted(small: Place) -> None:
    flaky = Flaky(small.database)
    inbox = small.made(nobody, flaky)
    with failing(flaky, LostRace()):
        await inbox.receive("CART1")
    assert (await small.row())["notices"] == 1


async def test_worker_outlives_a_database_that_fails(small: Place) -> None:
    flaky = Flaky(small.database)
    await small.know("CART1")
    async with small.running(database=flaky) as inbox:
        with capture_logs() as logs:
            failures = [DatabaseUnavailable()] * 4
            flaky.failures = iter(failures)
            await small.until(lambda _: next(flaky.failures, None) is None)
            await inbox.receive("CART1")
            await small.applied()
    assert "inbox_paused" in {line["event"] for line in logs}


async def test_caller_that_goes_away_undoes_nothing(small: Place) -> None:
    inbox = small.made(nobody)
    caller = asyncio.create_task(inbox.receive("CART1"))
    await asyncio.sleep(0)
    caller.cancel()
    await small.until(lambda found: len(found) == 1)
