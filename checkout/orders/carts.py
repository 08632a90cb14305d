"""Stores, and what a cart holds and costs."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from checkout.money import Money


class PathToPurchase(StrEnum):
    """How the shopper gets the goods: pay online and pick up, reserve and pay in the store, delivery, ship to store."""

    BOPIS = "bopis"
    ROPIS = "ropis"
    SDD = "sdd"
    STS = "sts"


# Same-day delivery needs an address at the door and a delivery window, which we do not ask for yet.
BUILT_PATHS = frozenset({PathToPurchase.BOPIS, PathToPurchase.ROPIS, PathToPurchase.STS})


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
    """What the cart costs. Parts that nobody told are None; `total` then adds up the known ones.

    Tax that nobody told is an estimate of none: more may be charged, even where the quoted tax is sent along.
    """

    subtotal: Money
    tax: Money | None
    shipping: Money
    total: Money
    tax_estimated: bool


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
    estimated = tax_estimated or tax is None
    return Totals(subtotal=subtotal, tax=tax, shipping=shipping, total=total, tax_estimated=estimated)


def normalize_upc(value: str) -> str:
    """A UPC of 8 to 14 digits as 12 digits where it fits, else without zeros in front: they make no difference.

    Raises ValueError for anything else.
    """
    if not re.fullmatch(r"[0-9]{8,14}", value):
        raise ValueError("is not 8 to 14 digits")
    return value.lstrip("0").zfill(12)
