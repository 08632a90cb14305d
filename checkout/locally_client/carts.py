"""What the Cart API v2 tells about carts and orders."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from checkout.locally_client.quirks import Amount, Answer, Count, Flag, Status, StsStatus, Text, Time, Upc, read_upc
from checkout.orders import ORDERED_STS_WORDS, ORDERED_WORDS, Said

# Times of carts are whole seconds: within one, a cart may change again and bear the same time.
_TICK = timedelta(seconds=2)
_EVER = datetime.min.replace(tzinfo=UTC)

T = TypeVar("T")

# A part of the answer that is no object says nothing, and must not make the rest of it unreadable.
_Part = Annotated[T, BeforeValidator(lambda value: value if isinstance(value, dict) else {})]


class CartMessage(Answer):
    """A message by "locally", "retailer" or "customer"."""

    sender: str = ""
    text: str = Field("", validation_alias="description")
    created_at: Time = None


class CartItem(Answer):
    """One item of a cart; amounts are in major units, None where the answer has none.

    `status` and `sts_status` are in one spelling (`charge_failed`), the `..._text` as Locally writes them; those of
    ship-to-store are None for any other order. No page names a field for what was refunded, or for the reason of a no:
    those here are the likely ones.
    """

    upc: Upc
    quantity: int = Field(validation_alias="qty", ge=0)
    status: Status = ""
    sts_status: StsStatus = None
    status_text: Text = Field(None, validation_alias="status")
    sts_text: Text = Field(None, validation_alias="sts_status")
    product_id: Count = None
    brand: Text = None
    name: Text = None
    alias: tuple[str, ...] = ()
    attrib_1: Text = None
    attrib_2: Text = None
    currency: Text = None
    msrp: Amount = None
    price: Amount = Field(None, validation_alias="product_price")
    price_less_vat: Amount = Field(None, validation_alias="product_price_less_vat")
    subtotal: Amount = None
    tax: Amount = None
    tax_rate: Amount = None
    tax_is_vat: Flag = False
    tax_remitted: Flag = False
    commission: Amount = None
    stripe_fee: Amount = None
    total: Amount = None
    refunded: Amount = Field(None, validation_alias=AliasChoices("refunded", "refunded_amount", "refund_amount"))
    disbursement: Amount = None
    disbursement_brand: Amount = None
    disbursement_retail: Amount = None
    split_brand: Amount = None
    split_retailer: Amount = None
    order_resolution: Text = None
    resolution_notes: Text = None
    reason: Text = None
    messages: tuple[CartMessage, ...] = ()

    @property
    def is_ordered(self) -> bool | None:
        """Whether the item's own words say that it was ordered; None for words that we do not know."""
        if self.status in ORDERED_WORDS or self.sts_status in ORDERED_STS_WORDS:
            return True
        return None if self.status or self.sts_status else False

    @property
    def said(self) -> Said:
        """What tells the item's status; of the messages only Locally's own."""
        remarks = [message.text for message in self.messages if message.sender == "locally"]
        sts_text = self.sts_text if self.sts_status else None
        return Said(self.status_text, sts_text, self.order_resolution, (self.resolution_notes or "", *remarks))


class CartShopper(Answer):
    """Who ordered. What is unknown is None."""

    first_name: Text = None
    last_name: Text = None
    email: Text = None
    phone: Text = None
    address: Text = Field(None, validation_alias="address_1")
    address_2: Text = None
    city: Text = None
    state: Text = None
    zip: Text = None
    country: Text = None
    is_opt_in_consent: Flag = Field(False, validation_alias="marketing_active_consent")


class CartStore(Answer):
    """The store that received it; its hours and its time zone are not told here."""

    id: Count = Field(None, validation_alias="store_id")
    name: Text = None
    address: Text = None
    address_2: Text = None
    city: Text = None
    state: Text = None
    zip: Text = None
    country: Text = None
    phone: Text = None


class _Cart(Answer):
    ordered_at: Time = None
    updated_at: Time = None
    items: tuple[CartItem, ...] = ()

    @property
    def is_ordered(self) -> bool | None:
        """Whether the cart is an order; None where its items bear words that we do not know."""
        if self.ordered_at is not None:
            return True
        signs = {item.is_ordered for item in self.items}
        if True in signs:
            return True
        return None if None in signs else False

    @property
    def mark(self) -> tuple[object, ...]:
        """What changes when the cart does, as far as the list of carts tells."""
        items = ((item.upc, item.status, item.sts_status, item.order_resolution, item.total) for item in self.items)
        return (self.updated_at, *sorted(items, key=str))


class CartDetail(_Cart):
    """One cart as `cart/{hash}` tells it."""

    hash: str = Field(validation_alias=AliasPath("properties", "hash"))
    type: Text = Field(None, validation_alias=AliasPath("properties", "type"))
    ordered_at: Time = Field(None, validation_alias=AliasPath("properties", "ordered_at"))
    updated_at: Time = Field(None, validation_alias=AliasPath("properties", "updated_at"))
    asked_at: Time = Field(None, validation_alias=AliasPath("properties", "date_time"))
    invoice: Text = Field(None, validation_alias=AliasPath("properties", "invoice"), repr=False)
    store: _Part[CartStore] = CartStore.model_validate({})
    shopper: _Part[CartShopper] = Field(CartShopper.model_validate({}), validation_alias="customer", repr=False)

    @property
    def store_id(self) -> int | None:
        return self.store.id

    @property
    def is_settled(self) -> bool:
        """Whether a change that we did not see would have another time than the one we saw."""
        if self.asked_at is None or self.updated_at is None:
            return True
        return self.asked_at - self.updated_at >= _TICK

    @property
    def messages(self) -> tuple[CartMessage, ...]:
        """What was said about any item, oldest first; Locally tells it with each item that it is about."""
        said = dict.fromkeys(message for item in self.items for message in item.messages)
        return tuple(sorted(said, key=lambda message: message.created_at or _EVER))


def _readable(items: object) -> object:
    """The items whose UPC can be read."""
    if not isinstance(items, list):
        return items
    return [item for item in items if not isinstance(item, dict) or read_upc(item.get("upc"))]


class ListedCart(_Cart):
    """One cart of the list.

    An item that cannot be read is left out: it must not hide the rest of the page. Reading its cart in detail says so.
    """

    hash: str
    items: Annotated[tuple[CartItem, ...], BeforeValidator(_readable)] = ()
    type: Text = None
    source: Text = None


class CartList(Answer):
    """One page of the carts, the most recent first; pages count from 0 to `total_pages` - 1."""

    page: int = Field(0, validation_alias=AliasPath("properties", "current_page"))
    total_pages: int = Field(1, validation_alias=AliasPath("properties", "total_pages"))
    carts: tuple[ListedCart, ...]
