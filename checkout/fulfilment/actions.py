"""What brand or retailer has Locally do with an item of an order: journalled, sent once, read back when in doubt.

The steps are write, call, write, as in placing: a row of the journal is durable before the call leaves, the database
lets one be under way per item, and no transaction is open during the call. What a call brought is read from the cart.
An outcome that nobody knows is never sent again: the cart is read until it shows the action (`done`) or has shown for
long, in healthy reads, that it did not happen (`not_done`); only then may somebody ask for it again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from checkout.database import Database, ItemActionRow
from checkout.errors import (
    ActionRefused,
    CheckoutError,
    NotSent,
    OutcomeUnknown,
    RefusedUpstream,
    Stopping,
    UpstreamBusy,
    UpstreamError,
    UpstreamUnavailable,
)
from checkout.fulfilment.journal import DONE, NOT_DONE, NOT_SENT, REFUSED, Journal, Wish, item_of
from checkout.fulfilment.rules import Rules, Step
from checkout.fulfilment.watching import Watcher
from checkout.idempotency import Claim
from checkout.locally_client import LocallyClient
from checkout.money import Money
from checkout.orders import Order
from checkout.settings import Settings


class Acted(NamedTuple):
    """The order afterwards; unless it is settled, nobody knows yet whether the action took effect."""

    order: Order
    is_settled: bool


class Actions:
    """Carries out actions, and finds out what became of those in doubt; one instance per process.

    `rules_of` gives the actions that an order's items may take; `refresh` reads an order's cart and takes over what it
    shows, raising what reading raises.
    """

    def __init__(
        self,
        database: Database,
        locally: LocallyClient,
        settings: Settings,
        *,
        rules_of: Callable[[Order], Rules],
        refresh: Callable[[Order], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._locally = locally
        self._settings = settings
        self._refresh = refresh
        self._acting: set[asyncio.Task[Acted]] = set()
        self._sending: set[int] = set()
        self._journal = Journal(database, settings.brand, rules_of=rules_of, clock=clock)
        self._watcher = Watcher(database, self._journal, settings, sending=self._sending, refresh=refresh, clock=clock)
        self._is_stopping = False

    async def start(self) -> None:
        """Take up what an earlier process left, and keep doing so."""
        await self._watcher.start()

    async def stop(self) -> None:
        """Wait for the calls in flight; what is read back goes on in the next process."""
        self._is_stopping = True
        await self._watcher.stop()
        if self._acting:
            await asyncio.wait(self._acting, timeout=self._settings.drain)

    async def act(
        self, order_id: str, upc: str, wish: Wish, *, source: str, claim: Claim | None = None, wait: float | None = None
    ) -> Acted:
        """Carry out a wish, and give the order afterwards; one that took effect already changes nothing.

        An outcome in doubt is waited for, `wait` seconds at most (default: as placing does). `source` is who asked, in
        the words of the timeline. A refund of a part takes a `claim`: by its key a repeated request is known from
        a second part.

        Raises UnknownResource, ActionNotAllowed, InvalidField, KeyMissing, KeyMismatch; ActionInProgress (something
        else is under way for the item); ActionRefused, UpstreamBusy, NotSent (nothing happened); UpstreamUnavailable
        (nothing was sent, or what was may be sent again), DatabaseUnavailable and Stopping.
        """
        if self._is_stopping:
            raise Stopping
        # Beginning and sending belong together: a caller that goes away in between would leave the row lying.
        task = asyncio.create_task(self._act(order_id, upc, wish, source, claim, wait), name="item-action")
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)
        return await asyncio.shield(task)

    async def _act(
        self, order_id: str, upc: str, wish: Wish, source: str, claim: Claim | None, wait: float | None
    ) -> Acted:
        await self._bring_up_to_date(order_id, upc, wish)
        order, row, step, is_settled = await self._journal.begin(order_id, upc, wish, claim)
        if row is None or step is None:
            return Acted(order, is_settled)
        self._sending.add(row.id)
        try:
            acted = await self._send(order, row, wish, step, source)
        finally:
            self._sending.discard(row.id)
        if acted.is_settled:
            return acted
        await self._watcher.wait(row, self._settings.place_wait if wait is None else wait)
        return await self._look_up(row)

    async def _bring_up_to_date(self, order_id: str, upc: str, wish: Wish) -> None:
        """Read the cart where a wish hangs on it: amounts to refund, and what seems not allowed."""
        order = await self._journal.order(order_id)
        item, rule = item_of(order, upc), self._journal.rules(order).get(wish.action)
        if rule is None or (not rule.is_refund and item.status in rule.follows | rule.shows):
            return
        try:
            await self._refresh(order)
        except UpstreamError:
            if rule.is_refund:
                raise

    async def _send(self, order: Order, row: ItemActionRow, wish: Wish, step: Step, source: str) -> Acted:
        """Send what is journalled, and write down what came of it."""
        changes = dict(wish.changes)
        if step.amount is not None:
            changes["refund_amount"] = Money(amount=step.amount, currency=order.totals.total.currency).to_number()
        try:
            await self._send_once_or_again(order, row, changes)
        except OutcomeUnknown:
            return await self._doubt(order, row, source)
        except RefusedUpstream as error:
            return await self._refused(order, row, source, error)
        except (NotSent, UpstreamBusy):
            await self._journal.end(order, row, NOT_SENT, source)
            raise
        await self._take_over(order)
        await self._journal.end(order, row, DONE, source)
        return Acted(await self._journal.order(order.id), is_settled=True)

    async def _send_once_or_again(self, order: Order, row: ItemActionRow, changes: dict[str, Any]) -> None:
        try:
            await self._locally.update_item(order.cart_hash, row.upc, changes)
        except NotSent:  # It never left, so that once more is still once.
            await self._locally.update_item(order.cart_hash, row.upc, changes)

    async def _refused(self, order: Order, row: ItemActionRow, source: str, error: RefusedUpstream) -> Acted:
        """Locally said no; perhaps because somebody did it elsewhere, which the cart shows then."""
        await self._take_over(order)
        now = await self._journal.order(order.id)
        if self._journal.shows(now, row):
            await self._journal.end(order, row, DONE, source)
            return Acted(now, is_settled=True)
        await self._journal.end(order, row, REFUSED, source)
        raise ActionRefused(f"Locally refused this: {error.said}" if error.said else None) from error

    async def _take_over(self, order: Order) -> None:
        """Read the cart; where that fails now, a webhook or the sweep brings what it shows."""
        with suppress(CheckoutError):
            await self._refresh(order)

    async def _doubt(self, order: Order, row: ItemActionRow, source: str) -> Acted:
        """Nobody knows whether it took effect: look after it, beside the caller who may wait."""
        if not self._journal.rule(order, row).leaves_trace:
            await self._journal.end(order, row, NOT_DONE, source)
            raise UpstreamUnavailable("Locally did not answer in time. This may be sent again.")
        await self._journal.doubt(order, row, source)
        self._watcher.watch(row, source)
        return Acted(order, is_settled=False)

    async def _look_up(self, row: ItemActionRow) -> Acted:
        """How an action stands that was in doubt. Raises ActionRefused if it is proven that it did not happen."""
        state = await self._journal.state_of(row)
        if state == NOT_DONE:
            raise ActionRefused("Locally did not do this. It may be sent again.")
        return Acted(await self._journal.order(row.order_id), is_settled=state == DONE)
