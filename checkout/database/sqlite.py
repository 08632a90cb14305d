"""SQLite: one writer thread that commits waiting works in groups, and a few reading threads.

Statements on SQLite answer at once, so the writer thread runs a work's coroutine to its end without an event loop and
commits all the works that were waiting as one group: one sync to disk serves many.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, create_engine, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool, StaticPool

from checkout.database.files import HeldFiles
from checkout.database.migrating import Migration, create_schema, migrate
from checkout.database.transactions import Rows, Values, Work, as_settings_fault, as_unavailable, is_unavailability
from checkout.errors import DatabaseUnavailable, LostRace

T = TypeVar("T")

log = structlog.get_logger(__name__)

_GROUP = 256  # Works committed together at most, so that a flood does not keep the first one waiting.
_READERS = 4
_BUSY_SECONDS = 5


class _Statements:
    """A Transaction over a plain connection; its statements never suspend."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, values: Values | Rows | None = None) -> CursorResult[Any]:
        try:
            return self._connection.execute(statement, values)
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
        """Raises only what concerns the whole group: that the database itself failed."""
        try:
            with connection.begin_nested():
                self.result = _run_to_end(self.work, connection)
        except Exception as error:
            if is_unavailability(error):
                raise
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
        self._in_memory = path == ":memory:"
        # The file itself, whatever it is called: the lock has to be the same under every name of it.
        self._path = path if self._in_memory else str(Path(path).resolve())
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._write_engine: Engine | None = None
        self._read_engine: Engine | None = None
        self._lock: HeldFiles | None = None

    async def open(self) -> None:
        """Lock the file, bring an empty database to the present schema and start the threads. Raises SettingsFault."""
        with as_settings_fault(self._path):
            await asyncio.to_thread(self._prepare)
        log.info("sqlite_library", version=sqlite3.sqlite_version, wal_reset_bug=has_wal_reset_bug())
        self._writer = threading.Thread(target=self._write_groups, name="database-writer", daemon=True)
        self._writer.start()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="database-reader")

    async def migrate(self, tell: Callable[[Migration], None]) -> None:
        """Lock the file and bring it to the present schema. Raises SettingsFault."""
        with as_settings_fault(self._path):
            await asyncio.to_thread(self._prepare, lambda connection: migrate(connection, tell))

    def _prepare(self, work: Callable[[Connection], None] = create_schema) -> None:
        if not self._in_memory:
            self._lock = HeldFiles(Path(self._path))
        self._write_engine = _sqlite_engine(self._path, writing=True)
        self._read_engine = self._write_engine if self._in_memory else _sqlite_engine(self._path, writing=False)
        with self._write_engine.begin() as connection:
            work(connection)
        if self._lock is not None:
            self._lock.opened()

    async def write(self, work: Work[T]) -> T:
        if self._writer is None:
            raise DatabaseUnavailable
        job = _Job(work, asyncio.get_running_loop())
        self._jobs.put(job)
        # A caller that goes away does not undo the work: it is committed all the same.
        return await asyncio.shield(job.future)

    async def read(self, work: Work[T]) -> T:
        if self._in_memory:
            return await self.write(work)
        if self._readers is None:
            raise DatabaseUnavailable
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Work[T]) -> T:
        assert self._read_engine is not None  # noqa: S101  For the type checker: there are readers only once it is open.
        with as_unavailable():
            self._require_files()
            with self._read_engine.connect() as connection:
                return _run_to_end(work, connection)

    async def close(self) -> None:
        """Finish the works that wait, then let go of the file; whatever comes later is DatabaseUnavailable."""
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        if writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(writer.join)
        if readers is not None:
            await asyncio.to_thread(readers.shutdown)
        for engine in (self._read_engine, self._write_engine):
            if engine is not None:
                engine.dispose()
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

    def _require_files(self) -> None:
        if self._lock is not None:
            self._lock.require()

    def _commit(self, group: list[_Job]) -> None:
        """Run and commit a group; its answers go out only when the disk has it."""
        assert self._write_engine is not None  # noqa: S101  For the type checker: the thread starts once it is open.
        try:
            with as_unavailable():
                self._require_files()
                with self._write_engine.begin() as connection:
                    for job in group:
                        job.run(connection)
                # A record counts once the file that has it can be found again.
                self._require_files()
        except BaseException as failure:
            for job in group:
                job.answer(failure)
            return
        for job in group:
            job.answer()


def _sqlite_engine(path: str, *, writing: bool) -> Engine:
    """An engine whose transactions are all `BEGIN IMMEDIATE` (writing) or read-only.

    Readers never checkpoint: libraries from 3.7.0 to 3.51.2 can lose data when two connections do so at once.
    """
    pool = StaticPool if writing else QueuePool
    options: dict[str, Any] = {} if writing else {"pool_size": _READERS, "max_overflow": 0}
    engine = create_engine(
        URL.create("sqlite", database=path),
        poolclass=pool,
        connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS},
        hide_parameters=True,  # They hold what shoppers typed, and an error's text may reach a log.
        **options,
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


def has_wal_reset_bug(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Whether a SQLite can lose commits when two connections write or checkpoint at once: 3.7.0 to 3.51.2.

    Ours do not: one connection writes, and it alone checkpoints. https://www.sqlite.org/wal.html#walresetbug
    """
    mended = (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)
    return (3, 7) <= version < (3, 51, 3) and not mended
