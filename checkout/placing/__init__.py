"""Placing an order: exactly one, resumable from every status.

Locally documents no idempotency for `cart/validate` (which places holds) or `cart/commit` (which places the order).
So each of the two has a mark that is durable before the call; what the mark leaves in doubt is settled by reading back,
never by sending again. An attempt runs in a task of the process, whatever becomes of the request that started it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog

from checkout.assessing import Assessor
from checkout.attempts import Attempt, AttemptStatus
from checkout.database import (
    Database,
    Transaction,
    claim_attempts,
    drop_old_keys,
    find_attempt,
    get_checkout,
    order_of_checkout,
    renew_leases,
    void_leases,
)
from checkout.errors import AlreadyPlacing, CheckoutError, DatabaseUnavailable, LostRace
from checkout.idempotency import Answer, KeyBook
from checkout.keyring import Keyring
from checkout.locally_client import LocallyClient
from checkout.orders import Checkout, Order
from checkout.placing.outcomes import Outcome, Render, outcome_of
from checkout.placing.recording import Recorder
from checkout.placing.settling import Settling
from checkout.placing.steps import Steps
from checkout.placing.taking_up import PlaceOrder, Started, TakingUp
from checkout.placing.writing import READ_BACK, Decision, key_of
from checkout.settings import Settings
from checkout.stripe_client import StripeClient

__all__ = ["READ_BACK", "Decision", "Outcome", "PlaceOrder", "Placing", "Render", "outcome_of"]

log = structlog.get_logger(__name__)

_BEFORE_VALIDATE = frozenset({AttemptStatus.RECEIVED, AttemptStatus.CHECKED})
# A sleeping attempt looks at the clock this often, so that a clock that was moved is noticed.
_LONGEST_NAP = 1.0


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
        self._owner = secrets.token_hex(8)
        self._stopping = asyncio.Event()
        self._keys = KeyBook(keyring)
        self._taking_up = TakingUp(self._keys, self._owner, settings.lease)
        recorder = Recorder(database, keyring, settings, clock=clock, render=render)
        self._steps = Steps(
            recorder,
            assessor,
            locally,
            stripe,
            settings,
            clock=clock,
            sleep_until=self._sleep_until,
            is_stopping=self._stopping.is_set,
            on_placed=on_placed,
        )
        self._settling = Settling(database, recorder, self._steps.read_order)
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._beginnings: set[asyncio.Task[Any]] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what an earlier process left, and keep doing so."""
        if self._database.is_exclusive:
            await self._database.write(void_leases)
        await self._recover()
        self._keeper = asyncio.create_task(self._keep(), name="placing-keeper")

    async def stop(self) -> None:
        """Park what sleeps, wait for the calls in flight."""
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._running:
            _, unfinished = await asyncio.wait(self._running.values(), timeout=self._settings.drain)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    def is_running(self) -> bool:
        """Whether attempts are taken up and looked after."""
        return self._keeper is not None and not self._keeper.done() and not self._stopping.is_set()

    async def place(self, order: PlaceOrder) -> Answer | Outcome:
        """Place the order, or say how far it is.

        Gives the final stored answer, or an outcome. Raises KeyMismatch, RequestInProgress, AlreadyPlacing,
        PriceChanged, InvalidField, the CheckoutClosed kinds and DatabaseUnavailable; none of them has touched the card.
        """
        # Taking up and starting belong together: a caller that goes away in between would leave the attempt lying.
        beginning = asyncio.create_task(self._begin(order))
        self._beginnings.add(beginning)
        beginning.add_done_callback(self._beginnings.discard)
        begun = await asyncio.shield(beginning)
        if not isinstance(begun, _Begun):
            return begun
        taken, task = begun
        await asyncio.wait({task}, timeout=order.wait)
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

    async def _begin(self, order: PlaceOrder) -> "_Begun | Outcome | Answer":
        taken = await self._take_up(order)
        return _Begun(taken, self._start_task(taken.attempt_id)) if isinstance(taken, Started) else taken

    async def _take_up(self, order: PlaceOrder) -> Started | Outcome | Answer:
        def once() -> Awaitable[Started | Outcome | Answer]:
            return self._database.write(lambda tx: self._taking_up.take_up(tx, order, self._clock()))

        try:
            return await once()
        except (LostRace, AlreadyPlacing):
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

    def _start_task(self, attempt_id: str) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._drive(attempt_id), name=f"placing-{attempt_id}")
        self._running[attempt_id] = task
        task.add_done_callback(lambda done: self._finished(attempt_id, done))
        return task

    def _finished(self, attempt_id: str, task: asyncio.Task[bool]) -> None:
        self._running.pop(attempt_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("attempt_stopped", attempt=attempt_id, error=type(error).__name__, exc_info=error)

    async def _drive(self, attempt_id: str) -> bool:
        """Take step after step until there is none; what goes wrong here is taken up again by recovery.

        False if the attempt stopped before anything that touches a card was sent.
        """
        may_have_sent = False
        while not self._stopping.is_set():
            try:
                attempt, checkout = await self._database.read(lambda tx: self._load(tx, attempt_id))
                more = await self._steps.take(attempt, checkout)
            except LostRace:
                log.info("attempt_taken_by_another", attempt=attempt_id)
                return True
            except CheckoutError as error:
                log.warning("attempt_paused", attempt=attempt_id, code=error.code)
                break
            may_have_sent = may_have_sent or attempt.status not in _BEFORE_VALIDATE
            if not more:
                break
        return may_have_sent

    async def _keep(self) -> None:
        """Renew our leases and look for attempts that nobody works on."""
        renew_every = self._settings.lease / 3
        next_recovery = next_sweep = self._clock()
        while True:
            await asyncio.sleep(min(renew_every, self._settings.recovery_interval))
            now = self._clock()
            try:
                if self._running:
                    until = now + timedelta(seconds=self._settings.lease)
                    await self._database.write(lambda tx: renew_leases(tx, self._owner, list(self._running), until))  # noqa: B023  Awaited at once.
                if now >= next_recovery:
                    next_recovery = now + timedelta(seconds=self._settings.recovery_interval)
                    await self._recover()
                if now >= next_sweep:
                    next_sweep = now + timedelta(hours=1)
                    before = now - timedelta(seconds=self._settings.key_life)
                    await self._database.write(lambda tx: drop_old_keys(tx, before))  # noqa: B023  Awaited at once.
            except CheckoutError as error:
                log.warning("recovery_paused", code=error.code)

    async def _recover(self) -> None:
        now = self._clock()
        until = now + timedelta(seconds=self._settings.lease)
        for attempt_id in await self._database.write(lambda tx: self._claim(tx, now, until)):
            log.info("attempt_recovered", attempt=attempt_id)
            self._start_task(attempt_id)

    async def _claim(self, tx: Transaction, now: datetime, until: datetime) -> list[str]:
        """Take what nobody works on; the requests that began it died with their process, so their keys are closed."""
        claimed = await claim_attempts(tx, self._owner, now, until)
        abandoned = [attempt_id for attempt_id in claimed if attempt_id not in self._running]
        for attempt_id in abandoned:
            attempt = await find_attempt(tx, attempt_id)
            if attempt is not None:
                await self._keys.close(tx, key_of(attempt))
        return abandoned

    async def _sleep_until(self, at: datetime) -> bool:
        """Sleep until a time of our clock; False if the service is stopping."""
        while (remaining := (at - self._clock()).total_seconds()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(remaining, _LONGEST_NAP))
            if self._stopping.is_set():
                return False
        return True


def _sent_nothing(task: asyncio.Task[bool]) -> bool:
    """Whether an attempt's task has ended before anything that touches a card was sent."""
    return task.done() and not task.cancelled() and task.exception() is None and not task.result()
