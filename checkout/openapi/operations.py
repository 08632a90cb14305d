"""The table of operations: who may call what, with which body, and what comes back."""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from checkout import errors, schemas
from checkout.errors import CheckoutError
from checkout.openapi import examples

Method = Literal["get", "post", "patch"]
Credential = Literal["publishable_key", "checkout_token", "order_token", "secret_key"]
Errors = tuple[type[CheckoutError], ...]


class Answer(NamedTuple):
    """One way in which a call succeeds; its body is that of the example. `headers` name entries of the components."""

    status: int
    description: str
    example: BaseModel
    headers: tuple[str, ...] = ()


class Request(NamedTuple):
    """The body that a call takes."""

    model: type[BaseModel]
    example: dict[str, Any]
    media_types: tuple[str, ...] = ("application/json",)


class Operation(NamedTuple):
    """One call. `parameters` name entries of the components; `errors` are those beyond what every call may answer."""

    method: Method
    path: str
    name: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    credentials: tuple[Credential, ...] = ()
    parameters: tuple[str, ...] = ()
    request: Request | None = None
    errors: Errors = ()


_BRAND: tuple[Credential, ...] = ("publishable_key", "secret_key")
_CHECKOUT: tuple[Credential, ...] = ("checkout_token", "secret_key")
_ORDER: tuple[Credential, ...] = ("order_token", "secret_key")

_UPSTREAM: Errors = (errors.UpstreamUnavailable, errors.UpstreamBusy, errors.RefusedUpstream)
_UNKNOWN: Errors = (errors.UnknownResource,)
_CART: Errors = (errors.StoreUnknown, errors.PathNotOffered, *_UPSTREAM)
_KEY: Errors = (errors.KeyMissing, errors.KeyMismatch, errors.RequestInProgress)
_SHUT: Errors = (errors.NotOpen, errors.Expired, errors.NotPlaced, errors.LostRace)
_PLACING: Errors = (
    errors.Incomplete,
    errors.AlreadyPlacing,
    errors.SetupIntentInvalid,
    errors.CardDeclined,
    errors.PriceChanged,
    errors.ItemUnavailable,
    errors.PathUnavailable,
    errors.ItemRefused,
    errors.AuthorizationUnknown,
    errors.AuthorizationLapsed,
    errors.Stopping,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get",
        "/v1/places",
        "find_places",
        "stores",
        "Find the place that a shopper means by a postal code, a city or an address",
        (Answer(200, "Places, the likeliest first.", examples.PLACES),),
        _BRAND,
        ("q", "Cache-Control"),
        errors=(errors.InvalidField, *_UPSTREAM),
    ),
    Operation(
        "get",
        "/v1/stores",
        "find_stores",
        "stores",
        "Find the stores that can hand over a cart",
        (Answer(200, "Stores that have the whole cart first, then by distance.", examples.STORES),),
        _BRAND,
        ("items", "near", "radius", "unit", "path", "Cache-Control"),
        errors=(errors.InvalidField, errors.PathNotOffered, *_UPSTREAM),
    ),
    Operation(
        "post",
        "/v1/quotes",
        "quote_cart",
        "stores",
        "Tell what a cart costs at a store; nothing is held",
        (Answer(200, "Price and tax of each line, and the totals.", examples.QUOTE),),
        _BRAND,
        ("Cache-Control",),
        Request(schemas.QuoteRequest, examples.QUOTE_REQUEST),
        _CART,
    ),
    Operation(
        "post",
        "/v1/checkouts",
        "create_checkout",
        "checkouts",
        "Open a checkout; what is missing stands in its problems",
        (
            Answer(
                201,
                "The checkout with its token, which is told this once.",
                examples.CREATED,
                ("ETag", "Location", "Idempotent-Replayed"),
            ),
        ),
        _BRAND,
        ("Idempotency-Key", "Cache-Control"),
        Request(schemas.CreateCheckout, examples.CREATE_CHECKOUT),
        (*_KEY, *_CART),
    ),
    Operation(
        "get",
        "/v1/checkouts/{id}",
        "read_checkout",
        "checkouts",
        "Read a checkout",
        (Answer(200, "The checkout; once placed, with its order.", examples.READY, ("ETag",)),),
        _CHECKOUT,
        ("id",),
        errors=_UNKNOWN,
    ),
    Operation(
        "patch",
        "/v1/checkouts/{id}",
        "change_checkout",
        "checkouts",
        "Change a checkout: objects are merged, null clears, items are replaced whole",
        (Answer(200, "The changed checkout.", examples.READY, ("ETag",)),),
        _CHECKOUT,
        ("id", "If-Match", "Cache-Control"),
        Request(
            schemas.ChangeCheckout,
            examples.CHANGE_CHECKOUT,
            ("application/merge-patch+json", "application/json"),
        ),
        (*_UNKNOWN, *_SHUT, errors.VersionMismatch, *_CART),
    ),
    Operation(
        "post",
        "/v1/checkouts/{id}/setup-intent",
        "create_setup_intent",
        "checkouts",
        "Get what the browser needs to let Stripe take the card",
        (
            Answer(201, "A new SetupIntent.", examples.SETUP_INTENT),
            Answer(200, "The live SetupIntent, handed out again.", examples.SETUP_INTENT),
        ),
        _CHECKOUT,
        ("id",),
        Request(schemas.EmptyBody, examples.EMPTY_BODY),
        (*_UNKNOWN, *_SHUT, errors.NoPaymentNeeded, errors.TooManyCards, *_UPSTREAM),
    ),
    Operation(
        "post",
        "/v1/checkouts/{id}/place",
        "place_order",
        "checkouts",
        "Place the order at the store",
        (
            Answer(200, "The order is placed.", examples.PLACED, ("ETag", "Idempotent-Replayed")),
            Answer(
                202, "The order is being placed: read the checkout again.", examples.PLACING, ("ETag", "Retry-After")
            ),
        ),
        _CHECKOUT,
        ("id", "Idempotency-Key", "Prefer"),
        Request(schemas.PlaceRequest, examples.PLACE_REQUEST),
        (*_UNKNOWN, *_KEY, *_SHUT, *_PLACING, *_UPSTREAM),
    ),
    Operation(
        "post",
        "/v1/checkouts/{id}/cancel",
        "cancel_checkout",
        "checkouts",
        "Give up a checkout that is not being placed",
        (Answer(200, "The canceled checkout.", examples.CANCELED, ("ETag",)),),
        _CHECKOUT,
        ("id",),
        Request(schemas.EmptyBody, examples.EMPTY_BODY),
        (*_UNKNOWN, *_SHUT),
    ),
    Operation(
        "get",
        "/v1/orders",
        "list_orders",
        "orders",
        "List the orders of the brand, the newest first",
        (Answer(200, "One page of orders in full.", examples.ORDERS),),
        ("secret_key",),
        ("status", "since", "cart_hash", "cursor", "limit"),
        errors=(errors.InvalidField,),
    ),
    Operation(
        "get",
        "/v1/orders/{id}",
        "read_order",
        "orders",
        "Read an order; its shopper is masked without the secret key",
        (Answer(200, "The order.", examples.ORDER),),
        _ORDER,
        ("id",),
        errors=_UNKNOWN,
    ),
    Operation(
        "get",
        "/v1/orders/{id}/timeline",
        "read_timeline",
        "orders",
        "Read what happened to an order, and when",
        (Answer(200, "The events, oldest first.", examples.TIMELINE),),
        _ORDER,
        ("id",),
        errors=_UNKNOWN,
    ),
    Operation(
        "get",
        "/v1/reviews",
        "list_reviews",
        "operators",
        "List the attempts that need a person, the oldest first",
        (Answer(200, "The attempts, with what is known of each.", examples.REVIEWS),),
        ("secret_key",),
    ),
    Operation(
        "post",
        "/v1/checkouts/{id}/settle",
        "settle_checkout",
        "operators",
        "Decide whether an attempt in doubt became an order",
        (Answer(200, "The settled checkout.", examples.PLACED, ("ETag",)),),
        ("secret_key",),
        ("id",),
        Request(schemas.SettleRequest, examples.SETTLE_REQUEST),
        (*_UNKNOWN, errors.NothingToSettle, errors.LostRace),
    ),
    Operation(
        "get",
        "/v1/checkouts/{id}/timeline",
        "read_checkout_timeline",
        "operators",
        "Read what happened to a checkout, and when, upstream calls included",
        (Answer(200, "The events and calls, oldest first.", examples.STORY),),
        ("secret_key",),
        ("id",),
        errors=_UNKNOWN,
    ),
    Operation(
        "get",
        "/v1/holds",
        "list_holds",
        "operators",
        "List the holds that may be open, the newest first",
        (Answer(200, "The holds, and their totals by currency.", examples.HOLDS),),
        ("secret_key",),
    ),
    Operation(
        "get",
        "/healthz",
        "tell_health",
        "service",
        "Whether the process runs",
        (Answer(200, "It runs.", examples.HEALTH),),
    ),
    Operation(
        "get",
        "/readyz",
        "tell_readiness",
        "service",
        "Whether the service can take orders now",
        (Answer(200, "It can.", examples.READY_FOR_ORDERS),),
        errors=(errors.DatabaseUnavailable, errors.Stopping),
    ),
)
