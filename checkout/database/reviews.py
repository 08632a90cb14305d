"""What operators read: the attempts that wait for a person, and the whole story of a checkout."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, select

from checkout.attempts import Attempt, AttemptEvent, AttemptStatus
from checkout.database.attempts import COLUMNS, read_attempt
from checkout.database.checkouts import TimelineEntry, read_timeline
from checkout.database.tables import UtcTime, attempts, checkouts, orders, timeline, upstream_calls
from checkout.database.transactions import Transaction, is_storable
from checkout.orders import Checkout

_LIST_REVIEWS = (
    select(*COLUMNS, checkouts.c.document)
    .join_from(attempts, checkouts, attempts.c.checkout_id == checkouts.c.id)
    .where(attempts.c.brand == bindparam("of_brand"), attempts.c.status == AttemptStatus.REVIEW)
    .order_by(attempts.c.unknown_since, attempts.c.id)
)
_LAST_CALL = (
    select(upstream_calls.c.ended_at, upstream_calls.c.outcome)
    .where(upstream_calls.c.attempt_id == bindparam("of_attempt"), upstream_calls.c.call == bindparam("named"))
    .order_by(upstream_calls.c.id.desc())
    .limit(1)
)
_LIST_BRANDS = select(checkouts.c.brand).union(select(orders.c.brand)).order_by("brand")
_FIND_BY_NAME = (
    select(attempts.c.checkout_id)
    .where(or_(attempts.c.id == bindparam("named"), attempts.c.cart_hash == bindparam("named")))
    .order_by(attempts.c.created_at.desc())
    .limit(1)
)
_IN_REVIEW_SINCE = (
    select(func.max(timeline.c.at, type_=UtcTime))
    .where(timeline.c.checkout_id == bindparam("of_checkout"))
    .where(timeline.c.event == f"attempt.{AttemptEvent.EVIDENCE_MISSING}")
)
_LIST_CALLS = (
    select(upstream_calls)
    .join_from(upstream_calls, attempts, upstream_calls.c.attempt_id == attempts.c.id)
    .where(attempts.c.checkout_id == bindparam("of_checkout"))
    .order_by(upstream_calls.c.id)
)


@dataclass(frozen=True, slots=True)
class Review:
    """An attempt that waits for a person, its checkout, and when and how the last read-back ended.

    It is read back all the same, so that when it was written last does not tell since when it waits.
    """

    attempt: Attempt
    checkout: Checkout
    last_read: tuple[datetime, str] | None
    in_review_since: datetime | None = None


async def list_reviews(tx: Transaction, brand: str, read_call: str) -> list[Review]:
    """The attempts that need a person, oldest first; `read_call` is the name of the call that reads back."""
    rows = (await tx.execute(_LIST_REVIEWS, {"of_brand": brand})).all()
    return [
        Review(
            read_attempt(row),
            Checkout.model_validate_json(row.document),
            await _last(tx, row.id, read_call),
            (await tx.execute(_IN_REVIEW_SINCE, {"of_checkout": row.checkout_id})).scalar(),
        )
        for row in rows
    ]


async def list_brands(tx: Transaction) -> list[str]:
    """The brands that have checkouts or orders here; whoever reads a service's file does not know its own."""
    return list((await tx.execute(_LIST_BRANDS)).scalars())


async def checkout_of_attempt(tx: Transaction, name: str) -> str | None:
    """The id of the checkout whose attempt has this id, or whose cart has this hash."""
    if not is_storable(name):
        return None
    found: str | None = (await tx.execute(_FIND_BY_NAME, {"named": name})).scalar()
    return found


async def _last(tx: Transaction, attempt_id: str, call: str) -> tuple[datetime, str] | None:
    row = (await tx.execute(_LAST_CALL, {"of_attempt": attempt_id, "named": call})).first()
    return None if row is None else (row.ended_at, row.outcome)


async def read_story(tx: Transaction, story_id: str) -> list[TimelineEntry]:
    """The timeline of a checkout with the upstream calls of its attempts in between, oldest first.

    An order that no checkout of ours placed has a timeline of its own.
    """
    entries = await read_timeline(tx, story_id)
    calls = [_call_entry(row) for row in await tx.execute(_LIST_CALLS, {"of_checkout": story_id})]
    return sorted([*entries, *calls], key=lambda entry: entry.at)


def _call_entry(row: Any) -> TimelineEntry:
    facts = {"attempt": row.attempt_id, "outcome": row.outcome, "milliseconds": None, "request_id": row.request_id}
    if row.ended_at is not None:
        facts["milliseconds"] = round((row.ended_at - row.begun_at).total_seconds() * 1000)
    return TimelineEntry(row.begun_at, f"call.{row.call}", facts)
