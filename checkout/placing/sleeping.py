"""How attempts wait: by the wall clock, which may jump, never longer than was meant, and wakened when there is news."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

# A sleeping attempt looks at the clock this often, so that a clock that was moved is noticed.
_LONGEST_NAP = 1.0


class Sleeper:
    """Lets attempts sleep until a time, a call or the end of the service."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._calls: dict[str, asyncio.Event] = {}
        self.is_stopping = False

    def stop(self) -> None:
        """Nobody sleeps from now on."""
        self.is_stopping = True
        for call in self._calls.values():
            call.set()

    def wake(self, attempt_id: str) -> None:
        """End an attempt's sleep, or the next one if it does not sleep now."""
        self._calls.setdefault(attempt_id, asyncio.Event()).set()

    def is_called(self, attempt_id: str) -> bool:
        return attempt_id in self._calls and self._calls[attempt_id].is_set()

    def forget(self, attempt_id: str) -> None:
        self._calls.pop(attempt_id, None)

    async def sleep(self, attempt_id: str, at: datetime, longest: float) -> bool:
        """Sleep until a time of our clock, but no longer than so many seconds; False if the service is stopping."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + longest
        call = self._calls.setdefault(attempt_id, asyncio.Event())
        while not (call.is_set() or self.is_stopping):
            left = min((at - self._clock()).total_seconds(), ends - loop.time(), _LONGEST_NAP)
            if left <= 0:
                break
            with suppress(TimeoutError):  # Python 3.11's `wait_for` can swallow a cancellation.
                async with asyncio.timeout(left):
                    await call.wait()
        call.clear()
        return not self.is_stopping
