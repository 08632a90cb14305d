"""The parameters, headers and credentials that operations name."""

from typing import Any, get_args

from checkout.availability import WIDEST_RADIUS
from checkout.database import DeliveryState
from checkout.orders import PathToPurchase


def _parameter(place: str, name: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path" or name in _REQUIRED,
        "description": description,
        "schema": schema,
        "example": example,
    }


_REQUIRED = frozenset({"q", "items", "near", "Idempotency-Key"})
_TEXT = {"type": "string"}
_KEY = {"type": "string", "pattern": '^"?[A-Za-z0-9_-]{20,255}"?$'}
_UPC_LIST = {"type": "string", "pattern": r"^[0-9]{8,14}:[0-9]{1,2}(,[0-9]{8,14}:[0-9]{1,2}){0,19}$"}

PARAMETERS: dict[str, dict[str, Any]] = {
    each["name"]: each
    for each in (
        _parameter("path", "id", "The id of the checkout, order or delivery.", _TEXT, "chk_3fGh7Jk9Lm"),
        _parameter(
            "path",
            "month",
            "A month in UTC.",
            {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"},
            "2026-11",
        ),
        _parameter("path", "upc", "The UPC of an item of the order.", _TEXT, "686487455948"),
        _parameter(
            "query",
            "q",
            "A postal code, a city or an address.",
            {"type": "string", "minLength": 1, "maxLength": 100},
            "60605",
        ),
        _parameter("query", "items", "The cart: UPC:QUANTITY, comma-separated.", _UPC_LIST, "686487455948:1"),
        _parameter("query", "near", "Latitude and longitude, comma-separated.", _TEXT, "41.88,-87.63"),
        _parameter(
            "query",
            "radius",
            "How far to look, in `unit`.",
            {"type": "integer", "minimum": 1, "maximum": WIDEST_RADIUS, "default": 25},
            25,
        ),
        _parameter(
            "query", "unit", "Miles or kilometres.", {"type": "string", "enum": ["mi", "km"], "default": "mi"}, "mi"
        ),
        _parameter(
            "query",
            "path",
            "Only stores that offer this path to purchase, or orders that took it; absent means any.",
            {"type": "string", "enum": [path.value for path in PathToPurchase]},
            "bopis",
        ),
        _parameter(
            "query",
            "status",
            "Only orders of this status.",
            {"type": "string", "enum": ["open", "confirmed", "completed", "canceled", "refunded"]},
            "open",
        ),
        _parameter(
            "query",
            "since",
            "Only orders placed or changed at this time or later.",
            {"type": "string", "format": "date-time"},
            "2026-11-22T00:00:00Z",
        ),
        _parameter(
            "query",
            "cart_hash",
            "Only the order of this cart.",
            {"type": "string", "pattern": "^[A-Za-z0-9]{1,64}$"},
            "CJHF7",
        ),
        _parameter(
            "query",
            "sort",
            "`answer_by` lists the open orders, those first whose time to answer runs out.",
            {"type": "string", "enum": ["placed_at", "answer_by"], "default": "placed_at"},
            "answer_by",
        ),
        _parameter(
            "query",
            "force",
            "`true` replaces the feed also where it shrank by more than half.",
            {"type": "string", "enum": ["true", "false"], "default": "false"},
            "true",
        ),
        _parameter(
            "query",
            "state",
            "Only deliveries in this state.",
            {"type": "string", "enum": list(get_args(DeliveryState))},
            "failed",
        ),
        _parameter(
            "query",
            "subject",
            "Only what tells of this order, or of this checkout and its order.",
            {"type": "string", "pattern": "^(chk|ord)_[A-Za-z0-9]{1,64}$"},
            "ord_8nB2vC4xZ1",
        ),
        _parameter("query", "cursor", "`next_cursor` of the page before.", _TEXT, "b3JkXzhuQjJ2QzR4WjE"),
        _parameter(
            "query",
            "limit",
            "How many entries a page has.",
            {"type": "integer", "minimum": 1, "maximum": 100, "default": 25},
            25,
        ),
        _parameter(
            "header",
            "Idempotency-Key",
            "Names this attempt: the same key never does the same thing twice.",
            _KEY,
            "6f0c2a54-1c6f-4f0e-9a57-2f5f3c1f7d10",
        ),
        _parameter("header", "If-Match", "The `ETag` that was read; another version is a 412.", _TEXT, '"3"'),
        _parameter(
            "header", "Prefer", "How many seconds to wait for the outcome: `wait=N`, N up to 25.", _TEXT, "wait=20"
        ),
        _parameter("header", "Cache-Control", "`no-cache` asks the stores afresh.", _TEXT, "no-cache"),
    )
}

# The same header where only some requests need it.
PARAMETERS["Idempotency-Key-Optional"] = {
    **PARAMETERS["Idempotency-Key"],
    "required": False,
    "description": "Needed to refund a part: the same key never refunds twice.",
}


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


HEADERS: dict[str, dict[str, Any]] = {
    "Request-Id": _header("Names this request in our records.", "req_5tY7uI9oP1"),
    "ETag": _header("The version of the checkout, for `If-Match`.", '"3"'),
    "Location": _header("Where the new checkout is read.", "/v1/checkouts/chk_3fGh7Jk9Lm"),
    "Retry-After": _header("How many seconds to wait before asking again.", "2"),
    "Idempotent-Replayed": _header("`true` on the kept answer to an earlier request with this key.", "true"),
    "WWW-Authenticate": _header("How to present a credential.", "Bearer"),
}


def _bearer(form: str, description: str) -> dict[str, Any]:
    return {"type": "http", "scheme": "bearer", "bearerFormat": form, "description": description}


SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    "publishable_key": _bearer("cpk_", "`cpk_test_...` or `cpk_live_...`: for the pages of the brand."),
    "checkout_token": _bearer("ct_", "`ct_...`: one checkout, for the browser that created it."),
    "order_token": _bearer("ot_", "`ot_...`: one order, for the shopper's page."),
    "secret_key": _bearer(
        "csk_", "`csk_test_...` or `csk_live_...`: for the brand's servers only, refused from browsers."
    ),
}
