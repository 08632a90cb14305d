"""Makes the tables of a new SQLite database in milliseconds.

Alembic takes a tenth of a second to go through our history, and more than a thousand tests begin with a new database.
So the history runs once per process, and the databases after that get the statements that it left behind.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect

from checkout.database.migrating import create_schema
from checkout.database.sqlite import SqliteDatabase

_prepare = SqliteDatabase._prepare


@contextmanager
def quick_tables() -> Iterator[None]:
    """Within it, a service or database that opens in this process gets its tables so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteDatabase, "_prepare", _prepare_quickly)
        patch.setattr(ScriptDirectory, "from_config", _read_history_once(ScriptDirectory.from_config))
        yield


@contextmanager
def tables_of_the_history() -> Iterator[None]:
    """Within it, each database goes through our history again, as outside of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteDatabase, "_prepare", _prepare)
        yield


def _prepare_quickly(database: SqliteDatabase, work: Callable[[Connection], None] | None = None) -> None:
    _prepare(database, work or make_tables)


def make_tables(connection: Connection) -> None:
    """What `create_schema` does, quicker for an empty database."""
    if inspect(connection).get_table_names():
        create_schema(connection)
        return
    for statement in statements_of_the_history():
        connection.exec_driver_sql(statement)


@cache
def statements_of_the_history() -> tuple[str, ...]:
    """What makes an empty SQLite database what our history makes of it."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        create_schema(connection)
        made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").all()
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    engine.dispose()
    return (*(row[0] for row in made), f"INSERT INTO alembic_version VALUES ('{version}')")  # noqa: S608  Our own.


def _read_history_once(read: Callable[[Any], ScriptDirectory]) -> Callable[[Any], ScriptDirectory]:
    kept: dict[str, ScriptDirectory] = {}

    def from_config(config: Any) -> ScriptDirectory:
        place = config.get_main_option("script_location")
        if place not in kept:
            kept[place] = read(config)
        return kept[place]

    return from_config
