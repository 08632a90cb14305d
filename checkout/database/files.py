"""The files of a SQLite database: the lock that keeps a second service out, and whether they are those we opened."""

import os
from pathlib import Path
from typing import IO

import structlog

from checkout.errors import SettingsFault

log = structlog.get_logger(__name__)

_Identity = tuple[int, int] | None


class HeldFiles:
    """A database file with its journal, held by this process through the lock beside it.

    Whoever deletes or replaces an open file takes its name away and leaves us writing into nothing that a next start
    would find. So the names are compared with what was opened: at every group of writes and every read.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises SettingsFault where another service has it, OSError where there can be none."""
        _make_folder(path.parent)
        self._path = path
        self._journal = path.with_name(f"{path.name}-wal")
        self._lock = _lock_file(path)
        self._opened: tuple[_Identity, _Identity] | None = None
        self._were_there = True

    def opened(self) -> None:
        """Remember the files as they are now that the database is open."""
        self._opened = self._present()

    def require(self) -> None:
        """Raises OSError unless the names still lead to the files that were opened; moved back, they are good again."""
        are_there = self._opened is None or self._present() == self._opened
        if self._were_there and not are_there:
            log.error("database_file_gone", file=str(self._path), mend="put it back, or stop the service")
        self._were_there = are_there
        if not are_there:
            raise FileNotFoundError(f"{self._path} is not the file that was opened")
        self._keep_lock()

    def close(self) -> None:
        self._lock.close()

    def _present(self) -> tuple[_Identity, _Identity]:
        return _identity(self._path), _identity(self._journal)

    def _keep_lock(self) -> None:
        """Take the lock again where somebody deleted its file, as left over. Raises OSError if another was faster."""
        here = os.fstat(self._lock.fileno())
        if _identity(lock_of(self._path)) == (here.st_dev, here.st_ino):
            return
        try:
            fresh = _lock_file(self._path)
        except SettingsFault as error:
            raise FileExistsError(error.lines[0]) from error
        self._lock.close()
        self._lock = fresh


def lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def sync_folder(folder: Path) -> None:
    """A file that was just made is found again after a power loss only if its folder was synced too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_unused(path: Path) -> None:
    """Raises SettingsFault where a service is running on this SQLite file."""
    _lock_file(path).close()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; SQLite syncs its files' folder, but not the one that a new folder is in."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _identity(path: Path) -> _Identity:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _lock_file(path: Path) -> IO[str]:
    """Hold the lock beside the database: two services on one file would not see each other's attempts."""
    import fcntl

    handle = lock_of(path).open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        line = f"CHECKOUT_DATABASE_URL: another service is running on {path.name}; stop it, or use PostgreSQL"
        raise SettingsFault((line,)) from None
    return handle
