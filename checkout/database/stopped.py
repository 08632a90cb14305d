"""Reading the records of a service that is stopped, without changing a byte of them.

`SqliteDatabase` and `PostgresDatabase` belong to a running service: they lock, migrate and write. An operator with a
file from a crash, or with a copy that nobody may write to, only wants to look.
"""

import fcntl
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, CursorResult, Executable, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from checkout.database.postgres import PostgresDatabase
from checkout.database.transactions import Rows, Values, Work
from checkout.errors import SettingsFault

T = TypeVar("T")
_HISTORY = Path(__file__).parent.parent / "migrations"
_CONNECT_SECONDS = 5
_CHANGED = "the file changed while it was read: a service has started on it; ask that one with --url"


class Reading(Protocol):
    """The half of a Database that changes nothing."""

    async def read(self, work: Work[T]) -> T: ...


class _File:
    """A SQLite file, read in the thread of the caller: a command has nothing else to do meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, work: Work[T]) -> T:
        return await work(self)

    async def execute(self, statement: Executable, values: Values | Rows | None = None) -> CursorResult[Any]:
        return self._connection.execute(statement, values)


class _ReadOnlyPostgres(PostgresDatabase):
    """A PostgreSQL database whose connections refuse to write, and whose schema is taken as it is."""

    async def open(self) -> None:
        self._engine = create_async_engine(
            self._url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "server_settings": {"default_transaction_read_only": "on", "application_name": "checkout"},
            },
        )
        async with self._engine.connect() as connection:
            await connection.run_sync(_require_present_schema)


@asynccontextmanager
async def open_stopped(database: str) -> AsyncIterator["Reading"]:
    """The records in a SQLite file or behind a postgresql:// URL.

    Raises SettingsFault where there are none, where their schema is another one, and where a service runs on the file.
    """
    if database.startswith("postgresql://"):
        reading = _read_postgres(database)
    else:
        reading = _read_file(_resolved(database.removeprefix("sqlite:///")))
    async with reading as records:
        yield records


@asynccontextmanager
async def _read_postgres(url: str) -> AsyncIterator[Reading]:
    database = _ReadOnlyPostgres(url)
    try:
        try:
            await database.open()
        except (DBAPIError, OSError) as error:
            name, cause = database._url.render_as_string(), error.__cause__ or error
            raise SettingsFault((f"cannot read {name}: {cause}",)) from error
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _read_file(path: Path) -> AsyncIterator[Reading]:
    _require_stopped(path)
    before = _state(path)
    with TemporaryDirectory(prefix="checkout-") as folder, _connected(_source(path, Path(folder))) as connection:
        try:
            _require_present_schema(connection)
            yield _File(connection)
        except DBAPIError as error:
            detail = _CHANGED if _state(path) != before else f"{path} cannot be read as a database: {error.orig}"
            raise SettingsFault((detail,)) from error
    if _state(path) != before:
        raise SettingsFault((_CHANGED,))


def _resolved(name: str) -> Path:
    """The file itself, whatever it is called: its lock stands beside it."""
    return Path(name).resolve()


def _require_stopped(path: Path) -> None:
    """Raises SettingsFault where there is no file, or a service runs on it.

    Without its lock file beside it none has ever run on it.
    """
    if not path.is_file():
        raise SettingsFault((f"there is no file {path}; --database names the service's SQLite file",))
    try:
        handle = path.with_name(f"{path.name}.lock").open()
    except OSError:
        return
    with handle:
        try:
            # Shared, and let go at once: looking must not keep a service from starting.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            line = f"a service is running on {path.name}: ask it with --url, or stop it first"
            raise SettingsFault((line,)) from None


def _state(path: Path) -> list[tuple[int, int] | None]:
    """What changes when somebody writes: size and time of the file and of its journal."""
    files = (path, _wal(path))
    return [(at.stat().st_size, at.stat().st_mtime_ns) if at.is_file() else None for at in files]


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _source(path: Path, folder: Path) -> str:
    """A SQLite URI that reads the file and leaves it alone.

    What a crash left in the -wal belongs to the records. SQLite reads it only by writing an index beside it, so that is
    done on a copy; without it the file is read where it lies, and nothing is made beside it.
    """
    if not (_wal(path).is_file() and _wal(path).stat().st_size):
        return f"{path.as_uri()}?mode=ro&immutable=1"
    copy = folder / path.name
    shutil.copyfile(path, copy)
    shutil.copyfile(_wal(path), _wal(copy))
    return copy.as_uri()


def _connected(uri: str) -> Any:
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool)
    return engine.connect()


def _require_present_schema(connection: Connection) -> None:
    """Raises SettingsFault unless the database has the tables of this version."""
    here = MigrationContext.configure(connection).get_current_revision()
    config = Config()
    config.set_main_option("script_location", str(_HISTORY))
    history = ScriptDirectory.from_config(config)
    newest = history.get_current_head()
    if here == newest:
        return
    if here is None:
        raise SettingsFault(("this is not the database of a checkout service",))
    ours = {revision.revision for revision in history.walk_revisions()}
    mend = "bring it there with `checkout migrate`" if here in ours else "read it with the version that wrote it"
    raise SettingsFault((f"the database has schema {here}, and this version reads {newest}: {mend}",))
