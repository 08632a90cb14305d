"""Attempts to place an order, the journal of their calls, and the books of holds."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from checkout.attempts import LIVE_ATTEMPTS, Attempt, AttemptStatus
from checkout.database.tables import attempts, holds, outbox, upstream_calls
from checkout.database.transactions import Transaction
from checkout.errors import LostRace
from checkout.money import Money

_COLUMNS = [attempts.c[field.name] for field in fields(Attempt)]


async def insert_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Write a new attempt. Raises LostRace if the checkout or the SetupIntent has a live one."""
    await tx.execute(insert(attempts).values(**asdict(attempt)))


async def find_attempt(tx: Transaction, attempt_id: str) -> Attempt | None:
    row = (await tx.execute(select(*_COLUMNS).where(attempts.c.id == attempt_id))).first()
    return None if row is None else _attempt(row)


async def live_attempt(tx: Transaction, checkout_id: str) -> Attempt | None:
    """The attempt that is under way for a checkout."""
    statement = select(*_COLUMNS).where(
        attempts.c.checkout_id == checkout_id, attempts.c.status.in_(sorted(LIVE_ATTEMPTS))
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else _attempt(row)


async def save_attempt(tx: Transaction, was: Attempt, now: Attempt) -> None:
    """Write the attempt's new state. Raises LostRace if its status is no longer that of `was`."""
    values = asdict(now)
    del values["lease_owner"], values["lease_until"]  # Leases are renewed beside the steps.
    statement = update(attempts).where(attempts.c.id == was.id, attempts.c.status == was.status).values(**values)
    if (await tx.execute(statement)).rowcount != 1:
        raise LostRace


async def claim_attempts(tx: Transaction, owner: str, now: datetime, until: datetime) -> list[str]:
    """Take the leases of the attempts that nobody works on; gives their ids."""
    working = sorted(LIVE_ATTEMPTS - {AttemptStatus.REVIEW})
    free = (
        select(attempts.c.id)
        .where(attempts.c.status.in_(working), or_(attempts.c.lease_until.is_(None), attempts.c.lease_until < now))
        .limit(100)
        .with_for_update(skip_locked=True)
    )
    ids = [row.id for row in await tx.execute(free)]
    if ids:
        taken = update(attempts).where(attempts.c.id.in_(ids)).values(lease_owner=owner, lease_until=until)
        await tx.execute(taken)
    return ids


async def renew_leases(tx: Transaction, owner: str, attempt_ids: list[str], until: datetime) -> None:
    await tx.execute(
        update(attempts)
        .where(attempts.c.id.in_(attempt_ids), attempts.c.lease_owner == owner)
        .values(lease_until=until)
    )


async def void_leases(tx: Transaction) -> None:
    """Free every attempt: where only one process may run, none of another can still be working."""
    live = attempts.c.status.in_(sorted(LIVE_ATTEMPTS))
    await tx.execute(update(attempts).where(live).values(lease_owner=None, lease_until=None))


async def begin_call(tx: Transaction, attempt_id: str, call: str, now: datetime) -> None:
    """Write a call into the journal before it is sent. Raises LostRace for a second commit of one attempt."""
    await tx.execute(insert(upstream_calls).values(attempt_id=attempt_id, call=call, begun_at=now))


async def rearm_commit(tx: Transaction, attempt_id: str, now: datetime) -> None:
    """The commit provably was not sent: its one row may be used once more."""
    columns = upstream_calls.c
    statement = (
        update(upstream_calls)
        .where(columns.attempt_id == attempt_id, columns.call == "cart/commit", columns.outcome == "not_sent")
        .values(begun_at=now, ended_at=None, outcome=None)
    )
    if (await tx.execute(statement)).rowcount != 1:
        raise LostRace


async def end_call(tx: Transaction, attempt_id: str, call: str, now: datetime, outcome: str) -> None:
    columns = upstream_calls.c
    await tx.execute(
        update(upstream_calls)
        .where(columns.attempt_id == attempt_id, columns.call == call, columns.outcome.is_(None))
        .values(ended_at=now, outcome=outcome)
    )


async def insert_hold(
    tx: Transaction, attempt: Attempt, *, state: str, reason: str, amount: Money, now: datetime, release: datetime
) -> None:
    """Put a hold on the books: `possible` where we never learnt, `open` where Locally said so."""
    await tx.execute(
        insert(holds).values(
            attempt_id=attempt.id,
            checkout_id=attempt.checkout_id,
            brand=attempt.brand,
            state=state,
            reason=reason,
            amount=amount.amount,
            currency=amount.currency,
            setup_intent_id=attempt.setup_intent_id,
            cart_hash=attempt.cart_hash,
            created_at=now,
            release_expected_at=release,
        )
    )


async def delete_holds(tx: Transaction, attempt_id: str) -> None:
    """Take an attempt's holds off the books: they turned out to belong to an order."""
    await tx.execute(delete(holds).where(holds.c.attempt_id == attempt_id))


async def list_holds(tx: Transaction, brand: str, now: datetime) -> list[dict[str, Any]]:
    """The holds that may still be open, newest first."""
    statement = (
        select(holds).where(holds.c.brand == brand, holds.c.release_expected_at > now).order_by(holds.c.id.desc())
    )
    return [dict(row._mapping) for row in await tx.execute(statement)]


async def put_event(tx: Transaction, brand: str, topic: str, subject: str, now: datetime) -> None:
    """An outgoing event about a checkout or order, to be told to the brand."""
    await tx.execute(insert(outbox).values(brand=brand, topic=topic, subject=subject, created_at=now))


def _attempt(row: Any) -> Attempt:
    values = dict(row._mapping)
    values["status"] = AttemptStatus(values["status"])
    return Attempt(**values)
