"""The order that a placed attempt becomes. Pure."""

import secrets
from datetime import datetime, timedelta

from checkout.attempts import Attempt
from checkout.money import Money
from checkout.orders import (
    Checkout,
    ItemStatus,
    LineItem,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    answer_deadline,
)
from checkout.settings import Settings


def new_order(
    attempt: Attempt, checkout: Checkout, locally_order_url: str | None, now: datetime, answer_window: float = 8
) -> Order:
    """The order as we know it before Locally's cart has been read; its store has so many opening hours to answer.

    Raises ValueError without prices or hash.
    """
    totals = checkout.totals
    if totals is None or attempt.cart_hash is None:
        raise ValueError("an order needs its prices and its cart")
    nothing = Money.zero(checkout.currency)
    held = nothing if attempt.setup_intent_id is None else totals.total
    ships_to_store = checkout.path_to_purchase is PathToPurchase.STS  # The brand answers, and has no such time.
    first = ItemStatus.PENDING_BRAND if ships_to_store else ItemStatus.ORDERED
    return Order(
        id=f"ord_{secrets.token_hex(16)}",
        checkout_id=checkout.id,
        brand=checkout.brand,
        path_to_purchase=checkout.path_to_purchase,
        cart_hash=attempt.cart_hash,
        locally_order_url=locally_order_url,
        placed_at=now,
        answer_by=None if ships_to_store else answer_deadline(checkout.store, now, answer_window),
        store=checkout.store,
        items=tuple(_order_item(line, first) for line in checkout.items),
        shopper=checkout.shopper,
        rescues=checkout.rescues,
        totals=OrderTotals(total=totals.total, authorized=held, charged=nothing, refunded=nothing),
    )


def first_looks(order: Order, settings: Settings) -> dict[str, datetime | None]:
    """When a new order is looked at by itself, and when the brand is warned that its store is silent."""
    every, warning = timedelta(seconds=settings.sweep_interval), timedelta(seconds=settings.answer_warning)
    warn_at = order.answer_by - warning if order.answer_by else None
    return {"next_look_at": order.placed_at + every, "warn_at": warn_at}


def _order_item(line: LineItem, status: ItemStatus) -> OrderItem:
    return OrderItem(upc=line.upc, name=line.name, quantity=line.quantity, status=status, total=line.total)
