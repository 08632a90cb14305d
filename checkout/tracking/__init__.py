"""From what Locally shows of a cart to what we say of its order: read, compare, write down, tell."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from checkout.database import (
    Database,
    Transaction,
    add_to_timeline,
    drop_warning,
    order_to_change,
    plan_look,
    put_event,
    save_order,
)
from checkout.errors import LostRace, UnknownResource
from checkout.locally_client import CartDetail, LocallyClient, request_id_of_last
from checkout.orders import Order, next_look, with_settlements
from checkout.tracking.applying import with_cart
from checkout.tracking.facts import facts_of_change

__all__ = ["ACTION", "PLACING", "SWEEP", "WEBHOOK", "Reading", "Tracking"]

QueueMails = Callable[[Transaction, Order, Order, datetime], Awaitable[None]]

# Why a cart was read, in the words of the timeline.
PLACING, WEBHOOK, SWEEP, ACTION = "placing", "webhook", "sweep", "action"

# An order that somebody else changes while its cart is read is read again.
_TRIES = 3
_READ_CALL = "v2/cart"


class Reading(NamedTuple):
    """A cart as it was read, None where there is none, and whether that changed the order."""

    cart: CartDetail | None
    has_changed: bool


class Tracking:
    """Reads carts of orders and keeps the orders in step with them.

    `every` is the time in seconds between two looks at an order after a change; `queue_mails` has the shopper told of
    one, with what the order was before.
    """

    def __init__(
        self,
        database: Database,
        locally: LocallyClient,
        *,
        clock: Callable[[], datetime],
        every: float = 600,
        queue_mails: QueueMails | None = None,
    ) -> None:
        self._database = database
        self._locally = locally
        self._clock = clock
        self._every = every
        self._queue_mails = queue_mails

    async def refresh(self, order: Order, source: str = PLACING) -> None:
        """Read the order's cart and take over what it shows. Raises like `read`."""
        await self.read(order, source)

    async def read(self, order: Order, source: str) -> Reading:
        """Read the order's cart and take over what it shows; `source` is why it was read.

        Raises UpstreamError, RefusedUpstream, DatabaseUnavailable, or LostRace if others keep changing the order.
        """
        for _ in range(_TRIES):
            cart = await self._locally.read_cart(order.cart_hash)
            if cart is None:
                return Reading(None, has_changed=False)
            # Asked for here: the database works in a context of its own.
            why = {"source": source, "request_id": request_id_of_last(_READ_CALL)}
            change = partial(self._apply, order=order, cart=cart, why=why)
            outcome = await self._database.write(change)
            if isinstance(outcome, bool):
                return Reading(cart, has_changed=outcome)
            order = outcome
        raise LostRace

    async def _apply(
        self, tx: Transaction, *, order: Order, cart: CartDetail, why: dict[str, str | None]
    ) -> Order | bool:
        """Write what the cart shows, and say whether that was new; an order that was changed since is given as it is.

        Whoever changed it may have read the cart after us, and a cart's own times are too coarse to tell.
        """
        was = await order_to_change(tx, order.id)
        if was is None:
            raise UnknownResource
        if was != order:
            return was
        order = with_settlements(with_cart(was, cart), self._clock())
        if order == was:
            return False
        await self._save(tx, was, order, why)
        return True

    async def _save(self, tx: Transaction, was: Order, order: Order, why: dict[str, str | None]) -> None:
        """All that a change entails belongs to one transaction, so that nobody hears of it twice or never."""
        now = self._clock()
        await save_order(tx, order, now)
        again = next_look(is_over=order.is_over, changed_at=now, now=now, quiet_looks=0, every=self._every)
        await plan_look(tx, order.id, again, quiet_looks=0)
        if order.answer_by is None:
            await drop_warning(tx, order.id)
        for event, facts in facts_of_change(was, order):
            await add_to_timeline(tx, was.story_id, now, event, **facts, **why)
        await put_event(tx, was.brand, "order.updated", order.id, now)
        if self._queue_mails is not None:
            await self._queue_mails(tx, was, order, now)
