"""One change of a checkout at a time, so that a page that saves in parts or asks twice meets no conflict."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from checkout.errors import LostRace

T = TypeVar("T")

# Turns hold within one process. Another instance, or placing, may still be faster; then the work is done anew.
_TRIES = 3


class Turns:
    """Lets calls on one checkout wait for each other. It only saves work: the database decides who was first."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, checkout_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, done anew where it lost a race. Raises what it raises; LostRace if it loses each time."""
        lock = self._locks.setdefault(checkout_id, asyncio.Lock())
        async with lock:
            for _ in range(_TRIES - 1):
                try:
                    return await work()
                except LostRace:
                    continue
            return await work()
