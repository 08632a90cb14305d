"""The brand's available-to-sell feed, read: one row for each UPC, and what is wrong with the others."""

import csv
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from checkout.sandbox.amounts import read_amount

_FAULTS_TOLD = 100
_MOST_UNITS = 10**9
_COLUMNS = 5
Faults = list[dict[str, Any]]


@dataclass(frozen=True)
class FeedRow:
    """What the brand ships of a UPC, and on which terms. Amounts are minor units for each unit.

    `percent` is what the brand keeps of the price, `flat` what the store keeps of it; both are None for the percent
    of the brand's panel. A `country` of "" is any.
    """

    upc: str
    quantity: int
    percent: Decimal | None = None
    flat: int | None = None
    shipping: int = 0
    country: str = ""

    def as_document(self) -> dict[str, Any]:
        return {**vars(self), "percent": None if self.percent is None else str(self.percent)}


@dataclass
class Sheet:
    """The sound rows of UPCs that are known, by UPC and country; `faults` tells the first that are not sound."""

    rows: dict[tuple[str, str], FeedRow] = field(default_factory=dict)
    read: int = 0
    faulty: int = 0
    faults: Faults = field(default_factory=list)

    def row(self, upc: str, country: str) -> FeedRow | None:
        """The row of a country, or else the one for any."""
        return self.rows.get((upc, country)) or self.rows.get((upc, ""))

    def blame(self, line: int, reason: str) -> None:
        self.faulty += 1
        if len(self.faults) < _FAULTS_TOLD:
            self.faults.append({"line": line, "reason": reason})

    @property
    def is_a_feed(self) -> bool:
        """Whether anything in it is one, which a page that says sorry is not; a title alone offers nothing."""
        return self.read > self.faulty or not self.read

    def as_document(self) -> dict[str, Any]:
        return {**vars(self), "rows": [row.as_document() for row in self.rows.values()]}


def sheet_of(document: dict[str, Any]) -> Sheet:
    """What `as_document` made of a sheet."""
    rows = [FeedRow(**{**row, "percent": _decimal(row["percent"])}) for row in document["rows"]]
    return Sheet(**{**document, "rows": {(row.upc, row.country): row for row in rows}})


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def read_sheet(lines: Iterable[str], known: Container[str]) -> Sheet:
    """The feed by the documented order of its columns; of a third one called split_flat the store keeps the amount.

    Rows of UPCs that are not known are judged and counted, but not kept.
    """
    sheet, flat = Sheet(), False
    table = csv.reader(lines)
    try:
        for number, cells in enumerate(table, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if number == 1 and not re.fullmatch(r"\d{8,14}", cells[0].strip()):
                flat = len(cells) > 2 and re.sub(r"[^a-z]", "", cells[2].casefold()) == "splitflat"
            else:
                _take(sheet, table.line_num, cells, known, flat=flat)
    except csv.Error as fault:
        sheet.read += 1
        sheet.blame(table.line_num, str(fault))
    return sheet


def _take(sheet: Sheet, line: int, cells: list[str], known: Container[str], *, flat: bool) -> None:
    sheet.read += 1
    try:
        row = _row([*(cell.strip() for cell in cells), *[""] * _COLUMNS][:_COLUMNS], flat=flat)
    except ValueError as fault:
        sheet.blame(line, str(fault))
        return
    if (row.upc, row.country) in sheet.rows:
        sheet.blame(line, "upc stands in an earlier row")
    elif row.upc in known:
        sheet.rows[row.upc, row.country] = row


def _row(cells: list[str], *, flat: bool) -> FeedRow:
    """Raises ValueError, naming the column."""
    upc, quantity, split, shipping, country = cells
    if not re.fullmatch(r"[0-9]{8,14}", upc):
        raise ValueError("upc must be 8 to 14 digits")
    if country and not re.fullmatch(r"[A-Za-z]{2}", country):
        raise ValueError("country must be two letters")
    default = split in ("", "-1", "-1.0", "-1.00")
    return FeedRow(
        upc=as_upc(upc),
        quantity=read_units(quantity, "qty"),
        percent=None if default or flat else _percent(split),
        flat=_money(split, "split_flat") if flat and not default else None,
        shipping=_money(shipping or "0", "shipping cost"),
        country=country.upper(),
    )


def as_upc(digits: str) -> str:
    """Twelve digits: shorter ones lost their zeros in a spreadsheet."""
    return digits.lstrip("0").zfill(12)


def read_units(text: str, name: str) -> int:
    """A whole number of units, thousands separated or not. Raises ValueError, naming the column."""
    if not re.fullmatch(r"[0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2}", text):
        raise ValueError(f"{name} must be a whole number from 0 to {_MOST_UNITS - 1}")
    return int(text.replace(",", ""))


def _percent(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text.rstrip("% ")) or Decimal(text.rstrip("% ")) > 100:
        raise ValueError("percent revenue retained must be from 0 to 100, or -1")
    return Decimal(text.rstrip("% "))


def _money(text: str, name: str) -> int:
    amount = read_amount(text) if re.fullmatch(r"[0-9][0-9,]{0,12}(\.[0-9]{1,2})?", text) else None
    if amount is None:
        raise ValueError(f"{name} must be an amount of at least 0 such as 12.50")
    return amount
