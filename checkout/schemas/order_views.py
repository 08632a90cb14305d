"""What the public sees of an order: masked for whoever holds its token, in full for the brand's servers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from checkout.database import TimelineEntry
from checkout.money import Money
from checkout.orders import ItemAccounting, ItemProduct, Order, OrderItem, OrderTotals, PathToPurchase, Shopper
from checkout.schemas.responses import Body, StoreBody, Time

# What of the timeline a shopper sees of her order, and which facts of it.
_FOR_SHOPPERS = ("checkout.created", "order.", "item.")
_FOR_THE_BRAND = frozenset({"order.answer_due", "order.found_late", "order.total_differs"})
_HARMLESS = ("upc", "status")


class OrderItemBody(Body):
    upc: str
    name: str | None
    quantity: int
    status: str
    reason: str | None
    total: Money | None
    refunded: Money | None
    order_resolution: str | None
    resolution_notes: str | None


class FullOrderItemBody(OrderItemBody):
    """With the secret key an item tells its product and its accounting too, where Locally told them."""

    product: ItemProduct | None
    accounting: ItemAccounting | None


class MessageBody(Body):
    sender: str
    text: str
    created_at: Time | None


class OrderBody(Body):
    id: str
    object: Literal["order"] = "order"
    status: str
    brand: str
    path_to_purchase: PathToPurchase
    cart_hash: str
    locally_order_url: str | None
    placed_at: Time
    answer_by: Time | None
    store: StoreBody
    items: tuple[OrderItemBody, ...]
    shopper: Shopper
    totals: OrderTotals
    messages: tuple[MessageBody, ...]
    invoice_url: str | None
    rescues: str | None
    rescued_by: str | None
    cancel_requested: bool


class FullOrderBody(OrderBody):
    """The order as the secret key reads it.

    At its `fulfillment_url` the retailer speaks to the shopper, where it said so.
    """

    items: tuple[FullOrderItemBody, ...]
    cancel_reason: str | None
    fulfillment_url: str | None


class OrderListBody(Body):
    """One page of orders in full; `next_cursor` is null on the last one."""

    data: tuple[FullOrderBody, ...]
    next_cursor: str | None


class TimelineEntryBody(Body):
    """One thing that happened. `facts` are for the brand's eyes: without the secret key, item and status are left."""

    at: Time
    event: str
    facts: dict[str, Any]


class TimelineBody(Body):
    """What happened when, oldest first."""

    data: tuple[TimelineEntryBody, ...]
    next_cursor: str | None


def order_body(order: Order, *, masked: bool) -> OrderBody:
    """The order; `masked` for the holder of its token, in full for the secret key."""
    if masked:
        items = tuple(OrderItemBody(**dict(item)) for item in order.items)
        return OrderBody(**_common(order), items=items, shopper=mask_shopper(order.shopper))
    return _full_order_body(order)


def _full_order_body(order: Order) -> FullOrderBody:
    items = tuple(_full_item(item) for item in order.items)
    return FullOrderBody(
        **_common(order),
        items=items,
        shopper=order.shopper,
        cancel_reason=order.cancel_reason,
        fulfillment_url=order.fulfillment_url,
    )


def _common(order: Order) -> dict[str, Any]:
    """What both views say alike."""
    return {
        "id": order.id,
        "status": order.status,
        "brand": order.brand,
        "path_to_purchase": order.path_to_purchase,
        "cart_hash": order.cart_hash,
        "locally_order_url": order.locally_order_url,
        "placed_at": order.placed_at,
        "answer_by": order.answer_by,
        "store": StoreBody.of(order.store),
        "totals": order.totals,
        "messages": tuple(
            MessageBody(sender=each.sender, text=each.text, created_at=each.created_at) for each in order.messages
        ),
        "invoice_url": order.invoice_url,
        "rescues": order.rescues,
        "rescued_by": order.rescued_by,
        "cancel_requested": order.cancel_requested,
    }


def _full_item(item: OrderItem) -> FullOrderItemBody:
    return FullOrderItemBody(**dict(item))


def order_list_body(orders: Iterable[Order], next_cursor: str | None) -> OrderListBody:
    """One page of orders in full, for the secret key."""
    data = tuple(_full_order_body(order) for order in orders)
    return OrderListBody(data=data, next_cursor=next_cursor)


def timeline_body(entries: Iterable[TimelineEntry], *, masked: bool) -> TimelineBody:
    """What happened when; `masked` for the holder of an order's token, who sees what concerns a shopper."""
    shown = (_for_shopper(entry) for entry in entries if is_for_shopper(entry)) if masked else entries
    data = tuple(TimelineEntryBody(at=entry.at, event=entry.event, facts=entry.facts) for entry in shown)
    return TimelineBody(data=data, next_cursor=None)


def is_for_shopper(entry: TimelineEntry) -> bool:
    """Whether it happened to the shopper's order, rather than behind the scenes."""
    return entry.event.startswith(_FOR_SHOPPERS) and entry.event not in _FOR_THE_BRAND


def _for_shopper(entry: TimelineEntry) -> TimelineEntry:
    return replace(entry, facts={name: entry.facts[name] for name in _HARMLESS if name in entry.facts})


def mask_shopper(shopper: Shopper) -> Shopper:
    """Enough for the shopper to recognise herself, too little to reach her."""
    return Shopper(
        email=mask_email(shopper.email),
        phone=f"***{shopper.phone[-2:]}" if shopper.phone else None,
        first_name=shopper.first_name,
        last_name=f"{shopper.last_name[0]}." if shopper.last_name else None,
        is_opt_in_consent=shopper.is_opt_in_consent,
        is_opt_in_consent_brand=shopper.is_opt_in_consent_brand,
    )


def mask_email(email: str | None) -> str | None:
    """`jane@example.com` is `j***@e***.com`."""
    if not email:
        return None
    local, _, domain = email.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***.{ending}"
