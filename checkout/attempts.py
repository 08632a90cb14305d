"""One attempt to place an order: where it stands, what may happen to it, what a read-back proves. Pure.

A checkout has at most one live attempt. Every call that touches the card is a pair of statuses: the first is written
before the call, so the status itself says "in doubt".
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self


class AttemptStatus(StrEnum):
    """Where one attempt to place an order stands. `validating` and `committing` say "in doubt"."""

    RECEIVED = "received"
    CHECKED = "checked"
    INTENT_VERIFIED = "intent_verified"
    VALIDATING = "validating"
    VALIDATED = "validated"
    COMMITTING = "committing"
    PLACED = "placed"
    UNKNOWN = "unknown"
    NOT_PLACED = "not_placed"
    REVIEW = "review"
    REJECTED = "rejected"
    HOLD_UNKNOWN = "hold_unknown"
    LAPSED = "lapsed"


class AttemptEvent(StrEnum):
    """What can happen to an attempt."""

    CART_CHECKED = "cart_checked"
    INTENT_VERIFIED = "intent_verified"
    VALIDATE_BEGUN = "validate_begun"
    VALIDATE_NOT_SENT = "validate_not_sent"
    PRICE_FELL = "price_fell"
    HOLDS_PLACED = "holds_placed"
    VALIDATE_LOST = "validate_lost"
    COMMIT_BEGUN = "commit_begun"
    COMMIT_NOT_SENT = "commit_not_sent"
    COMMIT_LOST = "commit_lost"
    ORDER_FOUND = "order_found"
    ORDER_ABSENT = "order_absent"
    EVIDENCE_MISSING = "evidence_missing"
    REFUSED = "refused"
    TOO_OLD = "too_old"


_S, _E = AttemptStatus, AttemptEvent

TRANSITIONS: dict[tuple[AttemptStatus, AttemptEvent], AttemptStatus] = {
    (_S.RECEIVED, _E.CART_CHECKED): _S.CHECKED,
    (_S.RECEIVED, _E.REFUSED): _S.REJECTED,
    (_S.RECEIVED, _E.TOO_OLD): _S.LAPSED,
    (_S.CHECKED, _E.INTENT_VERIFIED): _S.INTENT_VERIFIED,
    (_S.CHECKED, _E.REFUSED): _S.REJECTED,
    (_S.CHECKED, _E.TOO_OLD): _S.LAPSED,
    (_S.INTENT_VERIFIED, _E.VALIDATE_BEGUN): _S.VALIDATING,
    (_S.INTENT_VERIFIED, _E.REFUSED): _S.REJECTED,
    (_S.INTENT_VERIFIED, _E.TOO_OLD): _S.LAPSED,
    (_S.VALIDATING, _E.VALIDATE_NOT_SENT): _S.INTENT_VERIFIED,
    (_S.VALIDATING, _E.PRICE_FELL): _S.INTENT_VERIFIED,
    (_S.VALIDATING, _E.HOLDS_PLACED): _S.VALIDATED,
    (_S.VALIDATING, _E.REFUSED): _S.REJECTED,
    (_S.VALIDATING, _E.VALIDATE_LOST): _S.HOLD_UNKNOWN,
    (_S.VALIDATED, _E.COMMIT_BEGUN): _S.COMMITTING,
    (_S.VALIDATED, _E.TOO_OLD): _S.LAPSED,
    (_S.COMMITTING, _E.COMMIT_NOT_SENT): _S.VALIDATED,
    (_S.COMMITTING, _E.COMMIT_LOST): _S.UNKNOWN,
    (_S.COMMITTING, _E.ORDER_FOUND): _S.PLACED,
    (_S.UNKNOWN, _E.ORDER_FOUND): _S.PLACED,
    (_S.UNKNOWN, _E.ORDER_ABSENT): _S.NOT_PLACED,
    (_S.UNKNOWN, _E.EVIDENCE_MISSING): _S.REVIEW,
    (_S.REVIEW, _E.ORDER_FOUND): _S.PLACED,
    (_S.REVIEW, _E.ORDER_ABSENT): _S.NOT_PLACED,
    (_S.NOT_PLACED, _E.ORDER_FOUND): _S.PLACED,
}

# After a day of reading in vain the order is in no hurry: each wait is longer by this.
_SLOWER = 10
_DAY = 86400
# A read that comes later than planned by more seconds than this leaves a span that nobody watched.
_UNWATCHED = 60

# An attempt in one of these is not over: the database allows one of them per checkout.
LIVE_ATTEMPTS = frozenset(
    {
        _S.RECEIVED,
        _S.CHECKED,
        _S.INTENT_VERIFIED,
        _S.VALIDATING,
        _S.VALIDATED,
        _S.COMMITTING,
        _S.UNKNOWN,
        _S.REVIEW,
    }
)
# These keep their SetupIntent and their cart for good: there is an order, or one may still turn up.
INTENT_KEEPERS = LIVE_ATTEMPTS | {_S.PLACED, _S.NOT_PLACED}
# What became of the commit is not known; it is read back, or a person decides.
IN_DOUBT = frozenset({_S.UNKNOWN, _S.REVIEW})
# An order may still be found.
READ_BACK_IN = IN_DOUBT | {_S.NOT_PLACED}


def next_status(status: AttemptStatus, event: AttemptEvent) -> AttemptStatus:
    """The status that follows. Raises ValueError where the event is impossible in this status."""
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise ValueError(f"{event} cannot happen to an attempt that is {status}") from None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the database knows of one attempt. `cart_jwt` holds, sealed, all that a commit needs."""

    id: str
    checkout_id: str
    brand: str
    status: AttemptStatus
    idempotency_key: str
    setup_intent_id: str | None
    external_intent: bool
    expected_amount: int
    created_at: datetime
    updated_at: datetime
    lease_owner: str | None = None
    lease_until: datetime | None = None
    validate_tries: int = 0
    price_falls: int = 0
    validated_at: datetime | None = None
    cart_hash: str | None = None
    cart_jwt: bytes | None = None
    commit_tries: int = 0
    commit_refused: bool = False
    unknown_since: datetime | None = None
    reads: int = 0
    next_read_at: datetime | None = None
    healthy_reads: int = 0
    first_healthy_read_at: datetime | None = None
    refusal: str | None = None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE_ATTEMPTS

    def changed(self, **values: Any) -> Self:
        return replace(self, **values)


@dataclass(frozen=True, slots=True)
class ReadBackSpans:
    """How long and how often to read back, in seconds."""

    delays: tuple[float, ...]
    interval: float
    until: float
    not_placed_after: float
    not_placed_after_refusal: float
    healthy_reads: int = 3
    late_looks: tuple[float, ...] = ()
    give_up_after: float = 7 * 86400

    @property
    def longest(self) -> float:
        """No wait between two reads of an attempt in doubt is longer."""
        return max((*self.delays, self.interval * _SLOWER))


def next_read(attempt: Attempt, spans: ReadBackSpans, now: datetime, jitter: float) -> datetime | None:
    """When to read back next, None if never again: a hold is gone by then, and a person has long been asked.

    `jitter` (0 to 1) spreads instances that lost their upstream together. It only shortens the wait: an order that
    exists shall be found within the interval after its upstream answers again.
    """
    age = _passed(attempt.unknown_since or now, now)
    if attempt.reads < len(spans.delays):
        delay = spans.delays[attempt.reads]
    elif age >= spans.give_up_after:
        return None
    else:
        delay = spans.interval * (_SLOWER if age >= _DAY else 1)
    return now + timedelta(seconds=delay * (0.8 + 0.2 * jitter))


def next_late_look(closed_at: datetime, spans: ReadBackSpans, now: datetime, *, answered: bool) -> datetime | None:
    """When to look once more for an order that counts as not placed; one without an answer is made up for."""
    if not answered and _passed(closed_at, now) < spans.give_up_after:
        return now + timedelta(seconds=spans.interval)
    due = (closed_at + timedelta(seconds=after) for after in sorted(spans.late_looks))
    return next((at for at in due if at > now), None)


def note_read(attempt: Attempt, *, healthy: bool, now: datetime) -> Attempt:
    """The attempt after one more read-back; a healthy one answered and showed no order."""
    # A clock that was set back must not make the doubt last longer.
    since = min(attempt.unknown_since or now, now)
    noted = attempt.changed(reads=attempt.reads + 1, unknown_since=since)
    if not healthy:
        return noted
    first = _first_of_span(attempt, now)
    return noted.changed(healthy_reads=attempt.healthy_reads + 1, first_healthy_read_at=first)


def _first_of_span(attempt: Attempt, now: datetime) -> datetime:
    """When the span began over which nothing was seen.

    Time in which nobody looked is no evidence, be it that the service stood still or that its clock was moved on; and a
    clock that was set back begins the span anew.
    """
    first = attempt.first_healthy_read_at
    if first is None:
        return now
    late = _passed(attempt.next_read_at or now, now)
    return min(first + timedelta(seconds=late), now) if late > _UNWATCHED else min(first, now)


def judge(attempt: Attempt, spans: ReadBackSpans, now: datetime, *, healthy: bool) -> AttemptEvent | None:
    """What the reads so far prove: ORDER_ABSENT, EVIDENCE_MISSING when the time is over, or nothing yet.

    Absence needs several healthy reads over a span, because a read may overtake the order that it looks for. The span
    ends with a healthy read, so `healthy` says whether the one just made was: what came after the last is unseen.
    """
    span = spans.not_placed_after_refusal if attempt.commit_refused else spans.not_placed_after
    first = attempt.first_healthy_read_at
    enough = first is not None and attempt.healthy_reads >= spans.healthy_reads and _passed(first, now) >= span
    if healthy and enough:
        return AttemptEvent.ORDER_ABSENT
    if attempt.unknown_since is not None and _passed(attempt.unknown_since, now) >= spans.until:
        return AttemptEvent.EVIDENCE_MISSING
    return None


def _passed(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
