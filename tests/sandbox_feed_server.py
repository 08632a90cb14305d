"""A brand's web server for its feed, as the sandbox's scans meet it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEAD = "upc,qty,percent revenue retained,shipping cost,country"


@dataclass
class FeedServer:
    """Answers every request with `body` under `status`; `asked` are the requests' heads, in lower case."""

    body: bytes = b""
    status: int = 200
    etag: str = ""
    cut: int = 0
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def serve(self, *rows: str, head: str = HEAD) -> None:
        self.body = "\n".join([head, *rows]).encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        known = bool(self.etag) and f"if-none-match: {self.etag}" in self.asked[-1]
        body = b"" if known else self.body
        tag = f"ETag: {self.etag}\r\n" if self.etag else ""
        head = (
            f"HTTP/1.1 {304 if known else self.status} So\r\n{tag}Content-Length: {len(body)}\r\nConnection: close\r\n"
        )
        writer.write(head.encode() + b"\r\n" + body[: len(body) - self.cut])
        await writer.drain()
        writer.close()


@asynccontextmanager
async def feed_server() -> AsyncIterator[FeedServer]:
    served = FeedServer()
    server = await asyncio.start_server(served.answer, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed.csv"
    yield served
    server.close()
