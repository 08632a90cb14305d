"""The courier: delivers webhooks in the background, one after another, in the order in which they were written."""

import asyncio
import http.client
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10
_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Parcel:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    attempts: int = 1


class Courier:
    """Locally documents neither retries nor an order of delivery: a parcel that fails is dropped."""

    def __init__(self) -> None:
        self._waiting: deque[Parcel] = deque()
        self._round: asyncio.Task[None] | None = None

    def send(self, parcel: Parcel) -> None:
        """Take a parcel; needs a running event loop and returns at once."""
        self._waiting.append(parcel)
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._deliver_all())

    def drop_all(self) -> None:
        self._waiting.clear()

    async def _deliver_all(self) -> None:
        while self._waiting:
            parcel = self._waiting.popleft()
            for attempt in range(parcel.attempts):
                if attempt:
                    await asyncio.sleep(_RETRY_SECONDS)
                if await asyncio.to_thread(_deliver, parcel):
                    break


def _deliver(parcel: Parcel) -> bool:
    """Whether the receiver took it (a 2xx)."""
    address = urlsplit(parcel.url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.request(parcel.method, target, parcel.body, parcel.headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()
