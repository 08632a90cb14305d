"""What a checkout and an order are, and which way each may go. Pure: no clock, no I/O.

Records are frozen; a change is a new record (`model_copy(update=...)`).
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, computed_field

from checkout.errors import Expired, FieldError, NotOpen, NotPlaced
from checkout.money import Money


class PathToPurchase(StrEnum):
    """How the shopper gets the goods: pay online and pick up, reserve and pay in the store, delivery, ship to store."""

    BOPIS = "bopis"
    ROPIS = "ropis"
    SDD = "sdd"
    STS = "sts"


# Same-day delivery needs an address at the door and a delivery window, which we do not ask for yet.
BUILT_PATHS = frozenset({PathToPurchase.BOPIS, PathToPurchase.ROPIS, PathToPurchase.STS})


class CheckoutStatus(StrEnum):
    INCOMPLETE = "incomplete"
    READY = "ready"
    PLACING = "placing"
    PLACED = "placed"
    EXPIRED = "expired"
    CANCELED = "canceled"


OPEN_STATUSES = frozenset({CheckoutStatus.INCOMPLETE, CheckoutStatus.READY})


class Record(BaseModel):
    """Base of our records."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    def changed(self, **values: Any) -> Self:
        """The same record with other values."""
        return self.model_copy(update=values)


class Address(Record):
    address: str | None = None
    address_2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None


class Location(Record):
    lat: float
    lng: float


class OpeningHours(Record):
    """One weekday's opening: day 0 is Monday, times are local "HH:MM"; both None when closed."""

    day: int
    opens: str | None
    closes: str | None


class Store(Record):
    """A shop with a door, as Locally describes it. What Locally does not say is None."""

    id: int
    name: str
    address: Address
    location: Location | None = None
    phone: str | None = None
    time_zone: str | None = None
    open_now: bool | None = None
    today_hours: str | None = None
    hours: tuple[OpeningHours, ...] = ()


class PriceSource(StrEnum):
    """Who said the price: Locally, the brand's catalogue, or the brand's server with the request."""

    LOCALLY = "locally"
    CATALOGUE = "catalogue"
    GIVEN = "given"


# In minor units. 20 lines of 99 units with price, tax and shipping stay within what Money holds.
MOST_PER_UNIT = 150_000_000


class LineItem(Record):
    """One UPC of the cart. Prices are per unit; None where nobody told them yet.

    `upc` is what Locally knows it by, 12 digits where it fits; `available` is None while nobody asked the store;
    `refused` means that Locally would not take the item into a cart there, for no reason that we could find.
    """

    upc: str
    quantity: int
    message: str | None = None
    name: str | None = None
    image_url: str | None = None
    unit_price: Money | None = None
    tax_per_unit: Money | None = None
    shipping: Money | None = None
    price_source: PriceSource | None = None
    available: bool | None = None
    refused: bool = False

    @property
    def subtotal(self) -> Money | None:
        return self.unit_price * self.quantity if self.unit_price else None

    @property
    def tax(self) -> Money | None:
        return self.tax_per_unit * self.quantity if self.tax_per_unit else None

    @property
    def total(self) -> Money | None:
        """Subtotal and tax, as far as they are known."""
        if self.subtotal is None or self.tax is None:
            return self.subtotal
        return self.subtotal + self.tax


class Totals(Record):
    """What the cart costs. Parts that nobody told are None; `total` then adds up the known ones."""

    subtotal: Money
    tax: Money | None
    shipping: Money
    total: Money
    tax_estimated: bool


class Shopper(Record):
    """Who buys, with the billing identity that `cart/validate` asks for."""

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    address: str | None = None
    address_2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    is_opt_in_consent: bool = False
    is_opt_in_consent_brand: bool = False


REQUIRED_OF_SHOPPER = ("email", "phone", "first_name", "last_name", "address", "city", "state", "zip", "country")


class Payment(Record):
    """What the browser needs to collect a card for this store."""

    required: bool = True
    provider: str = "stripe"
    publishable_key: str
    account: str | None
    currency: str
    methods: tuple[str, ...] = ("card",)


class OrderSummary(Record):
    """What a checkout says of its order."""

    id: str
    status: str


class Checkout(Record):
    """Our record of one attempt to buy."""

    id: str
    brand: str
    version: int
    status: CheckoutStatus
    store: Store
    currency: str
    path_to_purchase: PathToPurchase
    path_offered: bool = True
    items: tuple[LineItem, ...]
    shopper: Shopper
    payment: Payment | None
    tax_estimated: bool = True
    host_domain: str | None = None
    locale: str | None = None
    return_url: str | None = None
    card_needed: bool = False
    not_placed: bool = False
    notice: FieldError | None = None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    quoted_at: datetime | None = None

    @property
    def totals(self) -> Totals | None:
        """What it costs, None while a price is missing."""
        return add_up(self.items, self.currency, tax_estimated=self.tax_estimated)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    def as_of(self, now: datetime) -> "Checkout":
        """The checkout at a time: an open one whose life is over has expired."""
        if self.is_open and now >= self.expires_at:
            return self.changed(status=CheckoutStatus.EXPIRED, ended_at=self.expires_at)
        return self


def require_open(checkout: Checkout) -> None:
    """Raises NotPlaced, Expired or NotOpen unless the checkout may still be changed and placed."""
    if checkout.not_placed:
        raise NotPlaced
    if checkout.status is CheckoutStatus.EXPIRED:
        raise Expired
    if not checkout.is_open:
        raise NotOpen


def add_up(items: Iterable[LineItem], currency: str, *, tax_estimated: bool) -> Totals | None:
    """The totals of line items; None while a price is missing."""
    lines = tuple(items)
    subtotal = shipping = Money.zero(currency)
    tax: Money | None = Money.zero(currency)
    for line in lines:
        if line.subtotal is None:
            return None
        subtotal += line.subtotal
        tax = tax + line.tax if tax is not None and line.tax is not None else None
        if line.shipping is not None:
            shipping += line.shipping * line.quantity
    total = subtotal + shipping if tax is None else subtotal + shipping + tax
    return Totals(subtotal=subtotal, tax=tax, shipping=shipping, total=total, tax_estimated=tax_estimated)


def blocking_problems(checkout: Checkout) -> tuple[FieldError, ...]:
    """Everything that keeps the checkout from being placed."""
    return (*_item_problems(checkout), *_path_problems(checkout), *_shopper_problems(checkout.shopper))


def _item_problems(checkout: Checkout) -> Iterable[FieldError]:
    for index, line in enumerate(checkout.items):
        if line.available is False:
            detail = "The store does not have this item in this quantity."
            yield FieldError(f"/items/{index}", "item_unavailable", detail)
        elif line.refused:
            yield FieldError(f"/items/{index}", "item_refused", "The store's system does not accept this item.")
        elif line.unit_price is None:
            yield FieldError(f"/items/{index}", "no_price", "No price is known for this item at this store.")


def _path_problems(checkout: Checkout) -> Iterable[FieldError]:
    if not checkout.path_offered:
        detail = "The store does not offer this path to purchase for this cart."
        yield FieldError("/path_to_purchase", "path_unavailable", detail)


def _shopper_problems(shopper: Shopper) -> Iterable[FieldError]:
    for name in REQUIRED_OF_SHOPPER:
        if not getattr(shopper, name):
            yield FieldError(f"/shopper/{name}", "missing", f"The shopper's {name.replace('_', ' ')} is needed.")


def open_status(checkout: Checkout) -> CheckoutStatus:
    """Whether an open checkout is ready to be placed."""
    return CheckoutStatus.INCOMPLETE if blocking_problems(checkout) else CheckoutStatus.READY


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
