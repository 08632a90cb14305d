"""The inbox: what upstreams announced by webhook. One row waits per subject; further notices are counted onto it."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, delete, func, insert, or_, select, update

from checkout.database.tables import UtcTime, inbox
from checkout.database.transactions import Transaction


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One row that waits. `notices` is how many it stands for, `tries` how often it was looked at in vain."""

    id: int
    source: str
    subject: str
    last_received_at: datetime
    notices: int
    tries: int


_FARTHEST = timedelta(minutes=10)
_WAITING = inbox.c.applied_at.is_(None)
_OF_SUBJECT = (inbox.c.source == bindparam("of_source"), inbox.c.subject == bindparam("of_subject"))
_SOON = bindparam("soon", type_=UtcTime)
_COUNT = (
    update(inbox)
    .where(*_OF_SUBJECT, _WAITING)
    .values(
        notices=inbox.c.notices + bindparam("more"),
        last_received_at=bindparam("now", type_=UtcTime),
        tries=0,
        next_try_at=case((inbox.c.next_try_at > _SOON, _SOON), else_=inbox.c.next_try_at),
    )
)
_LAST_APPLIED = select(func.max(inbox.c.applied_at)).where(
    *_OF_SUBJECT, inbox.c.applied_at > bindparam("since", type_=UtcTime)
)
_INSERT = insert(inbox)
_NOW, _NEVER = bindparam("now", type_=UtcTime), bindparam("never", type_=UtcTime)
_FIND_DUE = (
    select(*(inbox.c[field.name] for field in fields(InboxEvent)))
    .where(
        _WAITING,
        or_(inbox.c.next_try_at <= _NOW, inbox.c.next_try_at > _NEVER),
        or_(inbox.c.lease_until.is_(None), inbox.c.lease_until < _NOW, inbox.c.lease_until > _NEVER),
    )
    .order_by(inbox.c.next_try_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE = update(inbox).where(inbox.c.id.in_(bindparam("ids", expanding=True)))
_OURS = (inbox.c.id == bindparam("was_id"), inbox.c.lease_owner == bindparam("owner"), _WAITING)
_FINISH = update(inbox).where(*_OURS, inbox.c.notices == bindparam("was_notices"))
_DEFER = update(inbox).where(*_OURS)
_RELEASE = update(inbox).where(inbox.c.lease_owner == bindparam("owner"), _WAITING)
_VOID = update(inbox).where(_WAITING).values(lease_owner=None, lease_until=None)
_DROP_OLD = delete(inbox).where(inbox.c.applied_at < bindparam("before", type_=UtcTime))
_FREE = {"lease_owner": None, "lease_until": None}


async def count_notices(tx: Transaction, source: str, subject: str, number: int, now: datetime, soon: datetime) -> None:
    """Keep that `number` notices came for a subject.

    A row that waits for another try waits until `soon` at most. A new one is due at once; but where another was applied
    less than `soon - now` ago, only that long after it, so that a flood of notices makes no flood of reads. Raises
    LostRace if another instance writes the first notice of the subject at the same moment.
    """
    of_subject = {"of_source": source, "of_subject": subject}
    if (await tx.execute(_COUNT, {**of_subject, "more": number, "now": now, "soon": soon})).rowcount:
        return
    spacing = soon - now
    # A time of applying that lies ahead was written before the clock was set back; it must not hold anything up.
    applied = (await tx.execute(_LAST_APPLIED, {**of_subject, "since": now - spacing})).scalar_one()
    due = min(applied + spacing, soon) if applied is not None else now
    values = {"source": source, "subject": subject, "received_at": now, "last_received_at": now}
    await tx.execute(_INSERT, {**values, "notices": number, "tries": 0, "next_try_at": due})


async def claim_events(tx: Transaction, owner: str, now: datetime, until: datetime, most: int) -> list[InboxEvent]:
    """Take the leases of the first `most` events that are due and that nobody works on.

    No time of ours lies further ahead than `_FARTHEST`: one that does was written before the clock was set back.
    """
    rows = await tx.execute(_FIND_DUE, {"now": now, "never": now + _FARTHEST, "most": most})
    events = [InboxEvent(**row._mapping) for row in rows]
    if events:
        await tx.execute(_TAKE, {"ids": [event.id for event in events], "lease_owner": owner, "lease_until": until})
    return events


async def finish_event(tx: Transaction, event: InboxEvent, owner: str, now: datetime, outcome: str) -> bool:
    """Mark an event as applied; False if more notices came meanwhile, or if its lease is no longer ours."""
    expected = {"was_id": event.id, "owner": owner, "was_notices": event.notices}
    return (await tx.execute(_FINISH, {**expected, "applied_at": now, "outcome": outcome, **_FREE})).rowcount == 1


async def defer_event(tx: Transaction, event: InboxEvent, owner: str, *, tries: int, next_try_at: datetime) -> None:
    """Give an event back, to be tried again; no-op if its lease is no longer ours."""
    expected = {"was_id": event.id, "owner": owner}
    await tx.execute(_DEFER, {**expected, "tries": tries, "next_try_at": next_try_at, **_FREE})


async def release_events(tx: Transaction, owner: str) -> None:
    """Give back every event that this owner took."""
    await tx.execute(_RELEASE, {"owner": owner, **_FREE})


async def void_event_leases(tx: Transaction) -> None:
    """Free every event: where only one process may run, none of another can still be working."""
    await tx.execute(_VOID)


async def drop_old_events(tx: Transaction, before: datetime) -> int:
    """Forget the events that were applied before a time; gives how many."""
    return (await tx.execute(_DROP_OLD, {"before": before})).rowcount
