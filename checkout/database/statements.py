"""The orders that a monthly statement of ship-to-store is made of."""

from datetime import datetime

from sqlalchemy import and_, bindparam, or_, select

from checkout.database.tables import UtcTime, orders
from checkout.database.transactions import Transaction
from checkout.orders import Order, PathToPurchase

_PAGE = 500
_SHIP_TO_STORE = f'%"path_to_purchase":"{PathToPurchase.STS}"%'
_READ_PAGE = (
    select(orders.c.id, orders.c.placed_at, orders.c.document)
    .where(
        orders.c.brand == bindparam("of_brand"),
        # What was entered in the time was placed before its end, and changed since its beginning.
        orders.c.placed_at < bindparam("ends", type_=UtcTime),
        orders.c.updated_at >= bindparam("begins", type_=UtcTime),
        or_(
            orders.c.placed_at > bindparam("after_at", type_=UtcTime),
            and_(orders.c.placed_at == bindparam("after_at", type_=UtcTime), orders.c.id > bindparam("after_id")),
        ),
        orders.c.document.like(_SHIP_TO_STORE),
    )
    .order_by(orders.c.placed_at, orders.c.id)
    .limit(_PAGE)
)


async def orders_of_ledger(tx: Transaction, brand: str, begins: datetime, ends: datetime) -> list[Order]:
    """The orders of which something became payable, or was taken back, in a time; the oldest first."""
    found: list[Order] = []
    after = (datetime.fromtimestamp(0, begins.tzinfo), "")
    while True:
        wanted = {"of_brand": brand, "begins": begins, "ends": ends, "after_at": after[0], "after_id": after[1]}
        page = list(await tx.execute(_READ_PAGE, wanted))
        read = (Order.model_validate_json(row.document) for row in page)
        found += [order for order in read if _has_entries(order, begins, ends)]
        if len(page) < _PAGE:
            return found
        after = (page[-1].placed_at, page[-1].id)


def _has_entries(order: Order, begins: datetime, ends: datetime) -> bool:
    ledgers = (item.settlement.ledger for item in order.items if item.settlement)
    return any(begins <= entry.at < ends for ledger in ledgers for entry in ledger)
