"""Brings a database to the present schema with Alembic: one history for both databases."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from checkout.errors import SettingsFault

_HISTORY = Path(__file__).parent.parent / "migrations"
_LOCK = 0x6C6F63616C  # Any fixed number: two instances that start at once must not both migrate.


def migrate(connection: Connection) -> None:
    """Bring an empty database to the present schema; leave a present one alone.

    Raises SettingsFault where the database has tables of another version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    here = MigrationContext.configure(connection).get_current_revision()
    config = Config()
    config.set_main_option("script_location", str(_HISTORY))
    newest = ScriptDirectory.from_config(config).get_current_head()
    if here == newest:
        return
    if here is not None:
        raise SettingsFault((f"CHECKOUT_DATABASE_URL: the database has schema {here}, this version needs {newest}",))
    if inspect(connection).get_table_names():
        raise SettingsFault(("CHECKOUT_DATABASE_URL: the database holds tables of another program; name an empty one",))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
