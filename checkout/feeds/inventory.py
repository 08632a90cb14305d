"""The inventory of one store, as Locally reads it: UPC, quantity and, where it is known, price."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TextIO

from checkout.feeds.numbers import DEFAULT_CURRENCY, digits_of, written
from checkout.feeds.sheets import Columns, Faults, RowFault, Sheet, Unsound, read_quantity, read_upc

_NAMES = {
    "upc": ("upc", "upccode", "ean", "ean13", "gtin", "gtin14", "barcode"),
    "qty": ("qty", "quantity", "available", "stock", "qoh", "onhand", "qtyonhand", "quantityonhand"),
    "price": ("price", "retailprice", "saleprice", "sellingprice", "unitprice"),
}
_COLUMNS = Columns(
    documented=("upc", "qty", "price"),
    names={alias: name for name, aliases in _NAMES.items() for alias in aliases},
)


class InventoryRow(NamedTuple):
    """What the store has of one UPC; `price` in minor units, None where the file tells none."""

    upc: str
    quantity: int
    price: int | None


class InventoryReader:
    """Reads a file once. The UPCs are remembered, so that one that stands twice is noticed."""

    def __init__(self, file: BinaryIO, currency: str = DEFAULT_CURRENCY) -> None:
        self.faults = Faults()
        self.rows = 0
        self.quantity = 0
        self._currency = currency
        self._sheet = Sheet(file, _COLUMNS, self.faults)
        self.unknown_columns = self._sheet.unknown

    def read(self) -> Iterator[InventoryRow]:
        """The sound rows."""
        seen: set[str] = set()
        for line, cells, _ in self._sheet.records():
            values = [self._cell(cells, name) for name in _COLUMNS.documented]
            found = list(self._faults(*values))
            upc = "" if found else read_upc(values[0])
            if upc in seen:
                found = [("upc", "duplicate", f"{upc} stands further up already.")]
            if found:
                self.faults.add([RowFault(line, *fault) for fault in found])
                continue
            seen.add(upc)
            row = InventoryRow(upc, read_quantity(values[1], self._sheet.numbers), self._price(values[2]))
            self.rows += 1
            self.quantity += row.quantity
            yield row

    def _cell(self, cells: list[str], name: str) -> str:
        place = self._sheet.places.get(name)
        return "" if place is None else cells[place].strip()

    def _faults(self, upc: str, quantity: str, price: str) -> Iterator[tuple[str, str, str]]:
        for check in (
            lambda: read_upc(upc),
            lambda: read_quantity(quantity, self._sheet.numbers),
            lambda: self._price(price),
        ):
            try:
                check()
            except Unsound as fault:
                yield fault.column, fault.code, str(fault)

    def _price(self, text: str) -> int | None:
        if not text:
            return None
        try:
            return self._sheet.numbers.amount(text, self._currency)
        except ValueError as error:
            raise Unsound("price", "invalid", f"{error}.") from None


def write_inventory(rows: Iterator[InventoryRow], out: TextIO, currency: str = DEFAULT_CURRENCY) -> None:
    """The documented file: UPC, quantity and price in this order."""
    digits = digits_of(currency)
    out.write("upc,qty,price\r\n")
    for row in rows:
        price = "" if row.price is None else written(row.price, digits)
        out.write(f"{row.upc},{row.quantity},{price}\r\n")
