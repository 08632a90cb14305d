"""Our record of one attempt to buy, and what it still lacks."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from checkout.errors import Expired, FieldError, NotOpen, NotPlaced
from checkout.orders.carts import LineItem, PathToPurchase, Record, Store, Totals, add_up


class CheckoutStatus(StrEnum):
    INCOMPLETE = "incomplete"
    READY = "ready"
    PLACING = "placing"
    PLACED = "placed"
    EXPIRED = "expired"
    CANCELED = "canceled"


OPEN_STATUSES = frozenset({CheckoutStatus.INCOMPLETE, CheckoutStatus.READY})


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
    # The order of which this buys elsewhere what its store declined; and whether reads show its shopper masked.
    rescues: str | None = None
    shopper_masked: bool = False
    notice: FieldError | None = None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

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
