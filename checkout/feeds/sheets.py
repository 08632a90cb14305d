"""A sheet: which column means what, and what is wrong where."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from checkout.feeds.numbers import Numbers, shown
from checkout.feeds.texts import CsvText, Record
from checkout.orders import normalize_upc

MOST_LISTED = 1000


class RowFault(NamedTuple):
    """What is wrong in one cell, or with a whole record where `column` is empty; lines count from 1."""

    line: int
    column: str
    code: str
    detail: str

    @property
    def place(self) -> str:
        return f"line {self.line}" + (f", {self.column}" if self.column else "")


@dataclass
class Faults:
    """All are counted, the first thousand kept. `rows` is how many records have any."""

    count: int = 0
    rows: int = 0
    listed: list[RowFault] = field(default_factory=list)

    def add(self, found: Sequence[RowFault]) -> None:
        """The faults of one record."""
        self.count += len(found)
        self.rows += 1
        self.listed += found[: MOST_LISTED - len(self.listed)]

    @property
    def summary(self) -> str:
        return f"{many(self.count, 'fault')} in {many(self.rows, 'row')}"


class Unsound(Exception):
    """A cell that cannot be taken; says its column, code and reason."""

    def __init__(self, column: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.code = code


class Columns(NamedTuple):
    """The columns that a sheet may have: in the documented order, for one without a header, and by other names."""

    documented: tuple[str, ...]
    names: Mapping[str, str]
    required: tuple[str, ...] = ("upc", "qty")

    def find(self, title: str) -> str | None:
        """Which column a title means, however it is spaced and spelled."""
        return self.names.get(re.sub(r"[\s_\-.:()]+", "", title).lower())


class Sheet:
    """The records of a file of CSV below its header. `places` says in which cell a column stands.

    `unknown` are titles of columns that mean nothing to us, which are passed over.
    """

    def __init__(self, file: BinaryIO, columns: Columns, faults: Faults) -> None:
        text = CsvText(file)
        self.numbers = Numbers(text.delimiter)
        self.faults = faults
        self.places: dict[str, int] = {}
        self.unknown: tuple[str, ...] = ()
        self._columns = columns
        self._records = text.records()
        self._width = len(columns.documented)
        self._first = self._read_header()

    def records(self) -> Iterator[Record]:
        """Those that can be read, with exactly as many cells as there are columns."""
        if self._first is not None:
            yield from self._whole(self._first)
        if self.places:
            for record in self._records:
                yield from self._whole(record)

    def _whole(self, record: Record) -> Iterator[Record]:
        cells, width = record.cells, self._width
        if record.fault is not None:
            self.faults.add([RowFault(record.line, "", "not_csv", f"This is not CSV: {record.fault}.")])
        elif len(cells) == width:
            yield record
        elif len(cells) < width:
            yield Record(record.line, cells + [""] * (width - len(cells)))
        elif any(cell.strip() for cell in cells[width:]):
            detail = f"It has {len(cells)} cells, and there are {width} columns."
            self.faults.add([RowFault(record.line, "", "too_many_cells", detail)])
        else:
            yield Record(record.line, cells[:width])

    def _read_header(self) -> Record | None:
        """Take the header; gives the first record where it is none."""
        first = next(self._records, None)
        if first is None:
            return None
        found = [self._columns.find(title) for title in first.cells]
        if first.fault is not None or not (any(found) or _is_title(first.cells[0])):
            self.places = {name: place for place, name in enumerate(self._columns.documented)}
            return first
        self._width = len(found)
        self.unknown = tuple(
            shown(title.strip())
            for title, name in zip(first.cells, found, strict=True)
            if name is None and title.strip()
        )
        self._take_places(first.line, found)
        return None

    def _take_places(self, line: int, found: list[str | None]) -> None:
        places = {name: place for place, name in enumerate(found) if name is not None}
        wrong = [
            RowFault(line, name, "missing_column", f"There is no column {name}.")
            for name in self._columns.required
            if name not in places
        ]
        wrong += [
            RowFault(line, name, "double_column", f"Two columns are {name}.")
            for name in places
            if found.count(name) > 1
        ]
        if {"percent", "split_flat"} <= places.keys():
            detail = "A feed has either percentages or flat splits: leave one column out."
            wrong.append(RowFault(line, "split_flat", "mixed_columns", detail))
        if wrong:
            self.faults.add(wrong)
        else:
            self.places = places


def _is_title(cell: str) -> bool:
    """Whether this is more likely the name of a column than a UPC."""
    return bool(cell.strip()) and not re.search("[0-9]", cell)


def many(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def read_upc(text: str) -> str:
    """Raises Unsound."""
    if not text:
        raise Unsound("upc", "missing", "The UPC is missing.")
    try:
        return normalize_upc(text)
    except ValueError as error:
        hint = "; format the column as text before you export it" if re.search(r"[0-9]E\+?[0-9]", text, re.I) else ""
        raise Unsound("upc", "invalid", f'"{shown(text)}" {error}{hint}.') from None


def read_quantity(text: str, numbers: Numbers) -> int:
    """Raises Unsound."""
    if not text:
        raise Unsound("qty", "missing", "The quantity is missing; 0 says that there is none.")
    try:
        return numbers.quantity(text)
    except ValueError as error:
        raise Unsound("qty", "invalid", f"{error}.") from None
