"""What operators read: the attempts that wait for a person, and the whole story of a checkout."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from checkout.attempts import Attempt, AttemptStatus
from checkout.database.attempts import COLUMNS, read_attempt
from checkout.database.checkouts import TimelineEntry, read_timeline
from checkout.database.tables import attempts, checkouts, upstream_calls
from checkout.database.transactions import Transaction
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
_LIST_CALLS = (
    select(upstream_calls)
    .join_from(upstream_calls, attempts, upstream_calls.c.attempt_id == attempts.c.id)
    .where(attempts.c.checkout_id == bindparam("of_checkout"))
    .order_by(upstream_calls.c.id)
)


@dataclass(frozen=True, slots=True)
class Review:
    """An attempt that waits for a person, its checkout, and when and how the last read-back ended."""

    attempt: Attempt
    checkout: Checkout
    last_read: tuple[datetime, str] | None


async def list_reviews(tx: Transaction, brand: str, read_call: str) -> list[Review]:
    """The attempts that need a person, oldest first; `read_call` is the name of the call that reads back."""
    rows = (await tx.execute(_LIST_REVIEWS, {"of_brand": brand})).all()
    return [
        Review(read_attempt(row), Checkout.model_validate_json(row.document), await _last(tx, row.id, read_call))
        for row in rows
    ]


async def _last(tx: Transaction, attempt_id: str, call: str) -> tuple[datetime, str] | None:
    row = (await tx.execute(_LAST_CALL, {"of_attempt": attempt_id, "named": call})).first()
    return None if row is None else (row.ended_at, row.outcome)


async def read_story(tx: Transaction, checkout_id: str) -> list[TimelineEntry]:
    """A checkout's timeline with the upstream calls of its attempts in between, oldest first."""
    entries = await read_timeline(tx, checkout_id)
    calls = [_call_entry(row) for row in await tx.execute(_LIST_CALLS, {"of_checkout": checkout_id})]
    return sorted([*entries, *calls], key=lambda entry: entry.at)


def _call_entry(row: Any) -> TimelineEntry:
    facts = {"attempt": row.attempt_id, "outcome": row.outcome, "milliseconds": None}
    if row.ended_at is not None:
        facts["milliseconds"] = round((row.ended_at - row.begun_at).total_seconds() * 1000)
    return TimelineEntry(row.begun_at, f"call.{row.call}", facts)
