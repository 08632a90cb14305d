"""One change of a checkout at a time, so that a page that saves in parts or asks twice meets no conflict."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar
from weakref import WeakValueDictionary

from checkout.errors import LostRace

T = TypeVar("T")

# Turns hold within one process. Another instance, or placing, may still be faster; then the work is done anew.
_TRIES = 3
# A page that saves in parts has a few requests under way. Whoever sends more than this must not have them all wait.
_LONGEST_LINE = 20


class _Line:
    """Those who wait for a turn on one checkout, and the one who has it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0


class Turns:
    """Lets calls on one checkout wait for each other. It only saves work: the database decides who was first."""

    def __init__(self) -> None:
        self._lines: WeakValueDictionary[str, _Line] = WeakValueDictionary()

    async def take(self, checkout_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, done anew where it lost a race.

        Raises what it raises, and LostRace if it loses each time or too many wait already.
        """
        line = self._lines.setdefault(checkout_id, _Line())
        if line.length >= _LONGEST_LINE:
            raise LostRace
        line.length += 1
        try:
            async with line.lock:
                return await _insist(work)
        finally:
            line.length -= 1


async def _insist(work: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_TRIES - 1):
        with suppress(LostRace):
            return await work()
    return await work()
