"""A disk after a power loss: what was synced is there, and of the rest anything that a real disk could show.

The model: a file's content is certain up to its last sync. Of each sector written since, the disk shows any one of its
versions, whatever became of the others; the size may be any that the file has had since; what was added but never
written is zeros or rubbish. A name that was made or deleted shows any version since its directory was last synced.
That a write spoils no byte beside it within its sector ("powersafe overwrite") is assumed, as SQLite does.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

SECTOR = 512
_PAGE = 8  # Sectors.

# Of the versions of a sector since the last sync, oldest first and counted from 1, which one is there; 0: none of them.
Choice = Callable[[int, int], int]


@dataclass
class _Content:
    """One file: its bytes at the last sync, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[Any, ...]] = field(default_factory=list)

    def settle(self) -> None:
        """A sync: nothing that was done so far can be lost any more."""
        for change in self.pending:
            _apply(self.durable, change)
        self.pending.clear()

    def after_loss(self, choose: Choice, chance: random.Random) -> bytes:
        if not self.pending:
            return bytes(self.durable)
        versions = Counter(sector for change in self.pending for sector, _ in _sectors(change))
        shown = {sector: choose(sector, number) for sector, number in versions.items()}
        sizes = self._sizes()
        last = choose(-1, len(self.pending))
        content = self.durable.ljust(max(sizes), b"\0")
        if chance.random() < 0.2:
            content[len(self.durable) :] = chance.randbytes(len(content) - len(self.durable))
        passed = Counter[int]()
        for number, change in enumerate(self.pending):
            if change[0] == "truncate" and number < last:
                _apply(content, change)
            for sector, piece in _sectors(change):
                passed[sector] += 1
                if passed[sector] <= shown[sector]:
                    _apply(content, piece)
        return bytes(content[: sizes[last]].ljust(sizes[last], b"\0"))

    def _sizes(self) -> list[int]:
        """The size at the last sync, and after each change since."""
        sizes = [len(self.durable)]
        for change in self.pending:
            sizes.append(change[1] if change[0] == "truncate" else max(sizes[-1], change[1] + len(change[2])))
        return sizes


def _apply(content: bytearray, change: tuple[Any, ...]) -> None:
    """Carry out `("write", offset, bytes)` or `("truncate", size)`."""
    if change[0] == "truncate":
        del content[change[1] :]
        return
    _, offset, written = change
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(written)] = written


def _sectors(change: tuple[Any, ...]) -> list[tuple[int, tuple[Any, ...]]]:
    """A write cut at the borders of sectors. A truncation has none: it shows in the size alone."""
    if change[0] == "truncate":
        return []
    _, offset, written = change
    cuts = [offset, *range((offset // SECTOR + 1) * SECTOR, offset + len(written), SECTOR), offset + len(written)]
    return [
        (begin // SECTOR, ("write", begin, written[begin - offset : end - offset])) for begin, end in pairwise(cuts)
    ]


class Disk:
    """The files of one folder while the events of a recording are applied one by one."""

    def __init__(self) -> None:
        self._contents: dict[int, _Content] = {}
        # For each name, the file at the last sync of the directory and after each change since; None: no such name.
        self._names: dict[str, list[int | None]] = {}

    def apply(self, event: tuple[Any, ...]) -> None:
        match event:
            case ("create", name, file):
                self._contents[file] = _Content()
                self._names.setdefault(name, [None]).append(file)
            case ("delete", name):
                self._names[name].append(None)
            case ("sync directory",):
                self._names = {name: files[-1:] for name, files in self._names.items()}
            case ("sync", file):
                self._contents[file].settle()
            case ("write" | "truncate" as kind, file, *rest):
                self._contents[file].pending.append((kind, *rest))

    def untouched(self) -> dict[str, bytes]:
        """The files as every process sees them while the power is there."""
        return self._image(lambda _name, number: number, random.Random(0))  # noqa: S311  No secret.

    def after_loss(self, chance: random.Random) -> dict[str, bytes]:
        """The files as they may be found when the power is back."""
        return self._image(_chooser(chance), chance)

    def _image(self, choose: Choice, chance: random.Random) -> dict[str, bytes]:
        files = {name: versions[choose(-1, len(versions) - 1)] for name, versions in self._names.items()}
        return {
            name: self._contents[file].after_loss(choose, chance) for name, file in files.items() if file is not None
        }


def _chooser(chance: random.Random) -> Choice:
    """One way in which a disk may choose; the ways are those of real disks, from tidy to wild."""
    pages: dict[int, float] = {}
    share = chance.random()

    def any_version(_sector: int, number: int) -> int:
        return chance.randint(0, number)

    def by_page(sector: int, number: int) -> int:
        return round(pages.setdefault(sector // _PAGE, chance.random()) * number)

    def nearly_all(_sector: int, number: int) -> int:
        return number if chance.random() < 0.97 else chance.randint(0, number)

    def hardly_any(_sector: int, number: int) -> int:
        return 0 if chance.random() < 0.9 else chance.randint(0, number)

    def all_or_nothing(_sector: int, number: int) -> int:
        return number if chance.random() < share else 0

    ways: list[Choice] = [any_version, by_page, nearly_all, hardly_any, all_or_nothing]
    return chance.choice([*ways, lambda _sector, number: number, lambda _sector, _number: 0])
