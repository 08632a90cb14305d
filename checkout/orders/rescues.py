"""What of an order may be bought at another store, and what is noted when it was. Pure."""

from collections.abc import Collection

from checkout.errors import FieldError, InvalidField, NotRescuable
from checkout.orders.carts import PathToPurchase
from checkout.orders.placed import ItemStatus, Order, OrderItem

# The store's no, or its silence. What the shopper or the brand took back is not to be bought elsewhere.
_SAID_NO = frozenset({ItemStatus.DECLINED, ItemStatus.AUTO_CANCELED})


def items_to_rescue(order: Order) -> tuple[OrderItem, ...]:
    """The items that the store said no to, and that were not bought elsewhere since."""
    if order.path_to_purchase is PathToPurchase.STS:
        return ()
    return tuple(item for item in order.items if item.status in _SAID_NO and item.rescued_by is None)


def require_rescuable(order: Order, upcs: Collection[str] | None = None) -> tuple[OrderItem, ...]:
    """The items to buy elsewhere: those named, or all there are. Raises NotRescuable, which tells why not."""
    if order.path_to_purchase is PathToPurchase.STS:
        raise NotRescuable("A ship-to-store order cannot change its store.")
    declined = [item for item in order.items if item.status in _SAID_NO]
    if not declined:
        raise NotRescuable("The store declined nothing of this order.")
    open_items = items_to_rescue(order)
    if not open_items:
        raise NotRescuable("What the store declined was already rescued: it was ordered at another store.")
    wanted = tuple(item for item in open_items if upcs is None or item.upc in upcs)
    if upcs is not None and len(wanted) != len(upcs):
        raise NotRescuable("An item is not declined, or was ordered at another store already.")
    return wanted


def require_other_store(store_id: int, said_no: Collection[int]) -> None:
    """Raises InvalidField for a store that declined what is to be bought."""
    if store_id in said_no:
        detail = "This is a store that declined. Choose another one."
        raise InvalidField(fields=(FieldError("/store_id", "same_store", detail),))


def with_rescue(order: Order, rescue: Order) -> Order:
    """The order of which `rescue` bought items elsewhere; what another order rescued before stays as it is."""
    bought = {item.upc for item in rescue.items}
    items = tuple(
        item.changed(rescued_by=rescue.id) if item.upc in bought and item.rescued_by is None else item
        for item in order.items
    )
    return order if items == order.items else order.changed(items=items, rescued_by=rescue.id)
