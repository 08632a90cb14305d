"""A thousand requests at one moment, each on a connection of its own that was opened before."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_ANSWER_SECONDS = 120  # For all of them; a busy machine takes its time.


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; status 0 where the connection ended without one. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def code(self) -> str:
        """A problem's code, or the status of the checkout."""
        return str(self.document.get("code") or self.document["status"]) if self.status else "no answer"


def write_request(path: str, token: str, using: str, body: dict[str, Any]) -> bytes:
    """A POST with an Idempotency-Key, after whose answer the connection is closed."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: service.test",
        "Connection: close",
        f"Authorization: Bearer {token}",
        f"Idempotency-Key: {using}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def ask_at_once(urls: list[str], requests: Iterable[bytes]) -> list[Answer]:
    """Send all requests together, by turns to each address, once every connection is open."""
    sent = list(requests)
    gate = asyncio.Barrier(len(sent))
    asked = (_ask(urls[number % len(urls)], request, gate) for number, request in enumerate(sent))
    return await asyncio.wait_for(asyncio.gather(*asked), _ANSWER_SECONDS)


async def _ask(url: str, request: bytes, gate: asyncio.Barrier) -> Answer:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    with closing(writer):
        await gate.wait()
        writer.write(request)
        try:
            return read_answer(await reader.read(-1))
        except ConnectionError:
            return Answer(0, {}, b"")


def read_answer(data: bytes) -> Answer:
    """Bytes up to the end of a connection as an answer."""
    head, found, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not found:
        return Answer(0, {}, b"")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    whole = len(body) == int(headers["content-length"])
    return Answer(int(first.split()[1]), headers, body) if whole else Answer(0, {}, b"")
