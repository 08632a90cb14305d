"""An HTTP server that takes every webhook and remembers it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.sandbox_shopper import Json

_PATIENCE_SECONDS = 20


@dataclass
class Mail:
    """One webhook as it came, its header names in lower case."""

    method: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Json:
        told: Json = json.loads(self.raw)
        return told


@dataclass
class Mailbox:
    """Takes what carries its token, or no token at all if it has none; the rest it answers with 401."""

    token: str | None
    url: str = ""
    received: list[Mail] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append(Mail(request.split()[0], headers, raw))
        self.arrived.set()
        status = b"204 No Content" if headers.get("locally-webhook-token") == self.token else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def wait_for(self, count: int) -> list[Json]:
        """The bodies of all that came, once so many have."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(self.received) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return [mail.body for mail in self.received]

    async def words(self, count: int) -> list[str]:
        """The statuses told, in the order of their coming."""
        return [body.get("sts_status") or body["status"] for body in await self.wait_for(count)]


@asynccontextmanager
async def open_mailbox(token: str | None) -> AsyncIterator[Mailbox]:
    box = Mailbox(token)
    server = await asyncio.start_server(box.take, "127.0.0.1", 0)
    box.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    yield box
    server.close()
