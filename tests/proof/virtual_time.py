"""An event loop whose time is not waited for: when nothing can run, it jumps to the next thing that is due."""

import asyncio
import selectors
from typing import Any

_LEAST = 1e-6  # A wait so short that a float cannot add it to the time would never be over.


class _Jumping(selectors.DefaultSelector):
    """Lets the wait that it was asked for go by at once. Nobody sends anything here: there is nothing to look for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is due any more, and somebody still waits")
        if timeout > 0:
            self.now += max(timeout, _LEAST)
        return ()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Minutes pass in microseconds. Nothing in it may wait for a thread or a socket."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)
        # What a dropped process leaves behind has failed on purpose, and nobody is there to look at it.
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        return self._jumping.now
