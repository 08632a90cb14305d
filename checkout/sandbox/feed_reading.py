"""The available-to-sell feed fetched: whatever its address answers ends as a sheet, or as the reason for none."""

import hashlib
import http.client
import tempfile
from collections.abc import Container
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO
from urllib.parse import urlsplit

from checkout.sandbox.feed_sheet import Sheet, read_sheet

_TIMEOUT_SECONDS = 10
_PIECE = 1 << 16
_MOST_BYTES = 256 << 20
_IN_MEMORY_BYTES = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """What a scan came by. Without a `fault` the feed is there; without a sheet it is what it was."""

    status: int | None
    fault: str = ""
    sheet: Sheet | None = None
    digest: str = ""
    etag: str = ""


def fetch_feed(url: str, etag: str, known: Container[str]) -> Fetched:
    """Ask for the feed, `etag` being that of the sheet at hand. Never raises for what the other side does."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    headers = {"Accept": "text/csv", "User-Agent": "locally-sandbox"} | ({"If-None-Match": etag} if etag else {})
    try:
        connection.request("GET", target, headers=headers)
        return _judge(connection.getresponse(), known)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Fetched(None, f"the feed could not be read: {type(error).__name__}")
    finally:
        connection.close()


def _judge(answer: http.client.HTTPResponse, known: Container[str]) -> Fetched:
    if answer.status == 304:
        return Fetched(304)
    if answer.status != 200:
        return Fetched(answer.status, f"the feed's address answered {answer.status}")
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as kept:
        digest = _keep(answer, kept)
        kept.seek(0)
        # What is not UTF-8 shows in the rows where it matters: those are digits, and so no words.
        sheet = read_sheet(TextIOWrapper(kept, "utf-8-sig", "replace", newline=""), known)
    if not sheet.is_a_feed:
        return Fetched(200, "the feed has no sound row", sheet)
    return Fetched(200, "", sheet, digest, answer.headers.get("ETag", ""))


def _keep(answer: http.client.HTTPResponse, kept: IO[bytes]) -> str:
    """The body's digest. Raises ValueError for one that ends early or never, HTTPException."""
    digest, size = hashlib.sha256(), 0
    while piece := answer.read(_PIECE):
        size += len(piece)
        if size > _MOST_BYTES:
            raise ValueError("too long")
        digest.update(piece)
        kept.write(piece)
    if answer.length:
        raise ValueError("cut off")
    return digest.hexdigest()
