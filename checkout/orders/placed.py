"""What the store received, and what became of it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import computed_field

from checkout.money import Money
from checkout.orders.carts import PathToPurchase, Record, Store
from checkout.orders.checkouts import Shopper


class ItemStatus(StrEnum):
    """What became of one item of an order. Words of Locally's that we do not know are kept as they are."""

    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    PICKED_UP = "picked_up"
    DECLINED = "declined"
    AUTO_CANCELED = "auto_canceled"
    CANCELED = "canceled"
    CHARGE_FAILED = "charge_failed"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    PENDING_BRAND = "pending_brand"
    REJECTED = "rejected"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    READY_FOR_PICKUP = "ready_for_pickup"


_WAITING = frozenset({ItemStatus.ORDERED, ItemStatus.PENDING_BRAND})

_WITHOUT_SALE = frozenset({ItemStatus.DECLINED, ItemStatus.AUTO_CANCELED, ItemStatus.CANCELED, ItemStatus.REJECTED})


class OrderItem(Record):
    """One item of an order. `status` is an ItemStatus or Locally's own word."""

    upc: str
    name: str | None = None
    quantity: int
    status: str
    reason: str | None = None
    total: Money | None = None
    refunded: Money | None = None
    order_resolution: str | None = None
    resolution_notes: str | None = None


def order_status(items: Iterable[OrderItem]) -> str:
    """The status of an order from those of its items."""
    statuses = {item.status for item in items}
    if statuses & _WAITING:
        return "open"
    sold = statuses - _WITHOUT_SALE
    if not sold:
        return "canceled"
    if sold == {ItemStatus.REFUNDED}:
        return "refunded"
    if sold - {ItemStatus.REFUNDED} == {ItemStatus.PICKED_UP}:
        return "completed"
    return "confirmed"


class OrderTotals(Record):
    total: Money
    authorized: Money
    charged: Money
    refunded: Money


class OrderMessage(Record):
    sender: str
    text: str
    created_at: datetime | None


class Order(Record):
    """What the store received."""

    id: str
    checkout_id: str
    brand: str
    path_to_purchase: PathToPurchase
    cart_hash: str
    locally_order_url: str | None
    placed_at: datetime
    answer_by: datetime | None = None
    store: Store
    items: tuple[OrderItem, ...]
    shopper: Shopper
    totals: OrderTotals
    messages: tuple[OrderMessage, ...] = ()
    invoice_url: str | None = None
    rescues: str | None = None
    rescued_by: str | None = None

    @computed_field  # type: ignore[prop-decorator]  # The form that pydantic documents.
    @property
    def status(self) -> str:
        return order_status(self.items)
