"""Timers of the sandbox's world: what is to happen at a moment of its clock."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

from checkout.sandbox.clock import SandboxClock


class Timers:
    """A heap of moments. `run_due` is cheap when nothing is due, so it may be asked before every request."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._numbers = count()
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._numbers), action))

    def run_due(self) -> None:
        while self._heap and self._heap[0][0] <= self._clock.now():
            heapq.heappop(self._heap)[2]()

    def clear(self) -> None:
        self._heap.clear()
