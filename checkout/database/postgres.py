"""PostgreSQL, through asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, CursorResult, Executable, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from checkout.database.migrating import Migration, create_schema, migrate
from checkout.database.transactions import Rows, Values, Work, as_settings_fault, as_unavailable
from checkout.errors import DatabaseUnavailable, LostRace, SettingsFault

T = TypeVar("T")
_Connect = Callable[[AsyncEngine], AbstractAsyncContextManager[AsyncConnection]]

_CONNECTIONS = 10
_MORE_CONNECTIONS = 10  # For a rush; given back afterwards.
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 10  # A server that went away without a word must not keep a request for good.


class _Statements:
    """A Transaction over an asyncpg connection; `found_dead`: the connection had ended before its first statement."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._lives = False
        self.found_dead = False

    async def execute(self, statement: Executable, values: Values | Rows | None = None) -> CursorResult[Any]:
        try:
            result = await self._connection.execute(statement, values)
        except IntegrityError as error:
            raise LostRace from error
        except DBAPIError as error:
            self.found_dead = error.connection_invalidated and not self._lives
            raise
        self._lives = True
        return result


class PostgresDatabase:
    """A PostgreSQL database, shared by any number of instances."""

    is_exclusive = False

    def __init__(self, url: str) -> None:
        self._url = _driver_url(url)
        self._engine: AsyncEngine | None = None
        self._writes: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Connect, and bring an empty database to the present schema. Raises SettingsFault."""
        await self._prepare(create_schema, _STATEMENT_SECONDS)

    async def migrate(self, tell: Callable[[Migration], None]) -> None:
        """Bring the database to the present schema, however long that takes. Raises SettingsFault."""
        await self._prepare(lambda connection: migrate(connection, tell), None)

    async def _prepare(self, work: Callable[[Connection], None], statement_seconds: float | None) -> None:
        engine = self._engine = _postgres_engine(self._url, statement_seconds)
        with as_settings_fault(self._url.render_as_string()):
            async with engine.begin() as connection:
                await connection.run_sync(work)

    async def write(self, work: Work[T]) -> T:
        # A caller that goes away does not undo the work: it is committed all the same.
        task = asyncio.create_task(self._write(work))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _write(self, work: Work[T]) -> T:
        return await self._run(work, lambda engine: engine.begin())

    async def read(self, work: Work[T]) -> T:
        return await self._run(work, _reading)

    async def _run(self, work: Work[T], connect: _Connect) -> T:
        """Run a work; once more on another connection if the pool's had ended while it lay there: nothing was done yet.

        To ask each connection first whether it lives, as SQLAlchemy would, takes three round trips each time.
        """
        engine, statements = self._engine, None
        if engine is None:
            raise DatabaseUnavailable
        with as_unavailable():
            try:
                async with connect(engine) as connection:
                    statements = _Statements(connection)
                    return await work(statements)
            except DBAPIError:
                if statements is None or not statements.found_dead:
                    raise
            async with connect(engine) as connection:  # With the one, all that lay in the pool were given up.
                return await work(_Statements(connection))

    async def close(self) -> None:
        """Finish the works that wait, then disconnect; whatever comes later is DatabaseUnavailable."""
        engine, self._engine = self._engine, None
        await asyncio.gather(*self._writes, return_exceptions=True)
        if engine is not None:
            await engine.dispose()


@asynccontextmanager
async def _reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Without a transaction: each statement sees what is committed when it runs, at a third of the round trips."""
    async with engine.connect() as connection:
        yield await connection.execution_options(isolation_level="AUTOCOMMIT")


def _postgres_engine(url: URL, statement_seconds: float | None) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=_CONNECT_SECONDS,
        hide_parameters=True,  # They hold what shoppers typed, and an error's text may reach a log.
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": statement_seconds,
            # A mark that says "about to send" must survive a crash of the server, whatever its default is.
            "server_settings": {"synchronous_commit": "on", "application_name": "checkout"},
        },
    )


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
