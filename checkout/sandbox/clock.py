"""The sandbox's clock: real time plus what a caller advanced it by."""

from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Tells the time of the sandbox's world; only ever moves forward, except on `reset`."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move the world's time forward. Raises ValueError for a negative span."""
        if by < timedelta(0):
            raise ValueError("the clock only moves forward")
        self._ahead += by

    def reset(self) -> None:
        self._ahead = timedelta(0)

    @property
    def ahead(self) -> timedelta:
        return self._ahead
