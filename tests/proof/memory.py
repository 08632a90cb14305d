"""The databases of a run without threads: the product's SQLite driver, and a leaner one for a database in memory."""

import asyncio
import sqlite3
from collections import namedtuple
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import Table, select
from sqlalchemy.dialects import sqlite

from checkout.database import SqliteDatabase
from checkout.database.sqlite import _Job
from checkout.database.tables import metadata
from checkout.database.transactions import Rows, Values, Work
from checkout.errors import LostRace
from checkout.orders import Checkout

T = TypeVar("T")
Kept = dict[str, list[tuple[Any, ...]]]

_DIALECT = sqlite.dialect(paramstyle="qmark")


class _AnsweredJob(_Job):
    """A job whose caller runs in the same thread, so that nobody has to be woken."""

    def answer(self, failure: BaseException | None = None) -> None:
        self._settle(failure or self.error)


class InlineSqlite(SqliteDatabase):
    """The product's SQLite driver, its connections and commits, with the works run in the thread of the loop.

    Its threads would bring an order of their own into the runs. Power losses are not asked for here, so that nothing
    needs to be synced: `synchronous=OFF`.
    """

    async def open(self) -> None:
        self._prepare()
        self._cursor = self._raw()
        self._cursor.execute("PRAGMA synchronous=OFF")

    async def write(self, work: Work[T]) -> T:
        job = _AnsweredJob(work, asyncio.get_running_loop())
        self._commit([job])
        answer: T = await job.future
        return answer

    async def read(self, work: Work[T]) -> T:
        return await self.write(work) if self._in_memory else self._read(work)

    async def close(self) -> None:
        for engine in (self._read_engine, self._write_engine):
            if engine is not None:
                engine.dispose()
        if self._lock is not None:
            self._lock.close()

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """A table as it stands."""
        compiled = _compiled(_select_all(table), {})
        self._cursor.execute(compiled.sql, compiled.fill({}))
        return [row._mapping for row in Answered(self._cursor, compiled)]

    def keep(self) -> Kept:
        """All tables as they stand."""
        names = [table.name for table in metadata.sorted_tables]
        return {name: self._cursor.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608  Our own names.

    def restore(self, kept: Kept) -> None:
        """Make the tables what they were."""
        cursor = self._cursor
        cursor.execute("BEGIN IMMEDIATE")
        for name in reversed(kept):
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608  Our own names.
        for name, rows in kept.items():
            if rows:
                marks = ",".join("?" * len(rows[0]))
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608  Our own names.
        cursor.execute("COMMIT")

    def _raw(self) -> Any:
        assert self._write_engine is not None
        return self._write_engine.raw_connection().cursor()


@cache
def _select_all(table: Table) -> Any:
    return select(table)


class LeanSqlite(InlineSqlite):
    """A database in memory that runs the product's statements as SQLAlchemy spells them, without its machinery.

    Constraints, transactions and values are SQLite's own as ever; the runs on a file hold it to the product's driver.
    """

    def __init__(self) -> None:
        super().__init__(":memory:")

    async def write(self, work: Work[T]) -> T:
        cursor = self._cursor
        cursor.execute("BEGIN IMMEDIATE")
        try:
            result = _finish(work, cursor)
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")
        return result

    async def read(self, work: Work[T]) -> T:
        return _finish(work, self._cursor)


def _finish(work: Work[T], cursor: Any) -> T:
    """Run a work to its end; its statements answer at once."""
    coroutine = work(LeanStatements(cursor))  # type: ignore[arg-type]  # Its answers have what our queries use.
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]  # StopIteration does not say what it carries.
    coroutine.close()
    raise RuntimeError("a piece of database work waited for something else than the database")


class LeanStatements:
    """A Transaction over a cursor of sqlite3."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    async def execute(self, statement: Any, values: Values | Rows | None = None) -> "Answered":
        given = values or {}
        assert isinstance(given, Mapping)  # Nothing that is proven here writes many rows at once.
        compiled = _compiled(statement, given)
        try:
            self._cursor.execute(compiled.sql, compiled.fill(given))
        except sqlite3.IntegrityError as error:
            raise LostRace from error
        return Answered(self._cursor, compiled)


class Answered:
    """What our queries ask of an answer, read whole."""

    def __init__(self, cursor: Any, compiled: "_Compiled") -> None:
        self.rowcount = cursor.rowcount
        self._rows = [compiled.read(row) for row in cursor.fetchall()] if cursor.description else []

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def scalar_one(self) -> Any:
        ((value,),) = self._rows
        return value


class _Compiled:
    """A statement in SQLite's words for values of certain names, and how its values go in and its rows come out."""

    def __init__(self, statement: Any, values: Values) -> None:
        compiled = statement.compile(dialect=_DIALECT, column_keys=list(values))
        defaults = {column.key: column.default for column in getattr(compiled, "insert_prefetch", ())}
        assert all(each.is_scalar for each in defaults.values()), "a column's default would have to be worked out"
        filled = compiled.construct_params(dict(values)) | {name: each.arg for name, each in defaults.items()}
        expanded = compiled._process_parameters_for_postcompile(filled)
        processors = {**compiled._bind_processors, **expanded.processors}
        fixed = {**filled, **expanded.additional_parameters}
        of_lists = {
            one: (name, at) for name in values for at, one in enumerate(expanded.parameter_expansion.get(name, ()))
        }
        self.has_lists = bool(of_lists)
        self.statement = statement  # As long as it lives, its id names no other one.
        self.sql = expanded.statement
        self._slots = [
            (*of_lists.get(name, (name, None)), processors.get(name), fixed.get(name)) for name in expanded.positiontup
        ]
        columns = getattr(compiled, "_result_columns", None) or ()
        self._row = _row_of(tuple(column.keyname for column in columns))
        made = (column.type._cached_result_processor(_DIALECT, None) for column in columns)
        self._processors = [(place, process) for place, process in enumerate(made) if process]

    def fill(self, values: Values) -> list[Any]:
        """The values in their places; a value that is part of the statement is the one that it was compiled with."""
        filled = []
        for name, at, process, fixed in self._slots:
            value = values.get(name, fixed) if at is None else values[name][at]
            filled.append(process(value) if process else value)
        return filled

    def read(self, row: tuple[Any, ...]) -> Any:
        values = list(row)
        for place, process in self._processors:
            values[place] = process(values[place])
        return self._row._make(values)


@cache
def _row_of(names: tuple[str, ...]) -> Any:
    """The type of a statement's rows."""
    base = namedtuple("base", names)  # type: ignore[misc]  # The names are known only here.
    return type("Row", (base,), {"__slots__": (), "_mapping": property(lambda self: self._asdict())})


_known: dict[tuple[Any, ...], _Compiled] = {}


def _compiled(statement: Any, values: Values) -> _Compiled:
    """Statements are made once and their values come in the same names, so that compiling them once is enough.

    How long a list is stands in the words of the statement.
    """
    name: tuple[Any, ...] = id(statement), *values
    found = _known.get(name)
    if found is None or found.has_lists:
        name = *name, *(len(value) for value in values.values() if value.__class__ is list)
        found = _known.get(name)
    if found is None:
        found = _Compiled(statement, values)
        _known[name] = _known[id(statement), *values] = found
    return found


@contextmanager
def documents_parsed_once() -> Iterator[None]:
    """A checkout that is read again as it stands is not parsed again: it cannot be changed in place."""
    parse = Checkout.__dict__.get("model_validate_json")
    once: Any = lru_cache(10_000)(Checkout.model_validate_json)
    Checkout.model_validate_json = once  # type: ignore[method-assign]
    try:
        yield
    finally:
        if parse is None:
            del Checkout.model_validate_json
        else:
            Checkout.model_validate_json = parse  # type: ignore[method-assign]
