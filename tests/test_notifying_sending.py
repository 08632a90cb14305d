"""One try over a real socket, what it shows, and when the next one is due."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from checkout.database import DueDelivery
from checkout.notifying.endpoints import Endpoint, endpoints_of
from checkout.notifying.sending import Shown, send
from checkout.notifying.waiting import MOST_TRIES, delay_after, is_delivered, read_retry_after
from checkout.transport import open_client
from tests.notifying_world import SECRET
from tests.service import make_settings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DUE = DueDelivery(id=1, tries=0, topic="order.updated", message_id="msg_1", body=b'{"type": "order.updated"}')


class Receiver:
    """A server that says the same bytes to every request, and counts them."""

    def __init__(self, says: bytes, *, goes_on: bool = False) -> None:
        self.says = says
        self.goes_on = goes_on
        self.requests: list[bytes] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        over, ended = asyncio.Event(), []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ended.append(done := asyncio.Event())
            try:
                self.requests.append(await reader.read(65536))
                writer.write(self.says)
                await writer.drain()
                if self.goes_on:
                    await over.wait()
            except OSError:  # Whoever speaks TLS hangs up.
                pass
            finally:
                writer.close()
                done.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield int(server.sockets[0].getsockname()[1])
            over.set()
            for done in ended:
                await done.wait()


def at_port(port: int, scheme: str = "http") -> Endpoint:
    settings = make_settings(webhooks=f'[{{"url": "{scheme}://127.0.0.1:{port}/hooks", "secret": "{SECRET}"}}]')
    return endpoints_of(settings)[0]


async def shown_by(port: int, scheme: str = "http") -> Shown:
    async with open_client("", timeout=15, keepalive=False) as client:
        return await send(client, at_port(port, scheme), DUE, NOW)


async def test_answer_counts_and_its_body_is_not_waited_for() -> None:
    receiver = Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nonly the beginning", goes_on=True)
    async with receiver.running() as port:
        shown = await asyncio.wait_for(shown_by(port), 10)
    assert (shown.status, shown.fault) == (200, None)
    assert receiver.requests[0].startswith(b"POST /hooks HTTP/1.1\r\n")


async def test_redirects_are_not_followed() -> None:
    other = Receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    async with other.running() as elsewhere:
        answer = (
            f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        )
        async with Receiver(answer.encode()).running() as port:
            shown = await shown_by(port)
    assert shown.status == 307
    assert not is_delivered(shown.status)
    assert other.requests == []


async def test_silence_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.notifying.sending.WITHIN", 0.2)
    async with Receiver(b"", goes_on=True).running() as port:
        shown = await shown_by(port)
    assert (shown.status, shown.fault) == (None, "timeout")
    assert shown.milliseconds >= 200


async def test_each_failure_has_its_name() -> None:
    async with Receiver(b"").running() as port:
        assert (await shown_by(port)).fault == "broken"
    async with Receiver(b"no HTTP at all\r\n\r\n").running() as port:
        assert (await shown_by(port)).fault == "broken"
        assert (await shown_by(port, "https")).fault == "tls"
    assert (await shown_by(port)).fault == "unreachable"


@pytest.mark.parametrize(("status", "is_taken"), [(200, True), (299, True), (199, False), (301, False), (None, False)])
def test_only_2xx_is_delivered(status: int | None, is_taken: bool) -> None:
    assert is_delivered(status) is is_taken


def test_delays_grow_and_end() -> None:
    delays = [delay_after(tries, 500, None, 0) for tries in range(1, MOST_TRIES + 1)]
    assert delays[0] == timedelta(seconds=5)
    assert delays[-1] is None
    known = [delay for delay in delays if delay is not None]
    assert known == sorted(known)
    assert timedelta(days=3) <= sum(known, timedelta()) <= timedelta(days=3.5)


def test_jitter_adds_a_tenth_at_most() -> None:
    assert delay_after(2, None, None, 1) == timedelta(minutes=5.5)


def test_gone_is_given_up_at_once() -> None:
    assert delay_after(1, 410, None, 0) is None


@pytest.mark.parametrize(
    ("status", "asked", "waits"),
    [
        (429, timedelta(hours=1), timedelta(hours=1)),
        (503, timedelta(days=9), timedelta(days=1)),
        (503, timedelta(0), timedelta(seconds=5)),
        (500, timedelta(hours=1), timedelta(seconds=5)),
        (429, None, timedelta(seconds=5)),
    ],
)
def test_pause_that_is_asked_for_is_kept_within_bounds(status: int, asked: timedelta | None, waits: timedelta) -> None:
    assert delay_after(1, status, asked, 0) == waits


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("120", timedelta(minutes=2)),
        ("9" * 5000, timedelta(days=1)),
        ("Sun, 22 Nov 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_or_ignored(value: str | None, asked: timedelta | None) -> None:
    assert read_retry_after(value, NOW) == asked


def test_endpoint_has_another_id_for_each_brand_and_address() -> None:
    assert at_port(1).id == at_port(1).id
    assert at_port(1).id != at_port(2).id
    assert "127.0.0.1" not in at_port(1).id
    webhooks = f'[{{"url": "http://127.0.0.1:1/hooks", "secret": "{SECRET}"}}]'
    assert endpoints_of(make_settings(webhooks=webhooks, brand="other"))[0].id != at_port(1).id
