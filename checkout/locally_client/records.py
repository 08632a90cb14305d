"""What the calls of the Headless API take and give."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasPath, BeforeValidator, Field

from checkout.locally_client.quirks import (
    Amount,
    Answer,
    Count,
    Degrees,
    Flag,
    Hours,
    Paths,
    Text,
    Upc,
    find_time_zone,
    read_flag,
)
from checkout.money import Money, parse_decimal
from checkout.orders import Address, Location, PathToPurchase, Record, Shopper, Store

# What goes back to Locally as a header's value: visible ASCII, so that no answer can forge a header.
_HeaderValue = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,8192}$")]
_CartHash = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Price = Annotated[Decimal, BeforeValidator(parse_decimal), Field(ge=0, lt=10**9)]


class SuggestedPlace(Answer):
    """A place that a shopper may mean."""

    label: str = Field(validation_alias="value", min_length=1)
    lat: float = Field(validation_alias=AliasPath("data", "lat"), ge=-90, le=90)
    lng: float = Field(validation_alias=AliasPath("data", "lng"), ge=-180, le=180)
    postal_code: Text = Field(None, validation_alias="postcode")


class SwitchedLocation(Answer):
    """What Locally knows about a point."""

    country: Text = None
    postal_code: Text = None
    distance_unit: Text = None


class StoreStock(Record):
    """What one store has of one UPC on its own shelf; what the brand ships to it is only in `paths`.

    `quantity_on_hand` is None where the store does not tell.
    """

    store: Store
    paths: frozenset[PathToPurchase]
    quantity_on_hand: int | None
    in_stock: bool


class Marker(Answer):
    """A store on Locally's map, as `conversion/store_data` tells it."""

    id: int
    name: str
    lat: Degrees = None
    lng: Degrees = None
    address: Text = None
    city: Text = None
    state: Text = None
    zip: Text = None
    country: Text = None
    phone: Text = None
    paths: Paths = Field(frozenset(), validation_alias="acquisition_options")
    qoh: Count = None
    stocking_variant: Any = None
    hours: Hours = Field((), validation_alias="display_dow")
    today_hours: Text = None
    hours_known: Flag = False
    is_open: Any = None
    is_tmp_closed: Flag = False

    def to_stock(self) -> StoreStock:
        return StoreStock(
            store=self._store(), paths=self.paths, quantity_on_hand=self.qoh, in_stock=self._has_variant()
        )

    def _has_variant(self) -> bool:
        """In stock unless one of the two signs says no; without any sign it is not."""
        signs = [read_flag(self.stocking_variant), None if self.qoh is None else self.qoh > 0]
        told = [sign for sign in signs if sign is not None]
        return bool(told) and all(told)

    def _store(self) -> Store:
        location = None
        if self.lat is not None and self.lng is not None:
            location = Location(lat=self.lat, lng=self.lng)
        return Store(
            id=self.id,
            name=self.name,
            address=Address(address=self.address, city=self.city, state=self.state, zip=self.zip, country=self.country),
            location=location,
            phone=self.phone,
            time_zone=find_time_zone(location.lat, location.lng) if location else None,
            open_now=self._open_now(),
            today_hours=self.today_hours,
            hours=self.hours,
        )

    def _open_now(self) -> bool | None:
        if self.is_tmp_closed:
            return False
        return read_flag(self.is_open) if self.hours_known else None


class QuotedCart(Answer):
    """A cart made only to learn price and tax; its amounts are the whole cart's, in major units."""

    cart_hash: _CartHash
    session_id: Text = Field(None, validation_alias=AliasPath("session", "id"))
    item_count: int = Field(validation_alias="n_in_cart", ge=0)
    subtotal: _Price = Field(validation_alias=AliasPath("cart_content", "cart", "subtotal"))
    tax_total: _Price = Field(validation_alias=AliasPath("cart_content", "cart", "tax_total"))
    shipping: Amount = Field(None, validation_alias=AliasPath("cart_content", "cart", "shipping_cost_total"))


class ItemToValidate(Record):
    """One line of the cart. `tax` None lets Locally compute it; price and tax are per unit."""

    upc: str
    quantity: int
    price: Money
    tax: Money | None = None
    message: str | None = None

    def to_wire(self) -> dict[str, Any]:
        return _without_none(
            upc=self.upc,
            qty=self.quantity,
            price_per_unit=self.price.to_number(),
            tax_per_unit=self.tax.to_number() if self.tax else None,
            message=self.message,
        )


class CartToValidate(Record):
    """A whole cart at one store. `card_token` is the SetupIntent's id; None validates without placing holds."""

    card_token: str | None
    host_domain: str | None
    path: PathToPurchase
    store_id: int
    mute_comms: bool
    items: tuple[ItemToValidate, ...]
    shopper: Shopper

    def to_wire(self) -> dict[str, Any]:
        """The body of `cart/validate`: what is not set is left out, both consents are always said."""
        return _without_none(
            card_token=self.card_token,
            host_domain=self.host_domain,
            path_to_purchase=self.path.value,
            store_id=self.store_id,
            mute_comms=int(self.mute_comms),
            items=[item.to_wire() for item in self.items],
            shopper=self.shopper.model_dump(exclude_none=True),
        )


class ValidatedItem(Answer):
    """What became of one line: `auth` is SUCCESS, FAILED or SKIPPED, `quantity` what is in the cart."""

    upc: Upc
    auth: str
    in_cart: Flag
    quantity: int = Field(validation_alias="qty", ge=0)


class ValidatedCart(Answer):
    """A cart that may be committed; where a card was given, its holds are placed."""

    cart_hash: _CartHash
    cart_jwt: _HeaderValue = Field(validation_alias="cart_hash_jwt", repr=False)
    session_id: _HeaderValue | None = Field(None, validation_alias=AliasPath("session", "id"), repr=False)
    items: tuple[ValidatedItem, ...] = Field(min_length=1)


class CommittedCart(Answer):
    """An order. `target_uri` is a bearer link to it for shopper and brand: it must not be logged."""

    message: Text = None
    target_uri: Text = Field(None, repr=False)


def _without_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
