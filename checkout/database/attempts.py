"""Attempts to place an order, the journal of their calls, and the books of holds."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from checkout.attempts import INTENT_KEEPERS, LIVE_ATTEMPTS, Attempt, AttemptStatus
from checkout.database.tables import UtcTime, attempts, holds, upstream_calls
from checkout.database.transactions import Transaction
from checkout.errors import LostRace
from checkout.money import Money

_NAMES = tuple(field.name for field in fields(Attempt))
COLUMNS = [attempts.c[name] for name in _NAMES]
_LIVE = attempts.c.status.in_(sorted(LIVE_ATTEMPTS))
_INSERT_ATTEMPT = insert(attempts)
_FIND_ATTEMPT = select(*COLUMNS).where(attempts.c.id == bindparam("attempt_id"))
_FIND_LIVE = select(*COLUMNS).where(attempts.c.checkout_id == bindparam("of_checkout"), _LIVE)
_SAVE_ATTEMPT = update(attempts).where(
    attempts.c.id == bindparam("was_id"), attempts.c.status == bindparam("was_status")
)
# Spelled out, so that the database sees that its index of the attempts that keep their cart serves here.
_KEEPS_CART = attempts.c.status.in_(bindparam("keepers", sorted(INTENT_KEEPERS), expanding=True, literal_execute=True))
_FIND_BY_CART = select(*COLUMNS).where(attempts.c.cart_hash == bindparam("of_cart"), _KEEPS_CART)
_FIND_NOT_PLACED = select(*COLUMNS).where(
    attempts.c.checkout_id == bindparam("of_checkout"), attempts.c.status == AttemptStatus.NOT_PLACED
)


def _outside(column: Any, since: str, until: str) -> Any:
    """Whether a time lies before a span, or so far after it that only a clock that was set back explains it."""
    return or_(column < bindparam(since, type_=UtcTime), column > bindparam(until, type_=UtcTime))


_IS_FREE = or_(attempts.c.lease_until.is_(None), _outside(attempts.c.lease_until, "now", "longest_lease"))
_IS_DUE = or_(
    attempts.c.status.in_(sorted(LIVE_ATTEMPTS - {AttemptStatus.REVIEW})),
    and_(attempts.c.status == AttemptStatus.REVIEW, _outside(attempts.c.next_read_at, "soon", "longest_read")),
    and_(attempts.c.status == AttemptStatus.NOT_PLACED, _outside(attempts.c.next_read_at, "soon", "longest_look")),
)
_FIND_FREE = select(attempts.c.id).where(_IS_DUE, _IS_FREE).limit(100).with_for_update(skip_locked=True)
_TAKE = update(attempts).where(attempts.c.id.in_(bindparam("ids", expanding=True)))
_RENEW = _TAKE.where(attempts.c.lease_owner == bindparam("owner"))
_VOID = update(attempts).where(attempts.c.lease_owner.is_not(None)).values(lease_owner=None, lease_until=None)
_RELEASE = (
    update(attempts)
    .where(attempts.c.id == bindparam("attempt_id"), attempts.c.lease_owner == bindparam("owner"))
    .values(lease_owner=None, lease_until=None)
)

_INSERT_CALL = insert(upstream_calls)
_OF_ATTEMPT = upstream_calls.c.attempt_id == bindparam("of_attempt")
_REARM = update(upstream_calls).where(
    _OF_ATTEMPT, upstream_calls.c.call == "cart/commit", upstream_calls.c.outcome == "not_sent"
)
_END_CALL = update(upstream_calls).where(
    _OF_ATTEMPT, upstream_calls.c.call == bindparam("ended_call"), upstream_calls.c.outcome.is_(None)
)

_INSERT_HOLD = insert(holds)
_DELETE_HOLDS = delete(holds).where(holds.c.attempt_id == bindparam("of_attempt"))
_LIST_HOLDS = (
    select(holds)
    .where(holds.c.brand == bindparam("of_brand"), holds.c.release_expected_at > bindparam("now", type_=UtcTime))
    .order_by(holds.c.id.desc())
)


async def insert_attempt(tx: Transaction, attempt: Attempt) -> None:
    """Write a new attempt. Raises LostRace if the checkout or the SetupIntent has a live one."""
    await tx.execute(_INSERT_ATTEMPT, asdict(attempt))


async def find_attempt(tx: Transaction, attempt_id: str) -> Attempt | None:
    row = (await tx.execute(_FIND_ATTEMPT, {"attempt_id": attempt_id})).first()
    return None if row is None else read_attempt(row)


async def attempt_of_cart(tx: Transaction, cart_hash: str) -> Attempt | None:
    """The attempt whose cart became an order or may yet be found to be one."""
    row = (await tx.execute(_FIND_BY_CART, {"of_cart": cart_hash})).first()
    return None if row is None else read_attempt(row)


async def not_placed_attempt(tx: Transaction, checkout_id: str) -> Attempt | None:
    """The attempt that closed a checkout for good, as long as no order of it has turned up."""
    row = (await tx.execute(_FIND_NOT_PLACED, {"of_checkout": checkout_id})).first()
    return None if row is None else read_attempt(row)


async def live_attempt(tx: Transaction, checkout_id: str) -> Attempt | None:
    """The attempt that is under way for a checkout."""
    row = (await tx.execute(_FIND_LIVE, {"of_checkout": checkout_id})).first()
    return None if row is None else read_attempt(row)


async def save_attempt(tx: Transaction, was: Attempt, now: Attempt) -> None:
    """Write the attempt's new state. Raises LostRace if its status is no longer that of `was`."""
    # asdict would copy each value as deep as it goes: most of what a step costs besides the disk.
    values = {column.name: getattr(now, column.name) for column in COLUMNS}
    del values["lease_owner"], values["lease_until"]  # Leases are renewed beside the steps.
    expected = {"was_id": was.id, "was_status": was.status}
    if (await tx.execute(_SAVE_ATTEMPT, {**values, **expected})).rowcount != 1:
        raise LostRace


@dataclass(frozen=True, slots=True)
class Due:
    """What counts as free and as due at a time; a time beyond a limit was written before the clock was set back."""

    now: datetime
    soon: datetime
    longest_lease: datetime
    longest_read: datetime
    longest_look: datetime


async def claim_attempts(tx: Transaction, owner: str, due: Due, until: datetime) -> list[str]:
    """Take the leases of the attempts that nobody works on and that something is to be done for; gives their ids."""
    ids = [row.id for row in await tx.execute(_FIND_FREE, {each.name: getattr(due, each.name) for each in fields(due)})]
    if ids:
        await tx.execute(_TAKE, {"ids": ids, "lease_owner": owner, "lease_until": until})
    return ids


async def release_lease(tx: Transaction, attempt_id: str, owner: str) -> None:
    """Let go of an attempt for which nothing is to be done for a while."""
    await tx.execute(_RELEASE, {"attempt_id": attempt_id, "owner": owner})


async def renew_leases(tx: Transaction, owner: str, attempt_ids: list[str], until: datetime) -> None:
    await tx.execute(_RENEW, {"ids": attempt_ids, "owner": owner, "lease_until": until})


async def void_leases(tx: Transaction) -> None:
    """Free every attempt: where only one process may run, none of another can still be working."""
    await tx.execute(_VOID)


async def begin_call(tx: Transaction, attempt_id: str, call: str, now: datetime) -> None:
    """Write a call into the journal before it is sent. Raises LostRace for a second commit of one attempt."""
    await tx.execute(_INSERT_CALL, {"attempt_id": attempt_id, "call": call, "begun_at": now})


async def rearm_commit(tx: Transaction, attempt_id: str, now: datetime) -> None:
    """The commit provably was not sent: its one row may be used once more."""
    values = {"of_attempt": attempt_id, "begun_at": now, "ended_at": None, "outcome": None}
    if (await tx.execute(_REARM, values)).rowcount != 1:
        raise LostRace


async def end_call(
    tx: Transaction, attempt_id: str, call: str, now: datetime, outcome: str, request_id: str | None = None
) -> None:
    """`request_id` is what the upstream calls the request."""
    values = {"of_attempt": attempt_id, "ended_call": call, "ended_at": now, "outcome": outcome}
    await tx.execute(_END_CALL, {**values, "request_id": _short(request_id)})


@dataclass(frozen=True, slots=True)
class Look:
    """One read-back: when it was made, what it showed (`order`, `no_order`, `no_answer`), its id at the upstream."""

    begun: datetime
    ended: datetime
    showed: str
    request_id: str | None = None


async def journal_look(tx: Transaction, attempt_id: str, call: str, look: Look) -> None:
    """Write down a call that may be repeated, after it was made."""
    values = {"attempt_id": attempt_id, "call": call, "begun_at": look.begun, "ended_at": look.ended}
    await tx.execute(_INSERT_CALL, {**values, "outcome": look.showed, "request_id": _short(look.request_id)})


async def insert_hold(
    tx: Transaction, attempt: Attempt, *, state: str, reason: str, amount: Money, now: datetime, release: datetime
) -> None:
    """Put a hold on the books: `possible` where we never learnt, `open` where Locally said so."""
    values = {
        "attempt_id": attempt.id,
        "checkout_id": attempt.checkout_id,
        "brand": attempt.brand,
        "state": state,
        "reason": reason,
        "amount": amount.amount,
        "currency": amount.currency,
        "setup_intent_id": attempt.setup_intent_id,
        "cart_hash": attempt.cart_hash,
        "created_at": now,
        "release_expected_at": release,
    }
    await tx.execute(_INSERT_HOLD, values)


async def delete_holds(tx: Transaction, attempt_id: str) -> None:
    """Take an attempt's holds off the books: they turned out to belong to an order."""
    await tx.execute(_DELETE_HOLDS, {"of_attempt": attempt_id})


async def list_holds(tx: Transaction, brand: str, now: datetime) -> list[dict[str, Any]]:
    """The holds that may still be open, newest first."""
    return [dict(row._mapping) for row in await tx.execute(_LIST_HOLDS, {"of_brand": brand, "now": now})]


def _short(request_id: str | None) -> str | None:
    """A header of the upstream's, as far as it fits and a database takes it."""
    if request_id is None:
        return None
    return "".join(character for character in request_id if character.isprintable())[:200]


def read_attempt(row: Any) -> Attempt:
    """The attempt of a row that has its columns, and perhaps others."""
    values = {name: getattr(row, name) for name in _NAMES}
    return Attempt(**{**values, "status": AttemptStatus(values["status"])})
