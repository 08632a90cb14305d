"""The order that a placed attempt becomes. Pure."""

import secrets
from datetime import datetime

from checkout.attempts import Attempt
from checkout.money import Money
from checkout.orders import Checkout, ItemStatus, LineItem, Order, OrderItem, OrderTotals, PathToPurchase


def new_order(attempt: Attempt, checkout: Checkout, locally_order_url: str | None, now: datetime) -> Order:
    """The order as we know it before Locally's cart has been read. Raises ValueError without prices or hash."""
    totals = checkout.totals
    if totals is None or attempt.cart_hash is None:
        raise ValueError("an order needs its prices and its cart")
    nothing = Money.zero(checkout.currency)
    held = nothing if attempt.setup_intent_id is None else totals.total
    first = ItemStatus.PENDING_BRAND if checkout.path_to_purchase is PathToPurchase.STS else ItemStatus.ORDERED
    return Order(
        id=f"ord_{secrets.token_hex(16)}",
        checkout_id=checkout.id,
        brand=checkout.brand,
        path_to_purchase=checkout.path_to_purchase,
        cart_hash=attempt.cart_hash,
        locally_order_url=locally_order_url,
        placed_at=now,
        store=checkout.store,
        items=tuple(_order_item(line, first) for line in checkout.items),
        shopper=checkout.shopper,
        totals=OrderTotals(total=totals.total, authorized=held, charged=nothing, refunded=nothing),
    )


def _order_item(line: LineItem, status: ItemStatus) -> OrderItem:
    return OrderItem(upc=line.upc, name=line.name, quantity=line.quantity, status=status, total=line.total)
