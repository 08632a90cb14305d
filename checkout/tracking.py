"""From what Locally shows of a cart to what we say of its order."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from checkout.database import Database, Transaction, add_to_timeline, find_order, save_order
from checkout.errors import UnknownResource
from checkout.locally_client import CartDetail, LocallyClient
from checkout.money import Money
from checkout.orders import Order, OrderItem, OrderMessage


class Tracking:
    """Reads carts of orders and keeps the orders in step with them."""

    def __init__(self, database: Database, locally: LocallyClient, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._locally = locally
        self._clock = clock

    async def refresh(self, order: Order) -> None:
        """Read the order's cart: its totals become the order's. Raises UpstreamError, RefusedUpstream."""
        cart = await self._locally.read_cart(order.cart_hash)
        if cart is not None:
            await self._database.write(lambda tx: self._apply(tx, order.id, cart))

    async def _apply(self, tx: Transaction, order_id: str, cart: CartDetail) -> None:
        found = await find_order(tx, order_id)
        if found is None:
            raise UnknownResource
        was = found[0]
        order = with_cart(was, cart)
        if order == was:
            return
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
