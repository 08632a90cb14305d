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

from checkout.database import Database, SqliteDatabase, Transaction, record_quote_cart
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


async def test_marks_are_synced_to_disk(sqlite: SqliteDatabase) -> None:
    connection = writer(sqlite)
    full, wal = (
        connection.execute("PRAGMA synchronous").fetchone(),
        connection.execute("PRAGMA journal_mode").fetchone(),
    )
    assert (full[0], wal[0]) == (2, "wal")


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
