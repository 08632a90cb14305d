"""PostgreSQL, through asyncpg."""

import asyncio
from importlib.util import find_spec
from typing import Any, TypeVar

from sqlalchemy import URL, CursorResult, Executable, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from checkout.database.migrating import migrate
from checkout.database.transactions import Values, Work, as_settings_fault, as_unavailable
from checkout.errors import DatabaseUnavailable, LostRace, SettingsFault

T = TypeVar("T")

_CONNECTIONS = 10
_MORE_CONNECTIONS = 10  # For a rush; given back afterwards.
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 10  # A server that went away without a word must not keep a request for good.


class _Statements:
    """A Transaction over an asyncpg connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[Any]:
        try:
            return await self._connection.execute(statement, values)
        except IntegrityError as error:
            raise LostRace from error


class PostgresDatabase:
    """A PostgreSQL database, shared by any number of instances."""

    is_exclusive = False

    def __init__(self, url: str) -> None:
        self._url = _driver_url(url)
        self._engine: AsyncEngine | None = None
        self._writes: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Connect, and bring an empty database to the present schema. Raises SettingsFault."""
        engine = self._engine = create_async_engine(
            self._url,
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_timeout=_CONNECT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # They hold what shoppers typed, and an error's text may reach a log.
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "command_timeout": _STATEMENT_SECONDS,
                # A mark that says "about to send" must survive a crash of the server, whatever its default is.
                "server_settings": {"synchronous_commit": "on", "application_name": "checkout"},
            },
        )
        with as_settings_fault(self._url.render_as_string()):
            async with engine.begin() as connection:
                await connection.run_sync(migrate)

    async def write(self, work: Work[T]) -> T:
        # A caller that goes away does not undo the work: it is committed all the same.
        task = asyncio.create_task(self._run(work))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def read(self, work: Work[T]) -> T:
        return await self._run(work)

    async def _run(self, work: Work[T]) -> T:
        if self._engine is None:
            raise DatabaseUnavailable
        with as_unavailable():
            async with self._engine.begin() as connection:
                return await work(_Statements(connection))

    async def close(self) -> None:
        """Finish the works that wait, then disconnect; whatever comes later is DatabaseUnavailable."""
        engine, self._engine = self._engine, None
        await asyncio.gather(*self._writes, return_exceptions=True)
        if engine is not None:
            await engine.dispose()


def _driver_url(url: str) -> URL:
    """The URL as SQLAlchemy and asyncpg take it. Raises SettingsFault."""
    if find_spec("asyncpg") is None:
        line = (
            "CHECKOUT_DATABASE_URL: PostgreSQL needs asyncpg, which comes with `pip install local-checkout[postgres]`"
        )
        raise SettingsFault((line,))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        line = "CHECKOUT_DATABASE_URL must look like postgresql://user:password@host:5432/name"
        raise SettingsFault((line,)) from None
    query = dict(parsed.query)
    if "sslmode" in query:  # What libpq calls it, and so what providers print; asyncpg says `ssl`.
        query["ssl"] = query.pop("sslmode")
    return parsed.set(drivername="postgresql+asyncpg", query=query)
