"""Placing an order: exactly one, resumable from every status.

Locally documents no idempotency for `cart/validate` (which places holds) or `cart/commit` (which places the order).
So each of the two has a mark that is durable before the call; what the mark leaves in doubt is settled by reading back,
never by sending again. An attempt runs in a task of the process, whatever becomes of the request that started it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from checkout.assessing import Assessor
from checkout.attempts import READ_BACK_IN, Attempt, AttemptStatus
from checkout.database import (
    Database,
    KeyRow,
    Transaction,
    attempt_of_cart,
    find_attempt,
    get_checkout,
    order_of_checkout,
)
from checkout.errors import AlreadyPlacing, CheckoutError, DatabaseUnavailable, LostRace, Stopping
from checkout.idempotency import Answer, KeyBook
from checkout.keyring import Keyring
from checkout.locally_client import LocallyClient
from checkout.orders import Checkout, Order
from checkout.placing.keeping import Keeper
from checkout.placing.outcomes import Outcome, Render, outcome_of
from checkout.placing.reading_back import ReadingBack
from checkout.placing.recording import Recorder
from checkout.placing.settling import Settling
from checkout.placing.sleeping import Sleeper
from checkout.placing.steps import Steps
from checkout.placing.taking_up import PlaceOrder, Started, TakingUp
from checkout.placing.writing import READ_BACK, Decision
from checkout.settings import Settings
from checkout.stripe_client import StripeClient

__all__ = ["READ_BACK", "Decision", "Outcome", "PlaceOrder", "Placing", "Render", "outcome_of"]

log = structlog.get_logger(__name__)

_BEFORE_VALIDATE = frozenset({AttemptStatus.RECEIVED, AttemptStatus.CHECKED})


class _Begun(NamedTuple):
    """A new attempt and the task that runs it."""

    taken: Started
    task: asyncio.Task[bool]


class Placing:
    """Runs attempts; one instance per process."""

    def __init__(
        self,
        database: Database,
        assessor: Assessor,
        locally: LocallyClient,
        stripe: StripeClient,
        keyring: Keyring,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        render: Render,
        on_placed: Callable[[Order], Awaitable[None]],
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._sleeper = Sleeper(clock)
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._beginnings: set[asyncio.Task[Any]] = set()
        self._leaves_by: float | None = None
        self._keys = KeyBook(keyring)
        self._owner = secrets.token_hex(8)
        self._taking_up = TakingUp(self._keys, self._owner, settings.lease)
        recorder = Recorder(database, keyring, settings, clock=clock, render=render)
        reading_back = ReadingBack(recorder, locally, settings, self._sleeper, clock=clock, on_placed=on_placed)
        self._steps = Steps(
            recorder,
            reading_back,
            assessor,
            locally,
            stripe,
            settings,
            clock=clock,
            is_stopping=lambda: self._sleeper.is_stopping,
        )
        self._settling = Settling(database, recorder, reading_back.read_order)
        self._keeper = Keeper(
            database,
            recorder,
            reading_back,
            settings,
            self._keys,
            clock=clock,
            owner=self._owner,
            running=self._running,
            run=self._start_task,
        )

    async def start(self) -> None:
        """Take up what an earlier process left, and keep doing so."""
        await self._keeper.start()

    def leave(self) -> float:
        """Say that the process is about to end, while it still takes requests; gives the seconds that are left to it.

        Everything up to the end of `stop` shares them.
        """
        now = asyncio.get_running_loop().time()
        if self._leaves_by is None:
            self._leaves_by = now + self._settings.drain
        return max(self._leaves_by - now, 0)

    def park(self) -> None:
        """Begin nothing from now on: attempts between the marks stay as they are, for the next process."""
        self._sleeper.stop()

    async def stop(self) -> None:
        """Park what sleeps, wait for the calls in flight."""
        left = self.leave()
        self.park()
        await self._keeper.stop()
        if self._running:
            _, unfinished = await asyncio.wait(self._running.values(), timeout=left)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def is_running(self) -> bool:
        """Whether attempts are taken up and looked after, and will be for a while."""
        return self._keeper.is_running() and self._leaves_by is None

    def foresee(
        self, order: PlaceOrder, checkout: Checkout, made: Order | None, row: KeyRow | None
    ) -> Answer | Outcome | None:
        """What `place` would say, where what was read of the checkout says it already; else None.

        So a crowd of rivals, and whoever asks again, costs no more than the read that every request begins with.
        """
        return self._taking_up.foresee(order, checkout, made, row, self._clock())

    async def place(self, order: PlaceOrder) -> Answer | Outcome:
        """Place the order, or say how far it is.

        Gives the final stored answer, or an outcome. Raises KeyMismatch, AlreadyPlacing, SetupIntentInvalid,
        NotRescuable, DatabaseUnavailable and Stopping; none of them has touched the card.
        """
        if self._sleeper.is_stopping:
            raise Stopping
        waits_until = asyncio.get_running_loop().time() + order.wait
        # Taking up and starting belong together: a caller that goes away in between would leave the attempt lying.
        beginning = asyncio.create_task(self._begin(order))
        self._beginnings.add(beginning)
        beginning.add_done_callback(self._beginnings.discard)
        begun = await asyncio.shield(beginning)
        if not isinstance(begun, _Begun):
            return begun
        taken, task = begun
        await asyncio.wait({task}, timeout=max(waits_until - asyncio.get_running_loop().time(), 0))
        try:
            if task.done() and (final := await self._database.read(lambda tx: self._keys.stored(tx, order.claim.name))):
                return final
            return await self._database.write(lambda tx: self._answer(tx, order, taken.attempt_id))
        except DatabaseUnavailable:
            if _sent_nothing(task):
                raise
            # There may be an order by now, which we cannot read: "wait" is all that is surely true.
            return Outcome(taken.checkout)

    async def settle(self, checkout_id: str, decision: Decision) -> None:
        """Let a person decide an attempt in doubt.

        Raises NothingToSettle, InvalidField, LostRace and DatabaseUnavailable.
        """
        await self._settling.settle(checkout_id, decision)

    async def look_now(self, cart_hash: str) -> bool:
        """There is news of a cart: whoever is in doubt about it, or counts it as not placed, reads it back at once.

        The look goes on after this returns. An attempt whose commit is under way looks when that has ended. True if
        there is an attempt with this cart. Raises DatabaseUnavailable.
        """
        attempt = await self._database.read(lambda tx: attempt_of_cart(tx, cart_hash))
        if attempt is None:
            return False
        if attempt.id in self._running:
            self._sleeper.wake(attempt.id)
        elif attempt.status in READ_BACK_IN and not self._sleeper.is_stopping:
            # Whichever instance has it goes on as it planned; looking twice does no harm.
            self._sleeper.wake(attempt.id)
            self._start_task(attempt.id, steps=1)
        return True

    async def _begin(self, order: PlaceOrder) -> "_Begun | Outcome | Answer":
        taken = await self._take_up(order)
        return _Begun(taken, self._start_task(taken.attempt_id)) if isinstance(taken, Started) else taken

    async def _take_up(self, order: PlaceOrder) -> Started | Outcome | Answer:
        def once() -> Awaitable[Started | Outcome | Answer]:
            return self._database.write(lambda tx: self._taking_up.take_up(tx, order, self._clock()))

        try:
            return await once()
        except LostRace:
            # A rival in another instance wrote at the same moment; if it has our key, that is what to tell.
            with suppress(LostRace):
                return await once()
            raise AlreadyPlacing from None

    async def _answer(self, tx: Transaction, order: PlaceOrder, attempt_id: str) -> Answer | Outcome:
        """What the first request is told; a final answer is the stored one, so that replays are the same."""
        stored = await self._keys.finish(tx, order.claim.name, attempt_id)
        if stored is not None:
            return stored
        attempt, checkout = await self._load(tx, attempt_id)
        return outcome_of(attempt, checkout, await order_of_checkout(tx, checkout.id))

    async def _load(self, tx: Transaction, attempt_id: str) -> tuple[Attempt, Checkout]:
        attempt = await find_attempt(tx, attempt_id)
        if attempt is None:
            raise LostRace
        return attempt, await get_checkout(tx, attempt.checkout_id)

    def _start_task(self, attempt_id: str, steps: int | None = None) -> asyncio.Task[bool]:
        running = self._running.get(attempt_id)
        if running is not None:  # Whoever stops the process waits for one task per attempt.
            return running
        task = asyncio.create_task(self._drive(attempt_id, steps), name=f"placing-{attempt_id}")
        self._running[attempt_id] = task
        task.add_done_callback(lambda done: self._finished(attempt_id, done))
        return task

    def _finished(self, attempt_id: str, task: asyncio.Task[bool]) -> None:
        if self._running.get(attempt_id) is task:  # It was cancelled before it began.
            self._forget(attempt_id)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("attempt_stopped", attempt=attempt_id, error=type(error).__name__, exc_info=error)

    def _forget(self, attempt_id: str) -> None:
        self._running.pop(attempt_id, None)
        self._steps.sent.discard(attempt_id)
        self._sleeper.forget(attempt_id)

    async def _drive(self, attempt_id: str, steps: int | None) -> bool:
        """Run an attempt as far as it goes, and forget it in the same breath: news that comes later begins anew."""
        try:
            return await self._take_steps(attempt_id, steps)
        finally:
            self._forget(attempt_id)

    async def _take_steps(self, attempt_id: str, steps: int | None) -> bool:
        """Take step after step until there is none; what goes wrong here is taken up again by recovery.

        False if the attempt stopped before anything that touches a card was sent.
        """
        may_have_sent, seen = False, None
        while not self._sleeper.is_stopping and steps != 0:
            try:
                attempt, checkout = await self._database.read(lambda tx: self._load(tx, attempt_id))
                # What comes after the doubt is over for whoever waits; recovery takes it up when the next look is due.
                was_in_doubt = seen is not None and seen.status is AttemptStatus.UNKNOWN
                is_settled = was_in_doubt and attempt.status is not AttemptStatus.UNKNOWN
                seen = attempt
                may_have_sent = may_have_sent or attempt.status not in _BEFORE_VALIDATE
                more = not is_settled and await self._steps.take(attempt, checkout)
                if not more and attempt.status in READ_BACK_IN:
                    await self._keeper.let_go(attempt_id)
            except LostRace:
                if seen is not None and await self._is_ours(seen):
                    continue
                log.info("attempt_taken_by_another", attempt=attempt_id)
                return True
            except CheckoutError as error:
                log.warning("attempt_paused", attempt=attempt_id, code=error.code)
                break
            steps = None if steps is None else steps - 1
            if not more and not (attempt.status in READ_BACK_IN and self._sleeper.is_called(attempt_id)):
                break
        return may_have_sent or attempt_id in self._steps.sent

    async def _is_ours(self, seen: Attempt) -> bool:
        """Whether an attempt that moved on is this process's: a write may be done that the database called lost."""
        try:
            now = await self._database.read(lambda tx: find_attempt(tx, seen.id))
        except DatabaseUnavailable:
            return False
        return now is not None and now.status is not seen.status and now.lease_owner == self._owner


def _sent_nothing(task: asyncio.Task[bool]) -> bool:
    """Whether an attempt's task has ended before anything that touches a card was sent."""
    return task.done() and not task.cancelled() and task.exception() is None and not task.result()
