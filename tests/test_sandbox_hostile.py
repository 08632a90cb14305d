"""Whatever is sent to the sandbox, it answers as a vendor would, below 500, and can still show all it has kept."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from checkout.sandbox import BRAND_TOKEN, create_sandbox
from tests.sandbox_shopper import HEADLESS, SHOPPER, STORE, Json

UPC = "068648100001"
Headers = list[tuple[bytes, bytes]]


class Wild:
    """A sandbox called below any client, since clients refuse to send much of what is sent here."""

    def __init__(self) -> None:
        self.app = create_sandbox()

    async def call(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> tuple[int, bytes]:
        scope: Json = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path}
        scope |= {"raw_path": b"", "query_string": query, "root_path": "", "server": ("127.0.0.1", 9000)}
        answered: dict[str, Any] = {"body": b""}

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answered["status"] = message.get("status", answered.get("status"))
            answered["body"] += message.get("body", b"")

        await self.app({**scope, "headers": headers, "client": ("127.0.0.1", 1)}, receive, send)
        return answered["status"], answered["body"]

    async def locally(self, method: str, path: str, body: object = None, jwt: str = "") -> Json:
        headers = [(b"locally-api-token", BRAND_TOKEN.encode()), (b"locally-pl-jwt", jwt.encode())]
        status, raw = await self.call(method, path, b"", headers, json.dumps(body).encode())
        assert status == 200
        answer: Json = json.loads(raw)
        return answer


def draft(**fields: object) -> Json:
    items = [{"upc": UPC, "qty": 1, "price_per_unit": 89}]
    return {"store_id": STORE, "path_to_purchase": "ropis", "items": items, "shopper": SHOPPER} | fields


def wild_with_order() -> tuple[Wild, str]:
    async def buy() -> tuple[Wild, str]:
        wild = Wild()
        data = (await wild.locally("POST", f"{HEADLESS}/cart/validate", draft()))["data"]
        await wild.locally("POST", f"{HEADLESS}/cart/commit", jwt=data["cart_hash_jwt"])
        return wild, data["cart_hash"]

    return asyncio.run(buy())


WILD, HASH = wild_with_order()
CALLS = [
    *(("GET", HEADLESS + path) for path in ("/session/user", "/location/suggest", "/location/switch/x/y")),
    *(("GET", HEADLESS + path) for path in ("/location/address/validate", "/conversion/start", "/cart")),
    *(("GET", HEADLESS + path) for path in ("/conversion/store_data", "/product/locate", "/cart/items/add")),
    *(("GET", HEADLESS + path) for path in ("/conversion/product_data", "/conversion/location_data/store/9")),
    *(("POST", HEADLESS + path) for path in ("/cart/items/add", "/cart", "/cart/validate_email", "/cart/billing")),
    *(("POST", HEADLESS + path) for path in ("/cart/auth", "/cart/order", "/cart/validate", "/cart/commit")),
    *(("GET", path) for path in ("/api/v2/carts/x", "/api/v2/brand/1/stores", f"/api/v2/cart/{HASH}", "/api/v2/no")),
    *(("POST", path) for path in (f"/api/v2/cart/{HASH}/{UPC}", f"/_sandbox/orders/{HASH}/{UPC}")),
    *(("POST", f"/_sandbox/orders/{HASH}{path}") for path in ("", f"/items/{UPC}")),
    *(("POST", f"/_sandbox/stores/{STORE}/orders/{HASH}{path}") for path in ("", f"/{UPC}")),
    *(("GET", path) for path in (f"/_sandbox/stores/{STORE}", "/", f"/order/{HASH}/x")),
    *(("POST", f"/_sandbox/{path}") for path in ("faults", "clock", "stock", "settings", f"stores/{STORE}")),
    *(
        ("POST", f"/_sandbox/{path}")
        for path in ("webhooks", "webhooks/forge", "screen/clock", "stripe/authenticate", "stores/x")
    ),
    *(("POST", f"/v1/{path}") for path in ("setup_intents", "setup_intents/x/confirm", "payment_methods", "customers")),
    *(("POST", f"/v1/{path}") for path in ("confirmation_tokens", "payment_method_domains", "3ds2/authenticate")),
    *(("POST", f"/_sandbox/{path}") for path in ("feed", "feed/scan")),
    *(("GET", f"/_sandbox/{path}") for path in ("feed", "statements/2026-11", "statements/\ud800")),
    *((method, f"/_sandbox/stores/{STORE}/inventory") for method in ("GET", "PUT")),
    *(("GET", f"/v1/{path}") for path in ("setup_intents", "events", "setup_attempts", "customers", "accounts/x")),
]
NAMES = [
    *("store_id", "path_to_purchase", "items", "shopper", "card_token", "host_domain", "mute_comms", "upc", "qty"),
    *("price_per_unit", "tax_per_unit", "message", "email", "first_name", "query", "company_id", "style", "lat", "lng"),
    *("radius_km", "limit", "map_distance_unit", "map_distance_diag", "map_center_lat", "map_center_lng", "status"),
    *("reason", "refund_amount", "fulfillment_url", "sts_status", "hash", "full_name", "offset", "statuses"),
    *("metadata[a]", "payment_method", "payment_method_data[type]", "payment_method_data[card][number]", "confirm"),
    *("expand[]", "usage", "created[gt]", "starting_after", "client_secret", "address[city]", "_stripe_version"),
    *("call", "kind", "seconds", "advance", "quantity", "price", "paths", "tax_rate", "locally_url", "stripe_secret"),
    *("action", "amount", "text", "sender", "form", "order", "resolution", "notes", "webhook", "capture_fails"),
    *("url", "stripe_connected", "sts_approved", "pushcart", "retailer_url", "retailer_store", "retailer_token"),
    *("setup_intent", "outcome", "items[0][upc]", "items[0][qty]", "items[a][b][c]", "key", "domain_name", "enabled"),
]
TELLING = [
    STORE,
    str(STORE),
    UPC,
    "bopis",
    "rejected",
    "refund",
    "confirmed",
    "oldest",
    "mi",
    "message",
    "decline",
    "1",
    "0",
    "-1",
    "",
    "true",
    "card",
]
TEXTS = st.text(max_size=12) | st.sampled_from(["\ud800", "\udfff\ud800", "9" * 5000, "1e99999", "٣", "²", "NaN", "\0"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from(TELLING) | st.just(10**4000)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES) | TEXTS, VALUES, max_size=6)
DRAFTS = st.builds(lambda changes: draft() | changes, OBJECTS) | st.builds(
    lambda changes: draft(shopper=SHOPPER | changes), st.dictionaries(st.sampled_from([*SHOPPER]), VALUES, max_size=2)
)
ITEMS = st.builds(
    lambda changes: draft(items=[draft()["items"][0] | changes]),
    st.dictionaries(st.sampled_from(["upc", "qty", "price_per_unit", "tax_per_unit", "message"]), VALUES, max_size=2),
)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES) | TEXTS, TEXTS | st.sampled_from(TELLING).map(str)), max_size=5)
FORMS = PAIRS.map(lambda pairs: urlencode(pairs, errors="surrogatepass").encode())
BODIES = (
    (OBJECTS | DRAFTS | ITEMS | VALUES).map(lambda value: json.dumps(value).encode())
    | (OBJECTS | DRAFTS).map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))
    | FORMS
    | st.binary(max_size=30)
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"locally-api-session-id", b"locally-pl-jwt", b"host", b"origin", b"content-type", b"cookie"])
        | st.sampled_from([b"idempotency-key", b"stripe-version", b"stripe-account", b"authorization"]),
        st.binary(max_size=20) | st.sampled_from([b"[", b"a.b.c", b"Basic eA==", b"application/json", b"acct_1"]),
    ),
    max_size=3,
)
KEYS: Headers = [(b"locally-api-token", BRAND_TOKEN.encode()), (b"authorization", b"Bearer sk_test_wild")]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(call=st.sampled_from(CALLS), query=FORMS | st.binary(max_size=20), headers=HEADERS, body=BODIES)
def test_no_request_brings_a_server_error(call: tuple[str, str], query: bytes, headers: Headers, body: bytes) -> None:
    async def send_and_look() -> None:
        status, _ = await WILD.call(*call, query, [*headers, *KEYS], body)
        assert 200 <= status < 500
        for shown in (
            "/_sandbox/stores",
            f"/_sandbox/stores/{STORE}",
            "/_sandbox/webhooks",
            "/_sandbox/ledger",
            "/_sandbox/catalogue",
            "/api/v2/carts",
            f"/api/v2/cart/{HASH}",
            "/v1/events",
        ):
            assert (await WILD.call("GET", shown, b"", KEYS, b""))[0] == 200

    asyncio.run(send_and_look())


DEEP = b"[" * 100_000
VALIDATE = f"{HEADLESS}/cart/validate"


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "status"),
    [
        ("POST", VALIDATE, b"", json.dumps(draft(shopper=SHOPPER | {"city": "\ud800"})).encode(), 400),
        ("POST", VALIDATE, b"", json.dumps(draft(shopper=SHOPPER | {"city": "deep"})).encode()[:-2] + DEEP, 400),
        ("POST", VALIDATE, b"", b'{"store_id": 1e999999999999999999999}', 400),
        ("POST", VALIDATE, b"", b'{"store_id": NaN}', 400),
        ("POST", f"{HEADLESS}/cart/validate_email", b"", b'{"email": "a\xed\xa0\x80@b.co"}', 200),
        ("GET", f"{HEADLESS}/cart", b"a=\xff&b" + b"[c]" * 3000 + b"=1", b"", 200),
        ("GET", f"{HEADLESS}/conversion/location_data/store/" + "9" * 5000, b"", b"", 404),
        ("GET", "/api/v2/carts/" + "9" * 5000, b"", b"", 404),
        ("GET", "/v1/setup_intents", b"\xff=1", b"", 400),
        ("POST", "/_sandbox/stripe/authenticate", b"", DEEP, 400),
        ("POST", "/_sandbox/faults", b"", DEEP, 400),
        ("POST", "/_sandbox/webhooks", b"", b'{"stripe_url": "http://x:99999999", "stripe_secret": "x"}', 400),
        ("POST", "/_sandbox/webhooks", b"", b'{"locally_url": "http://x/", "locally_token": "a\\nb"}', 400),
    ],
)
async def test_known_traps_are_answered(method: str, path: str, query: bytes, body: bytes, status: int) -> None:
    assert (await Wild().call(method, path, query, KEYS, body))[0] == status
