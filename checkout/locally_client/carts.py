"""What the Cart API v2 tells about carts and orders."""

from datetime import UTC, datetime

from pydantic import AliasPath, Field

from checkout.locally_client.quirks import Amount, Answer, Count, Flag, Status, StsStatus, Text, Time, Upc

_EVER = datetime.min.replace(tzinfo=UTC)

# Words that only an order's item can have, from the API's pages and the dashboard's labels.
ORDERED_STATUSES = frozenset(
    {
        "ordered",
        "received",
        "confirmed",
        "canceled",
        "cancelled",
        "rejected",
        "declined",
        "retailer_declined",
        "buyer_declined",
        "auto_canceled",
        "auto_cancelled",
        "charge_failed",
        "fulfilled",
        "picked_up",
        "refund",
        "refunded",
        "partial_refund",
        "partially_refunded",
    }
)
ORDERED_STS_STATUSES = frozenset(
    {
        "confirm_store",
        "confirm_brand",
        "reject_brand",
        "pending_brand",
        "approved",
        "confirmed",
        "rejected",
        "processing",
        "shipped",
        "ready_for_pickup",
        "picked_up",
        "refunded",
    }
)


class CartMessage(Answer):
    """A message by "locally", "retailer" or "customer"."""

    sender: str = ""
    text: str = Field("", validation_alias="description")
    created_at: Time = None


class CartItem(Answer):
    """One item of a cart; amounts are in major units, None where the answer has none.

    `status` and `sts_status` are in one spelling (`charge_failed`); `sts_status` is None unless it is ship-to-store.
    What tells of product and accounting is for the tracking of orders, which is not built yet.
    """

    upc: Upc
    quantity: int = Field(validation_alias="qty", ge=0)
    status: Status = ""
    sts_status: StsStatus = None
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
    disbursement: Amount = None
    disbursement_brand: Amount = None
    disbursement_retail: Amount = None
    split_brand: Amount = None
    split_retailer: Amount = None
    order_resolution: Text = None
    resolution_notes: Text = None
    messages: tuple[CartMessage, ...] = ()

    @property
    def is_ordered(self) -> bool | None:
        """Whether the item's own words say that it was ordered; None for words that we do not know."""
        if self.status in ORDERED_STATUSES or self.sts_status in ORDERED_STS_STATUSES:
            return True
        return None if self.status or self.sts_status else False


class _Cart(Answer):
    ordered_at: Time = None
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


class CartDetail(_Cart):
    """One cart as `cart/{hash}` tells it."""

    hash: str = Field(validation_alias=AliasPath("properties", "hash"))
    type: Text = Field(None, validation_alias=AliasPath("properties", "type"))
    ordered_at: Time = Field(None, validation_alias=AliasPath("properties", "ordered_at"))
    updated_at: Time = Field(None, validation_alias=AliasPath("properties", "updated_at"))
    invoice: Text = Field(None, validation_alias=AliasPath("properties", "invoice"), repr=False)
    store_id: Count = Field(None, validation_alias=AliasPath("store", "store_id"))

    @property
    def messages(self) -> tuple[CartMessage, ...]:
        """What was said about any item, oldest first; Locally tells it with each item that it is about."""
        said = dict.fromkeys(message for item in self.items for message in item.messages)
        return tuple(sorted(said, key=lambda message: message.created_at or _EVER))


class ListedCart(_Cart):
    """One cart of the list."""

    hash: str
    type: Text = None
    source: Text = None
    updated_at: Time = None


class CartList(Answer):
    """One page of the carts, the most recent first; pages count from 0 to `total_pages` - 1."""

    page: int = Field(0, validation_alias=AliasPath("properties", "current_page"))
    total_pages: int = Field(1, validation_alias=AliasPath("properties", "total_pages"))
    carts: tuple[ListedCart, ...]
