"""What SQLite really does to a disk: its writes, syncs, creations and deletions, noted as they happen.

The library that Python's own `sqlite3` uses reaches files through a table of functions, its VFS. Here that table is
copied, the few functions that change a disk are preceded by a note, and the copy becomes the default. So the product's
driver is watched unchanged. File format and functions: https://www.sqlite.org/c3ref/vfs.html
"""

import _sqlite3
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_OK = 0
_NAME = b"checkout-proof"
_DIRECTORY = b"openDirectory"  # The system call before a directory is synced.

_OPEN = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_WRITE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = ctypes.CFUNCTYPE(c_int, c_void_p, c_int)
_CLOSE = ctypes.CFUNCTYPE(c_int, c_void_p)
_OPEN_DIRECTORY = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
_SET_CALL = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GET_CALL = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_char_p)


class _Vfs(Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        *[(f"unused{number}", c_void_p) for number in range(11)],
        ("xSetSystemCall", c_void_p),
        ("xGetSystemCall", c_void_p),
        ("xNextSystemCall", c_void_p),
    ]


class _Methods(Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = [
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", c_void_p),
        ("xWrite", c_void_p),
        ("xTruncate", c_void_p),
        ("xSync", c_void_p),
        *[(f"unused{number}", c_void_p) for number in range(13)],
    ]


class _File(Structure):
    """`sqlite3_file`: what stands behind the pointer is the VFS's own."""

    _fields_ = [("pMethods", POINTER(_Methods))]


@dataclass
class Recording:
    """What was done to the files of one folder, in its order, with notes of what was known when.

    Events: `("write", file, offset, bytes)`, `("truncate", file, size)`, `("sync", file)`, `("create", name, file)`,
    `("delete", name)`, `("sync directory",)` and `("note", anything)`. A file is a number; a name may change its file.
    """

    folder: Path
    events: list[tuple[Any, ...]] = field(default_factory=list)
    begins_at: int = 0  # The events before this one put the files there that the recording began with.
    _files: dict[str, int] = field(default_factory=dict)
    _numbers: int = 0

    def note(self, what: Any) -> None:
        self.events.append(("note", what))

    def adopt(self) -> None:
        """Begin with the files that the folder holds: they are on the disk."""
        for path in sorted(self.folder.iterdir()):
            file = self.opened(path.name, existed=False)
            self.events += [("write", file, 0, path.read_bytes()), ("sync", file), ("sync directory",)]
        self.begins_at = len(self.events)

    def opened(self, name: str, *, existed: bool) -> int:
        """The number of a file that was opened under a name."""
        if existed:
            return self._files[name]
        self._numbers += 1
        self._files[name] = self._numbers
        self.events.append(("create", name, self._numbers))
        return self._numbers

    def deleted(self, name: str) -> None:
        self._files.pop(name, None)
        self.events.append(("delete", name))


class _Shim:
    """The copied table, and the files that are open through it. Lives as long as the process."""

    def __init__(self) -> None:
        self._library = _library()
        self._real_at: int = self._library.sqlite3_vfs_find(None)
        real = _Vfs.from_address(self._real_at)
        if real.iVersion < 3:
            raise AssertionError(f"SQLite's VFS {real.zName!r} is of version {real.iVersion}: its calls cannot be seen")
        self._open, self._delete = _OPEN(real.xOpen), _DELETE(real.xDelete)
        self._set_call = _SET_CALL(real.xSetSystemCall)
        get_call = _GET_CALL(real.xGetSystemCall)
        self._open_directory = _OPEN_DIRECTORY(get_call(self._real_at, _DIRECTORY))
        self._copy = _Vfs.from_buffer_copy(real)
        self._copy.zName = _NAME
        self._callbacks = (_OPEN(self._on_open), _DELETE(self._on_delete), _OPEN_DIRECTORY(self._on_open_directory))
        self._copy.xOpen, self._copy.xDelete = (_address(each) for each in self._callbacks[:2])
        self._methods: dict[int, tuple[_Methods, tuple[Any, ...]]] = {}
        self._files: dict[int, tuple[Recording, int]] = {}
        self._directory_was_opened = False
        self.recording: Recording | None = None

    @contextmanager
    def installed(self, recording: Recording) -> Iterator[None]:
        assert self.recording is None, "one recording at a time"
        self.recording = recording
        self._library.sqlite3_vfs_register(ctypes.byref(self._copy), 1)
        self._set_call(self._real_at, _DIRECTORY, _address(self._callbacks[2]))
        try:
            yield
        finally:
            self._set_call(self._real_at, _DIRECTORY, None)
            self._library.sqlite3_vfs_unregister(ctypes.byref(self._copy))
            self.recording = None

    def _watched(self, name_at: int | None) -> str | None:
        """The name of a file inside the recorded folder; None for all others."""
        if self.recording is None or not name_at:
            return None
        path = Path(ctypes.string_at(name_at).decode())
        return path.name if path.parent == self.recording.folder else None

    def _on_open(self, _vfs: int, name_at: int | None, file_at: int, flags: int, flags_out: int | None) -> int:
        name, recording = self._watched(name_at), self.recording
        existed = name is not None and recording is not None and (recording.folder / name).exists()
        outcome: int = self._open(self._real_at, name_at, file_at, flags, flags_out)
        if outcome == _OK and name is not None and recording is not None:
            self._files[file_at] = (recording, recording.opened(name, existed=existed))
            file = _File.from_address(file_at)
            file.pMethods = ctypes.pointer(self._watching(ctypes.addressof(file.pMethods.contents)))
        return outcome

    def _on_delete(self, _vfs: int, name_at: int, sync: int) -> int:
        name, recording = self._watched(name_at), self.recording
        self._directory_was_opened = False
        outcome: int = self._delete(self._real_at, name_at, sync)
        if outcome == _OK and name is not None and recording is not None:
            recording.deleted(name)
            self._note_directory(recording)
        return outcome

    def _on_open_directory(self, name_at: int, descriptor_at: int) -> int:
        self._directory_was_opened = True
        outcome: int = self._open_directory(name_at, descriptor_at)
        return outcome

    def _note_directory(self, recording: Recording) -> None:
        if self._directory_was_opened:
            recording.events.append(("sync directory",))

    def _watching(self, real_at: int) -> _Methods:
        """The functions of a file with notes before them: one copy for each table that the real VFS has."""
        if real_at not in self._methods:
            real = _Methods.from_address(real_at)
            copy = _Methods.from_buffer_copy(real)
            callbacks = self._callbacks_over(real)
            copy.xWrite, copy.xTruncate, copy.xSync, copy.xClose = (_address(each) for each in callbacks)
            self._methods[real_at] = (copy, callbacks)
        return self._methods[real_at][0]

    def _callbacks_over(self, real: _Methods) -> tuple[Any, ...]:
        write, truncate = _WRITE(real.xWrite), _TRUNCATE(real.xTruncate)
        sync, close = _SYNC(real.xSync), _CLOSE(real.xClose)

        def on_write(file_at: int, data_at: int, length: int, offset: int) -> int:
            recording, number = self._files[file_at]
            recording.events.append(("write", number, offset, ctypes.string_at(data_at, length)))
            return int(write(file_at, data_at, length, offset))

        def on_truncate(file_at: int, size: int) -> int:
            recording, number = self._files[file_at]
            recording.events.append(("truncate", number, size))
            return int(truncate(file_at, size))

        def on_sync(file_at: int, flags: int) -> int:
            recording, number = self._files[file_at]
            self._directory_was_opened = False
            outcome = int(sync(file_at, flags))
            if outcome == _OK:
                recording.events.append(("sync", number))
                self._note_directory(recording)
            return outcome

        def on_close(file_at: int) -> int:
            self._files.pop(file_at, None)
            return int(close(file_at))

        return _WRITE(on_write), _TRUNCATE(on_truncate), _SYNC(on_sync), _CLOSE(on_close)


def _address(callback: Any) -> int | None:
    return ctypes.cast(callback, c_void_p).value


def _library() -> ctypes.CDLL:
    """The very library that Python's `sqlite3` calls. Raises AssertionError where its functions are out of reach."""
    # The symbols of a loaded module include those of the libraries that it brought along.
    library = ctypes.CDLL(_sqlite3.__file__)
    try:
        library.sqlite3_vfs_find.restype = c_void_p
        library.sqlite3_vfs_find.argtypes = [c_char_p]
        library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        library.sqlite3_vfs_unregister.argtypes = [c_void_p]
    except AttributeError as error:
        raise AssertionError(
            "this Python has SQLite built in without its functions in reach (no sqlite3_vfs_find), so power losses "
            "cannot be tried here; use a Python that links the system's libsqlite3"
        ) from error
    return library


@cache
def _shim() -> _Shim:
    return _Shim()


@contextmanager
def recorded(folder: Path) -> Iterator[Recording]:
    """Note what SQLite does to the files of a folder through connections that are opened, and closed, in here."""
    recording = Recording(folder.resolve())
    recording.adopt()
    with _shim().installed(recording):
        yield recording
