"""Reading back: whether there is an order is asked of Locally, by the hash of the cart, and never sent again."""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from checkout.attempts import (
    READ_BACK_IN,
    Attempt,
    AttemptEvent,
    AttemptStatus,
    judge,
    next_late_look,
    next_read,
    note_read,
)
from checkout.database import Look
from checkout.errors import CheckoutError, LostRace
from checkout.locally_client import LocallyClient, request_id_of_last
from checkout.orders import Checkout, Order
from checkout.placing.recording import Recorder
from checkout.placing.sleeping import Sleeper
from checkout.placing.writing import READ_BACK, read_back_spans
from checkout.settings import Settings

# What a read-back showed, in the words of the journal.
_SHOWED = {True: "order", False: "no_order", None: "no_answer"}

log = structlog.get_logger(__name__)


class ReadingBack:
    """Finds out what became of a commit. `on_placed` learns of each order, and may fail."""

    def __init__(
        self,
        recorder: Recorder,
        locally: LocallyClient,
        settings: Settings,
        sleeper: Sleeper,
        *,
        clock: Callable[[], datetime],
        on_placed: Callable[[Order], Awaitable[None]],
    ) -> None:
        self._recorder = recorder
        self._locally = locally
        self._sleeper = sleeper
        self._clock = clock
        self._on_placed = on_placed
        self._soon = settings.recovery_interval
        self.spans = read_back_spans(settings)

    def is_due(self, attempt: Attempt) -> bool:
        """Whether an attempt is to be read back now or so soon that the task which has it waits for it."""
        if attempt.status not in READ_BACK_IN or attempt.cart_hash is None:
            return attempt.status is AttemptStatus.UNKNOWN
        if attempt.status is AttemptStatus.UNKNOWN or self._sleeper.is_called(attempt.id):
            return True
        if attempt.next_read_at is None:
            return False
        left = (attempt.next_read_at - self._clock()).total_seconds()
        return not self._soon < left <= self._longest(attempt)

    def _longest(self, attempt: Attempt) -> float:
        """No wait that was planned for this attempt is longer; what is, comes of a clock that was set back."""
        if attempt.status is AttemptStatus.NOT_PLACED:
            return self.longest_late
        return self.spans.longest

    @property
    def longest_late(self) -> float:
        return max((*self.spans.late_looks, self.spans.interval))

    def next_read(self, attempt: Attempt) -> datetime | None:
        return next_read(attempt, self.spans, self._clock(), random.random())  # noqa: S311  Only spreads the load.

    async def look(self, attempt: Attempt) -> None:
        """Look for the order, when its time has come, and judge what all the looks have shown."""
        if not await self._wait(attempt):
            return
        look = await self._read(attempt)
        if look.showed == "order" and await self._found(attempt, look):
            return
        healthy = look.showed == "no_order"
        noted = note_read(attempt, healthy=healthy, now=look.ended)
        verdict = judge(noted, self.spans, look.ended, healthy=healthy)
        noted = noted.changed(next_read_at=self.next_read(noted))
        if verdict is AttemptEvent.ORDER_ABSENT:
            await self._recorder.not_placed(attempt, look)
        elif verdict is AttemptEvent.EVIDENCE_MISSING and attempt.status is AttemptStatus.UNKNOWN:
            await self._recorder.review(attempt, noted, look)
        else:
            await self._recorder.note_read(attempt, noted, look)

    async def look_late(self, attempt: Attempt, checkout: Checkout) -> None:
        """Look once more for an order that counts as not placed: it must not be lost if it turns up after all."""
        if not await self._wait(attempt):
            return
        look = await self._read(attempt)
        if look.showed == "order" and await self._found(attempt, look):
            return
        closed_at, answered = checkout.ended_at or attempt.updated_at, look.showed != "no_answer"
        at = next_late_look(closed_at, self.spans, look.ended, answered=answered)
        await self._recorder.note_read(attempt, attempt.changed(reads=attempt.reads + 1, next_read_at=at), look)

    async def placed(self, attempt: Attempt, order_url: str | None, look: Look | None = None) -> None:
        """There is an order. Raises LostRace if it could not be written down as this attempt's."""
        try:
            order = await self._recorder.placed(attempt.id, order_url, look)
        except LostRace:  # It may be known already: by another instance, or by a write that the database called lost.
            known = await self._recorder.order_of(attempt)
            if known is None:
                raise
            order = known
        await self.read_order(order)

    async def read_order(self, order: Order) -> None:
        """Let `on_placed` learn of a new order; the order stands whether that succeeds or not."""
        try:
            await self._on_placed(order)
        except CheckoutError as error:
            log.warning("order_not_read", order=order.id, code=error.code)

    async def _wait(self, attempt: Attempt) -> bool:
        at = attempt.next_read_at or self._clock()
        return await self._sleeper.sleep(attempt.id, at, self._longest(attempt))

    async def _found(self, attempt: Attempt, look: Look) -> bool:
        """Whether the order that was found could be written down as this checkout's."""
        try:
            await self.placed(attempt, None, look)
        except LostRace:
            if not await self._recorder.is_still(attempt):
                raise
        else:
            return True
        # Nobody moved the attempt: the cart is the order of another checkout, which a person has to look at.
        log.error("order_of_another_checkout", attempt=attempt.id, checkout=attempt.checkout_id)
        return False

    async def _read(self, attempt: Attempt) -> Look:
        begun = self._clock()
        found = await self._shows_order(attempt)
        return Look(begun, self._clock(), _SHOWED[found], request_id_of_last(READ_BACK))

    async def _shows_order(self, attempt: Attempt) -> bool | None:
        """Whether Locally shows an order: True, False (a healthy answer without one), None (no clear answer)."""
        if attempt.cart_hash is None:
            return None
        try:
            cart = await self._locally.read_cart(attempt.cart_hash)
        except CheckoutError as error:
            log.info("read_back_failed", attempt=attempt.id, code=error.code)
            return None
        return False if cart is None else cart.is_ordered
