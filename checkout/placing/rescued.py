"""Placing what another store declined: whether it still may be, and what the old order is told of it."""

from datetime import datetime

from checkout.database import (
    Transaction,
    add_to_timeline,
    order_to_change,
    put_event,
    rescue_checkout_of,
    save_order,
)
from checkout.errors import NotRescuable
from checkout.orders import Checkout, Order, require_rescuable, with_rescue


async def admit_rescue(tx: Transaction, checkout: Checkout) -> None:
    """Raises NotRescuable if this checkout would order again what is confirmed, or ordered elsewhere, by now.

    The old order stays locked to the end of the transaction: nothing of this changes before the attempt is there.
    """
    if checkout.rescues is None:
        return
    old = await order_to_change(tx, checkout.rescues)
    if old is None or await rescue_checkout_of(tx, checkout.rescues) != checkout.id:
        raise NotRescuable("Another checkout orders what the store declined.")
    require_rescuable(old, {line.upc for line in checkout.items})


async def link_rescue(tx: Transaction, order: Order, now: datetime) -> None:
    """Note in the order that was declined, and in both timelines, that `order` bought its items elsewhere."""
    if order.rescues is None:
        return
    old = await order_to_change(tx, order.rescues)
    if old is None:
        return
    linked = with_rescue(old, order)
    upcs = [item.upc for item in linked.items if item.rescued_by == order.id]
    facts = {"upcs": upcs, "source": "placing"}
    await add_to_timeline(tx, order.story_id, now, "order.rescues", order=old.id, **facts)
    await add_to_timeline(tx, old.story_id, now, "order.rescued", order=order.id, **facts)
    if linked != old:
        await save_order(tx, linked, now)
        await put_event(tx, old.brand, "order.updated", old.id, now)
