"""The whole service for the state machine, which it starts, stops and kills, in time that is not waited for.

It is `create_app` with the product's HTTP API, placing and SQL. What it stands on outlives it: the database, the
sandbox, the wire between them and the clock.
"""

import asyncio
import random
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, Unpack

import httpx
import pytest
from starlette.types import Receive, Scope, Send

import checkout.app
from checkout.app import create_app
from checkout.clocks import SandboxFollower
from checkout.locally_client import calling
from checkout.sandbox import create_sandbox
from tests.proof.crashes import CrashingDatabase, Life
from tests.proof.memory import LeanSqlite
from tests.proof.virtual_time import VirtualTimeLoop
from tests.proof.wire import Wire
from tests.service import make_settings

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_BEGAN = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
WEBHOOK_TOKEN = "machine_webhook_token_1f2e3d"
PLACE_WAIT = 8.0
_SPANS = {
    "write_timeout": "5",
    "readback_delays": "1,2",
    "readback_interval": "5",
    "readback_until": "20",
    "not_placed_after": "12",
    "not_placed_after_refusal": "6",
    "recovery_interval": "5",
    "place_wait": str(PLACE_WAIT),
    "locally_webhook_tokens": WEBHOOK_TOKEN,
}
_REQUESTS_FINISH_WITHIN = 30.0  # Seconds that a server gives the requests in flight when it is told to stop.


class InlineLoop(VirtualTimeLoop):
    """Does at once what would be done in a thread, so that every run of the same steps is the same."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def begin_again(self) -> None:
        """Time begins at nought, so that the same steps meet the same numbers."""
        self._jumping.now = 0.0
        vars(self)["_scheduled"].clear()

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)


class PlayedClock(SandboxFollower):
    """The service's clock: the loop's time, and wrong by as much as a rule says. Kept answers age by the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.reset()

    def reset(self) -> None:
        self._began = self._loop.time()
        self.ahead = 0.0
        self._most_behind = 0.0

    def __call__(self) -> datetime:
        return _BEGAN + timedelta(seconds=self._loop.time() - self._began + self.ahead)

    def seconds(self) -> float:
        return self._loop.time()

    def jump(self, seconds: float) -> None:
        """Whoever waits for a time of day waits for it again after a jump back, unless the clock is mended."""
        self.ahead += seconds
        self._most_behind = max(self._most_behind - seconds, 0.0)

    def mend(self) -> None:
        """What the clock has shown once, it does not show again."""
        self.jump(self._most_behind)


class _PlayedTime:
    """What the client for Locally asks of the module `time`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.monotonic = self.perf_counter = loop.time


class Process:
    """One run of the service, from its start to its stop or its sudden end."""

    def __init__(self, app: Any, life: Life) -> None:
        self.life = life
        self._app = app
        self._state: dict[str, Any] = {}
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[Any] = asyncio.Queue()
        self._transport = httpx.ASGITransport(self._serve)

    async def start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        self._lifespan = asyncio.ensure_future(self._app(scope, self._inbox.get, self._outbox.put))
        told = await self._tell("lifespan.startup")
        if told is not None and told["type"] != "lifespan.startup.complete":
            raise RuntimeError(f"the service did not start: {told}")

    async def stop(self) -> None:
        """As a server stops it: the requests in flight have ended."""
        await self._tell("lifespan.shutdown")

    async def request(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        answer = await self._transport.handle_async_request(request)
        return answer, await answer.aread()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "state": self._state.copy()}, receive, send)

    async def _tell(self, what: str) -> Any:
        """The lifespan's answer; None where the process ended first."""
        await self._inbox.put({"type": what})
        return await self.unless_ended(asyncio.ensure_future(self._outbox.get()))

    async def unless_ended(self, task: "asyncio.Future[T]", within: float | None = None) -> T | None:
        """What a task gives; None where it took longer, or the process ended first."""
        either: set[asyncio.Future[Any]] = {task, self.life.over}
        await asyncio.wait(either, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() and not self.life.has_ended else None


class Ground:
    """What outlives a process."""

    def __init__(self) -> None:
        self.loop = InlineLoop()
        self.clock = PlayedClock(self.loop)
        self.database = LeanSqlite()
        self.sandbox = create_sandbox()
        self.parts: Any = self.sandbox.state.parts
        self._folder = tempfile.TemporaryDirectory(prefix="checkout-proof-")
        self.journal = Path(self._folder.name, "emergency")
        self.settings = make_settings(**_SPANS, emergency_journal=str(self.journal))
        self.wire = Wire(self.sandbox, self.settings.write_timeout)
        self._patch = pytest.MonkeyPatch()
        # Reads are repeated within a time that passes in the loop, not on the machine.
        self._patch.setattr(calling, "time", _PlayedTime(self.loop), raising=False)
        self._browser = httpx.ASGITransport(self.sandbox)
        self._process: Process | None = None
        self.restarts = 0
        self.run(self.database.open())
        self._empty: dict[str, list[Any]] = {name: [] for name in self.database.keep()}

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        if self._process is not None:
            self.run(self.wire.end_life(everything=True))
        self.run(self.database.close())
        self.loop.close()
        self._folder.cleanup()
        self._patch.undo()

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    async def reset(self) -> None:
        """A new world: no record anywhere, everything in stock, the clock right, a process that has just begun."""
        if self._process is not None:
            await self.wire.end_life(everything=True)
        self.loop.begin_again()
        self.parts.start_afresh()
        self.database.restore(self._empty)
        self.wire.reset()
        self.journal.unlink(missing_ok=True)
        self.clock.reset()
        await self._begin()

    async def _begin(self) -> None:
        life = self.wire.life = Life()
        database = CrashingDatabase(self.database, life)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkout.app, "open_database", lambda _url: database)
            self._process = Process(create_app(self.settings, upstreams=self.wire, clock=self.clock), life)
            await self._process.start()

    async def revive(self) -> None:
        """Where the process has ended, the next one begins."""
        while self.process.life.has_ended:
            self.restarts += 1
            await self.wire.end_life()
            await self._begin()

    async def restart(self, in_flight: "Iterable[asyncio.Task[None]]") -> None:
        """An orderly stop, which may meet its own sudden end, and a start."""
        if waiting := list(in_flight):
            await asyncio.wait(waiting, timeout=_REQUESTS_FINISH_WITHIN)
        await self.process.stop()
        self.process.life.end()
        await self.revive()

    def heal(self) -> None:
        """Upstreams and database do what they are asked, the clock is right, and the process does not end."""
        self.wire.heal()
        self.clock.mend()
        self.process.life.heal()

    async def at_stripe(self, path: str, form: dict[str, str], publishable_key: str) -> httpx.Response:
        """What a shopper's browser asks Stripe for; it does not go over the service's wire."""
        url, headers = f"http://sandbox.test{path}", {"Authorization": f"Bearer {publishable_key}"}
        answer = await self._browser.handle_async_request(httpx.Request("POST", url, data=form, headers=headers))
        await answer.aread()
        return answer


@contextmanager
def played_chance() -> Iterator[None]:
    """What is drawn at random, by us or by the sandbox, follows from the seed of the run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_hex", lambda nbytes=32: random.randbytes(nbytes).hex())  # noqa: S311  No secret.
        patch.setattr(secrets, "choice", random.choice)
        yield
