"""What of a change goes into the timeline: one entry per fact, without what people wrote to each other. Pure."""

from collections.abc import Iterator
from typing import Any

from checkout.orders import ItemStatus, Order, OrderItem

Fact = tuple[str, dict[str, Any]]

_KNOWN = frozenset(ItemStatus)
_REFUNDS = frozenset({ItemStatus.REFUNDED, ItemStatus.PARTIALLY_REFUNDED})


def facts_of_change(was: Order, order: Order) -> list[Fact]:
    """The events between two states of an order, with their facts."""
    pairs = list(zip(was.items, order.items, strict=True))
    return [
        *_totals(was, order),
        *(fact for before, item in pairs for fact in _status(before, item)),
        *(fact for before, item in pairs for fact in _refund(before, item)),
        *(("order.message", {"sender": message.sender}) for message in order.messages if message not in was.messages),
    ]


def _totals(was: Order, order: Order) -> Iterator[Fact]:
    if order.totals.total != was.totals.total:
        yield "order.total_differs", {"ours": was.totals.total.amount, "locally": order.totals.total.amount}


def _status(before: OrderItem, item: OrderItem) -> Iterator[Fact]:
    """An item's new status; a word of Locally's that we do not know is no name for an event."""
    if item.status == before.status:
        return
    facts = {"upc": item.upc, "status": item.status}
    if item.reason:
        facts["reason"] = item.reason
    if item.order_resolution:
        facts["order_resolution"] = item.order_resolution
    yield f"item.{item.status}" if item.status in _KNOWN else "item.changed", facts


def _refund(before: OrderItem, item: OrderItem) -> Iterator[Fact]:
    """What went back now, in minor units; null where nobody says how much."""
    told = item.refunded.amount if item.refunded else 0
    more = told - (before.refunded.amount if before.refunded else 0)
    is_untold = not told and item.status in _REFUNDS and item.status != before.status
    if more > 0 or is_untold:
        facts: dict[str, Any] = {"upc": item.upc, "amount": more or None}
        yield "order.refunded", {**facts, "currency": item.refunded.currency if item.refunded else None}
