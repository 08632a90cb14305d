"""How work on the database runs: alone where it fails, together where it is synced, never lost without a word."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, event, func, select
from structlog.testing import capture_logs

from checkout.database import Database, SqliteDatabase, Transaction, record_quote_cart
from checkout.database.sqlite import has_wal_reset_bug
from checkout.database.tables import quote_carts
from checkout.errors import DatabaseUnavailable, LostRace
from tests.databases import KINDS, NOW, add, database_url, names, running_database


@pytest_asyncio.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with database_url(request.param, tmp_path) as url:
        yield url


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with running_database(url) as database:
        yield database


@pytest_asyncio.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with database_url("sqlite", tmp_path) as url, running_database(url) as database:
        assert isinstance(database, SqliteDatabase)
        yield database


def writer(database: SqliteDatabase) -> Any:
    """The writer's own connection, to make it fail as a disk would."""
    assert database._write_engine is not None
    return database._write_engine.raw_connection().driver_connection


async def test_work_answers_what_it_returns(database: Database) -> None:
    async def work(tx: Transaction) -> int:
        await record_quote_cart(tx, "A", NOW)
        return int((await tx.execute(select(func.count()).select_from(quote_carts))).scalar_one())

    assert await database.write(work) == 1


async def test_times_come_back_as_they_went(database: Database) -> None:
    at = NOW + timedelta(microseconds=123457)
    await database.write(lambda tx: record_quote_cart(tx, "A", at))

    async def work(tx: Transaction) -> Any:
        return (await tx.execute(select(quote_carts.c.created_at))).scalar_one()

    assert await database.read(work) == at


async def test_failing_work_leaves_nothing(database: Database) -> None:
    async def half(tx: Transaction) -> None:
        await record_quote_cart(tx, "half", NOW)
        raise LookupError("a bug in the middle")

    with pytest.raises(LookupError):
        await database.write(half)
    assert await names(database) == []


@pytest.mark.parametrize(
    "failure", [LostRace(), LookupError("bug"), OverflowError("bug"), AssertionError("bug")], ids=repr
)
async def test_failing_work_spares_its_neighbours(database: Database, failure: Exception) -> None:
    async def fail(tx: Transaction) -> None:
        await record_quote_cart(tx, "failed", NOW)
        raise failure

    works = [add(database, "A"), database.write(fail), add(database, "B"), add(database, "A"), add(database, "C")]
    answers = await asyncio.gather(*works, return_exceptions=True)
    refused = [number for number, answer in enumerate(answers) if answer is not None]
    assert await names(database) == ["A", "B", "C"]
    assert type(answers[1]) is type(failure)
    # Which of the two that wrote "A" came first is the database's affair.
    assert len(refused) == 2
    assert any(isinstance(answers[number], LostRace) for number in (0, 3))


async def test_work_goes_on_when_its_caller_leaves(database: Database) -> None:
    caller = asyncio.create_task(add(database, "A"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await add(database, "B")
    await asyncio.sleep(0.2)
    assert await names(database) == ["A", "B"]


async def test_work_awaits_the_database_alone(sqlite: SqliteDatabase) -> None:
    async def dawdle(tx: Transaction) -> None:
        await record_quote_cart(tx, "A", NOW)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waited for something else"):
        await sqlite.write(dawdle)
    with pytest.raises(RuntimeError, match="waited for something else"):
        await sqlite.read(dawdle_reading)
    assert await names(sqlite) == []


async def dawdle_reading(tx: Transaction) -> None:
    await asyncio.sleep(0)


async def test_answer_comes_after_the_commit(sqlite: SqliteDatabase) -> None:
    """Another connection sees the row at the moment when the writer is told."""
    committed: list[str] = []
    assert sqlite._write_engine is not None
    event.listen(sqlite._write_engine, "commit", lambda _: committed.append("commit"))
    await add(sqlite, "A")
    assert committed == ["commit"]
    with sqlite3.connect(sqlite._path) as other:
        assert other.execute("SELECT cart_hash FROM quote_carts").fetchall() == [("A",)]
    other.close()


async def test_failed_commit_is_told_to_the_whole_group(sqlite: SqliteDatabase) -> None:
    def fail(_: Connection) -> None:
        raise OSError("the disk is gone")

    assert sqlite._write_engine is not None
    event.listen(sqlite._write_engine, "commit", fail)
    answers = await asyncio.gather(*(add(sqlite, f"N{n}") for n in range(5)), return_exceptions=True)
    event.remove(sqlite._write_engine, "commit", fail)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 5
    assert await names(sqlite) == []
    await add(sqlite, "after")
    assert await names(sqlite) == ["after"]


async def test_many_writes_share_a_sync(sqlite: SqliteDatabase) -> None:
    commits: list[int] = []
    assert sqlite._write_engine is not None
    event.listen(sqlite._write_engine, "commit", lambda _: commits.append(1))
    await asyncio.gather(*(add(sqlite, f"N{n}") for n in range(200)))
    assert len(await names(sqlite)) == 200
    assert len(commits) <= 40


async def test_full_disk_is_unavailable_until_there_is_room(sqlite: SqliteDatabase) -> None:
    connection = writer(sqlite)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    works = [add(sqlite, f"{n:04}".ljust(4000, "x")) for n in range(50)]
    answers = await asyncio.gather(*works, return_exceptions=True)
    assert DatabaseUnavailable in {type(answer) for answer in answers}
    assert len(await names(sqlite)) == sum(answer is None for answer in answers)
    connection.execute("PRAGMA max_page_count=1000000")
    await add(sqlite, "later")
    assert "later" in await names(sqlite)


async def test_read_only_file_is_unavailable(sqlite: SqliteDatabase) -> None:
    writer(sqlite).execute("PRAGMA query_only=ON")
    with pytest.raises(DatabaseUnavailable):
        await add(sqlite, "A")
    assert await names(sqlite) == []


async def test_readers_cannot_write(sqlite: SqliteDatabase) -> None:
    with pytest.raises(DatabaseUnavailable):
        await sqlite.read(lambda tx: record_quote_cart(tx, "A", NOW))


def pragmas(connection: Any, *names: str) -> dict[str, Any]:
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}


async def test_marks_are_synced_to_disk(sqlite: SqliteDatabase) -> None:
    stand = pragmas(writer(sqlite), "synchronous", "journal_mode", "foreign_keys", "secure_delete", "mmap_size")
    assert stand == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "mmap_size": 0}


async def test_one_connection_alone_writes_and_checkpoints(sqlite: SqliteDatabase) -> None:
    """Libraries from 3.7.0 to 3.51.2 can lose commits where two connections do."""
    assert sqlite._read_engine is not None
    assert sqlite._write_engine is not None
    await asyncio.gather(*(add(sqlite, f"N{n}") for n in range(20)), *(names(sqlite) for _ in range(20)))
    readers = [sqlite._read_engine.raw_connection() for _ in range(4)]
    for reader in readers:
        stand = pragmas(reader.driver_connection, "query_only", "wal_autocheckpoint", "mmap_size")
        assert stand == {"query_only": 1, "wal_autocheckpoint": 0, "mmap_size": 0}
        reader.close()
    one = sqlite._write_engine.raw_connection()
    assert one.driver_connection is writer(sqlite)


def journal_of(database: SqliteDatabase) -> int | None:
    """The size of the -wal beside the file, if there is one."""
    journal = Path(f"{database._path}-wal")
    return journal.stat().st_size if journal.exists() else None


async def test_closing_reader_leaves_the_journal_to_the_writer(sqlite: SqliteDatabase) -> None:
    """Whoever closes a file last checkpoints it; the writer's connection outlives those of all readers."""
    await add(sqlite, "A")
    await names(sqlite)
    before = journal_of(sqlite)
    assert before is not None
    assert before > 0
    assert sqlite._read_engine is not None
    sqlite._read_engine.dispose()
    assert journal_of(sqlite) == before
    closed: list[str] = []
    for name, engine in (("reader", sqlite._read_engine), ("writer", sqlite._write_engine)):
        assert engine is not None
        event.listen(engine, "close", lambda *_, name=name: closed.append(name))
    await names(sqlite)
    await sqlite.close()
    assert closed == ["reader", "writer"]
    assert journal_of(sqlite) is None


@pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)], ids=str)
def test_libraries_with_the_wal_reset_bug_are_known(version: tuple[int, int, int]) -> None:
    assert has_wal_reset_bug(version)


@pytest.mark.parametrize("version", [(3, 6, 23), (3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 52, 0)], ids=str)
def test_mended_libraries_are_known(version: tuple[int, int, int]) -> None:
    assert not has_wal_reset_bug(version)


async def test_start_names_the_library(tmp_path: Path) -> None:
    with capture_logs() as told:
        async with database_url("sqlite", tmp_path) as url, running_database(url):
            pass
    (line,) = [each for each in told if each["event"] == "sqlite_library"]
    assert line["version"] == sqlite3.sqlite_version
    assert line["wal_reset_bug"] is has_wal_reset_bug()


async def test_reason_of_an_outage_is_in_the_log(sqlite: SqliteDatabase) -> None:
    writer(sqlite).execute("PRAGMA query_only=ON")
    with capture_logs() as told, pytest.raises(DatabaseUnavailable):
        await add(sqlite, "a hash that no log may hold")
    (line,) = [each for each in told if each["event"] == "database_unavailable"]
    assert line["reason"] == "attempt to write a readonly database"


async def test_closed_database_is_unavailable(url: str) -> None:
    async with running_database(url) as database:
        await add(database, "A")
    for work in (database.write, database.read):
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(work(lambda tx: record_quote_cart(tx, "B", NOW)), 5)


async def test_closing_finishes_what_waits(url: str) -> None:
    async with running_database(url) as database:
        works = [asyncio.create_task(add(database, f"N{n}")) for n in range(20)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*works, return_exceptions=True) == [None] * 20
