"""What a checkout and an order are, and which way each may go. Pure: no clock, no I/O.

Records are frozen; a change is a new record (`changed`).
"""

from checkout.orders.carts import (
    BUILT_PATHS,
    MOST_PER_UNIT,
    Address,
    LineItem,
    Location,
    OpeningHours,
    PathToPurchase,
    PriceSource,
    Record,
    Store,
    Totals,
    add_up,
    normalize_upc,
)
from checkout.orders.checkouts import (
    OPEN_STATUSES,
    REQUIRED_OF_SHOPPER,
    Checkout,
    CheckoutStatus,
    Payment,
    Shopper,
    blocking_problems,
    open_status,
    require_open,
)
from checkout.orders.hours import answer_deadline, hours_of, opening_spans, zone_of
from checkout.orders.placed import (
    ItemStatus,
    Order,
    OrderItem,
    OrderMessage,
    OrderTotals,
    order_status,
)

__all__ = [
    "BUILT_PATHS",
    "MOST_PER_UNIT",
    "OPEN_STATUSES",
    "REQUIRED_OF_SHOPPER",
    "Address",
    "Checkout",
    "CheckoutStatus",
    "ItemStatus",
    "LineItem",
    "Location",
    "OpeningHours",
    "Order",
    "OrderItem",
    "OrderMessage",
    "OrderTotals",
    "PathToPurchase",
    "Payment",
    "PriceSource",
    "Record",
    "Shopper",
    "Store",
    "Totals",
    "add_up",
    "answer_deadline",
    "blocking_problems",
    "hours_of",
    "normalize_upc",
    "open_status",
    "opening_spans",
    "order_status",
    "require_open",
    "zone_of",
]
