"""The available-to-sell feed: what a brand's warehouse can ship to stores, and how the revenue of it is split.

Locally documents two forms: the percent of revenue that the brand retains, or a flat amount that the retailer keeps
(`split_flat`). Source: Locally's page ship-to-store-integration.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from checkout.feeds.numbers import currency_of, digits_of, shown, written
from checkout.feeds.sheets import Columns, Faults, RowFault, Sheet, Unsound, read_quantity, read_upc
from checkout.money import Money

PANEL_DEFAULT = "-1"  # Asks for the percent that stands in Locally's panel.

_NAMES = {
    "upc": ("upc", "upccode", "ean", "ean13", "gtin", "gtin14", "barcode"),
    "qty": ("qty", "quantity", "available", "availabletosell", "ats", "stock", "qoh", "onhand", "qtyonhand"),
    "percent": (
        *("percent", "percentrevenueretained", "percentageofrevenueretained", "percentretained"),
        *("revenue%", "%revenue", "revenuepercent", "%", "%revenueretained"),
    ),
    "split_flat": ("splitflat", "flat", "flatsplit"),
    "shipping": ("shipping", "shippingcost", "shippingcosts", "shippingprice"),
    "country": ("country", "countrycode"),
}
_COLUMNS = Columns(
    documented=("upc", "qty", "percent", "shipping", "country"),
    names={alias: name for name, aliases in _NAMES.items() for alias in aliases},
)


class Form(StrEnum):
    """How a feed splits the revenue: by what percent the brand keeps, or by what amount the retailer keeps."""

    PERCENT = "percent"
    FLAT = "flat"


class SupplyRow(NamedTuple):
    """What there is of one UPC, for one country ("": for all).

    `split` is in hundredths of a percent (form percent) or minor units (form flat), None for the default; `shipping`
    in minor units of the country's currency.
    """

    upc: str
    country: str
    quantity: int
    split: int | None
    shipping: int


class SupplyReader:
    """Reads a feed once, from beginning to end. `rows` and `quantity` count what was sound, `faults` what was not.

    That a UPC stands twice is noticed within a piece; across pieces, whoever keeps the rows has to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.faults = Faults()
        self.rows = 0
        self.quantity = 0
        self._sheet = Sheet(file, _COLUMNS, self.faults)
        self.form = Form.FLAT if "split_flat" in self._sheet.places else Form.PERCENT
        self.unknown_columns = self._sheet.unknown
        self._split = "split_flat" if self.form is Form.FLAT else "percent"

    def pieces(self, size: int) -> Iterator[dict[tuple[str, str], tuple[int, SupplyRow]]]:
        """Sound rows with their lines, by UPC and country; `size` of them at a time."""
        piece: dict[tuple[str, str], tuple[int, SupplyRow]] = {}
        for line, row in self._rows():
            name = (row.upc, row.country)
            if name in piece:
                self.tell_double(line, row)
                continue
            piece[name] = (line, row)
            self.rows += 1
            self.quantity += row.quantity
            if len(piece) == size:
                yield piece
                piece = {}
        if piece:
            yield piece

    def take_back(self, line: int, row: SupplyRow) -> None:
        """A row of a piece stood in an earlier one already."""
        self.rows -= 1
        self.quantity -= row.quantity
        self.tell_double(line, row)

    def tell_double(self, line: int, row: SupplyRow) -> None:
        where = f" for {row.country}" if row.country else ""
        detail = f"{row.upc}{where} stands further up already."
        self.faults.add([RowFault(line, "upc", "duplicate", detail)])

    def _rows(self) -> Iterator[tuple[int, SupplyRow]]:
        read = self._reader()
        for line, cells, _ in self._sheet.records():
            try:
                yield line, read(cells)
            except Unsound:  # The first fault ends a row quickly; then all of them are looked for.
                self.faults.add([RowFault(line, *fault) for fault in self._all_faults(cells)])

    def _reader(self) -> Callable[[list[str]], SupplyRow]:
        """Reads the cells of one record. It runs a million times, so that what can be known before is."""
        cell, numbers = self._cells(), self._sheet.numbers
        # Most rows share their terms with many others, and reading these is most of the work.
        terms = lru_cache(maxsize=4096)(self._read_terms)

        def read(cells: list[str]) -> SupplyRow:
            upc, qty, *told = cell(cells)
            country, split, shipping = terms(*told)
            return SupplyRow(read_upc(upc), country, read_quantity(qty, numbers), split, shipping)

        return read

    def _read_terms(self, split: str, shipping: str, country: str) -> tuple[str, int | None, int]:
        """Country, split and shipping. Raises Unsound."""
        known = _read_country(country)
        currency = currency_of(known) or ""
        return (
            known,
            self._read_split(split, currency) if split else None,
            self._read_amount("shipping", shipping, currency) if shipping else 0,
        )

    def _cells(self) -> Callable[[list[str]], tuple[str, str, str, str, str]]:
        """Gives the trimmed cells in our order, "" for columns that the feed does not have."""
        names = ("upc", "qty", self._split, "shipping", "country")
        upc, qty, split, shipping, country = (self._sheet.places.get(name, -1) for name in names)

        def pick(cells: list[str]) -> tuple[str, str, str, str, str]:
            cells.append("")  # Where a column that is missing points to.
            return (
                cells[upc].strip(),
                cells[qty].strip(),
                cells[split].strip(),
                cells[shipping].strip(),
                cells[country].strip(),
            )

        return pick

    def _all_faults(self, cells: list[str]) -> Iterator[tuple[str, str, str]]:
        upc, qty, split, shipping, country = self._cells()(cells)
        currency = currency_of(country.upper()) or "USD" if country.isascii() else "USD"
        checks: tuple[Callable[[], object], ...] = (
            lambda: read_upc(upc),
            lambda: read_quantity(qty, self._sheet.numbers),
            lambda: self._read_split(split, currency) if split else None,
            lambda: self._read_amount("shipping", shipping, currency) if shipping else 0,
            lambda: _read_country(country),
        )
        for check in checks:
            try:
                check()
            except Unsound as fault:
                yield fault.column, fault.code, str(fault)

    def _read_split(self, text: str, currency: str) -> int | None:
        if self.form is Form.FLAT:
            return self._read_amount("split_flat", text, currency)
        if text == PANEL_DEFAULT:
            return None
        try:
            return self._sheet.numbers.percent(text)
        except ValueError as error:
            detail = f"{error}; a percent is 0 to 100, or -1 for the default."
            raise Unsound("percent", "invalid", detail) from None

    def _read_amount(self, column: str, text: str, currency: str) -> int:
        try:
            return self._sheet.numbers.amount(text, currency)
        except ValueError as error:
            raise Unsound(column, "invalid", f"{error}.") from None


def _read_country(text: str) -> str:
    """Raises Unsound."""
    country = text.upper()
    if country and (len(country) != 2 or not country.isascii() or currency_of(country) is None):
        raise Unsound("country", "invalid", f'"{shown(text)}" is not a country of two letters, such as US.')
    return country


def shipping_of(row: SupplyRow, country: str) -> int:
    """What a piece costs to be shipped there, in minor units of the country's currency.

    A row for all countries has an amount of two decimals, which counts in each country's own currency.
    """
    told_in, paid_in = currency_of(row.country) or "USD", currency_of(country) or "USD"
    return Money.from_decimal(Decimal(row.shipping).scaleb(-digits_of(told_in)), paid_in).amount


def write_head(form: Form) -> str:
    """The header in the words of Locally's page."""
    split = "split_flat" if form is Form.FLAT else "percent revenue retained"
    return f"upc,qty,{split},shipping cost,country\r\n"


def write_rows(rows: Iterable[SupplyRow], form: Form, default_percent: str) -> str:
    """Rows as Locally reads them; a percent that is not given is `default_percent`."""

    @lru_cache(maxsize=4096)
    def terms(split: int | None, shipping: int, country: str) -> str:
        digits = digits_of(currency_of(country) or "USD")
        return f"{_write_split(split, form, digits, default_percent)},{written(shipping, digits)},{country}"

    return "".join(
        f"{upc},{quantity},{terms(split, shipping, country)}\r\n" for upc, country, quantity, split, shipping in rows
    )


def _write_split(split: int | None, form: Form, digits: int, default_percent: str) -> str:
    if form is Form.FLAT:
        return "" if split is None else written(split, digits)
    return default_percent if split is None else write_percent(split)


def write_percent(hundredths: int) -> str:
    """6000 is "60", 1250 is "12.5"."""
    text = written(hundredths, 2)
    return text.rstrip("0").removesuffix(".")
