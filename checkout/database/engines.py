"""How transactions run: SQLite through one writer thread, PostgreSQL through asyncpg.

A piece of work is a coroutine function of a Transaction, written once for both databases. On SQLite its statements
answer at once, so the writer thread runs the coroutine to its end without an event loop and commits all the
works that were waiting as one group: one sync to disk serves many.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool, StaticPool

from checkout.database.migrating import migrate
from checkout.errors import CheckoutError, DatabaseUnavailable, LostRace, SettingsFault

T = TypeVar("T")

_GROUP = 256  # Works committed together at most, so that a flood does not keep the first one waiting.
_READERS = 4


class Transaction(Protocol):
    """What a piece of work may do. Raises LostRace where a constraint of the database says no."""

    async def execute(self, statement: Executable) -> CursorResult[Any]: ...


Work = Callable[[Transaction], Coroutine[Any, Any, T]]


class Database(Protocol):
    """Durable records. `write` returns once the work is committed and synced; `read` sees committed state.

    `is_exclusive`: no other process can be working on these records.
    """

    is_exclusive: bool

    async def open(self) -> None: ...

    async def write(self, work: Work[T]) -> T: ...

    async def read(self, work: Work[T]) -> T: ...

    async def close(self) -> None: ...


def open_database(url: str) -> Database:
    """The database that a CHECKOUT_DATABASE_URL names; call `open` on it before use."""
    if url.startswith("postgresql://"):
        return PostgresDatabase(url)
    return SqliteDatabase(url.removeprefix("sqlite:///"))


class _Statements:
    """A Transaction over a plain connection; its statements never suspend."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable) -> CursorResult[Any]:
        try:
            return self._connection.execute(statement)
        except IntegrityError as error:
            raise LostRace from error


def _run_to_end(work: Work[T], connection: Connection) -> T:
    """Run a coroutine whose awaits all answer at once."""
    coroutine = work(_Statements(connection))
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]  # StopIteration does not say what it carries.
    coroutine.close()
    raise RuntimeError("a piece of database work waited for something else than the database")


class _Job:
    """One piece of work on its way through the writer thread."""

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self, connection: Connection) -> None:
        try:
            with connection.begin_nested():
                self.result = _run_to_end(self.work, connection)
        except (CheckoutError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            # This work alone is rolled back; the others of its group go on.
            self.error = error

    def answer(self, failure: BaseException | None = None) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self.loop.call_soon_threadsafe(self._settle, failure or self.error)

    def _settle(self, error: BaseException | None) -> None:
        if self.future.cancelled():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)


class SqliteDatabase:
    """One file, one writing thread, a few reading ones."""

    is_exclusive = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._in_memory = path == ":memory:"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._lock: Any = None

    async def open(self) -> None:
        """Lock the file, bring an empty database to the present schema and start the threads."""
        await asyncio.to_thread(self._prepare)
        self._writer = threading.Thread(target=self._write_groups, name="database-writer", daemon=True)
        self._writer.start()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database-reader")

    def _prepare(self) -> None:
        if not self._in_memory:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            self._lock = _lock_file(Path(f"{self._path}.lock"))
        self._write_engine = _sqlite_engine(self._path, writing=True)
        self._read_engine = self._write_engine if self._in_memory else _sqlite_engine(self._path, writing=False)
        with _as_unavailable(), self._write_engine.begin() as connection:
            migrate(connection)

    async def write(self, work: Work[T]) -> T:
        job = _Job(work, asyncio.get_running_loop())
        self._jobs.put(job)
        # A caller that goes away does not undo the work: it is committed all the same.
        return await asyncio.shield(job.future)

    async def read(self, work: Work[T]) -> T:
        if self._in_memory:
            return await self.write(work)
        assert self._readers is not None, "the database is not open"  # noqa: S101  A fault of ours, not of input.
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Work[T]) -> T:
        with _as_unavailable(), self._read_engine.connect() as connection:
            return _run_to_end(work, connection)

    async def close(self) -> None:
        if self._writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)
        if self._readers is not None:
            await asyncio.to_thread(self._readers.shutdown)
            self._read_engine.dispose()
            self._write_engine.dispose()
        if self._lock is not None:
            self._lock.close()

    def _write_groups(self) -> None:
        while (first := self._jobs.get()) is not None:
            group, last = self._next_group(first)
            self._commit(group)
            if last:
                return

    def _next_group(self, first: _Job) -> tuple[list[_Job], bool]:
        """What waits right now, and whether the end of work is among it."""
        group = [first]
        while len(group) < _GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        try:
            with _as_unavailable(), self._write_engine.begin() as connection:
                for job in group:
                    job.run(connection)
        except BaseException as failure:
            for job in group:
                job.answer(failure)
            return
        for job in group:
            job.answer()


class _as_unavailable:  # noqa: N801  Reads as a statement: `with _as_unavailable():`.
    """Turn failures of the database itself into DatabaseUnavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, DBAPIError | PoolTimeoutError | OSError):
            raise DatabaseUnavailable from error


def _sqlite_engine(path: str, *, writing: bool) -> Engine:
    """An engine whose transactions are all `BEGIN IMMEDIATE` (writing) or read-only.

    Readers never checkpoint: libraries from 3.7.0 to 3.51.2 can lose data when two connections do so at once.
    """
    pool = StaticPool if writing else QueuePool
    options: dict[str, Any] = {} if writing else {"pool_size": _READERS, "max_overflow": 0}
    engine = create_engine(
        f"sqlite:///{path}", poolclass=pool, connect_args={"check_same_thread": False, "timeout": 5}, **options
    )

    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # We say BEGIN ourselves.
        for pragma in _pragmas(writing=writing):
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _pragmas(*, writing: bool) -> tuple[str, ...]:
    if writing:
        # A mark that says "about to send" must survive a power cut, hence FULL.
        return ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "mmap_size=0", "secure_delete=ON")
    return ("query_only=ON", "wal_autocheckpoint=0", "mmap_size=0")


def _lock_file(path: Path) -> Any:
    """Hold the lock beside the database: two services on one file would not see each other's attempts."""
    import fcntl

    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        line = f"CHECKOUT_DATABASE_URL: another service is running on {path.stem}; stop it, or use PostgreSQL"
        raise SettingsFault((line,)) from None
    return handle


class _AsyncStatements:
    """A Transaction over an asyncpg connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable) -> CursorResult[Any]:
        try:
            return await self._connection.execute(statement)
        except IntegrityError as error:
            raise LostRace from error


class PostgresDatabase:
    """A PostgreSQL database, shared by any number of instances."""

    is_exclusive = False

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        self._engine: AsyncEngine | None = None

    async def open(self) -> None:
        self._engine = create_async_engine(self._url, pool_size=10, max_overflow=10, pool_timeout=5, pool_pre_ping=True)
        with _as_unavailable():
            async with self._engine.begin() as connection:
                await connection.run_sync(migrate)

    async def write(self, work: Work[T]) -> T:
        return await self._run(work)

    async def read(self, work: Work[T]) -> T:
        return await self._run(work)

    async def _run(self, work: Work[T]) -> T:
        assert self._engine is not None, "the database is not open"  # noqa: S101  A fault of ours, not of input.
        with _as_unavailable():
            async with self._engine.begin() as connection:
                return await work(_AsyncStatements(connection))

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
