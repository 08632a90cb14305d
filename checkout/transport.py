"""How we speak HTTP to the upstreams: the clients, one exchange within one time limit, and what a failure proves.

httpx is the interface, aiohttp the transport beneath it: httpx's own pool costs several times the CPU under load.
"""

import asyncio
import logging
import ssl
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, NamedTuple

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

MAX_ANSWER = 2 * 1024 * 1024
_KEEP_IDLE = 30.0  # Seconds that an idle connection is kept.
_CONNECT_WITHIN = 3.0  # A host that does not accept a connection by then is down.

# Everything that a broken exchange can raise: httpx-aiohttp passes what it does not know (a malformed status line, a
# failed upload) on as aiohttp raised it, and TimeoutError is an OSError.
FAILURES = (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError)

Evidence = Literal["not_sent", "unknown"]


class AnswerTooLong(httpx.HTTPError):
    """The answer's body is over MAX_ANSWER."""


class ConnectionLost(aiohttp.ClientConnectionError):
    """A connection that was open broke before the answer was complete: what became of the request is unknown."""


class Exchange(NamedTuple):
    """An answer as it came: its body is whole, and not judged yet."""

    status: int
    headers: httpx.Headers
    body: bytes


def open_client(
    base_url: str,
    *,
    timeout: float,
    limit: int = 100,
    keepalive: bool = True,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """A client with a pool of its own of at most `limit` connections; the caller closes it.

    `timeout` in seconds bounds each wait for bytes; `fetch` bounds the whole exchange. `keepalive=False` makes one
    connection per call: a kept one that the server has just dropped would turn "never sent" into "unknown".
    `transport` replaces the network in tests.
    """
    # httpx logs whole URLs at INFO, and what shoppers type stands in their queries.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return httpx.AsyncClient(
        base_url=base_url,
        transport=transport or _network(limit, keepalive=keepalive),
        timeout=_waits(timeout),
        headers={} if keepalive else {"Connection": "close"},
        cookies=_no_cookies(),
        follow_redirects=False,
        trust_env=False,
    )


async def fetch(client: httpx.AsyncClient, method: str, url: str, *, within: float, **request: Any) -> Exchange:
    """One exchange, body included, within so many seconds. Raises one of FAILURES; never repeats anything."""
    async with asyncio.timeout(within), client.stream(method, url, **request) as response:
        body = await _read_body(response)
    return Exchange(response.status_code, response.headers, body)


def classify(error: BaseException) -> Evidence:
    """What a failure of `fetch` proves about the request: that it never left, or nothing.

    The cause decides, not httpx's name for it: httpx-aiohttp calls a server that hung up after it had read the
    request a ConnectTimeout. aiohttp's ConnectionTimeoutError covers the wait for a connection of the pool, DNS, TCP
    and TLS, ClientConnectorError their failures; nothing of the request is written before they are over.
    """
    cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    if isinstance(cause, aiohttp.ClientError):
        never_left = isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    else:
        never_left = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)
    return "not_sent" if never_left else "unknown"


async def _read_body(response: httpx.Response) -> bytes:
    chunks = bytearray()
    async for chunk in response.aiter_bytes():
        chunks += chunk
        if len(chunks) > MAX_ANSWER:
            raise AnswerTooLong(f"more than {MAX_ANSWER} bytes")
    return bytes(chunks)


def _waits(timeout: float) -> httpx.Timeout:
    """The single waits of an exchange that may take so many seconds as a whole.

    Connecting gets a part of them, so that its failure shows as such before the whole time is over. httpx-aiohttp
    reads "pool" as the limit of everything up to an open connection, DNS and connecting included.
    """
    connect = min(_CONNECT_WITHIN, timeout / 3)
    return httpx.Timeout(timeout, connect=connect, pool=1.5 * connect)


def _no_cookies() -> CookieJar:
    """A jar that takes and gives nothing: Locally must not recognise one shopper's call by another's cookie."""
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _network(limit: int, *, keepalive: bool) -> AiohttpTransport:
    def open_pool() -> aiohttp.ClientSession:
        idle = _KEEP_IDLE if keepalive else None
        connector = aiohttp.TCPConnector(limit=limit, ssl=_tls(), keepalive_timeout=idle, force_close=not keepalive)
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), middlewares=(_send_once,)
        )

    return AiohttpTransport(verify=_tls(), trust_env=False, client=open_pool)


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or PUT again by itself, which it does after these two errors."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise ConnectionLost(type(error).__name__) from error
