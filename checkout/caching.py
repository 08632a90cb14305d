"""A cache of upstream answers: equal questions share one read; stale answers bridge renewals and outages."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from checkout.errors import UpstreamError, UpstreamUnavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# How long a kept answer is not renewed after a failed read, in seconds: an upstream that is down is not hammered.
RENEWAL_PAUSE = 5.0


@dataclass(frozen=True)
class Spans:
    """How long an answer serves, in seconds from the beginning of its read.

    It is fresh for `fresh`; for `renew` after that it still answers at once while it is renewed behind the scenes;
    for `keep` after `fresh` it answers where a new read fails.
    """

    fresh: float
    renew: float = 0
    keep: float = 0

    @property
    def life(self) -> float:
        return self.fresh + max(self.renew, self.keep)


@dataclass(frozen=True)
class Cached(Generic[V]):
    """An answer, when its read began, and whether it is past its freshness."""

    value: V
    as_of: datetime
    stale: bool


@dataclass(slots=True)
class _Entry(Generic[V]):
    value: V
    read_at: float
    as_of: datetime
    retry_at: float = 0


@dataclass(slots=True)
class _Read(Generic[V]):
    task: "asyncio.Task[_Entry[V]]"
    begun: bool = False


class Cache(Generic[K, V]):
    """Answers by key, at most `size` of them (the least recently used go first).

    Equal questions share one read, and a caller that hangs up does not cancel it for the others. Failures are never
    kept. An `UpstreamError` is covered by a kept answer; a well-formed no, or a bug, never is: it drops the answer.
    """

    def __init__(
        self, spans: Spans, *, now: Callable[[], float], clock: Callable[[], datetime], size: int = 10_000
    ) -> None:
        """`now` is a monotonic clock in seconds and decides ages; `clock` only tells `as_of`."""
        self._spans = spans
        self._now = now
        self._clock = clock
        self._size = size
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._reads: dict[K, _Read[V]] = {}
        self._tasks: set[asyncio.Task[_Entry[V]]] = set()

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]], *, through: bool = False) -> Cached[V]:
        """The answer to `key`; `fetch` reads it upstream.

        With `through` the answer is of a read that began after the call (callers of the same moment share it); it
        refreshes the entry, and its failure is raised whatever is kept. Raises what `fetch` raises.
        """
        if through:
            return self._told(await self._wait(self._unbegun(key) or self._start(key, fetch)))
        entry = self._find(key)
        if entry is None:
            return self._told(await self._wait(self._reads.get(key) or self._start(key, fetch)))
        age = self._now() - entry.read_at
        if age < self._spans.fresh:
            return self._told(entry)
        return await self._renew(key, fetch, entry)

    async def close(self) -> None:
        """Stop every read. Callers that still wait for one get UpstreamUnavailable."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, key: K, fetch: Callable[[], Awaitable[V]], entry: _Entry[V]) -> Cached[V]:
        now = self._now()
        resting = now < entry.retry_at
        if resting:
            return self._told(entry, stale=True)
        read = self._reads.get(key) or self._start(key, fetch)
        if now - entry.read_at < self._spans.fresh + self._spans.renew:
            return self._told(entry, stale=True)
        try:
            return self._told(await self._wait(read))
        except UpstreamError:
            if self._now() - entry.read_at < self._spans.fresh + self._spans.keep:
                return self._told(entry, stale=True)
            raise

    def _find(self, key: K) -> _Entry[V] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._now() - entry.read_at >= self._spans.life:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def _told(self, entry: _Entry[V], *, stale: bool = False) -> Cached[V]:
        return Cached(entry.value, entry.as_of, stale)

    def _unbegun(self, key: K) -> _Read[V] | None:
        """A read that was asked for but has not left yet, so that it may serve callers who want nothing older."""
        read = self._reads.get(key)
        return read if read is not None and not read.begun else None

    def _start(self, key: K, fetch: Callable[[], Awaitable[V]]) -> _Read[V]:
        task = asyncio.create_task(self._read(key, fetch), name="cache read")
        read = self._reads[key] = _Read(task)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._finish(key, read))
        return read

    def _finish(self, key: K, read: _Read[V]) -> None:
        self._tasks.discard(read.task)
        if self._reads.get(key) is read:
            del self._reads[key]
        if not read.task.cancelled():
            # Nobody may be waiting any more; asyncio complains about a failure that nobody looked at.
            read.task.exception()

    async def _wait(self, read: _Read[V]) -> _Entry[V]:
        """What the read brings. `asyncio.wait` leaves it running when this caller is cancelled."""
        await asyncio.wait((read.task,))
        if read.task.cancelled():
            raise UpstreamUnavailable
        return read.task.result()

    async def _read(self, key: K, fetch: Callable[[], Awaitable[V]]) -> _Entry[V]:
        self._reads[key].begun = True
        read_at, as_of = self._now(), self._clock()
        try:
            value = await fetch()
        except UpstreamError:
            self._pause(key)
            raise
        except Exception:
            self._entries.pop(key, None)
            raise
        entry = _Entry(value, read_at, as_of)
        self._keep(key, entry)
        return entry

    def _pause(self, key: K) -> None:
        kept = self._entries.get(key)
        if kept is not None:
            kept.retry_at = self._now() + RENEWAL_PAUSE

    def _keep(self, key: K, entry: _Entry[V]) -> None:
        kept = self._entries.get(key)
        if kept is not None and kept.read_at > entry.read_at:
            return  # A read that began later was faster.
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
