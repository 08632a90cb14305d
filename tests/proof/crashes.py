"""A process that ends at a chosen boundary: around each write to the database and around each call to an upstream."""

import asyncio
from collections import Counter, defaultdict, deque
from typing import Any, TypeVar

import httpx
from sqlalchemy import Table, select

from checkout.database import Database, SqliteDatabase
from checkout.database.sqlite import _Job
from checkout.database.tables import metadata
from checkout.database.transactions import Work
from checkout.sandbox.ledger import call_name
from tests.upstreams import Forward, Happening, answers, changed, lost_answer, lost_request, not_sent

T = TypeVar("T")
Kept = dict[str, list[tuple[Any, ...]]]

WRITE_TIMEOUT = 5.0  # Seconds that validate and commit may take, in the settings of the proof.


class Crash(BaseException):
    """The process has ended here. No code of the product may catch it."""


class Life:
    """One process from its start to its end, which may be at a boundary."""

    def __init__(self, crash_at: int | None) -> None:
        self._crash_at = crash_at
        self.passed = 0
        self.ended = asyncio.Event()

    def boundary(self) -> None:
        """Raises Crash where the process ends, and for whatever it would still do after its end."""
        self.require()
        here, self.passed = self.passed, self.passed + 1
        if here == self._crash_at:
            self.ended.set()
            raise Crash

    def require(self) -> None:
        if self.ended.is_set():
            raise Crash


class InlineSqlite(SqliteDatabase):
    """The product's SQLite driver, its connections and commits, with the works run in the thread of the loop.

    Its threads would bring an order of their own into the runs. Power losses are not asked for here, so that nothing
    needs to be synced: `synchronous=OFF`.
    """

    async def open(self) -> None:
        self._prepare()
        self._raw().execute("PRAGMA synchronous=OFF")

    async def write(self, work: Work[T]) -> T:
        job = _Job(work, asyncio.get_running_loop())
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
        assert self._read_engine is not None
        with self._read_engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def keep(self) -> Kept:
        """All tables as they stand."""
        cursor = self._raw()
        names = [table.name for table in metadata.sorted_tables]
        return {name: cursor.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608  Our own names.

    def restore(self, kept: Kept) -> None:
        """Make the tables what they were."""
        cursor = self._raw()
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


class CrashingDatabase:
    """The database as one life of the process sees it."""

    is_exclusive = True

    def __init__(self, inner: Database, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, work: Work[T]) -> T:
        self._life.boundary()
        result = await self._inner.write(work)
        self._life.boundary()
        return result

    async def read(self, work: Work[T]) -> T:
        self._life.require()
        return await self._inner.read(work)


class Wire(httpx.AsyncBaseTransport):
    """The way to the sandbox: counts the commits that leave, lets chosen calls fail, and ends lives around calls."""

    def __init__(self, sandbox: Any) -> None:
        self._inner = httpx.ASGITransport(sandbox)
        self._next: defaultdict[str, deque[Happening]] = defaultdict(deque)
        self._until_healed: dict[str, Happening] = {}
        self.life = Life(None)
        self.commits: Counter[str] = Counter()
        self.late: set[asyncio.Task[Any]] = set()

    def reset(self) -> None:
        self.heal()
        self.commits.clear()
        self.life = Life(None)

    def heal(self) -> None:
        self._next.clear()
        self._until_healed.clear()

    def on(self, call: str, happenings: tuple[Happening, ...]) -> None:
        """What happens to the next calls of a name, one each."""
        self._next[call].extend(happenings)

    def until_healed(self, call: str, happening: Happening) -> None:
        self._until_healed[call] = happening

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = call_name(request.url.path) or request.url.path
        await request.aread()
        life = self.life
        life.boundary()
        happening = self._next[call].popleft() if self._next[call] else self._until_healed.get(call)
        if call == "cart/commit" and happening is not not_sent:
            self.commits[request.headers["Locally-Pl-Jwt"]] += 1
        try:
            return await self._happen(happening, request)
        finally:
            life.boundary()

    async def _happen(self, happening: Happening | None, request: httpx.Request) -> httpx.Response:
        async def forward() -> httpx.Response:
            return await self._inner.handle_async_request(request)

        if happening is not arrives_late:
            return await (happening(request, forward) if happening else forward())
        # The upstream does not care that we have given up.
        task = asyncio.create_task(_later(forward))
        self.late.add(task)
        return await asyncio.shield(task)


async def _later(forward: Forward) -> httpx.Response:
    await asyncio.sleep(1.4 * WRITE_TIMEOUT)
    return await forward()


async def arrives_late(_request: httpx.Request, forward: Forward) -> httpx.Response:
    """The call is carried out only after we have given it up."""
    return await _later(forward)


async def times_out(_request: httpx.Request, forward: Forward) -> httpx.Response:
    """The known killer: the upstream records, sleeps past our timeout, then answers."""
    answer = await forward()
    await asyncio.sleep(2 * WRITE_TIMEOUT)
    return answer


def _halve(body: Any) -> None:
    for item in body["data"]["items"]:
        item["qty"] = 0


def _no(status: int, auth: str, in_cart: int) -> Happening:
    item = {"upc": "068648100001", "auth": auth, "in_cart": in_cart, "qty": in_cart}
    return answers(status, {"success": False, "data": {"items": [item]}, "msg": ""})


_OOPS = answers(500, "oops")
_BUSY = answers(429, {"success": False, "data": {}, "msg": "slow down"}, Retry_After="3")

VALIDATE: dict[str, tuple[Happening, ...]] = {
    "ok": (),
    "not_sent": (not_sent,),
    "never_sent": (not_sent, not_sent),
    "lost_request": (lost_request,),
    "lost_answer": (lost_answer,),
    "lost_twice": (lost_answer, lost_answer),
    "500": (_OOPS,),
    "garbage": (answers(200, "<html>", done=True),),
    "declined": (_no(401, "FAILED", 1),),
    "refused": (_no(200, "SKIPPED", 0),),
    "short": (changed(_halve),),
    "429": (_BUSY,),
}
COMMIT: dict[str, tuple[Happening, ...]] = {
    "ok": (),
    "not_sent": (not_sent,),
    "never_sent": (not_sent, not_sent),
    "lost_request": (lost_request,),
    "lost_answer": (lost_answer,),
    "500": (_OOPS,),
    "500_done": (answers(500, "oops", done=True),),
    "garbage": (answers(200, "<html>", done=True),),
    "refused": (answers(400, {"success": False, "data": {}, "msg": "no"}),),
    "429": (_BUSY,),
    "times_out": (times_out,),
    "arrives_late": (arrives_late,),
}
# A read is repeated once by itself, so that it takes two bad answers to spoil one.
READ: dict[str, tuple[Happening, ...]] = {
    "ok": (),
    "down_once": (_OOPS, _OOPS),
    "down": (_OOPS,),
    "garbage": (answers(200, "<html>"),),
}
UNTIL_HEALED = frozenset({"down", "garbage"})
