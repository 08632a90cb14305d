"""The emergency journal: a file that takes what an upstream answered while the database takes nothing.

Each line is one sealed entry, synced before the next try at the database. It only shortens the doubt: without it the
attempt says `committing`, and is read back. So a line that cannot be written or read stops nothing.
"""

import base64
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography.exceptions import InvalidTag

from checkout.database import sync_folder
from checkout.keyring import Keyring

_PURPOSE = "emergency journal"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a call: `placed` (perhaps with the shopper's page at Locally) or `validated` (with the cart)."""

    attempt_id: str
    outcome: str
    cart_hash: str | None
    order_url: str | None


class Read(NamedTuple):
    """What stood in the file, with the line of each entry; its bytes, by which it is forgotten again.

    `misfits` are the lines that nobody could make use of.
    """

    entries: dict[Entry, bytes]
    misfits: list[bytes]
    content: bytes


class EmergencyJournal:
    """Lines in a file that several processes may share; `path` is None where there is none."""

    def __init__(self, path: Path | None, keyring: Keyring) -> None:
        self._path = path
        self._keyring = keyring

    def append(self, entry: Entry) -> None:
        """Write an entry and sync it. A failure is told to the log alone: the database is tried again anyway."""
        if self._path is None:
            return
        sealed = self._keyring.seal(json.dumps(asdict(entry)).encode(), _PURPOSE)
        try:
            _append(self._path, [base64.b64encode(sealed)])
        except OSError as error:
            log.error("emergency_journal_failed", attempt=entry.attempt_id, error=error.strerror)  # noqa: TRY400  The error says it all.

    def read(self) -> Read:
        """What stands in the file; a line that cannot be read is told to the log and is a misfit."""
        read = Read({}, [], self._content())
        for line in filter(None, read.content.splitlines()):
            entry = self._open(line)
            if entry is None:
                read.misfits.append(line)
            else:
                read.entries[entry] = line
        return read

    def _content(self) -> bytes:
        if self._path is None:
            return b""
        try:
            if not self._path.exists():
                return b""
            with _Locked(self._path) as file:  # Another process may be writing a line.
                return os.pread(file, os.fstat(file).st_size, 0)
        except OSError as error:
            log.error("emergency_journal_failed", error=error.strerror)  # noqa: TRY400  The error says it all.
            return b""

    def forget(self, read: Read) -> None:
        """The database has what was read: keep only what was appended since, and the misfits in a file of their own."""
        if self._path is None or not read.content:
            return
        try:
            with _Locked(self._path) as file:
                size = os.fstat(file).st_size
                content = os.pread(file, size, 0)
                if content.startswith(read.content):  # Else another process has been here.
                    _append(self._path.with_name(f"{self._path.name}.unreadable"), read.misfits)
                    os.ftruncate(file, 0)
                    os.write(file, content[len(read.content) :])
                    os.fsync(file)
        except OSError as error:
            log.error("emergency_journal_failed", error=error.strerror)  # noqa: TRY400  The error says it all.

    def _open(self, line: bytes) -> Entry | None:
        try:
            return Entry(**json.loads(self._keyring.unseal(base64.b64decode(line, validate=True), _PURPOSE)))
        except (ValueError, TypeError, InvalidTag):
            log.error("emergency_line_unreadable", length=len(line))  # noqa: TRY400  So does this.
            return None


class _Locked:
    """A file open for appending, alone among all processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError:
            os.close(self._file)
            raise
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _append(path: Path, lines: list[bytes]) -> None:
    """Write lines to the end of a file, durably. A line that a crash cut short must not swallow the next one."""
    if not lines:
        return
    with _Locked(path) as file:
        os.write(file, b"".join(b"\n" + line + b"\n" for line in lines))
        os.fsync(file)
    sync_folder(path.parent)
