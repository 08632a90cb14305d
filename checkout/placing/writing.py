"""What the writes of placing have in common: a step of an attempt, and what may belong to it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from checkout.attempts import Attempt, AttemptEvent, AttemptStatus, next_status
from checkout.database import (
    Database,
    KeyName,
    Transaction,
    add_to_timeline,
    count_validate,
    find_key,
    get_checkout,
    insert_hold,
    journal_call,
    save_attempt,
    save_checkout,
)
from checkout.errors import DatabaseUnavailable, LostRace
from checkout.idempotency import KeyBook
from checkout.keyring import Keyring
from checkout.orders import Checkout, open_status
from checkout.placing.outcomes import Outcome, Render
from checkout.settings import Settings

T = TypeVar("T")

READ_BACK = "v2/cart"
# What a person may decide: nothing is under way at Locally, and what became of it is not known.
IN_DOUBT = frozenset({AttemptStatus.UNKNOWN, AttemptStatus.REVIEW})

# About half a minute in all; what is still unwritten then is found again by reading back.
_INSIST_PAUSES = (0.1, 0.2, 0.5, 1, 2, 4, 8, 15)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Holds:
    """Holds to put on the books: `possible` or `open`, and how we came to them."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Look:
    """One read-back: when it was made, and what it showed (`order`, `no_order` or `no_answer`)."""

    begun: datetime
    ended: datetime
    showed: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about an attempt in doubt: the hash of its order, or None for no order.

    `by` tells the keys of operators apart and opens nothing.
    """

    cart_hash: str | None
    by: str


class Writer:
    """The parts of which the writes of `Recorder` are made; all but `_insist` run inside a transaction."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        render: Render,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._render = render
        self._keys = KeyBook(keyring)

    async def _step(
        self, tx: Transaction, was: Attempt, *events: AttemptEvent, now: datetime, **values: Any
    ) -> Attempt:
        """Move the attempt on by what happened to it, one thing after the other."""
        moved = was.changed(updated_at=now, **values)
        for event in events:
            moved = moved.changed(status=next_status(moved.status, event))
            await add_to_timeline(tx, was.checkout_id, now, f"attempt.{event}", **_facts(moved))
        if not moved.is_live:
            moved = moved.changed(cart_jwt=None)  # It is a right to place an order.
        await save_attempt(tx, was, moved)
        return moved

    async def _note_look(self, tx: Transaction, attempt: Attempt, look: Look | None) -> None:
        if look is not None:
            await journal_call(tx, attempt.id, READ_BACK, look.begun, look.ended, look.showed)

    async def _audit(self, tx: Transaction, attempt: Attempt, decision: Decision | None, now: datetime) -> None:
        """Note who decided what. Raises LostRace if there is nothing to decide any more."""
        if decision is None:
            return
        if attempt.status not in IN_DOUBT:
            raise LostRace
        facts = {"attempt": attempt.id, "decision": "placed" if decision.cart_hash else "not_placed"}
        await add_to_timeline(
            tx, attempt.checkout_id, now, "attempt.settled", **facts, cart_hash=attempt.cart_hash, by=decision.by
        )

    async def _uncount(self, tx: Transaction, attempt: Attempt) -> None:
        if attempt.setup_intent_id is not None:
            await count_validate(tx, attempt.setup_intent_id, -1)

    async def _reopen(self, tx: Transaction, attempt: Attempt, now: datetime, fresh: Checkout | None) -> Checkout:
        stored = await get_checkout(tx, attempt.checkout_id)
        present = stored if fresh is None else stored.changed(items=fresh.items, path_offered=fresh.path_offered)
        expires_at = now + timedelta(seconds=self._settings.checkout_life)
        open_again = present.changed(status=open_status(present), notice=None, expires_at=expires_at)
        return await save_checkout(tx, stored, open_again)

    async def _book(
        self, tx: Transaction, attempt: Attempt, checkout: Checkout, holds: Holds | None, now: datetime
    ) -> None:
        """Put holds on the books; a reservation has none."""
        totals = checkout.totals
        if holds is None or attempt.setup_intent_id is None or totals is None:
            return
        placed_at = attempt.validated_at or attempt.updated_at
        release = placed_at + timedelta(seconds=self._settings.hold_life)
        await insert_hold(
            tx, attempt, state=holds.state, reason=holds.reason, amount=totals.total, now=now, release=release
        )

    async def _store_answer(self, tx: Transaction, attempt: Attempt, outcome: Outcome) -> None:
        row = await find_key(tx, key_of(attempt))
        request_id = row.request_id if row else ""
        await self._keys.store(tx, key_of(attempt), self._render(outcome, request_id))

    async def _insist(self, attempt_id: str, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        """Write what an upstream has answered: if the database is gone, keep trying while we may."""
        for pause in _INSIST_PAUSES:
            try:
                return await self._database.write(work)
            except DatabaseUnavailable:
                log.warning("outcome_not_recorded", attempt=attempt_id, retry_in=pause)
                await asyncio.sleep(pause)
        return await self._database.write(work)


def _facts(attempt: Attempt) -> dict[str, Any]:
    facts = {"attempt": attempt.id, "status": attempt.status}
    if attempt.refusal and (code := json.loads(attempt.refusal).get("code")):
        facts["code"] = code
    return facts


def key_of(attempt: Attempt) -> KeyName:
    return KeyName(attempt.brand, "place", attempt.checkout_id, attempt.idempotency_key)
