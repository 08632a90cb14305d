"""Deliveries of outgoing events: one per event and endpoint, with a log of every try."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import bindparam, delete, exists, insert, or_, select, update

from checkout.database.tables import UtcTime, deliveries, delivery_tries, outbox
from checkout.database.transactions import Transaction, is_storable

DeliveryState = Literal["waiting", "delivered", "failed"]
WAITING, DELIVERED, FAILED = get_args(DeliveryState)
# No time of ours lies further ahead: one that does was written before the clock was set back.
_FARTHEST_TRY = timedelta(hours=30)
_FARTHEST_LEASE = timedelta(minutes=10)

_NOW = bindparam("now", type_=UtcTime)
_IS_WAITING = deliveries.c.state == WAITING
_earlier = deliveries.alias("earlier")
# Those of one purchase arrive in the order in which they happened: one waits until the one before it has ended.
_IS_FIRST = ~exists().where(
    _earlier.c.endpoint == deliveries.c.endpoint,
    _earlier.c.subject == deliveries.c.subject,
    _earlier.c.state == WAITING,
    _earlier.c.id < deliveries.c.id,
)
_FIND_DUE = (
    select(deliveries.c.id, deliveries.c.tries, outbox.c.topic, outbox.c.message_id, outbox.c.body)
    .join_from(deliveries, outbox, deliveries.c.outbox_id == outbox.c.id)
    .where(
        deliveries.c.endpoint == bindparam("of_endpoint"),
        _IS_WAITING,
        or_(deliveries.c.next_try_at <= _NOW, deliveries.c.next_try_at > bindparam("no_try", type_=UtcTime)),
        or_(
            deliveries.c.lease_until.is_(None),
            deliveries.c.lease_until < _NOW,
            deliveries.c.lease_until > bindparam("no_lease", type_=UtcTime),
        ),
        deliveries.c.id.not_in(bindparam("busy", expanding=True)),
        _IS_FIRST,
    )
    .order_by(deliveries.c.next_try_at, deliveries.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, of=deliveries)
)
_TAKE = update(deliveries).where(deliveries.c.id.in_(bindparam("ids", expanding=True)))
_OF_DELIVERY = deliveries.c.id == bindparam("was_id")
_DELIVERED = update(deliveries).where(_OF_DELIVERY, _IS_WAITING)
_NOT_DELIVERED = _DELIVERED.where(deliveries.c.lease_owner == bindparam("owner"))
_INSERT_TRY = insert(delivery_tries)
_RELEASE = update(deliveries).where(deliveries.c.lease_owner == bindparam("owner"))
_VOID = update(deliveries).where(deliveries.c.lease_owner.is_not(None)).values(lease_owner=None, lease_until=None)
_FREE = {"lease_owner": None, "lease_until": None}

_OF_BRAND = deliveries.c.outbox_id.in_(select(outbox.c.id).where(outbox.c.brand == bindparam("of_brand")))
_FIND_ORPHANS = (
    select(deliveries.c.id)
    .where(_IS_WAITING, deliveries.c.endpoint.not_in(bindparam("known", expanding=True)), _OF_BRAND)
    .where(deliveries.c.created_at < bindparam("before", type_=UtcTime))
    .limit(bindparam("most"))
)
_SEND_AGAIN = update(deliveries).where(_OF_DELIVERY, _OF_BRAND)

_LISTED = select(deliveries, outbox.c.topic, outbox.c.message_id, outbox.c.subject.label("about")).join_from(
    deliveries, outbox, deliveries.c.outbox_id == outbox.c.id
)
_LIST_TRIES = (
    select(delivery_tries)
    .where(delivery_tries.c.delivery_id.in_(bindparam("ids", expanding=True)))
    .order_by(delivery_tries.c.id)
)

_IS_OLD = deliveries.c.ended_at < bindparam("before", type_=UtcTime)  # What waits has no end.
_DROP_TRIES = delete(delivery_tries).where(delivery_tries.c.delivery_id.in_(select(deliveries.c.id).where(_IS_OLD)))
_DROP_DELIVERIES = delete(deliveries).where(_IS_OLD)
_DROP_EVENTS = delete(outbox).where(
    outbox.c.spread_at < bindparam("before", type_=UtcTime), ~exists().where(deliveries.c.outbox_id == outbox.c.id)
)


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """What is to be sent now; `tries` is how often it was sent in vain."""

    id: int
    tries: int
    topic: str
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class DeliveryTry:
    """One try: `status` is what the endpoint answered, `fault` why there is no answer."""

    at: datetime
    milliseconds: int
    status: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it is listed; `about` is the id of the checkout or order that the event is about."""

    id: int
    message_id: str
    topic: str
    about: str
    subject: str
    endpoint: str
    state: DeliveryState
    created_at: datetime
    next_try_at: datetime
    ended_at: datetime | None
    log: tuple[DeliveryTry, ...] = ()


async def claim_deliveries(
    tx: Transaction, owner: str, endpoint: str, now: datetime, until: datetime, *, busy: Collection[int], most: int
) -> list[DueDelivery]:
    """Take the leases of the first deliveries to an endpoint that are due, not `busy`, and that nobody works on."""
    limits = {"no_try": now + _FARTHEST_TRY, "no_lease": now + _FARTHEST_LEASE, "most": most}
    rows = await tx.execute(_FIND_DUE, {"of_endpoint": endpoint, "now": now, "busy": list(busy), **limits})
    due = [DueDelivery(**row._mapping) for row in rows]
    if due:
        await tx.execute(_TAKE, {"ids": [each.id for each in due], "lease_owner": owner, "lease_until": until})
    return due


async def end_delivery(tx: Transaction, delivery_id: int, made: DeliveryTry, now: datetime) -> None:
    """It was delivered, whoever has its lease by now."""
    await _log_try(tx, delivery_id, made)
    await tx.execute(_DELIVERED, {"was_id": delivery_id, "state": DELIVERED, "ended_at": now, **_FREE})


async def defer_delivery(
    tx: Transaction, due: DueDelivery, owner: str, made: DeliveryTry, now: datetime, next_try_at: datetime | None
) -> None:
    """It was not delivered: it is tried again at a time, or given up (None); no-op if its lease is no longer ours."""
    await _log_try(tx, due.id, made)
    if next_try_at is None:
        then: dict[str, Any] = {"state": FAILED, "ended_at": now}
    else:
        then = {"next_try_at": next_try_at}
    await tx.execute(_NOT_DELIVERED, {"was_id": due.id, "owner": owner, "tries": due.tries + 1, **then, **_FREE})


async def _log_try(tx: Transaction, delivery_id: int, made: DeliveryTry) -> None:
    values = {each.name: getattr(made, each.name) for each in fields(made)}
    await tx.execute(_INSERT_TRY, {"delivery_id": delivery_id, **values})


async def release_deliveries(tx: Transaction, owner: str) -> None:
    """Give back every delivery that this owner took."""
    await tx.execute(_RELEASE, {"owner": owner, **_FREE})


async def void_delivery_leases(tx: Transaction) -> None:
    """Free every delivery: where only one process may run, none of another can still be sending."""
    await tx.execute(_VOID)


async def give_up_orphans(
    tx: Transaction, brand: str, known: Collection[str], now: datetime, *, before: datetime, most: int
) -> int:
    """Give up the deliveries of before a time to endpoints that are not `known`; gives how many."""
    values = {"of_brand": brand, "known": list(known), "before": before, "most": most}
    ids = list((await tx.execute(_FIND_ORPHANS, values)).scalars())
    for delivery_id in ids:
        await _log_try(tx, delivery_id, DeliveryTry(now, 0, fault="endpoint_removed"))
        await tx.execute(_DELIVERED, {"was_id": delivery_id, "state": FAILED, "ended_at": now, **_FREE})
    return len(ids)


async def send_again(tx: Transaction, brand: str, delivery_id: int, now: datetime) -> Delivery | None:
    """Let a delivery go out again, as new and with the same message; None if the brand has no such delivery."""
    then = {"state": WAITING, "tries": 0, "next_try_at": now, "ended_at": None}
    if (await tx.execute(_SEND_AGAIN, {"was_id": delivery_id, "of_brand": brand, **then})).rowcount != 1:
        return None
    row = (await tx.execute(_LISTED.where(deliveries.c.id == delivery_id))).one()
    return (await _with_tries(tx, [row]))[0]


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list, newest first; `subject` is the id of a checkout or order, `after` of a delivery."""

    brand: str
    state: str | None = None
    subject: str | None = None
    after: int | None = None
    limit: int = 25


async def list_deliveries(tx: Transaction, wanted: DeliveryFilter) -> list[Delivery]:
    """Deliveries, newest first, one more than `limit` if there are more."""
    conditions: list[Any] = [outbox.c.brand == wanted.brand]
    if wanted.state is not None:
        conditions.append(deliveries.c.state == wanted.state)
    if wanted.subject is not None:
        if not is_storable(wanted.subject):
            return []
        conditions.append(or_(deliveries.c.subject == wanted.subject, outbox.c.subject == wanted.subject))
    if wanted.after is not None:
        conditions.append(deliveries.c.id < wanted.after)
    statement = _LISTED.where(*conditions).order_by(deliveries.c.id.desc()).limit(wanted.limit + 1)
    return await _with_tries(tx, list(await tx.execute(statement)))


async def _with_tries(tx: Transaction, rows: list[Any]) -> list[Delivery]:
    log: dict[int, list[DeliveryTry]] = {row.id: [] for row in rows}
    for row in await tx.execute(_LIST_TRIES, {"ids": list(log)}):
        log[row.delivery_id].append(DeliveryTry(row.at, row.milliseconds, row.status, row.fault))
    names = [each.name for each in fields(Delivery) if each.name != "log"]
    return [Delivery(**{name: getattr(row, name) for name in names}, log=tuple(log[row.id])) for row in rows]


async def drop_old_deliveries(tx: Transaction, before: datetime) -> None:
    """Forget what ended before a time, and the events that nobody is told of any more."""
    for statement in (_DROP_TRIES, _DROP_DELIVERIES, _DROP_EVENTS):
        await tx.execute(statement, {"before": before})
