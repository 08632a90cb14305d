"""What the shopper asks for and no upstream can be told: to cancel her order. Locally documents no call for it."""

from datetime import datetime

from checkout.database import Transaction, add_to_timeline, order_to_change, put_event, save_order
from checkout.errors import NothingToCancel, UnknownResource
from checkout.orders import Order


async def ask_to_cancel(
    tx: Transaction, order_id: str, now: datetime, *, reason: str | None, source: str, request_id: str
) -> Order:
    """Note the wish, and tell the brand of it; an order of which it is known already stays as it is.

    `source` is who asked, in the words of the timeline: `shopper` or `brand`. Raises NothingToCancel or
    UnknownResource.
    """
    was = await order_to_change(tx, order_id)
    if was is None:
        raise UnknownResource
    if was.cancel_requested:
        return was
    if was.is_over:
        raise NothingToCancel
    asked = was.changed(cancel_requested=True, cancel_reason=reason)
    await save_order(tx, asked, now)
    # Why she wants it is hers to tell, and may name her: it stands in the order, not in the timeline.
    await add_to_timeline(tx, was.story_id, now, "order.cancel_requested", source=source, request_id=request_id)
    await put_event(tx, was.brand, "order.cancel_requested", was.id, now)
    return asked
