"""Webhooks out: what was put into the outbox reaches the brand, signed, in order, and repeated until it is taken.

An event is put by the transaction that gives the reason for it, so none is lost and none is told that did not happen.
It is spread once: its body is made and kept, so that every try and every endpoint says the same. A crash between
sending and noting sends a message twice, with the same id; the receiver knows it by that.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import structlog

from checkout.database import (
    Database,
    OutgoingEvent,
    Transaction,
    drop_old_deliveries,
    find_order,
    get_checkout,
    give_up_orphans,
    order_of_checkout,
    release_deliveries,
    spread_event,
    spread_to_none,
    unspread_events,
    void_delivery_leases,
)
from checkout.errors import CheckoutError, UnknownResource
from checkout.notifying.endpoints import endpoints_of
from checkout.notifying.lanes import Clock, Clocks, Lane
from checkout.notifying.telling import tell_pause
from checkout.orders import Checkout, Order
from checkout.settings import Settings

log = structlog.get_logger(__name__)

__all__ = ["Notifying", "Render"]

# Topic, time of the event, and what it is about, a checkout or an order or both: gives the message's body.
Render = Callable[[str, datetime, Checkout | None, Order | None], bytes]

_AT_ONCE = 50  # Events spread in one transaction.
_KEEP = timedelta(days=30)
_ORPHAN_AFTER = timedelta(hours=1)  # An instance with newer settings may know the endpoint.
_ORPHANS_AT_ONCE = 500
_SWEEP_SECONDS = 3600.0
_STOP_WITHIN = 5.0


class Notifying:
    """Works through the outbox of one brand; one instance per process, several on one database."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        clock: Clock,
        wall: Clock,
        render: Render,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._database = database
        self._brand = settings.brand
        self._pause = settings.recovery_interval
        self._clocks = Clocks(clock, wall)
        self._render = render
        self._transport = transport
        self._endpoints = endpoints_of(settings)
        self._owner = secrets.token_hex(8)
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._lanes: list[Lane] = []
        self._next_sweep = 0.0

    @property
    def hosts(self) -> dict[str, str]:
        """The hosts of the endpoints by the ids of these."""
        return {endpoint.id: endpoint.host for endpoint in self._endpoints}

    async def start(self) -> None:
        if self._database.is_exclusive:
            await self._database.write(void_delivery_leases)
        self._lanes = [
            Lane(
                endpoint,
                self._database,
                owner=self._owner,
                clocks=self._clocks,
                pause=self._pause,
                transport=self._transport,
            )
            for endpoint in self._endpoints
        ]
        self._worker = asyncio.create_task(self._work(), name="webhooks-spreader")

    async def stop(self, within: float = _STOP_WITHIN) -> None:
        """Finish the tries that are under way, for a moment (seconds); what waits goes out elsewhere, or later."""
        if self._worker is None:
            return
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        await asyncio.gather(*(lane.stop(min(within, _STOP_WITHIN)) for lane in self._lanes))
        with suppress(CheckoutError):
            await self._database.write(lambda tx: release_deliveries(tx, self._owner))

    def nudge(self) -> None:
        """An event was put."""
        self._news.set()

    def wake(self) -> None:
        """A delivery is due earlier than was planned."""
        for lane in self._lanes:
            lane.wake()

    async def _work(self) -> None:
        """Spread what was put: at once what comes here, every few seconds what other instances left."""
        while True:
            self._news.clear()
            more = False
            try:
                more = await self._spread_some()
                await self._sweep()
            except Exception as error:
                tell_pause(error)
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause):
                        await self._news.wait()

    async def _spread_some(self) -> bool:
        """Whether there may be more."""
        spread = await self._database.write(self._spread_first)
        if spread:
            self.wake()
        return spread == _AT_ONCE

    async def _spread_first(self, tx: Transaction) -> int:
        events = await unspread_events(tx, self._brand, _AT_ONCE)
        for event in events:
            await self._spread(tx, event)
        return len(events)

    async def _spread(self, tx: Transaction, event: OutgoingEvent) -> None:
        now = self._clocks.records()
        wanting = [endpoint.id for endpoint in self._endpoints if event.topic in endpoint.topics]
        if not wanting:
            await spread_to_none(tx, event, now)
            return
        checkout, order = await _subject(tx, event.subject)
        purchase = order.story_id if order is not None else event.subject
        try:
            body = self._render(event.topic, event.created_at, checkout, order)
        except Exception as error:  # A bug of ours with one event must not keep all others from being told.
            log.exception("event_not_told", topic=event.topic, subject=event.subject, error=type(error).__name__)
            await spread_to_none(tx, event, now)
            return
        message_id = f"msg_{secrets.token_hex(16)}"
        await spread_event(tx, event, now, message_id=message_id, body=body, endpoints=wanting, purchase=purchase)

    async def _sweep(self) -> None:
        """Give up what nobody is told of any more and forget what is old; by the loop's clock, which is never set."""
        now = asyncio.get_running_loop().time()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        at, known = self._clocks.records(), list(self.hosts)
        before = at - _ORPHAN_AFTER

        async def work(tx: Transaction) -> int:
            return await give_up_orphans(tx, self._brand, known, at, before=before, most=_ORPHANS_AT_ONCE)

        while await self._database.write(work) == _ORPHANS_AT_ONCE:
            pass
        await self._database.write(lambda tx: drop_old_deliveries(tx, at - _KEEP))


async def _subject(tx: Transaction, subject: str) -> tuple[Checkout | None, Order | None]:
    """The checkout and its order, where there is one, of an event about either; neither is ever deleted.

    An order that a retailer took in has no checkout.
    """
    if subject.startswith("chk_"):
        return await get_checkout(tx, subject), await order_of_checkout(tx, subject)
    found = await find_order(tx, subject)
    if found is None:
        raise UnknownResource
    checkout_id = found[0].checkout_id
    return await get_checkout(tx, checkout_id) if checkout_id else None, found[0]
