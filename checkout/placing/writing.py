"""What the writes of placing have in common: a step of an attempt, and what may belong to it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from cryptography.exceptions import InvalidTag

from checkout.attempts import IN_DOUBT, Attempt, AttemptEvent, AttemptStatus, ReadBackSpans, next_status
from checkout.database import (
    Database,
    KeyName,
    Look,
    Transaction,
    add_to_timeline,
    count_validate,
    find_attempt,
    find_key,
    get_checkout,
    insert_hold,
    journal_look,
    order_of_checkout,
    save_attempt,
    save_checkout,
)
from checkout.errors import DatabaseUnavailable, LostRace
from checkout.idempotency import KeyBook
from checkout.keyring import Keyring
from checkout.orders import Checkout, Order, open_status
from checkout.placing.emergency import EmergencyJournal, Entry
from checkout.placing.outcomes import Outcome, Render
from checkout.settings import Settings

T = TypeVar("T")

READ_BACK, READ_INTENT = "v2/cart", "stripe/setup_intents"

# About half a minute in all; what is still unwritten then is found again by reading back.
_INSIST_PAUSES = (0.1, 0.2, 0.5, 1, 2, 4, 8, 15)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Holds:
    """Holds to put on the books: `possible` or `open`, and how we came to them."""

    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about an attempt in doubt: the hash of its order, or None for no order.

    `by` tells the keys of operators apart and opens nothing; `source` is where it was made, where that is not the API.
    """

    cart_hash: str | None
    by: str
    source: str | None = None


def may_decide(attempt: Attempt, decision: Decision) -> bool:
    """Whether there is anything to decide; an order may be told of even when it counts as not placed."""
    return attempt.status in IN_DOUBT or (attempt.status is AttemptStatus.NOT_PLACED and decision.cart_hash is not None)


class Writer:
    """What `Recorder` reads, and the parts of its writes; what takes no transaction of its caller opens its own."""

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
        self._spans = read_back_spans(settings)
        self.emergency = EmergencyJournal(settings.journal_path, keyring)

    def open_cart_jwt(self, attempt: Attempt) -> tuple[str, str | None] | None:
        """What commits the attempt's cart: Locally's JWT, and the session if there was one."""
        if attempt.cart_jwt is None:
            return None
        try:
            cart_jwt, locally_session = json.loads(self._keyring.unseal(attempt.cart_jwt, f"cart jwt {attempt.id}"))
        except InvalidTag:  # The encryption key was changed since. It can only lapse, with its hold on the books.
            log.error("cart_jwt_unreadable", attempt=attempt.id)  # noqa: TRY400  A traceback would tell no more.
            return None
        return cart_jwt, locally_session

    async def is_still(self, attempt: Attempt) -> bool:
        """Whether nobody has moved the attempt meanwhile."""
        now = await self._database.read(lambda tx: find_attempt(tx, attempt.id))
        return now is not None and now.status is attempt.status

    async def order_of(self, attempt: Attempt) -> Order | None:
        """The order that the attempt has become."""

        async def work(tx: Transaction) -> Order | None:
            now = await find_attempt(tx, attempt.id)
            is_placed = now is not None and now.status is AttemptStatus.PLACED
            return await order_of_checkout(tx, attempt.checkout_id) if is_placed else None

        return await self._database.read(work)

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

    async def _note_look(self, tx: Transaction, attempt: Attempt, look: Look | None, call: str = READ_BACK) -> None:
        if look is not None:
            await journal_look(tx, attempt.id, call, look)

    async def _audit(self, tx: Transaction, attempt: Attempt, decision: Decision | None, now: datetime) -> None:
        """Note who decided what. Raises LostRace if there is nothing to decide any more."""
        if decision is None:
            return
        if not may_decide(attempt, decision):
            raise LostRace
        facts = {"attempt": attempt.id, "decision": "placed" if decision.cart_hash else "not_placed"}
        who = {"by": decision.by, **({"source": decision.source} if decision.source else {})}
        await add_to_timeline(
            tx, attempt.checkout_id, now, "attempt.settled", **facts, cart_hash=attempt.cart_hash, **who
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

    async def _insist(
        self, attempt_id: str, work: Callable[[Transaction], Coroutine[Any, Any, T]], emergency: Entry | None = None
    ) -> T:
        """Write what an upstream has answered: if the database is gone, keep trying while we may.

        `emergency` says the same to the file that is read when the database is back.
        """
        for pause in _INSIST_PAUSES:
            try:
                return await self._database.write(work)
            except DatabaseUnavailable:
                log.warning("outcome_not_recorded", attempt=attempt_id, retry_in=pause)
                if emergency is not None:
                    self.emergency.append(emergency)
                    emergency = None
                await asyncio.sleep(pause)
        return await self._database.write(work)


def _facts(attempt: Attempt) -> dict[str, Any]:
    facts = {"attempt": attempt.id, "status": attempt.status}
    if attempt.refusal and (code := json.loads(attempt.refusal).get("code")):
        facts["code"] = code
    return facts


def key_of(attempt: Attempt) -> KeyName:
    return KeyName(attempt.brand, "place", attempt.checkout_id, attempt.idempotency_key)


def read_back_spans(settings: Settings) -> ReadBackSpans:
    return ReadBackSpans(
        delays=settings.readback_delays,
        interval=settings.readback_interval,
        until=settings.readback_until,
        not_placed_after=settings.not_placed_after,
        not_placed_after_refusal=settings.not_placed_after_refusal,
        late_looks=settings.late_looks,
        give_up_after=settings.hold_life,
    )
