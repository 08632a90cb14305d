"""From what Locally shows of a cart to what we say of its order."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial

from checkout.database import Database, Transaction, add_to_timeline, order_to_change, save_order
from checkout.errors import LostRace, UnknownResource
from checkout.locally_client import CartDetail, LocallyClient
from checkout.money import Money
from checkout.orders import Order, OrderItem, OrderMessage

# An order that somebody else changes while its cart is read is read again.
_TRIES = 3


class Tracking:
    """Reads carts of orders and keeps the orders in step with them."""

    def __init__(self, database: Database, locally: LocallyClient, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._locally = locally
        self._clock = clock

    async def refresh(self, order: Order) -> None:
        """Read the order's cart: its totals become the order's.

        Raises UpstreamError, RefusedUpstream, DatabaseUnavailable, or LostRace if others keep changing the order.
        """
        for _ in range(_TRIES):
            cart = await self._locally.read_cart(order.cart_hash)
            if cart is None:
                return
            present = await self._database.write(partial(self._apply, order=order, cart=cart))
            if present is None:
                return
            order = present
        raise LostRace

    async def _apply(self, tx: Transaction, *, order: Order, cart: CartDetail) -> Order | None:
        """Write what the cart shows, unless the order was changed since: then give it as it is now.

        Whoever changed it may have read the cart after us, and a cart's own times are too coarse to tell.
        """
        was = await order_to_change(tx, order.id)
        if was is None:
            raise UnknownResource
        if was != order:
            return was
        order = with_cart(was, cart)
        if order != was:
            await self._save(tx, was, order)
        return None

    async def _save(self, tx: Transaction, was: Order, order: Order) -> None:
        now = self._clock()
        await save_order(tx, order, now)
        if order.totals.total != was.totals.total:
            totals = {"ours": was.totals.total.amount, "locally": order.totals.total.amount}
            await add_to_timeline(tx, was.checkout_id, now, "order.total_differs", **totals)


def with_cart(order: Order, cart: CartDetail) -> Order:
    """The order with the totals, messages and invoice of its cart. Pure."""
    by_upc = {item.upc: item for item in cart.items}
    items = tuple(_with_total(item, by_upc[item.upc].total) if item.upc in by_upc else item for item in order.items)
    total = Money.zero(order.totals.total.currency)
    for item in items:
        if item.total is None:
            return order
        total += item.total
    held = total if order.totals.authorized.amount else order.totals.authorized
    return order.changed(
        items=items,
        totals=order.totals.changed(total=total, authorized=held),
        messages=tuple(
            OrderMessage(sender=each.sender, text=each.text, created_at=each.created_at) for each in cart.messages
        ),
        invoice_url=cart.invoice or order.invoice_url,
    )


def _with_total(item: OrderItem, total: Decimal | None) -> OrderItem:
    if total is None or item.total is None:
        return item
    return item.changed(total=Money.from_decimal(total, item.total.currency))
