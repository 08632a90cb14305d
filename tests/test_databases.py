"""What the tests themselves stand on: databases that are made quickly are the ones that the service would make."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, create_engine, func, select

from checkout.database import Transaction
from checkout.database.migrating import create_schema
from checkout.database.tables import metadata
from tests import databases
from tests.databases import SERVER, add, database_url, names, on_server, put_world, running_database
from tests.quick_tables import make_tables, statements_of_the_history

with_server = pytest.mark.skipif(not SERVER, reason="CHECKOUT_TEST_POSTGRES_URL names no server")


def schema_after(make: Callable[[Connection], None]) -> list[tuple[str, ...]]:
    """What an empty SQLite database has after a function made its tables."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make(connection)
        parts = connection.exec_driver_sql("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").all()
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").one()
    engine.dispose()
    # Where Alembic makes a table anew, the table's constraints come in any order.
    return [
        *sorted((*where, *sorted(sql.removesuffix("\n)").split(", \n\t"))) for *where, sql in parts),
        tuple(version),
    ]


def test_quick_tables_are_those_of_the_history() -> None:
    assert schema_after(make_tables) == schema_after(create_schema)
    assert len(statements_of_the_history()) > len(metadata.tables)


async def counts(tx: Transaction) -> set[int]:
    return {
        (await tx.execute(select(func.count()).select_from(table))).scalar_one() for table in metadata.sorted_tables
    }


@with_server
async def test_database_is_used_again_without_its_rows(tmp_path: Path) -> None:
    async with database_url("postgresql", tmp_path) as url, running_database(url) as database:
        await database.write(put_world)
        assert 0 not in await database.read(counts)
    async with database_url("postgresql", tmp_path) as again, running_database(again) as database:
        assert again == url
        assert await database.read(counts) == {0}
        await database.write(put_world)  # Its rows point at each other by number, so numbers begin with one again.


@with_server
async def test_writer_that_was_left_behind_writes_no_more(tmp_path: Path) -> None:
    async with database_url("postgresql", tmp_path) as url:
        left = await asyncpg.connect(url)
        await left.execute("BEGIN; INSERT INTO quote_carts VALUES ('left', 0)")
    async with database_url("postgresql", tmp_path) as again, running_database(again) as database:
        assert again == url
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await left.execute("COMMIT")
        assert await names(database) == []
        await add(database, "A")


@with_server
async def test_spoilt_database_is_not_used_again(tmp_path: Path) -> None:
    async with database_url("postgresql", tmp_path) as url:
        spoiler = await asyncpg.connect(url)
        await spoiler.execute("DROP TABLE quote_carts")
        await spoiler.close()
    async with database_url("postgresql", tmp_path) as other, running_database(other) as database:
        assert other != url
        await add(database, "A")


async def exists(name: str) -> bool:
    connection = await asyncpg.connect(SERVER)
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name))
    finally:
        await connection.close()


@with_server
async def test_databases_of_killed_runs_are_dropped() -> None:
    old, young = (f"checkout_test_{int(time.time() - age)}_{'0' * 11}{age % 10}" for age in (7200, 61))
    await asyncio.gather(*(on_server(f"DROP DATABASE IF EXISTS {name}") for name in (old, young)))
    for name in (old, young):
        await on_server(f"CREATE DATABASE {name}")
    await databases._drop_forgotten()
    assert not await exists(old)
    assert await exists(young)
    await on_server(f"DROP DATABASE {young}")
