"""Locally.com: one method per call of its Headless API 1.0 and Cart API v2 that we make."""

from checkout.locally_client.answers import ErrorCode
from checkout.locally_client.calling import request_id_of_last
from checkout.locally_client.carts import (
    CartDetail,
    CartItem,
    CartList,
    CartMessage,
    CartShopper,
    CartStore,
    ListedCart,
)
from checkout.locally_client.client import LocallyClient, open_locally
from checkout.locally_client.records import (
    CartToValidate,
    CommittedCart,
    ItemToValidate,
    QuotedCart,
    StoreStock,
    SuggestedPlace,
    SwitchedLocation,
    ValidatedCart,
    ValidatedItem,
)

__all__ = [
    "CartDetail",
    "CartItem",
    "CartList",
    "CartMessage",
    "CartShopper",
    "CartStore",
    "CartToValidate",
    "CommittedCart",
    "ErrorCode",
    "ItemToValidate",
    "ListedCart",
    "LocallyClient",
    "QuotedCart",
    "StoreStock",
    "SuggestedPlace",
    "SwitchedLocation",
    "ValidatedCart",
    "ValidatedItem",
    "open_locally",
    "request_id_of_last",
]
