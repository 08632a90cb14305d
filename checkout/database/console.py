"""What the console asks: which browsers came in, and orders by what an operator knows of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from checkout.attempts import AttemptStatus
from checkout.database.item_actions import UNKNOWN, ItemActionRow, actions_under_way
from checkout.database.tables import UtcTime, attempts, console_logins, item_actions, orders
from checkout.database.transactions import Transaction
from checkout.orders import Order

LINK, BROWSER = "link", "browser"

_NOW = bindparam("now", type_=UtcTime)
_IS_USABLE = and_(
    console_logins.c.token_hash == bindparam("was_hash"),
    console_logins.c.kind == bindparam("was_kind"),
    console_logins.c.used_at.is_(None),
    console_logins.c.expires_at > _NOW,
)
_INSERT = insert(console_logins)
_FIND = select(console_logins.c.token_hash).where(_IS_USABLE)
_USE = update(console_logins).where(_IS_USABLE)
_DROP_OLD = delete(console_logins).where(console_logins.c.expires_at <= _NOW)
_COUNT_REVIEWS = (
    select(func.count())
    .select_from(attempts)
    .where(attempts.c.status == AttemptStatus.REVIEW, attempts.c.brand == bindparam("of_brand"))
)
_COUNT_DOUBTS = (
    select(func.count())
    .select_from(item_actions.join(orders, orders.c.id == item_actions.c.order_id))
    .where(item_actions.c.state == UNKNOWN, orders.c.brand == bindparam("of_brand"))
)


async def insert_login(tx: Transaction, token_hash: str, kind: str, now: datetime, expires_at: datetime) -> None:
    """Note a link or a browser that came in by one; those whose time is over are forgotten."""
    await tx.execute(_DROP_OLD, {"now": now})
    await tx.execute(_INSERT, {"token_hash": token_hash, "kind": kind, "created_at": now, "expires_at": expires_at})


async def is_login(tx: Transaction, token_hash: str, kind: str, now: datetime) -> bool:
    """Whether it is known, unused and not over."""
    return (await tx.execute(_FIND, {"was_hash": token_hash, "was_kind": kind, "now": now})).first() is not None


async def use_login(tx: Transaction, token_hash: str, kind: str, now: datetime) -> bool:
    """Use it up; False if that was so already. Of several at once one gets True."""
    values = {"was_hash": token_hash, "was_kind": kind, "now": now, "used_at": now}
    return (await tx.execute(_USE, values)).rowcount == 1


async def count_reviews(tx: Transaction, brand: str) -> int:
    """How many attempts need a person, and how many actions are in doubt."""
    counted = [await tx.execute(query, {"of_brand": brand}) for query in (_COUNT_REVIEWS, _COUNT_DOUBTS)]
    return sum(int(each.scalar_one()) for each in counted)


async def list_doubts(tx: Transaction, brand: str) -> list[ItemActionRow]:
    """Actions of which nobody knows whether Locally did them, oldest first."""
    return [row for row in await actions_under_way(tx, brand) if row.state == UNKNOWN]


@dataclass(frozen=True, slots=True)
class OrderSearch:
    """Which orders to show: of a brand, of some statuses and a path, placed in a span, after a place in the list.

    Of `cart_hash`, `email_hash` and `upc` those that are given have to be the order's. Neither path nor items have a
    column of their own: what asks for them reads every order of the span.
    """

    brand: str
    statuses: tuple[str, ...] = ()
    path: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    cart_hash: str | None = None
    email_hash: str | None = None
    upc: str | None = None
    after: tuple[datetime, str] | None = None
    limit: int = 50
    oldest_first: bool = False


async def search_orders(tx: Transaction, wanted: OrderSearch) -> list[Order]:
    """Orders by the time they were placed, newest first unless asked otherwise; one more than `limit` if there are."""
    columns = orders.c
    keys = (columns.placed_at, columns.id)
    statement = (
        select(columns.document)
        .where(*_conditions(wanted))
        .order_by(*(keys if wanted.oldest_first else (key.desc() for key in keys)))
        .limit(wanted.limit + 1)
    )
    return [Order.model_validate_json(row.document) for row in await tx.execute(statement)]


def _conditions(wanted: OrderSearch) -> list[Any]:
    columns = orders.c
    conditions: list[Any] = [columns.brand == wanted.brand]
    if wanted.statuses:
        conditions.append(columns.status.in_(wanted.statuses))
    if wanted.path is not None:
        conditions.append(columns.document.contains(f'"path_to_purchase":"{wanted.path}"', autoescape=True))
    if wanted.since is not None:
        conditions.append(columns.placed_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(columns.placed_at < wanted.until)
    if wanted.cart_hash is not None:
        conditions.append(columns.cart_hash == wanted.cart_hash)
    if wanted.email_hash is not None:
        conditions.append(columns.email_hash == wanted.email_hash)
    if wanted.upc is not None:
        conditions.append(columns.document.contains(f'"upc":"{wanted.upc}"', autoescape=True))
    if wanted.after is not None:
        at, order_id = wanted.after
        earlier = or_(columns.placed_at < at, and_(columns.placed_at == at, columns.id < order_id))
        conditions.append(earlier)
    return conditions
