"""The sandbox's clock: real time plus what a caller advanced it by."""

from datetime import UTC, datetime, timedelta

_FARTHEST = timedelta(days=100 * 366)


class SandboxClock:
    """Tells the time of the sandbox's world; only ever moves forward, except on `reset`."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move the world's time forward. Raises ValueError for a negative span, and beyond a hundred years ahead."""
        if by < timedelta(0):
            raise ValueError("the clock only moves forward")
        if self._ahead + by > _FARTHEST:
            raise ValueError("the clock goes no farther than a hundred years ahead")
        self._ahead += by

    def reset(self) -> None:
        self._ahead = timedelta(0)

    @property
    def ahead(self) -> timedelta:
        return self._ahead
