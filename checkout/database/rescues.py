"""Which checkout may buy elsewhere what the store of an order declined: one at a time, and not where that was."""

from sqlalchemy import bindparam, select, update

from checkout.database.orders import find_order
from checkout.database.tables import orders
from checkout.database.transactions import Transaction
from checkout.errors import LostRace

_FIND = select(orders.c.rescue_checkout_id).where(orders.c.id == bindparam("of_order"))
_POINT = update(orders).where(
    orders.c.id == bindparam("of_order"),
    orders.c.rescue_checkout_id.is_not_distinct_from(bindparam("was_checkout", type_=orders.c.rescue_checkout_id.type)),
)


async def rescue_checkout_of(tx: Transaction, order_id: str) -> str | None:
    """The id of the checkout that rescues an order, which may be over; None if there never was one."""
    row = (await tx.execute(_FIND, {"of_order": order_id})).first()
    return None if row is None else row.rescue_checkout_id


async def point_to_rescue(tx: Transaction, order_id: str, was: str | None, checkout_id: str) -> None:
    """From now on this checkout rescues the order. Raises LostRace if it is no longer `was` that does."""
    values = {"of_order": order_id, "was_checkout": was, "rescue_checkout_id": checkout_id}
    if (await tx.execute(_POINT, values)).rowcount != 1:
        raise LostRace


async def stores_that_said_no(tx: Transaction, order_id: str) -> frozenset[int]:
    """The ids of the order's own store, and of those whose no it was to make good itself."""
    found: set[int] = set()
    next_id: str | None = order_id
    while next_id is not None and (known := await find_order(tx, next_id)) is not None:
        order, _ = known
        found.add(order.store.id)
        next_id = order.rescues
    return frozenset(found)
