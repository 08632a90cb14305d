"""What broken connections mean, over real sockets: nothing here stands in for the network."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx
import pytest

from checkout.errors import NotSent, OutcomeUnknown, UpstreamUnavailable
from checkout.locally_client import LocallyClient
from checkout.transport import FAILURES, MAX_ANSWER, AnswerTooLong, ConnectionLost, classify, fetch, open_client

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]

COMMITTED = {"success": True, "data": {"message": "Your order has been placed", "target_uri": "/order/A/B"}, "msg": ""}


class RawServer:
    """An HTTP server without manners: it does with the nth request what the nth behaviour says (the last one stays)."""

    def __init__(self, behaviours: tuple[Behaviour, ...], greeting: bytes | None) -> None:
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.connections = 0
        self.url = ""
        self._behaviours = behaviours
        self._greeting = greeting
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._greet(writer)
            while not writer.is_closing() and (request := await _read_request(reader)):
                self.requests.append(request)
                self.asked.set()
                nth = min(len(self.requests), len(self._behaviours)) - 1
                await self._behaviours[nth](writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _greet(self, writer: asyncio.StreamWriter) -> None:
        """Where a greeting is set: say it, whatever the client wants, and then nothing."""
        if self._greeting is not None:
            writer.write(self._greeting)
            await asyncio.Event().wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    return head + await reader.readexactly(length)


@asynccontextmanager
async def serving(*behaviours: Behaviour, greeting: bytes | None = None) -> AsyncIterator[RawServer]:
    raw = RawServer(behaviours, greeting)
    server = await asyncio.start_server(raw.serve_connection, "127.0.0.1", 0)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
        await raw.stop()
        await server.wait_closed()


def answer(body: Any, *headers: str, status: str = "200 OK") -> Behaviour:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", *headers, "", ""])
        writer.write(head.encode() + text)
        await writer.drain()

    return behave


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Send half an answer, then a TCP reset."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"success": true')
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def cut_short(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"success": true')
    await writer.drain()
    writer.close()


async def never_answer(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickle(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then: each wait for bytes is short, the whole has no end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def talk_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SMTP ready\r\n\r\n")
    writer.close()


async def spoil_a_chunk(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nxx\r\n")
    await writer.drain()


async def send_endless_header(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
    await writer.drain()


spoil_packing = answer(b"not packed at all", "Content-Encoding: gzip")

BREAKS = [
    hang_up,
    reset,
    cut_short,
    never_answer,
    trickle,
    talk_nonsense,
    spoil_a_chunk,
    send_endless_header,
    spoil_packing,
]


@asynccontextmanager
async def locally_at(
    url: str, *, keepalive: bool = False, waits: float = 3, read_timeout: float = 2, write_timeout: float = 0.3
) -> AsyncIterator[LocallyClient]:
    """A client whose pools wait for bytes (and a third as long for connections) so many seconds."""
    async with (
        open_client(url, timeout=waits) as reads,
        open_client(url, timeout=waits, keepalive=keepalive) as writes,
        open_client(url, timeout=waits, keepalive=False) as commits,
    ):
        yield LocallyClient(
            reads=reads,
            writes=writes,
            commits=commits,
            token="test_token",
            company_id=1,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
        )


@asynccontextmanager
async def nobody_listening() -> AsyncIterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("break_connection", BREAKS)
async def test_broken_commit_is_unknown_and_sent_once(break_connection: Behaviour) -> None:
    async with serving(break_connection) as server, locally_at(server.url) as locally:
        with pytest.raises(OutcomeUnknown):
            await locally.commit_cart("jwt", None)
        await asyncio.sleep(0.05)
        assert len(server.requests) == 1


@pytest.mark.parametrize("break_connection", BREAKS)
async def test_broken_write_on_kept_connection_is_sent_once(break_connection: Behaviour) -> None:
    async with serving(answer({"status": True}), break_connection) as server:
        async with locally_at(server.url, keepalive=True) as locally:
            await locally.update_item("A1", "686487455948", {"status": "confirmed"})
            with pytest.raises(OutcomeUnknown):
                await locally.update_item("A1", "686487455948", {"status": "fulfilled"})
            await asyncio.sleep(0.05)
        assert len(server.requests) == 2
        assert server.connections == 1


async def test_refused_connection_is_not_sent() -> None:
    async with nobody_listening() as url, locally_at(url) as locally:
        with pytest.raises(NotSent):
            await locally.commit_cart("jwt", None)


async def test_unresolvable_host_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def find_nothing(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", find_nothing)
    async with locally_at("http://locally.test") as locally:
        with pytest.raises(NotSent):
            await locally.commit_cart("jwt", None)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["failed", "stalled"])
async def test_broken_tls_handshake_is_not_sent(greeting: bytes) -> None:
    async with serving(greeting=greeting) as server:
        url = server.url.replace("http:", "https:")
        async with locally_at(url, waits=0.6, write_timeout=0.6) as locally:
            with pytest.raises(NotSent):
                await locally.commit_cart("jwt", None)
        assert server.connections == 1


async def test_full_pool_is_not_sent() -> None:
    async with serving(never_answer) as server, open_client(server.url, timeout=0.3, limit=1) as client:
        patient = httpx.Timeout(5)
        first = asyncio.create_task(fetch(client, "POST", "/", within=5, timeout=patient))
        await server.asked.wait()
        with pytest.raises(FAILURES) as caught:
            await fetch(client, "POST", "/", within=5)
        assert classify(caught.value) == "not_sent"
        assert len(server.requests) == 1
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.parametrize("break_connection", [hang_up, reset, cut_short, talk_nonsense])
async def test_broken_read_is_repeated_once(break_connection: Behaviour) -> None:
    places = {"success": True, "data": {"suggestions": []}}
    async with serving(break_connection, answer(places)) as server, locally_at(server.url) as locally:
        assert await locally.suggest_places("60605") == ()
        assert len(server.requests) == 2


@pytest.mark.parametrize("break_connection", [hang_up, reset, cut_short, talk_nonsense])
async def test_read_gives_up_after_one_repeat(break_connection: Behaviour) -> None:
    async with serving(break_connection) as server, locally_at(server.url) as locally:
        with pytest.raises(UpstreamUnavailable):
            await locally.read_cart("A1")
        assert len(server.requests) == 2


@pytest.mark.parametrize("stall", [never_answer, trickle])
async def test_stalled_read_ends_within_its_time(stall: Behaviour) -> None:
    async with serving(stall) as server, locally_at(server.url, read_timeout=0.3) as locally:
        with pytest.raises(UpstreamUnavailable):
            async with asyncio.timeout(2):
                await locally.read_cart("A1")
        assert len(server.requests) == 1


async def test_read_survives_a_dropped_kept_connection() -> None:
    places = answer({"success": True, "data": {"suggestions": []}})
    async with serving(places, hang_up, places) as server, locally_at(server.url) as locally:
        await locally.suggest_places("60605")
        assert await locally.suggest_places("60606") == ()
        assert (len(server.requests), server.connections) == (3, 2)


async def test_nothing_below_us_repeats_a_get() -> None:
    async with serving(hang_up) as server, open_client(server.url, timeout=3) as client:
        with pytest.raises(FAILURES) as caught:
            await fetch(client, "GET", "/", within=2)
        assert isinstance(caught.value.__cause__, ConnectionLost)
        assert classify(caught.value) == "unknown"
        assert len(server.requests) == 1


async def test_canceled_write_stays_canceled() -> None:
    async with serving(never_answer) as server, locally_at(server.url, write_timeout=5) as locally:
        task = asyncio.create_task(locally.commit_cart("jwt", None))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.requests) == 1


async def test_commits_keep_no_connection() -> None:
    async with serving(answer(COMMITTED)) as server, locally_at(server.url) as locally:
        await locally.commit_cart("jwt", None)
        await locally.commit_cart("jwt", None)
        assert server.connections == 2
        assert all(b"connection: close" in request.lower() for request in server.requests)


async def test_reads_share_a_kept_connection() -> None:
    async with serving(answer({"success": True, "data": {}})) as server, locally_at(server.url) as locally:
        await locally.suggest_places("60605")
        await locally.suggest_places("60606")
        assert (len(server.requests), server.connections) == (2, 1)


async def test_cookies_are_never_sent_back() -> None:
    setting = answer({}, "Set-Cookie: session=shopper-1; Path=/")
    async with serving(setting) as server:
        named = server.url.replace("127.0.0.1", "localhost")  # No jar keeps the cookies of a bare address.
        async with open_client(named, timeout=3) as client:
            await fetch(client, "GET", "/", within=2)
            await fetch(client, "GET", "/", within=2)
        assert len(server.requests) == 2
        assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_cookies_are_never_sent_back_over_other_transports() -> None:
    seen = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "session=shopper-1"})

    async with open_client("https://locally.test", timeout=1, transport=httpx.MockTransport(respond)) as client:
        await fetch(client, "GET", "/", within=2)
        await fetch(client, "GET", "/", within=2)
    assert seen == [None, None]


async def test_redirects_are_not_followed() -> None:
    redirect = answer({}, "Location: /elsewhere", status="307 Temporary Redirect")
    async with serving(redirect) as server, open_client(server.url, timeout=3) as client:
        assert (await fetch(client, "POST", "/", within=2)).status == 307
        assert len(server.requests) == 1


@pytest.mark.parametrize("packed", [False, True])
async def test_oversized_answer_is_refused(packed: bool) -> None:
    body = b" " * (MAX_ANSWER + 1)
    huge = answer(gzip.compress(body), "Content-Encoding: gzip") if packed else answer(body)
    async with serving(huge) as server, open_client(server.url, timeout=3) as client:
        with pytest.raises(AnswerTooLong) as caught:
            await fetch(client, "GET", "/", within=2)
        assert classify(caught.value) == "unknown"


async def test_largest_answer_is_read() -> None:
    async with serving(answer(b" " * MAX_ANSWER)) as server, open_client(server.url, timeout=3) as client:
        assert len((await fetch(client, "GET", "/", within=2)).body) == MAX_ANSWER


async def test_queries_arrive_as_typed() -> None:
    async with serving(answer({"success": True, "data": {}})) as server, locally_at(server.url) as locally:
        await locally.suggest_places("A+B & C/é?=%")
        target = server.requests[0].split(b" ")[1].decode()
        assert parse_qs(urlsplit(target).query) == {"query": ["A+B & C/é?=%"]}


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        (httpx.ConnectError(""), "not_sent"),
        (httpx.ConnectTimeout(""), "not_sent"),
        (httpx.PoolTimeout(""), "not_sent"),
        (_caused(httpx.ConnectTimeout(""), aiohttp.ConnectionTimeoutError()), "not_sent"),
        (_caused(httpx.ConnectTimeout(""), aiohttp.ServerDisconnectedError()), "unknown"),
        (_caused(httpx.ConnectTimeout(""), aiohttp.ClientOSError(32, "Broken pipe")), "unknown"),
        (_caused(httpx.ReadTimeout(""), aiohttp.SocketTimeoutError()), "unknown"),
        (_caused(httpx.ReadError(""), aiohttp.ClientPayloadError()), "unknown"),
        (httpx.ReadTimeout(""), "unknown"),
        (httpx.WriteError(""), "unknown"),
        (httpx.WriteTimeout(""), "unknown"),
        (httpx.RemoteProtocolError(""), "unknown"),
        (TimeoutError(), "unknown"),
        (ConnectionResetError(), "unknown"),
    ],
)
def test_only_proof_makes_a_failure_not_sent(error: Exception, evidence: str) -> None:
    assert classify(error) == evidence
