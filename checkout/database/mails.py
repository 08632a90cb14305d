"""Mail to shoppers that waits or was sent, and the further links to orders that mail hands out."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from checkout.database.tables import UtcTime, mails, order_links, orders
from checkout.database.transactions import Transaction
from checkout.orders import Order

WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that waits. `tries` is how often sending it has failed."""

    id: int
    order_id: str
    kind: str
    reference: str
    tries: int
    created_at: datetime


# No lease and no wait of ours lies further ahead than this: one that does was written before the clock was set back.
_FARTHEST = timedelta(days=1)
_IS_WAITING = mails.c.state == WAITING
_NOW, _NEVER = bindparam("now", type_=UtcTime), bindparam("never", type_=UtcTime)
_FIND_SAME = select(mails.c.id).where(
    mails.c.order_id == bindparam("of_order"),
    mails.c.kind == bindparam("of_kind"),
    mails.c.reference == bindparam("of_reference"),
)
_INSERT = insert(mails)
_FIND_DUE = (
    select(*(mails.c[field.name] for field in fields(Mail)))
    .where(
        _IS_WAITING,
        or_(mails.c.next_try_at <= _NOW, mails.c.next_try_at > _NEVER),
        or_(mails.c.lease_until.is_(None), mails.c.lease_until < _NOW, mails.c.lease_until > _NEVER),
    )
    .order_by(mails.c.next_try_at, mails.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE = update(mails).where(mails.c.id.in_(bindparam("ids", expanding=True)))
_OURS = update(mails).where(mails.c.id == bindparam("was_id"), mails.c.lease_owner == bindparam("owner"), _IS_WAITING)
_RELEASE = update(mails).where(mails.c.lease_owner == bindparam("owner"), _IS_WAITING)
_VOID = update(mails).where(_IS_WAITING).values(lease_owner=None, lease_until=None)
_DROP_OLD = delete(mails).where(mails.c.ended_at < bindparam("before", type_=UtcTime))
_FREE = {"lease_owner": None, "lease_until": None}

_LAST_GENERATION = select(func.max(order_links.c.generation)).where(order_links.c.order_id == bindparam("of_order"))
_INSERT_LINK = insert(order_links)
_FIND_BY_EMAIL = (
    select(orders.c.document)
    .where(
        orders.c.email_hash == bindparam("of_email"),
        orders.c.brand == bindparam("of_brand"),
        orders.c.placed_at > bindparam("since", type_=UtcTime),
    )
    .order_by(orders.c.placed_at.desc(), orders.c.id.desc())
    .limit(bindparam("most"))
)


async def put_mail(tx: Transaction, order_id: str, kind: str, reference: str, now: datetime) -> bool:
    """Have a mail sent; False where the same mail was asked for before. The order has to be locked, or new."""
    same = {"of_order": order_id, "of_kind": kind, "of_reference": reference}
    if (await tx.execute(_FIND_SAME, same)).first() is not None:
        return False
    values = {"order_id": order_id, "kind": kind, "reference": reference, "state": WAITING, "tries": 0}
    await tx.execute(_INSERT, {**values, "created_at": now, "next_try_at": now})
    return True


async def claim_mails(tx: Transaction, owner: str, now: datetime, until: datetime, most: int) -> list[Mail]:
    """Take the leases of the first `most` mails that are due and that nobody is sending."""
    rows = await tx.execute(_FIND_DUE, {"now": now, "never": now + _FARTHEST, "most": most})
    found = [Mail(**row._mapping) for row in rows]
    if found:
        await tx.execute(_TAKE, {"ids": [mail.id for mail in found], "lease_owner": owner, "lease_until": until})
    return found


async def end_mail(
    tx: Transaction, mail: Mail, owner: str, now: datetime, state: str, fault: str | None = None
) -> bool:
    """Write what became of a mail (`sent`, `failed`, `superseded`); False if its lease is no longer ours."""
    values = {"state": state, "fault": fault, "ended_at": now, **_FREE}
    return (await tx.execute(_OURS, {"was_id": mail.id, "owner": owner, **values})).rowcount == 1


async def defer_mail(tx: Transaction, mail: Mail, owner: str, next_try_at: datetime, fault: str) -> None:
    """Give a mail back, to be tried again; no-op if its lease is no longer ours."""
    values = {"tries": mail.tries + 1, "next_try_at": next_try_at, "fault": fault, **_FREE}
    await tx.execute(_OURS, {"was_id": mail.id, "owner": owner, **values})


async def release_mails(tx: Transaction, owner: str) -> None:
    """Give back every mail that this owner took."""
    await tx.execute(_RELEASE, {"owner": owner, **_FREE})


async def void_mail_leases(tx: Transaction) -> None:
    """Free every mail: where only one process may run, none of another can still be sending."""
    await tx.execute(_VOID)


async def drop_old_mails(tx: Transaction, before: datetime) -> None:
    """Forget the mails that ended before a time."""
    await tx.execute(_DROP_OLD, {"before": before})


async def orders_of_email(tx: Transaction, brand: str, email_hash: str, since: datetime, most: int) -> list[Order]:
    """The orders placed after a time with this address, newest first."""
    wanted = {"of_email": email_hash, "of_brand": brand, "since": since, "most": most}
    return [Order.model_validate_json(row.document) for row in await tx.execute(_FIND_BY_EMAIL, wanted)]


async def last_link_generation(tx: Transaction, order_id: str) -> int:
    """The number of the newest link to an order; 1 where there is only the first."""
    return (await tx.execute(_LAST_GENERATION, {"of_order": order_id})).scalar_one() or 1


async def insert_link(tx: Transaction, order_id: str, generation: int, link_hash: str, now: datetime) -> None:
    """Add a link to an order. Raises LostRace if another instance added one at the same moment."""
    values = {"order_id": order_id, "generation": generation, "link_hash": link_hash, "created_at": now}
    await tx.execute(_INSERT_LINK, values)
