"""The outbox: what the brand is to be told, put there by the transaction that gives the reason for it.

Later each event is spread, once: it gets its body, and a delivery for each endpoint that wants to hear of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, bindparam, insert, select, update

from checkout.database.tables import deliveries, outbox
from checkout.database.transactions import Database, Rows, Transaction, Values, Work

T = TypeVar("T")

_INSERT_EVENT = insert(outbox)
# Whoever spreads at the same moment waits for us: events that are spread by two at once could be turned round.
_FIND_UNSPREAD = (
    select(outbox.c.id, outbox.c.topic, outbox.c.subject, outbox.c.created_at)
    .where(outbox.c.brand == bindparam("of_brand"), outbox.c.spread_at.is_(None))
    .order_by(outbox.c.id)
    .limit(bindparam("most"))
    .with_for_update()
)
_MARK_SPREAD = update(outbox).where(outbox.c.id == bindparam("was_id"))
_INSERT_DELIVERY = insert(deliveries)


async def put_event(tx: Transaction, brand: str, topic: str, subject: str, now: datetime) -> None:
    """An outgoing event about a checkout or order, to be told to the brand."""
    await tx.execute(_INSERT_EVENT, {"brand": brand, "topic": topic, "subject": subject, "created_at": now})


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event that was put and not spread yet; `subject` is the id of a checkout or an order."""

    id: int
    topic: str
    subject: str
    created_at: datetime


async def unspread_events(tx: Transaction, brand: str, most: int) -> list[OutgoingEvent]:
    """The first events that wait to be spread, which nobody else spreads before the end of the transaction."""
    rows = await tx.execute(_FIND_UNSPREAD, {"of_brand": brand, "most": most})
    return [OutgoingEvent(**row._mapping) for row in rows]


async def spread_to_none(tx: Transaction, event: OutgoingEvent, now: datetime) -> None:
    """Nobody wants to hear of an event: it is done with."""
    await tx.execute(_MARK_SPREAD, {"was_id": event.id, "spread_at": now})


async def spread_event(
    tx: Transaction,
    event: OutgoingEvent,
    now: datetime,
    *,
    message_id: str,
    body: bytes,
    endpoints: Sequence[str],
    purchase: str,
) -> None:
    """Keep an event's body and make its deliveries; those of one `purchase` (a checkout's id) go out in order."""
    values = {"message_id": message_id, "body": body, "spread_at": now}
    await tx.execute(_MARK_SPREAD, {"was_id": event.id, **values})
    for endpoint in endpoints:
        delivery = {"outbox_id": event.id, "endpoint": endpoint, "subject": purchase, "state": "waiting", "tries": 0}
        await tx.execute(_INSERT_DELIVERY, {**delivery, "created_at": now, "next_try_at": now})


class WatchedDatabase:
    """A database that says, once a transaction that put an event is committed, that there is one."""

    def __init__(self, database: Database, tell: Callable[[], None]) -> None:
        self._database = database
        self._tell = tell
        self.is_exclusive = database.is_exclusive

    async def open(self) -> None:
        await self._database.open()

    async def write(self, work: Work[T]) -> T:
        watches: list[_Watch] = []

        async def watched(tx: Transaction) -> T:
            watches.append(watch := _Watch(tx))
            return await work(watch)

        done = await self._database.write(watched)
        if any(watch.saw_event for watch in watches):
            self._tell()
        return done

    async def read(self, work: Work[T]) -> T:
        return await self._database.read(work)

    async def close(self) -> None:
        await self._database.close()


class _Watch:
    """A transaction that notices an event."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.saw_event = False

    async def execute(self, statement: Executable, values: Values | Rows | None = None) -> CursorResult[Any]:
        if statement is _INSERT_EVENT:
            self.saw_event = True
        return await self._tx.execute(statement, values)
