"""The inbox: keeps what upstreams announce, and sees to it that it is read: Locally's carts, Stripe's SetupIntents.

A notice says only that there is something to read. So notices of one subject are counted onto one event, their order
does not matter, and a forged or repeated one costs a read of our own and changes nothing.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from checkout.database import (
    Database,
    InboxEvent,
    Transaction,
    claim_events,
    count_notices,
    defer_event,
    drop_old_events,
    finish_event,
    is_quote_cart,
    order_of_cart,
    release_events,
    void_event_leases,
)
from checkout.errors import CheckoutError, LostRace
from checkout.orders import Order
from checkout.settings import Settings

log = structlog.get_logger(__name__)

LOCALLY, STRIPE = "locally", "stripe"
_AT_ONCE = 5  # Subjects read at the same time.
_SPACING = timedelta(seconds=2)  # Between two reads of one subject, whatever the number of notices.
_SOON_AFTER_SECONDS = 0.05
_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 15, 30, 60, 120, 300))
_KEEP_WAITING = timedelta(minutes=15)
_KEEP_FAILED = timedelta(hours=24)
_KEEP_APPLIED = timedelta(days=30)
_SWEEP_SECONDS = 3600.0
_TRIES_TO_WRITE = 3


class Inbox:
    """Takes notices and works through them; one instance per process.

    `look` lets an attempt with this cart hash look for its order, and says whether there is such an attempt; `refresh`
    reads an order's cart; `read_card` reads a SetupIntent, and says whether it is one of ours; `take_in`, for a
    retailer, makes an order of a cart that has none, and says whether it could. Each may raise any CheckoutError, and
    is called again then.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        look: Callable[[str], Awaitable[bool]],
        refresh: Callable[[Order], Awaitable[None]],
        read_card: Callable[[str], Awaitable[bool]],
        take_in: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._look = look
        self._refresh = refresh
        self._read_card = read_card
        self._take_in = take_in
        self._owner = secrets.token_hex(8)
        self._arrived: Counter[tuple[str, str]] = Counter()
        self._next_write: asyncio.Task[None] | None = None
        self._writes: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._next_sweep = 0.0

    async def start(self) -> None:
        if self._database.is_exclusive:
            await self._database.write(void_event_leases)
        self._worker = asyncio.create_task(self._work(), name="inbox-worker")

    async def stop(self) -> None:
        """Let go of what is being read: it waits for the next process, or for another instance."""
        if self._worker is None:
            return
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        await asyncio.gather(*self._writes, return_exceptions=True)
        with suppress(CheckoutError):
            await self._database.write(lambda tx: release_events(tx, self._owner))

    async def receive(self, subject: str, source: str = LOCALLY) -> None:
        """Keep, durably, that there is news of a cart (Locally's) or a SetupIntent. Raises DatabaseUnavailable.

        Notices that come while others are being written are written together: a flood takes one connection.
        """
        self._arrived[source, subject] += 1
        if self._next_write is None:
            self._next_write = asyncio.create_task(self._write())
            self._writes.add(self._next_write)
            self._next_write.add_done_callback(self._writes.discard)
        await asyncio.shield(self._next_write)

    async def _write(self) -> None:
        async with self._writing:
            arrived, self._arrived = self._arrived, Counter()
            self._next_write = None
            await self._insist(lambda tx: self._count(tx, arrived))
        self._wake.set()
        self._wake_after_spacing()

    def _wake_after_spacing(self) -> None:
        """What waits only because its subject was read a moment ago is read as soon as that is over."""
        seconds = _SPACING.total_seconds() + _SOON_AFTER_SECONDS
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    async def _insist(self, work: Callable[[Transaction], Any]) -> None:
        """Write again where another instance wrote the first notice of a subject at the same moment."""
        for _ in range(_TRIES_TO_WRITE - 1):
            with suppress(LostRace):
                await self._database.write(work)
                return
        await self._database.write(work)

    async def _count(self, tx: Transaction, arrived: Counter[tuple[str, str]]) -> None:
        now = self._clock()
        for source, subject in sorted(arrived):  # In one order everywhere, or two instances could wait for each other.
            await count_notices(tx, source, subject, arrived[source, subject], now, now + _SPACING)

    async def _work(self) -> None:
        """Apply what waits: at once what comes here, every few seconds what other instances took or what failed."""
        while True:
            self._wake.clear()
            some = False
            try:
                some = await self._apply_some()
                await self._sweep()
            except Exception as error:
                _tell("inbox_paused", error)
            if not some:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.recovery_interval):
                        await self._wake.wait()

    async def _apply_some(self) -> bool:
        now = self._clock()
        until = now + timedelta(seconds=self._settings.lease)
        events = await self._database.write(lambda tx: claim_events(tx, self._owner, now, until, _AT_ONCE))
        await asyncio.gather(*(self._apply(event) for event in events))
        return bool(events)

    async def _apply(self, event: InboxEvent) -> None:
        """Raises nothing: an event that fails must not keep the others waiting."""
        outcome = await self._outcome(event)
        try:
            if not await self._database.write(lambda tx: self._note(tx, event, outcome)):
                self._wake_after_spacing()
        except Exception as error:  # It is taken up again when its lease has run out.
            _tell("inbox_paused", error)

    async def _outcome(self, event: InboxEvent) -> str | None:
        """What became of an event; None if it has to be tried again."""
        age = self._clock() - event.last_received_at
        try:
            said, is_final = await self._follow(event)
        except Exception as error:
            _tell("event_postponed", error, row=event.id, source=event.source, subject=event.subject)
            return "given_up" if age >= _KEEP_FAILED else None
        return said if is_final or age >= _KEEP_WAITING else None

    async def _follow(self, event: InboxEvent) -> tuple[str, bool]:
        """Read what an event is about; gives what it was, and whether that is all there is to do."""
        if event.source == STRIPE:
            # Stripe may tell of a SetupIntent before its answer to us has told its id.
            return ("card_read", True) if await self._read_card(event.subject) else ("unknown", False)
        return await self._follow_cart(event.subject)

    async def _follow_cart(self, cart_hash: str) -> tuple[str, bool]:
        """Read the cart; gives what it was, and whether that is all there is to do.

        Events overtake us: a cart that nobody knows, or whose attempt has no order, may have one in a moment.
        """
        order = await self._database.read(lambda tx: order_of_cart(tx, cart_hash))
        if order is not None:
            await self._refresh(order)
            return "order_read", True
        if self._take_in is not None:
            return ("taken_in", True) if await self._take_in(cart_hash) else ("unknown", False)
        if await self._look(cart_hash):
            return "no_order", False
        is_quote = await self._database.read(lambda tx: is_quote_cart(tx, cart_hash))
        return ("quote", True) if is_quote else ("unknown", False)

    async def _note(self, tx: Transaction, event: InboxEvent, outcome: str | None) -> bool:
        """Mark what became of an event; False if there was more news of it meanwhile."""
        now = self._clock()
        if outcome is None:
            delay = _DELAYS[min(event.tries, len(_DELAYS) - 1)]
            await defer_event(tx, event, self._owner, tries=event.tries + 1, next_try_at=now + delay)
        elif not await finish_event(tx, event, self._owner, now, outcome):
            # More notices came while we read: what they announce may be younger than what we saw.
            await defer_event(tx, event, self._owner, tries=0, next_try_at=now + _SPACING)
            return False
        return True

    async def _sweep(self) -> None:
        """Forget old events, now and then; by the loop's clock, which is never set."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            before = self._clock() - _KEEP_APPLIED
            await self._database.write(lambda tx: drop_old_events(tx, before))


def _tell(what: str, error: Exception, **facts: Any) -> None:
    """Log a failure that passes by itself; anything but an error of ours is a bug, told with its traceback."""
    if isinstance(error, CheckoutError):
        log.warning(what, code=error.code, **facts)
    else:
        log.error(what, error=type(error).__name__, exc_info=error, **facts)
