"""The monthly statement of ship-to-store, with what in it is not as we would have it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from checkout.database import Database, Transaction, feed_in_service, feed_row_of, orders_of_ledger
from checkout.feeds import Form, SupplyRow
from checkout.orders import (
    Difference,
    Month,
    Order,
    OrderItem,
    Share,
    Statement,
    agreed_split,
    make_statement,
    payable_difference,
    split_difference,
)

_HUNDREDTHS = 100


class FullStatement(NamedTuple):
    statement: Statement
    differences: tuple[Difference, ...]


async def read_statement(database: Database, brand: str, month: Month, default: Decimal | None) -> FullStatement:
    """The statement of a month; `default` is the percent that the brand keeps where the feed names none.

    Raises DatabaseUnavailable.
    """
    return await database.read(lambda tx: _read(tx, brand, month, default))


async def _read(tx: Transaction, brand: str, month: Month, default: Decimal | None) -> FullStatement:
    statement = make_statement(month, await orders_of_ledger(tx, brand, month.begins, month.ends))
    feed = await feed_in_service(tx, brand)
    differences: list[Difference] = []
    for order, item in _items(statement):
        row = await feed_row_of(tx, brand, item.upc, (order.store.address.country or "").upper()) if feed else None
        ours = _split(item, row, feed.form if feed else Form.PERCENT, default)
        found = (split_difference(order, item, ours), payable_difference(order, item))
        differences += [each for each in found if each is not None]
    return FullStatement(statement, tuple(differences))


def _items(statement: Statement) -> Iterator[tuple[Order, OrderItem]]:
    """Each item of which the month brought something, once."""
    for each in statement.orders:
        for item in dict.fromkeys(line.item.upc for line in each.lines):
            yield each.order, next(known for known in each.order.items if known.upc == item)


def _split(item: OrderItem, row: SupplyRow | None, form: Form, default: Decimal | None) -> Share | None:
    """What the feed as it stands today makes of an item; None where nobody says what the goods cost, or the split."""
    goods = item.accounting.subtotal if item.accounting else None
    if goods is None:
        return None
    shipping = row.shipping * item.quantity if row else 0
    if row is None or row.split is None:
        return agreed_split(goods.amount, shipping, percent=default)
    if form is Form.FLAT:
        return agreed_split(goods.amount, shipping, flat=row.split * item.quantity)
    return agreed_split(goods.amount, shipping, percent=Decimal(row.split) / _HUNDREDTHS)
