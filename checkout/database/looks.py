"""When orders are looked at by themselves, and which brands are to be warned that a store's time runs out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from checkout.attempts import READ_BACK_IN
from checkout.database.tables import UtcTime, attempts, orders
from checkout.database.transactions import Transaction
from checkout.orders import Order

_NOW, _NEVER = bindparam("now", type_=UtcTime), bindparam("never", type_=UtcTime)
_OF_BRAND = orders.c.brand == bindparam("of_brand")
_IS_DUE = or_(orders.c.next_look_at <= _NOW, orders.c.next_look_at > _NEVER)
_FIND_DUE = (
    select(orders.c.document, orders.c.quiet_looks, orders.c.updated_at)
    .where(_OF_BRAND, _IS_DUE)
    .order_by(orders.c.next_look_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_ANY_DUE = select(orders.c.id).where(_OF_BRAND, _IS_DUE).limit(1)
_ANY_FOLLOWED = select(orders.c.id).where(_OF_BRAND, orders.c.next_look_at.is_not(None)).limit(1)
_TAKE = update(orders).where(orders.c.id.in_(bindparam("ids", expanding=True)))
_PLAN = update(orders).where(orders.c.id == bindparam("was_id"))
_OF_CARTS: Any = bindparam("of_carts", expanding=True)
_FIND_BY_CARTS = select(orders.c.document).where(_OF_BRAND, orders.c.cart_hash.in_(_OF_CARTS))
_FIND_DOUBTFUL = select(attempts.c.cart_hash).where(
    attempts.c.brand == bindparam("of_brand"),
    attempts.c.cart_hash.in_(_OF_CARTS),
    attempts.c.status.in_(sorted(READ_BACK_IN)),
)
_FIND_WARNINGS = (
    select(orders.c.document).where(_OF_BRAND, orders.c.warn_at <= _NOW).order_by(orders.c.warn_at).limit(20)
)
_DROP_WARNING = update(orders).where(orders.c.id == bindparam("was_id"), orders.c.warn_at.is_not(None))


@dataclass(frozen=True, slots=True)
class DueOrder:
    """An order to look at; `quiet_looks` in a row showed nothing new since it changed last."""

    order: Order
    quiet_looks: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DueAt:
    """Which orders count as due: those of a brand, planned for `now` or earlier, or beyond `never`.

    A plan beyond it was made before the clock was set back.
    """

    brand: str
    now: datetime
    never: datetime

    def as_values(self) -> dict[str, Any]:
        return {"of_brand": self.brand, "now": self.now, "never": self.never}


async def is_look_due(tx: Transaction, due: DueAt) -> bool:
    return (await tx.execute(_ANY_DUE, due.as_values())).first() is not None


async def is_following(tx: Transaction, brand: str) -> bool:
    """Whether there is any order of which something may still become."""
    return (await tx.execute(_ANY_FOLLOWED, {"of_brand": brand})).first() is not None


async def claim_looks(tx: Transaction, due: DueAt, until: datetime, most: int) -> list[DueOrder]:
    """Take the first `most` orders that are due: until then no other instance looks at them."""
    rows = (await tx.execute(_FIND_DUE, {**due.as_values(), "most": most})).all()
    found = [DueOrder(Order.model_validate_json(row.document), row.quiet_looks, row.updated_at) for row in rows]
    if found:
        await tx.execute(_TAKE, {"ids": [each.order.id for each in found], "next_look_at": until})
    return found


async def plan_look(tx: Transaction, order_id: str, at: datetime | None, *, quiet_looks: int) -> None:
    """Say when an order is looked at next, None for never."""
    await tx.execute(_PLAN, {"was_id": order_id, "next_look_at": at, "quiet_looks": quiet_looks})


async def orders_of_carts(tx: Transaction, brand: str, cart_hashes: list[str]) -> dict[str, Order]:
    """The orders among some carts, by their hash."""
    rows = await tx.execute(_FIND_BY_CARTS, {"of_brand": brand, "of_carts": cart_hashes})
    found = [Order.model_validate_json(row.document) for row in rows]
    return {order.cart_hash: order for order in found}


async def carts_in_doubt(tx: Transaction, brand: str, cart_hashes: list[str]) -> list[str]:
    """Those of some carts whose attempt waits for an order to be found, or counts as without one."""
    rows = await tx.execute(_FIND_DOUBTFUL, {"of_brand": brand, "of_carts": cart_hashes})
    return [row.cart_hash for row in rows]


async def due_warnings(tx: Transaction, brand: str, now: datetime) -> list[Order]:
    """Orders of which the brand is to be warned, those first that wait longest."""
    rows = await tx.execute(_FIND_WARNINGS, {"of_brand": brand, "now": now})
    return [Order.model_validate_json(row.document) for row in rows]


async def drop_warning(tx: Transaction, order_id: str) -> bool:
    """Warn of an order no more; False if that was so already."""
    return (await tx.execute(_DROP_WARNING, {"was_id": order_id, "warn_at": None})).rowcount == 1
