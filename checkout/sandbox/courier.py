"""The courier: delivers webhooks in the background, one after another, in the order in which they were handed over."""

import asyncio
import http.client
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10
_RETRY_SECONDS = 1.0
# A wait is slept in short pieces, since a fresh start drops what waits.
_NAP_SECONDS = 0.1


@dataclass(frozen=True)
class Parcel:
    """One webhook: it leaves `delay` seconds after it is handed over, `copies` times, each tried `attempts` times."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    attempts: int = 1
    copies: int = 1
    delay: float = 0


Report = Callable[[int | None], None]


class Courier:
    """Locally documents neither retries nor an order of delivery: a parcel that fails is dropped."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Parcel, Report]] = deque()
        self._round: asyncio.Task[None] | None = None

    def send(self, parcel: Parcel, report: Report) -> None:
        """Take a parcel; needs a running event loop and returns at once.

        `report` is given the receiver's last status for each copy, None for one that did not answer.
        """
        loop = asyncio.get_running_loop()
        self._waiting.append((loop.time() + parcel.delay, parcel, report))
        if self._round is None or self._round.done():
            self._round = loop.create_task(self._deliver_all(loop))

    def drop_all(self) -> None:
        self._waiting.clear()

    async def _deliver_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            left = self._waiting[0][0] - loop.time()
            if left > 0:
                await asyncio.sleep(min(left, _NAP_SECONDS))
                continue
            _, parcel, report = self._waiting.popleft()
            for _ in range(parcel.copies):
                report(await _try(parcel))


async def _try(parcel: Parcel) -> int | None:
    status = await deliver(parcel)
    for _ in range(parcel.attempts - 1):
        if status is not None and 200 <= status < 300:
            break
        await asyncio.sleep(_RETRY_SECONDS)
        status = await deliver(parcel)
    return status


async def deliver(parcel: Parcel) -> int | None:
    """Send a parcel once and now. The receiver's status, None if it did not answer."""
    return await asyncio.to_thread(_deliver, parcel)


def _deliver(parcel: Parcel) -> int | None:
    address = urlsplit(parcel.url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.request(parcel.method, target, parcel.body, parcel.headers)
        return connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
