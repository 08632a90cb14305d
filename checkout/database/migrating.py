"""Brings a database to the present schema with Alembic: one history for both databases."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from checkout.errors import SettingsFault

_HISTORY = Path(__file__).parent.parent / "migrations"
_LOCK = 0x6C6F63616C  # Any fixed number: two instances that start at once must not both migrate.
# A step that changes a table waits for whoever uses it, and all others wait behind the step: not for long.
_LOCK_TIMEOUT = "10s"
_OURS = re.compile(r"\d{4}")  # How our versions are called, so that another program's history is told apart.
_FOREIGN = "CHECKOUT_DATABASE_URL: the database holds tables of another program; name an empty one"


@dataclass(frozen=True, slots=True)
class Migration:
    """The way from a schema to the present one. `before` is None for an empty database.

    `steps` are the versions on the way and what each is about, in order; there are none where nothing is to be done.
    """

    before: str | None
    after: str
    steps: tuple[tuple[str, str], ...]


def create_schema(connection: Connection) -> None:
    """Bring an empty database to the present schema; leave a present one alone.

    Raises SettingsFault where the database has another schema: changing one that holds orders is a person's decision.
    """
    migration = plan(connection)
    if migration.before is not None and migration.steps:
        line = (
            f"CHECKOUT_DATABASE_URL: the database has schema {migration.before}, this version needs {migration.after};"
            " take a copy of it, then run: checkout migrate"
        )
        raise SettingsFault((line,))
    _run(connection, migration)


def migrate(connection: Connection, tell: Callable[[Migration], None]) -> None:
    """Bring an empty or older database to the present schema; `tell` learns first what is going to be done.

    All steps are of the connection's transaction. Raises SettingsFault for tables of a newer version or of others.
    """
    migration = plan(connection)
    tell(migration)
    _run(connection, migration)


def plan(connection: Connection) -> Migration:
    """What there is to do; who asks is alone with it until the end of the transaction. Raises SettingsFault."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    here = MigrationContext.configure(connection).get_current_revision()
    history = ScriptDirectory.from_config(_config())
    newest = history.get_current_head() or ""
    steps = {step.revision: step.doc for step in reversed(list(history.walk_revisions()))}
    if here is None:
        _require_empty(connection)
    elif here not in steps:
        _refuse(here, newest)
    # Every version has one follower, so those after this one are the way.
    way = tuple((version, says) for version, says in steps.items() if here is None or version > here)
    return Migration(here, newest, way)


def _require_empty(connection: Connection) -> None:
    if inspect(connection).get_table_names():
        raise SettingsFault((_FOREIGN,))


def _refuse(here: str, newest: str) -> None:
    if not _OURS.fullmatch(here):
        raise SettingsFault((_FOREIGN,))
    line = (
        f"CHECKOUT_DATABASE_URL: the database has schema {here}, which is newer than {newest}, the newest that this"
        " version knows; update the program"
    )
    raise SettingsFault((line,))


def _run(connection: Connection, migration: Migration) -> None:
    if not migration.steps:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, migration.after)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HISTORY))
    return config
