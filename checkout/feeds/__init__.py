"""The feeds that Locally reads: what a brand's warehouse has to sell, and what a store has on its shelves.

They come as CSV from spreadsheets and other people's systems, so much is understood; but a row that is not sound is
told with its line and never guessed at. Pure: bytes in, rows and faults out, in pieces, whatever the size.
"""

from checkout.feeds.inventory import InventoryReader, InventoryRow, write_inventory
from checkout.feeds.numbers import currency_of, digits_of
from checkout.feeds.sheets import MOST_LISTED, Faults, RowFault, many
from checkout.feeds.supply import (
    PANEL_DEFAULT,
    Form,
    SupplyReader,
    SupplyRow,
    shipping_of,
    write_head,
    write_percent,
    write_rows,
)

__all__ = [
    "MOST_LISTED",
    "PANEL_DEFAULT",
    "Faults",
    "Form",
    "InventoryReader",
    "InventoryRow",
    "RowFault",
    "SupplyReader",
    "SupplyRow",
    "currency_of",
    "digits_of",
    "many",
    "shipping_of",
    "write_head",
    "write_inventory",
    "write_percent",
    "write_rows",
]
