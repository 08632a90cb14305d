"""Which database a URL names."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from checkout.database.migrating import Migration
from checkout.database.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from checkout.database.postgres import PostgresDatabase


def open_database(url: str) -> "PostgresDatabase | SqliteDatabase":
    """The database that a CHECKOUT_DATABASE_URL names; call `open` on it before use. Raises SettingsFault."""
    if url.startswith("postgresql://"):
        # What SQLAlchemy brings along for asyncio takes its time, and a service on SQLite has no use for it.
        from checkout.database.postgres import PostgresDatabase

        return PostgresDatabase(url)
    return SqliteDatabase(url.removeprefix("sqlite:///"))


async def migrate_database(url: str, tell: Callable[[Migration], None]) -> None:
    """Bring the database that a CHECKOUT_DATABASE_URL names to the present schema, in one transaction.

    `tell` learns first what is going to be done. Raises SettingsFault, also where a service runs on a SQLite file.
    """
    database = open_database(url)
    try:
        await database.migrate(tell)
    finally:
        await database.close()
