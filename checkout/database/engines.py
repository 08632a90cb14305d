"""Which database a URL names."""

from checkout.database.postgres import PostgresDatabase
from checkout.database.sqlite import SqliteDatabase
from checkout.database.transactions import Database


def open_database(url: str) -> Database:
    """The database that a CHECKOUT_DATABASE_URL names; call `open` on it before use. Raises SettingsFault."""
    if url.startswith("postgresql://"):
        return PostgresDatabase(url)
    return SqliteDatabase(url.removeprefix("sqlite:///"))
