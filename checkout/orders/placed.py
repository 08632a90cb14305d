"""What the store received, and what became of it."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import computed_field

from checkout.money import Balance, Money
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

WITHOUT_SALE = frozenset({ItemStatus.DECLINED, ItemStatus.AUTO_CANCELED, ItemStatus.CANCELED, ItemStatus.REJECTED})

_OVER = frozenset({"canceled", "completed", "refunded"})


class ItemProduct(Record):
    """What the item is, as Locally knows it; `msrp` is the price on the brand's list."""

    brand: str | None = None
    attributes: tuple[str, ...] = ()
    alias: tuple[str, ...] = ()
    msrp: Money | None = None
    product_id: int | None = None


class LedgerEntry(Record):
    """That something became payable to a party, or was taken back: `amount` in minor units, below 0 to its debit.

    `why` is what the item did: `shipped`, `picked_up`, `refunded`, or `corrected` where Locally changed its mind.
    """

    at: datetime
    party: Literal["brand", "retailer"]
    why: str
    amount: int


class Settlement(Record):
    """How far the money of a ship-to-store item is shared out, and how it came to that, oldest first.

    `refunded` is what went back so far, in minor units, and `refunded_early` what of it went before shipping.
    """

    is_shipped: bool = False
    is_picked_up: bool = False
    refunded: int = 0
    refunded_early: int = 0
    ledger: tuple[LedgerEntry, ...] = ()


class ItemAccounting(Record):
    """Who gets what of an item's price, as Locally tells it; what it does not tell is None.

    `rate` is in percent: 6.25 is 6.25 %. What the brand and the store agreed on are splits, what is payable now are
    disbursements.
    """

    price: Money | None = None
    price_less_vat: Money | None = None
    subtotal: Money | None = None
    tax: Money | None = None
    rate: Decimal | None = None
    is_vat: bool = False
    remitted: bool = False
    commission: Money | None = None
    stripe_fee: Money | None = None
    split_brand: Money | None = None
    split_retailer: Money | None = None
    disbursement: Money | None = None
    disbursement_brand: Balance | None = None
    disbursement_retail: Balance | None = None


class OrderItem(Record):
    """One item of an order. `status` is an ItemStatus or Locally's own word.

    `refunded` is None where nothing was refunded, and where Locally does not say how much of it. `charged` is what the
    card was charged; `pays_in_store` that it could not be. `settlement` is of ship-to-store alone.
    """

    upc: str
    name: str | None = None
    quantity: int
    status: str
    reason: str | None = None
    total: Money | None = None
    refunded: Money | None = None
    order_resolution: str | None = None
    resolution_notes: str | None = None
    product: ItemProduct | None = None
    accounting: ItemAccounting | None = None
    charged: Money | None = None
    pays_in_store: bool = False
    rescued_by: str | None = None
    settlement: Settlement | None = None


def order_status(items: Iterable[OrderItem]) -> str:
    """The status of an order from those of its items."""
    statuses = {item.status for item in items}
    if statuses & _WAITING:
        return "open"
    sold = statuses - WITHOUT_SALE
    if not sold:
        return "canceled"
    if sold == {ItemStatus.REFUNDED}:
        return "refunded"
    if sold - {ItemStatus.REFUNDED} == {ItemStatus.PICKED_UP}:
        return "completed"
    return "confirmed"


class OrderTotals(Record):
    """What the order costs, what of it was held on the card when it was placed, was charged, and went back."""

    total: Money
    authorized: Money
    charged: Money
    refunded: Money


class OrderMessage(Record):
    sender: str
    text: str
    created_at: datetime | None


class Order(Record):
    """What the store received.

    `checkout_id` is None for an order that a retailer took in and that no checkout of ours placed. With a
    `fulfillment_url` the retailer speaks to the shopper from then on, on a page of its own.
    """

    id: str
    checkout_id: str | None
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
    # The shopper's wish, and why if she said so: Locally documents no call for it.
    cancel_requested: bool = False
    cancel_reason: str | None = None
    fulfillment_url: str | None = None

    @computed_field  # type: ignore[prop-decorator]  # The form that pydantic documents.
    @property
    def status(self) -> str:
        return order_status(self.items)

    @property
    def story_id(self) -> str:
        """Under which id its story is told: that of its checkout, where there is one."""
        return self.checkout_id or self.id

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected to happen, except that something may be refunded."""
        return self.status in _OVER
