"""What time it is: the machine's clock, or the sandbox's when the service is told to follow it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

_TRAVEL = timedelta(seconds=2)


def machine_clock() -> datetime:
    return datetime.now(UTC)


class SandboxFollower:
    """A clock that runs ahead of the machine's as far as the sandbox's does, so that days can be played in seconds."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._ahead = timedelta(0)
        self._moved = 0.0

    def __call__(self) -> datetime:
        return machine_clock() + self._ahead

    def seconds(self) -> float:
        """A monotonic clock that passes the leaps too. A leap back passes as well: what was read before it is old."""
        return time.monotonic() + self._moved

    async def close(self) -> None:
        await self._client.aclose()

    async def refresh(self) -> None:
        """Ask the sandbox what time it is there; where it does not answer, go on as before."""
        try:
            answer = await self._client.get("/_sandbox/clock")
            ahead = datetime.fromisoformat(answer.json()["now"]) - machine_clock()
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return
        leap = abs(ahead - self._ahead)
        # Below this it is only the time that the answer took.
        if leap > _TRAVEL:
            self._moved += leap.total_seconds()
        self._ahead = ahead if abs(ahead) > _TRAVEL else timedelta(0)


def ages(clock: Callable[[], datetime]) -> Callable[[], float]:
    """The monotonic clock in seconds, by which the age of kept answers is told, that belongs to a time of day."""
    return clock.seconds if isinstance(clock, SandboxFollower) else time.monotonic
