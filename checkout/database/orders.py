"""Orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, insert, or_, select, update

from checkout.database.tables import UtcTime, order_links, orders
from checkout.database.transactions import Transaction, is_storable
from checkout.errors import LostRace
from checkout.orders import Order, PathToPurchase

_INSERT = insert(orders)
_FIND = select(orders.c.document, orders.c.token_hash).where(orders.c.id == bindparam("order_id"))
_FIND_TO_CHANGE = select(orders.c.document).where(orders.c.id == bindparam("order_id")).with_for_update()
_FURTHER_LINK = select(order_links.c.order_id).where(order_links.c.link_hash == bindparam("of_link"))
_FIND_BY_LINK = select(orders.c.document).where(
    or_(orders.c.link_hash == bindparam("of_link"), orders.c.id == _FURTHER_LINK.scalar_subquery()),
    orders.c.placed_at > bindparam("since", type_=UtcTime),
)
_FIND_BY_CHECKOUT = select(orders.c.document).where(orders.c.checkout_id == bindparam("of_checkout"))
_FIND_BY_CART = select(orders.c.document).where(orders.c.cart_hash == bindparam("of_cart"))
_SAVE = update(orders).where(orders.c.id == bindparam("was_id"))


@dataclass(frozen=True, slots=True)
class OrderTokens:
    """The hashes of an order's token (the shopper's page), link (the masked page) and shopper's address."""

    token: str
    link: str
    email: str | None = None


async def insert_order(
    tx: Transaction,
    order: Order,
    attempt_id: str | None,
    tokens: OrderTokens,
    *,
    now: datetime | None = None,
    next_look_at: datetime | None = None,
    warn_at: datetime | None = None,
) -> None:
    """Write a new order. Raises LostRace if the checkout or the cart has one already.

    It is looked at by itself from `next_look_at` on, at once where that is None; at `warn_at` the brand is warned if
    the store has not answered. `now` is when we heard of it, where that is not when it was placed.
    """
    values = {
        **_row(order),
        "attempt_id": attempt_id,
        "token_hash": tokens.token,
        "link_hash": tokens.link,
        "email_hash": tokens.email,
        "updated_at": now or order.placed_at,
        "next_look_at": next_look_at or order.placed_at,
        "warn_at": warn_at,
    }
    await tx.execute(_INSERT, values)


async def find_order(tx: Transaction, order_id: str) -> tuple[Order, str] | None:
    """The order and the hash of its token."""
    if not is_storable(order_id):
        return None
    row = (await tx.execute(_FIND, {"order_id": order_id})).first()
    return None if row is None else (Order.model_validate_json(row.document), row.token_hash)


async def order_to_change(tx: Transaction, order_id: str) -> Order | None:
    """The order, which nobody else changes before the end of the transaction."""
    row = (await tx.execute(_FIND_TO_CHANGE, {"order_id": order_id})).first()
    return None if row is None else Order.model_validate_json(row.document)


async def find_order_by_link(tx: Transaction, link_hash: str, since: datetime) -> Order | None:
    """The order of its first or a further link, if it was placed after a time: links end."""
    row = (await tx.execute(_FIND_BY_LINK, {"of_link": link_hash, "since": since})).first()
    return None if row is None else Order.model_validate_json(row.document)


async def order_of_checkout(tx: Transaction, checkout_id: str) -> Order | None:
    row = (await tx.execute(_FIND_BY_CHECKOUT, {"of_checkout": checkout_id})).first()
    return None if row is None else Order.model_validate_json(row.document)


async def order_of_cart(tx: Transaction, cart_hash: str) -> Order | None:
    row = (await tx.execute(_FIND_BY_CART, {"of_cart": cart_hash})).first()
    return None if row is None else Order.model_validate_json(row.document)


async def save_order(tx: Transaction, order: Order, now: datetime) -> None:
    """Write what became of an order. Raises LostRace if there is no such order."""
    if (await tx.execute(_SAVE, {**_row(order), "updated_at": now, "was_id": order.id})).rowcount != 1:
        raise LostRace


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list, newest first: by brand, status, cart, path, changed since, after a place in it."""

    brand: str
    status: str | None = None
    since: datetime | None = None
    cart_hash: str | None = None
    path: PathToPurchase | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 50


async def list_orders(tx: Transaction, wanted: OrderFilter) -> list[Order]:
    """Orders, newest first, one more than `limit` if there are more."""
    columns = orders.c
    conditions: list[Any] = [columns.brand == wanted.brand]
    if wanted.status is not None:
        conditions.append(columns.status == wanted.status)
    if wanted.since is not None:
        conditions.append(columns.updated_at >= wanted.since)
    if wanted.cart_hash is not None:
        conditions.append(columns.cart_hash == wanted.cart_hash)
    if wanted.path is not None:
        conditions.append(columns.document.like(f'%"path_to_purchase":"{wanted.path}"%'))
    if wanted.after is not None:
        at, order_id = wanted.after
        conditions.append(or_(columns.placed_at < at, and_(columns.placed_at == at, columns.id < order_id)))
    statement = (
        select(columns.document)
        .where(*conditions)
        .order_by(columns.placed_at.desc(), columns.id.desc())
        .limit(wanted.limit + 1)
    )
    return [Order.model_validate_json(row.document) for row in await tx.execute(statement)]


def _row(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "checkout_id": order.checkout_id,
        "brand": order.brand,
        "cart_hash": order.cart_hash,
        "status": order.status,
        "placed_at": order.placed_at,
        "document": order.model_dump_json(exclude={"status"}),
    }
