"""A process that ends at a chosen boundary: around each write to the database and around each call to an upstream."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from checkout.database import Database
from checkout.database.transactions import Work
from checkout.errors import DatabaseUnavailable

T = TypeVar("T")


class Crash(BaseException):
    """The process has ended here. No code of the product may catch it."""


@dataclass
class Plan:
    """What befalls one life: where it ends, and from where on so many writes fail, each in vain or unbeknown."""

    crash_at: int | None = None
    fails_at: int | None = None
    failures: int = 0


class Life:
    """One process from its start to its end, which may be at a boundary. `watch` is told of each one that it passes."""

    def __init__(self, plan: Plan | None = None, watch: Callable[[int], None] | None = None) -> None:
        plan = plan or Plan()
        self._crash_at = plan.crash_at
        self._fails_at = plan.fails_at
        self._failures = plan.failures
        self._watch = watch
        self.passed = 0
        self.writes: list[int] = []
        self.has_failed = False  # Its database, so far.
        # Whether each of the next boundaries at which it writes fails, and how many of the next reads do.
        self.failing: deque[bool] = deque()
        self.failing_reads = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end_after(self, boundaries: int | None) -> None:
        """End at the boundary after so many more; None takes that back."""
        self._crash_at = None if boundaries is None else self.passed + boundaries

    def boundary(self) -> None:
        """Raises Crash where the process ends, and for whatever it would still do after its end."""
        self.require()
        here, self.passed = self.passed, self.passed + 1
        if here == self._crash_at:
            self.end()
            raise Crash
        if self._watch is not None:
            self._watch(here)

    def write_boundary(self) -> None:
        """A boundary at which the database, too, may fail. Raises DatabaseUnavailable."""
        here = self.passed
        self.boundary()
        self.writes.append(here)
        if self._fails_at is not None and here >= self._fails_at:
            self._fails_at = None
            self.failing.extend([True] * self._failures)
        if self.failing and self.failing.popleft():
            self.has_failed = True
            raise DatabaseUnavailable

    def read_boundary(self) -> None:
        """Raises DatabaseUnavailable while reads fail. It is no end: nothing has changed since the last boundary."""
        self.require()
        if self.failing_reads:
            self.failing_reads -= 1
            self.has_failed = True
            raise DatabaseUnavailable

    def heal(self) -> None:
        """Nothing more befalls it."""
        self._crash_at = None
        self.failing.clear()
        self.failing_reads = 0

    def end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)

    @property
    def has_ended(self) -> bool:
        return self.over.done()

    def require(self) -> None:
        if self.over.done():
            raise Crash


class CrashingDatabase:
    """The database as one life of the process sees it."""

    is_exclusive = True

    def __init__(self, inner: Database, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, work: Work[T]) -> T:
        self._life.write_boundary()
        result = await self._inner.write(work)
        self._life.write_boundary()
        return result

    async def read(self, work: Work[T]) -> T:
        self._life.read_boundary()
        return await self._inner.read(work)
