"""One try to deliver a message, and what it showed."""

import asyncio
from datetime import datetime
from typing import NamedTuple

import aiohttp
import httpx

from checkout.database import DueDelivery
from checkout.notifying.endpoints import Endpoint
from checkout.transport import FAILURES, classify

WITHIN = 15.0  # A receiver that does more than keep the message should do so after it has answered.


class Shown(NamedTuple):
    """What a try showed: the endpoint's answer, or why there is none."""

    milliseconds: int
    status: int | None = None
    retry_after: str | None = None
    fault: str | None = None


async def send(client: httpx.AsyncClient, endpoint: Endpoint, due: DueDelivery, at: datetime) -> Shown:
    """Send a message once. Redirects are not followed, and the answer's body is not read: its status says all."""
    headers = endpoint.headers(due.message_id, due.body, at)
    now = asyncio.get_running_loop().time
    begun = now()

    def took() -> int:
        return round((now() - begun) * 1000)

    try:
        async with (
            asyncio.timeout(WITHIN),
            client.stream("POST", endpoint.url, content=due.body, headers=headers) as answer,
        ):
            return Shown(took(), answer.status_code, answer.headers.get("retry-after"))
    except FAILURES as error:
        return Shown(took(), fault=_fault(error))


def _fault(error: BaseException) -> str:
    if isinstance(error.__cause__, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        return "tls"
    if classify(error) == "not_sent":
        return "unreachable"
    # httpx-aiohttp calls a hang-up a timeout too; its cause is none.
    is_late = isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError)
    return "timeout" if is_late else "broken"
