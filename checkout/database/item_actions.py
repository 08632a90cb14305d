"""What was asked of the items of orders at Locally: the journal of calls that may charge or refund."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from checkout.database.tables import item_actions, orders
from checkout.database.transactions import Transaction

# The states of a row. Those under way come first; of the others only `done` took effect.
SENDING, UNKNOWN = "sending", "unknown"
DONE, REFUSED, NOT_SENT, NOT_DONE = "done", "refused", "not_sent", "not_done"
UNDER_WAY = frozenset({SENDING, UNKNOWN})

_COLUMNS = [column for column in item_actions.c if column.name != "ended_at"]
_INSERT = insert(item_actions)
_OF_ITEM = (
    select(*_COLUMNS)
    .where(item_actions.c.order_id == bindparam("of_order"), item_actions.c.upc == bindparam("of_upc"))
    .order_by(item_actions.c.id)
)
_IS_UNDER_WAY = item_actions.c.state.in_(sorted(UNDER_WAY))
_UNDER_WAY = (
    select(*_COLUMNS)
    .join(orders, orders.c.id == item_actions.c.order_id)
    .where(orders.c.brand == bindparam("of_brand"), _IS_UNDER_WAY)
    .order_by(item_actions.c.id)
)
_END = update(item_actions).where(item_actions.c.id == bindparam("was_id"), _IS_UNDER_WAY)
_DOUBT = update(item_actions).where(item_actions.c.id == bindparam("was_id"), item_actions.c.state == SENDING)


@dataclass(frozen=True, slots=True)
class ItemActionRow:
    """One thing asked of one item.

    `amount` is that of a refund: what will have gone back in all once it is done, in minor units, so that the cart
    alone tells whether it is. `request_id` is Locally's name for the request.
    """

    id: int
    order_id: str
    upc: str
    action: str
    amount: int | None
    state: str
    created_at: datetime
    request_id: str | None

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY


async def begin_action(
    tx: Transaction, order_id: str, upc: str, action: str, amount: int | None, now: datetime
) -> ItemActionRow:
    """Journal what is about to be sent. Raises LostRace if something is under way for this item."""
    values: dict[str, Any] = {
        "order_id": order_id,
        "upc": upc,
        "action": action,
        "amount": amount,
        "state": SENDING,
        "created_at": now,
    }
    await tx.execute(_INSERT, values)
    return next(row for row in await actions_of_item(tx, order_id, upc) if row.is_under_way)


async def actions_of_item(tx: Transaction, order_id: str, upc: str) -> list[ItemActionRow]:
    """All that was ever asked of an item, oldest first."""
    rows = await tx.execute(_OF_ITEM, {"of_order": order_id, "of_upc": upc})
    return [ItemActionRow(**row._mapping) for row in rows]


async def actions_under_way(tx: Transaction, brand: str) -> list[ItemActionRow]:
    """What is being sent, or has an unknown outcome, of all orders of a brand."""
    rows = await tx.execute(_UNDER_WAY, {"of_brand": brand})
    return [ItemActionRow(**row._mapping) for row in rows]


async def end_action(tx: Transaction, row: ItemActionRow, state: str, now: datetime, request_id: str | None) -> bool:
    """Write how it ended; False if somebody else did already."""
    values = {"state": state, "ended_at": now, "request_id": request_id or row.request_id, "was_id": row.id}
    return (await tx.execute(_END, values)).rowcount == 1


async def doubt_action(tx: Transaction, row: ItemActionRow, request_id: str | None) -> bool:
    """Nobody knows whether it took effect; False if it was in doubt already, or has ended."""
    values = {"state": UNKNOWN, "request_id": request_id or row.request_id, "was_id": row.id}
    return (await tx.execute(_DOUBT, values)).rowcount == 1
