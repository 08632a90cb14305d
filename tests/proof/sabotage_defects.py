"""The deliberate defects: each takes one of the promise's supports away, as somebody in a hurry might."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from checkout.attempts import Attempt, AttemptEvent, AttemptStatus
from checkout.database import Transaction, attempt_of_cart, find_attempt, get_checkout, insert_order, save_checkout
from checkout.database.tables import attempts, checkouts
from checkout.errors import AuthorizationUnknown, LostRace, NotSent, OutcomeUnknown, RefusedUpstream
from checkout.locally_client import CartToValidate, CommittedCart, LocallyClient, ValidatedCart
from checkout.orders import Checkout, CheckoutStatus, Order
from checkout.placing import Placing
from checkout.placing.new_orders import new_order
from checkout.placing.outcomes import Outcome, write_refusal
from checkout.placing.reading_back import ReadingBack
from checkout.placing.recording import Recorder
from checkout.placing.steps import Steps
from checkout.placing.writing import Holds, key_of
from tests.proof.world import Makers

_UPDATE = update(attempts)


def recording(recorder: type[Recorder]) -> Makers:
    """Placing whose writes are those of another recorder."""

    class Sabotaged(Placing):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self._steps._recorder.__class__ = recorder

    return Makers(placing=Sabotaged)


def stepping(steps: type[Steps]) -> Makers:
    """Placing whose steps are others."""

    class Sabotaged(Placing):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            _become(self._steps, steps, self._steps)

    return Makers(placing=Sabotaged)


def reading(reading_back: type[ReadingBack]) -> Makers:
    """Placing that reads back in another way."""

    class Sabotaged(Placing):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            _become(self._steps._reading_back, reading_back, self._steps)

    return Makers(placing=Sabotaged)


def _become(part: Any, kind: type[Any], steps: Steps) -> None:
    """Make a part of placing one of another kind, also where the table of steps leads to it."""
    part.__class__ = kind
    for status, step in steps._by_status.items():
        if getattr(step, "__self__", None) is part:
            steps._by_status[status] = getattr(part, step.__name__)


def calling(client: Callable[[LocallyClient], Any]) -> Makers:
    """Placing whose client of Locally is another."""
    return Makers(locally=client)


class _Client:
    """Locally's client, of which a defect changes one call."""

    def __init__(self, client: LocallyClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class SentAgain(_Client):
    """A commit whose answer was lost is sent once more."""

    async def commit_cart(self, cart_jwt: str, session_id: str | None) -> CommittedCart:
        try:
            return await self._client.commit_cart(cart_jwt, session_id)
        except OutcomeUnknown:
            return await self._client.commit_cart(cart_jwt, session_id)


class TimeoutIsNotSent(_Client):
    """A commit that was not answered in time is taken for one that never left."""

    async def commit_cart(self, cart_jwt: str, session_id: str | None) -> CommittedCart:
        try:
            return await self._client.commit_cart(cart_jwt, session_id)
        except OutcomeUnknown as error:
            raise NotSent from error


class LostIsRefused(_Client):
    """A validate that was answered with a 5xx is taken for a clear no."""

    async def validate_cart(self, cart: CartToValidate) -> ValidatedCart:
        try:
            return await self._client.validate_cart(cart)
        except OutcomeUnknown as error:
            raise RefusedUpstream from error


class MarkingLate(Recorder):
    """That commit is about to be sent is written once it has been sent."""

    async def begin_commit(self, was: Attempt) -> Attempt:
        return was.changed(status=AttemptStatus.COMMITTING, commit_tries=was.commit_tries + 1)

    async def _mark(self, attempt_id: str) -> None:
        was = await self._database.read(lambda tx: find_attempt(tx, attempt_id))
        if was is not None and was.status is AttemptStatus.VALIDATED:
            await super().begin_commit(was)

    async def commit_not_sent(self, was: Attempt) -> None:
        await self._mark(was.id)
        await super().commit_not_sent(was)

    async def commit_lost(self, was: Attempt, *args: Any, **named: Any) -> None:
        await self._mark(was.id)
        await super().commit_lost(was, *args, **named)

    async def placed(self, attempt_id: str, *args: Any, **named: Any) -> Order:
        await self._mark(attempt_id)
        return await super().placed(attempt_id, *args, **named)


class ForgettingHolds(Recorder):
    """The holds of a validate whose answer was lost do not go on the books."""

    async def give_up(self, was: Attempt, event: AttemptEvent, holds: Holds | None) -> None:
        await super().give_up(was, event, None)


class KeepingRights(Recorder):
    """The cart's JWT stays in the database when the attempt is over."""

    async def _step(self, tx: Transaction, was: Attempt, *events: AttemptEvent, **named: Any) -> Attempt:
        moved = await super()._step(tx, was, *events, **named)
        await tx.execute(_UPDATE.where(attempts.c.id == was.id), {"cart_jwt": was.cart_jwt or moved.cart_jwt})
        return moved


class AnsweringLater(Recorder):
    """The final answer is stored once the order is written, in a transaction of its own."""

    async def _store_answer(self, tx: Transaction, attempt: Attempt, outcome: Outcome) -> None:
        self._kept = (attempt, outcome)

    async def placed(self, *args: Any, **named: Any) -> Order:
        order = await super().placed(*args, **named)
        await self._store_kept()
        return order

    async def not_placed(self, *args: Any, **named: Any) -> None:
        await super().not_placed(*args, **named)
        await self._store_kept()

    async def _store_kept(self) -> None:
        kept = super()._store_answer
        await self._database.write(lambda tx: kept(tx, *self._kept))


class OrderLater(Recorder):
    """The attempt and its checkout become placed first; the order is written in a transaction of its own."""

    async def placed(self, attempt_id: str, *args: Any, **named: Any) -> Order:
        now = self._clock()

        async def first(tx: Transaction) -> Order:
            was = await find_attempt(tx, attempt_id)
            if was is None or not was.is_live:
                raise LostRace
            await self._step(tx, was, AttemptEvent.ORDER_FOUND, now=now)
            checkout = await get_checkout(tx, was.checkout_id)
            closed = checkout.changed(status=CheckoutStatus.PLACED, notice=None, ended_at=now)
            return new_order(was, await save_checkout(tx, checkout, closed), None, now)

        order = await self._database.write(first)
        await self._database.write(lambda tx: insert_order(tx, order, attempt_id, self._tokens(order)))
        return order


class OrderTwice(Recorder):
    """Whoever learns of the order writes it, also when somebody else has."""

    async def placed(self, attempt_id: str, *args: Any, **named: Any) -> Order:
        try:
            return await super().placed(attempt_id, *args, **named)
        except LostRace:
            return await self._database.write(lambda tx: self._again(tx, attempt_id))

    async def _again(self, tx: Transaction, attempt_id: str) -> Order:
        attempt = await find_attempt(tx, attempt_id)
        assert attempt is not None
        order = new_order(attempt, await get_checkout(tx, attempt.checkout_id), None, self._clock())
        await insert_order(tx, order, attempt_id, self._tokens(order))
        return order


class Reopening(Steps):
    """A commit that was answered with an error is called failed, and the checkout is open again."""

    async def _commit_lost(self, attempt: Attempt, *, refused: bool) -> None:
        await _force(self._recorder, attempt, AttemptStatus.REJECTED)


class LostHoldsAgain(Steps):
    """A commit whose answer was lost ends like a lost validate: the hold is booked, and she may try again."""

    async def _commit_lost(self, attempt: Attempt, *, refused: bool) -> None:
        await _force(self._recorder, attempt, AttemptStatus.HOLD_UNKNOWN, Holds("possible", "commit_lost"))


async def _force(recorder: Recorder, was: Attempt, status: AttemptStatus, holds: Holds | None = None) -> None:
    """End an attempt by an arrow that does not exist."""
    now = recorder._clock()
    values = {"status": status, "refusal": write_refusal(AuthorizationUnknown()), "updated_at": now, "cart_jwt": None}

    async def work(tx: Transaction) -> None:
        await tx.execute(_UPDATE.where(attempts.c.id == was.id), values)
        checkout = await recorder._reopen(tx, was, now, None)
        await recorder._book(tx, was, checkout, holds, now)
        await recorder._keys.close(tx, key_of(was))

    await recorder._database.write(work)


class CommitFromTheTop(Steps):
    """Recovery takes an attempt that was committing for one that is validated, and commits."""

    async def _resume_committing(self, attempt: Attempt, checkout: Checkout) -> None:
        right = self._recorder.open_cart_jwt(attempt)
        assert right is not None
        with suppress(OutcomeUnknown, NotSent):
            await self._locally.commit_cart(*right)
            await self._recorder.placed(attempt.id, None)
            return
        await self._commit_lost(attempt, refused=False)


class RestartFromValidated(Steps):
    """Recovery puts an attempt that was committing back to validated, and trusts the journal of calls to stop it."""

    async def _resume_committing(self, attempt: Attempt, checkout: Checkout) -> None:
        values = {"status": AttemptStatus.VALIDATED, "commit_tries": 0}

        async def back(tx: Transaction) -> None:
            await tx.execute(_UPDATE.where(attempts.c.id == attempt.id), values)

        await self._recorder._database.write(back)


class ValidateAgain(Steps):
    """Recovery sends validate again by itself where its answer was lost."""

    async def _resume_validating(self, attempt: Attempt, _checkout: Checkout) -> None:
        await self._recorder.validate_again(attempt, AttemptEvent.VALIDATE_NOT_SENT)


class AnyAnswerIsProof(ReadingBack):
    """A read that failed counts as one that showed no order."""

    async def _shows_order(self, attempt: Attempt) -> bool | None:
        return bool(await super()._shows_order(attempt))


class Hasty(ReadingBack):
    """The first look, taken soon, proves that there is no order if it shows none."""

    def next_read(self, attempt: Attempt) -> datetime:
        return self._clock() + timedelta(seconds=0.1)

    async def look(self, *args: Any) -> None:
        self.spans = replace(self.spans, not_placed_after=0, not_placed_after_refusal=0, healthy_reads=1)
        await super().look(*args)


class Believing(Placing):
    """Whoever announces an order is believed: nothing is read back."""

    async def look_now(self, cart_hash: str) -> bool:
        attempt = await self._database.read(lambda tx: attempt_of_cart(tx, cart_hash))
        assert attempt is not None
        await self._steps._recorder.placed(attempt.id, None)
        return True


async def save_blindly(tx: Transaction, was: Attempt, now: Attempt) -> None:
    """Write an attempt's new state, whatever its status has become meanwhile."""
    values = {name: getattr(now, name) for name in COLUMNS_OF_STEPS}
    await tx.execute(_UPDATE.where(attempts.c.id == was.id), values)


COLUMNS_OF_STEPS = [
    column.name for column in attempts.columns if column.name not in {"id", "lease_owner", "lease_until"}
]


async def save_checkout_blindly(tx: Transaction, was: Checkout, now: Checkout) -> Checkout:
    """Write a checkout's new state over whatever it has become meanwhile."""
    saved = now.changed(version=was.version + 1)
    values = {"status": saved.status, "version": saved.version, "document": saved.model_dump_json()}
    await tx.execute(update(checkouts).where(checkouts.c.id == was.id), values)
    return saved


async def begin_call_again(tx: Transaction, attempt_id: str, call: str, now: Any) -> None:
    """Write no call down: nothing stands in the way of a second commit."""


def admit_anybody(checkout: Any, _order: Any) -> None:
    """Let a rival in while the checkout is being placed."""
