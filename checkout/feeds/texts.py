"""From bytes to the records of a CSV text: encoding, delimiter, lines."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PIECE = 1 << 18
_DELIMITERS = ",;\t|"
_LONGEST_LINE = 1 << 16  # Without a limit one line could be the whole file.


class Record(NamedTuple):
    """The cells of one record and the line where it begins; `fault` where it cannot be read as CSV."""

    line: int
    cells: list[str]
    fault: str | None = None


class CsvText:
    """A file of CSV, read from its beginning. `delimiter` is the one that stands most often in the first line."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self.encoding = _encoding(file)
        file.seek(0)
        # Only Windows' encoding has bytes that mean nothing, and a cell that matters is refused for them.
        self._text = io.TextIOWrapper(file, self.encoding, errors="replace", newline="")
        self.delimiter = max(_DELIMITERS, key=self._first_line().count)

    def records(self) -> Iterator[Record]:
        """Every record that is not empty; what comes after a line that is too long is not read."""
        try:
            yield from self._read()
        finally:
            with suppress(ValueError):  # The file is closed already.
                self._text.detach()  # It is the caller's.

    def _read(self) -> Iterator[Record]:
        reader = csv.reader(self._lines(), delimiter=self.delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Record(line, [], str(error))
                continue
            except _LineTooLong:
                yield Record(line, [], f"a line is longer than {_LONGEST_LINE:,} characters")
                return
            if any(cells) and any(map(str.strip, cells)):
                yield Record(line, cells)

    def _first_line(self) -> str:
        """The first line that is not empty; it is read again."""
        line = self._text.readline(_LONGEST_LINE)
        while line and not line.strip():
            line = self._text.readline(_LONGEST_LINE)
        self._text.seek(0)
        return line

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:
                raise _LineTooLong
            yield line


class _LineTooLong(Exception):
    pass


def _encoding(file: BinaryIO) -> str:
    """What the mark at the beginning says; else UTF-8 if all of it is, else what Windows writes in the West."""
    beginning = file.read(4)
    for mark, encoding in _MARKS:
        if beginning.startswith(mark):
            return encoding
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
