"""One case for each documented answer of Locally's, and for the undocumented ones that we must survive."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from checkout.errors import (
    CardDeclined,
    CartRefused,
    CheckoutError,
    ItemRefused,
    ItemUnavailable,
    NotSent,
    OutcomeUnknown,
    RefusedUpstream,
    StoreUnknown,
    UpstreamBusy,
    UpstreamUnavailable,
)
from checkout.locally_client import (
    CartToValidate,
    ItemToValidate,
    LocallyClient,
    ValidatedItem,
)
from checkout.money import Money
from checkout.orders import Location, OpeningHours, PathToPurchase, Shopper
from checkout.transport import open_client

UPC = "686487455948"

SHOPPER = Shopper(
    email="ann@example.com",
    phone="+13125550100",
    first_name="Ann",
    last_name="Doe",
    address="1 State St",
    city="Chicago",
    state="IL",
    zip="60605",
    country="US",
)
CART = CartToValidate(
    card_token="seti_1",
    host_domain="brand.example",
    path=PathToPurchase.BOPIS,
    store_id=37175,
    mute_comms=False,
    items=(ItemToValidate(upc=UPC, quantity=2, price=Money(amount=22510, currency="USD")),),
    shopper=SHOPPER,
)

Respond = Callable[[httpx.Request], httpx.Response]


class Upstream:
    """Answers each request alike and keeps what was asked."""

    def __init__(self, respond: Respond) -> None:
        self.requests: list[httpx.Request] = []
        self._respond = respond

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._respond(request)


def saying(body: Any, status: int = 200, **headers: str) -> Upstream:
    if isinstance(body, bytes):
        return Upstream(lambda _: httpx.Response(status, content=body, headers=headers))
    return Upstream(lambda _: httpx.Response(status, json=body, headers=headers))


def failing(error: Exception) -> Upstream:
    def respond(_: httpx.Request) -> httpx.Response:
        raise error

    return Upstream(respond)


@asynccontextmanager
async def locally(upstream: Upstream) -> AsyncIterator[LocallyClient]:
    transport = httpx.MockTransport(upstream)
    async with open_client("https://locally.test", timeout=1, transport=transport) as client:
        yield LocallyClient(
            reads=client,
            writes=client,
            commits=client,
            token="test_token",
            company_id=7,
            read_timeout=5,
            write_timeout=5,
        )


def ok(**data: Any) -> dict[str, Any]:
    return {"success": True, "data": data, "msg": ""}


def no(code: int | None = None, msg: str = "", **data: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"success": False, "msg": msg}
    return body | ({"data": data} if data else {}) | ({} if code is None else {"error_code": code})


def line(auth: str = "SUCCESS", in_cart: Any = 1, qty: Any = 2, upc: Any = UPC) -> dict[str, Any]:
    return {"upc": upc, "auth": auth, "in_cart": in_cart, "qty": qty}


def held(*items: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "items": list(items),
        "cart_hash": "OV9",
        "cart_hash_jwt": "head.body.sign",
        "session": {"id": "s1"},
        **other,
    }


MARKER = {
    "id": 37175,
    "name": "Corner Outfitters",
    "lat": "41.9113",
    "lng": "-87.6777",
    "address": "1 Milwaukee Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": "60647",
    "phone": "(312) 555-0100",
    "country": "US",
    "stocking_variant": 1,
    "acquisition_options": {"bopis": 1, "ropis": "1", "sdd": 0, "sts": True, "teleport": 1},
    "display_dow": [
        {"bil_hrs": "7am-8pm", "label": "Monday", "day_index": 0},
        {"bil_hrs": "10:30am-6pm", "label": "Tuesday", "day_index": 1},
        {"bil_hrs": "Closed", "label": "Wednesday", "day_index": 2},
        {"bil_hrs": "12pm-12am", "label": "Thursday", "day_index": 3},
        {"bil_hrs": "by appointment", "label": "Friday", "day_index": 4},
        {"bil_hrs": "13am-6pm", "label": "Saturday", "day_index": 5},
    ],
    "today_hours": "7am-8pm",
    "hours_known": 1,
    "is_open": "1",
    "qoh": 10,
}


# Reads


async def test_suggested_places_are_parsed() -> None:
    suggestion = {"value": "Chicago, IL", "postcode": "60605", "data": {"lat": 41.87, "lng": -87.62, "relevance": 1}}
    upstream = saying(ok(query="chicago", suggestions=[suggestion], session={"id": "s1"}))
    async with locally(upstream) as client:
        (place,) = await client.suggest_places("Chicago")
    assert (place.label, place.lat, place.lng, place.postal_code) == ("Chicago, IL", 41.87, -87.62, "60605")
    assert upstream.requests[0].url.path == "/headless/api/1.0/location/suggest"
    assert upstream.requests[0].url.params["query"] == "Chicago"
    assert upstream.requests[0].headers["Locally-Api-Token"] == "test_token"


async def test_empty_postal_code_is_none() -> None:
    async with locally(
        saying(ok(suggestions=[{"value": "X", "postcode": "", "data": {"lat": "1.5", "lng": 2}}]))
    ) as client:
        (place,) = await client.suggest_places("x")
    assert (place.postal_code, place.lat) == (None, 1.5)


async def test_switched_location_is_parsed() -> None:
    upstream = saying(ok(country="US", postal_code=60605, distance_unit="mi", lat="41.87000000", lng="-87.62000000"))
    async with locally(upstream) as client:
        location = await client.switch_location(41.87, -87.62, "Chicago, IL")
    assert (location.country, location.postal_code, location.distance_unit) == ("US", "60605", "mi")
    assert upstream.requests[0].url.path == "/headless/api/1.0/location/switch/41.870000/-87.620000"


async def test_found_stores_are_parsed() -> None:
    upstream = saying(ok(markers=[MARKER], total_marker_count=1))
    async with locally(upstream) as client:
        (stock,) = await client.find_stores(UPC, lat=41.88, lng=-87.63, diagonal=50, unit="mi")
    assert (stock.store.id, stock.store.name, stock.quantity_on_hand, stock.in_stock) == (
        37175,
        "Corner Outfitters",
        10,
        True,
    )
    assert stock.store.address.model_dump(exclude_none=True) == {
        "address": "1 Milwaukee Ave",
        "city": "Chicago",
        "state": "IL",
        "zip": "60647",
        "country": "US",
    }
    assert stock.store.location == Location(lat=41.9113, lng=-87.6777)
    assert stock.store.time_zone == "America/Chicago"
    assert dict(upstream.requests[0].url.params) == {
        "company_id": "7",
        "upc": UPC,
        "map_center_lat": "41.880000",
        "map_center_lng": "-87.630000",
        "map_distance_diag": "50",
        "map_distance_unit": "mi",
    }


async def read_store(**changes: Any) -> Any:
    async with locally(saying(ok(markers=[{**MARKER, **changes}]))) as client:
        return await client.read_stock(UPC, 37175)


async def test_paths_are_read_from_flags() -> None:
    stock = await read_store()
    assert stock.paths == {PathToPurchase.BOPIS, PathToPurchase.ROPIS, PathToPurchase.STS}


async def test_paths_may_be_an_empty_list() -> None:
    assert (await read_store(acquisition_options=[])).paths == frozenset()


async def test_hours_that_nobody_understands_are_left_out() -> None:
    assert (await read_store()).store.hours == (
        OpeningHours(day=0, opens="07:00", closes="20:00"),
        OpeningHours(day=1, opens="10:30", closes="18:00"),
        OpeningHours(day=2, opens=None, closes=None),
        OpeningHours(day=3, opens="12:00", closes="00:00"),
    )


@pytest.mark.parametrize(
    ("changes", "open_now"),
    [
        ({"is_open": 0}, False),
        ({"is_open": True}, True),
        ({"is_tmp_closed": 1}, False),
        ({"hours_known": 0}, None),
        ({"is_open": ""}, None),
    ],
)
async def test_open_now_is_only_told_when_known(changes: dict[str, Any], open_now: bool | None) -> None:
    assert (await read_store(**changes)).store.open_now is open_now


@pytest.mark.parametrize(
    ("changes", "in_stock", "quantity"),
    [
        ({"stocking_variant": 0, "qoh": 0}, False, 0),
        ({"stocking_variant": "1", "qoh": ""}, True, None),
        ({"stocking_variant": None, "qoh": "3"}, True, 3),
        ({"stocking_variant": 1, "qoh": 0}, False, 0),
        ({"stocking_variant": None, "qoh": None}, False, None),
    ],
)
async def test_stock_needs_a_sign(changes: dict[str, Any], in_stock: bool, quantity: int | None) -> None:
    stock = await read_store(**changes)
    assert (stock.in_stock, stock.quantity_on_hand) == (in_stock, quantity)


async def test_store_without_coordinates_has_no_time_zone() -> None:
    stock = await read_store(lat="", lng="")
    assert (stock.store.location, stock.store.time_zone) == (None, None)


async def test_stock_is_read_without_a_session() -> None:
    upstream = saying(ok(markers=[MARKER]))
    async with locally(upstream) as client:
        await client.read_stock(UPC, 37175)
    (request,) = upstream.requests
    assert "locally-api-session-id" not in request.headers
    assert request.url.params["only_store_id"] == "37175"
    assert request.url.params["map_distance_diag"] == "1"


async def test_store_without_marker_is_none() -> None:
    async with locally(saying(ok(markers=[{**MARKER, "id": 2}]))) as client:
        assert await client.read_stock(UPC, 37175) is None


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_error_1329_is_store_unknown(status: int) -> None:
    async with locally(saying(no(1329), status)) as client:
        with pytest.raises(StoreUnknown):
            await client.read_stock(UPC, 5)


def cart_content(**amounts: Any) -> dict[str, Any]:
    return ok(n_in_cart=1, cart_hash="Q1", cart_content={"cart": amounts}, session={"id": "s9"})


async def test_quote_is_read_as_decimals() -> None:
    body = b"""{"success": true, "data": {"n_in_cart": 1, "cart_hash": "Q1", "session": {"id": "s9"},
        "cart_content": {"cart": {"subtotal": 225.1, "tax_total": "1,023.07", "shipping_cost_total": 0}}}}"""
    upstream = saying(body)
    async with locally(upstream) as client:
        quote = await client.quote_item(UPC, 37175, hold=False, host_domain="brand.example")
    assert (quote.cart_hash, quote.session_id, quote.item_count) == ("Q1", "s9", 1)
    assert (quote.subtotal, quote.tax_total, quote.shipping) == (Decimal("225.1"), Decimal("1023.07"), Decimal(0))
    assert upstream.requests[0].method == "GET"
    assert dict(upstream.requests[0].url.params) == {"store_id": "37175", "upc": UPC, "host_domain": "brand.example"}


async def test_reservation_is_quoted_with_hold() -> None:
    upstream = saying(cart_content(subtotal=1, tax_total=0))
    async with locally(upstream) as client:
        await client.quote_item(UPC, 37175, hold=True, host_domain="brand.example")
    assert upstream.requests[0].url.params["hold"] == "true"


@pytest.mark.parametrize(
    ("body", "status", "refusal"),
    [
        (no(1327), 200, ItemUnavailable),
        (no(1329), 404, StoreUnknown),
        (no(), 200, ItemRefused),
        (no(9999), 400, ItemRefused),
        (no(1102), 401, RefusedUpstream),
        (no(1101), 200, RefusedUpstream),
        (no(1000, "App server error 77"), 200, UpstreamUnavailable),
        (no(), 500, UpstreamUnavailable),
        (cart_content(subtotal=-1, tax_total=0), 200, UpstreamUnavailable),
        (cart_content(subtotal="free", tax_total=0), 200, UpstreamUnavailable),
        (cart_content(subtotal=None, tax_total=0), 200, UpstreamUnavailable),
        (ok(), 200, UpstreamUnavailable),
    ],
)
async def test_quote_refusals_tell_the_reason(body: Any, status: int, refusal: type[CheckoutError]) -> None:
    async with locally(saying(body, status)) as client:
        with pytest.raises(refusal) as caught:
            await client.quote_item(UPC, 37175, hold=False, host_domain="x")
    assert type(caught.value) is refusal


GARBAGE = [
    b"<html>Oops</html>",
    b"",
    b"[]",
    b"null",
    b'{"success": "maybe"}',
    b'{"data": {}}',
    b"\xff\xfe",
    b"[" * 9999,
]


@pytest.mark.parametrize("body", GARBAGE)
async def test_garbage_makes_a_read_unavailable(body: bytes) -> None:
    upstream = saying(body)
    async with locally(upstream) as client:
        with pytest.raises(UpstreamUnavailable):
            await client.find_stores(UPC, lat=1, lng=1, diagonal=1, unit="mi")
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        (no(), 500, UpstreamUnavailable),
        (no(), 404, UpstreamUnavailable),
        (ok(markers=[]), 503, UpstreamUnavailable),
        (ok(), 200, UpstreamUnavailable),
        (no(1000, "App server error 77"), 200, UpstreamUnavailable),
        (no(1102), 401, RefusedUpstream),
        (b"Forbidden", 403, RefusedUpstream),
        (no(1206), 400, RefusedUpstream),
    ],
)
async def test_failed_reads_say_who_may_repeat(body: Any, status: int, failure: type[CheckoutError]) -> None:
    async with locally(saying(body, status)) as client:
        with pytest.raises(failure) as caught:
            await client.find_stores(UPC, lat=1, lng=1, diagonal=1, unit="mi")
    assert type(caught.value) is failure


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("-1", None), ("Sun, 22 Nov 2026 02:00:00 GMT", None)])
async def test_busy_read_is_not_repeated(header: str, seconds: int | None) -> None:
    upstream = saying(b"slow down", 429, **{"Retry-After": header})
    async with locally(upstream) as client:
        with pytest.raises(UpstreamBusy) as caught:
            await client.suggest_places("x")
    assert caught.value.retry_after == seconds
    assert len(upstream.requests) == 1


# cart/validate


async def validate(upstream: Upstream, cart: CartToValidate = CART) -> Any:
    async with locally(upstream) as client:
        return await client.validate_cart(cart)


async def test_validated_cart_is_parsed() -> None:
    cart = await validate(saying(ok(**held(line(), line(qty="1", in_cart="1", upc=12345678901)))))
    assert (cart.cart_hash, cart.cart_jwt, cart.session_id) == ("OV9", "head.body.sign", "s1")
    assert cart.items == (
        ValidatedItem(upc=UPC, auth="SUCCESS", in_cart=True, quantity=2),
        ValidatedItem(upc="012345678901", auth="SUCCESS", in_cart=True, quantity=1),
    )


async def test_smallest_cart_leaves_unset_fields_out() -> None:
    upstream = saying(ok(**held(line())))
    await validate(upstream, CART.changed(card_token=None, host_domain=None))
    (request,) = upstream.requests
    assert (request.method, request.url.path) == ("POST", "/headless/api/1.0/cart/validate")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content, parse_float=str) == {
        "path_to_purchase": "bopis",
        "store_id": 37175,
        "mute_comms": 0,
        "items": [{"upc": UPC, "qty": 2, "price_per_unit": "225.1"}],
        "shopper": {
            "email": "ann@example.com",
            "phone": "+13125550100",
            "first_name": "Ann",
            "last_name": "Doe",
            "address": "1 State St",
            "city": "Chicago",
            "state": "IL",
            "zip": "60605",
            "country": "US",
            "is_opt_in_consent": False,
            "is_opt_in_consent_brand": False,
        },
    }


async def test_fullest_cart_sends_every_field() -> None:
    upstream = saying(ok(**held(line())))
    item = CART.items[0].changed(tax=Money(amount=1575, currency="USD"), message="Please wrap it")
    shopper = SHOPPER.changed(address_2="Apt 2", is_opt_in_consent=True, is_opt_in_consent_brand=True)
    await validate(upstream, CART.changed(items=(item,), shopper=shopper, mute_comms=True))
    sent = json.loads(upstream.requests[0].content)
    assert (sent["card_token"], sent["host_domain"], sent["mute_comms"]) == ("seti_1", "brand.example", 1)
    assert sent["items"][0]["tax_per_unit"] == 15.75
    assert sent["items"][0]["message"] == "Please wrap it"
    assert sent["shopper"]["address_2"] == "Apt 2"
    assert sent["shopper"]["is_opt_in_consent"] is True
    assert sent["shopper"]["is_opt_in_consent_brand"] is True


async def test_partial_quantity_is_not_judged_here() -> None:
    assert (await validate(saying(ok(**held(line(qty=1)))))).items[0].quantity == 1


SKIPPED = (line("SKIPPED"), line("SKIPPED", 0, 0, "012345678905"))


@pytest.mark.parametrize(
    ("body", "status", "refusal"),
    [
        (no(**held(*SKIPPED)), 200, CartRefused),
        (no(), 200, CartRefused),
        (no(1327, **held(*SKIPPED)), 200, CartRefused),
        (no(1327), 404, CartRefused),
        (no(1335), 400, CartRefused),
        (no(**held(*SKIPPED)), 422, CartRefused),
        (no(**held(line("FAILED"), line("SKIPPED"))), 401, CardDeclined),
        (no(**held(line("SUCCESS"), line("FAILED"))), 401, CardDeclined),
        (no(**held(line("FAILED"))), 402, CardDeclined),
        (no(**held(line("FAILED"))), 200, CardDeclined),
        (no(1328, **held(line("FAILED"))), 402, CardDeclined),
        (no(1323, **held(line("SKIPPED"))), 400, CardDeclined),
        (no(1323), 402, RefusedUpstream),
        (no(1328), 200, RefusedUpstream),
        (no(), 401, RefusedUpstream),
        (no(items=[]), 401, RefusedUpstream),
        (no(1102), 401, RefusedUpstream),
        (no(1101), 403, RefusedUpstream),
        (no(1206), 200, RefusedUpstream),
        (no(), 400, RefusedUpstream),
        (no(), 402, RefusedUpstream),
        (no(), 403, RefusedUpstream),
        (no(), 404, RefusedUpstream),
        (no(), 422, RefusedUpstream),
        (no(1329), 404, StoreUnknown),
        (no(), 429, UpstreamBusy),
        (b"slow down", 429, UpstreamBusy),
        (no(1000, "App server error 77"), 200, OutcomeUnknown),
        (no(1000, "App server error 77"), 400, OutcomeUnknown),
        (no(**held(line("SUCCESS"), line("SKIPPED", 0, 0))), 200, OutcomeUnknown),
        (no(), 408, OutcomeUnknown),
        (no(), 425, OutcomeUnknown),
        (no(), 500, OutcomeUnknown),
        (no(**held(line("FAILED"))), 502, OutcomeUnknown),
        (ok(**held(line())), 500, OutcomeUnknown),
        (ok(**held(line())), 401, OutcomeUnknown),
        (b"", 307, OutcomeUnknown),
        (b"Unauthorized", 401, OutcomeUnknown),
        ({"message": "Unauthorized"}, 401, RefusedUpstream),
        (ok(), 200, OutcomeUnknown),
        (ok(**held()), 200, OutcomeUnknown),
        (ok(**held(line(), cart_hash="")), 200, OutcomeUnknown),
        (ok(**held(line(), cart_hash_jwt="a\r\nb: c")), 200, OutcomeUnknown),
        (ok(**held(line(qty="many"))), 200, OutcomeUnknown),
        (ok(**held(line(upc="shoe"))), 200, OutcomeUnknown),
        *((garbage, 200, OutcomeUnknown) for garbage in GARBAGE),
    ],
)
async def test_validate_answers_are_told_apart(body: Any, status: int, refusal: type[CheckoutError]) -> None:
    upstream = saying(body, status)
    with pytest.raises(refusal) as caught:
        await validate(upstream)
    assert type(caught.value) is refusal
    assert len(upstream.requests) == 1


async def test_cart_refusal_names_items_and_code() -> None:
    with pytest.raises(CartRefused) as caught:
        await validate(saying(no(1335, "requested 1, computed 2", **held(*SKIPPED))))
    assert caught.value.upcs == ("012345678905",)
    assert (caught.value.error_code, caught.value.message) == (1335, "requested 1, computed 2")


async def test_upc_with_more_zeros_is_the_same() -> None:
    cart = await validate(saying(ok(**held(line(upc=f"00{UPC}")))))
    assert cart.items[0].upc == UPC


async def test_refused_item_without_upc_is_left_unnamed() -> None:
    with pytest.raises(CartRefused) as caught:
        await validate(saying(no(**held(line("SKIPPED", 0, 0, "9" * 40)))))
    assert caught.value.upcs == ()


WRITE_FAILURES = [
    (httpx.ConnectError("refused"), NotSent),
    (httpx.PoolTimeout("full"), NotSent),
    (httpx.ReadTimeout("silence"), OutcomeUnknown),
    (httpx.WriteError("broken pipe"), OutcomeUnknown),
    (httpx.RemoteProtocolError("hung up"), OutcomeUnknown),
]


@pytest.mark.parametrize(("error", "kind"), WRITE_FAILURES)
async def test_failed_validate_is_sent_once(error: Exception, kind: type[CheckoutError]) -> None:
    upstream = failing(error)
    with pytest.raises(kind):
        await validate(upstream)
    assert len(upstream.requests) == 1


# cart/commit


async def commit(upstream: Upstream, session_id: str | None = "s1") -> Any:
    async with locally(upstream) as client:
        return await client.commit_cart("head.body.sign", session_id)


COMMITTED = ok(
    message="Your order has been placed",
    target_uri="/order/49R1/UQP778",
    status_code=200,
    session={"id": "s1"},
)


async def test_committed_cart_is_parsed() -> None:
    upstream = saying(COMMITTED)
    order = await commit(upstream)
    assert (order.message, order.target_uri) == ("Your order has been placed", "/order/49R1/UQP778")
    (request,) = upstream.requests
    assert (request.method, request.url.path, request.content) == ("POST", "/headless/api/1.0/cart/commit", b"")
    assert request.headers["locally-pl-jwt"] == "head.body.sign"
    assert request.headers["locally-api-session-id"] == "s1"


async def test_commit_works_without_a_session() -> None:
    upstream = saying(COMMITTED)
    await commit(upstream, None)
    assert "locally-api-session-id" not in upstream.requests[0].headers


@pytest.mark.parametrize(
    ("body", "status", "refusal"),
    [
        (no(), 200, RefusedUpstream),
        (no(1323), 402, RefusedUpstream),
        (no(), 400, RefusedUpstream),
        (no(), 409, RefusedUpstream),
        (b"slow down", 429, RefusedUpstream),
        (no(1000, "App server error 77"), 200, OutcomeUnknown),
        (no(), 408, OutcomeUnknown),
        (no(), 425, OutcomeUnknown),
        (no(), 500, OutcomeUnknown),
        (COMMITTED, 500, OutcomeUnknown),
        (COMMITTED, 401, OutcomeUnknown),
        (ok(), 200, OutcomeUnknown),
        (ok(message="Almost", status_code=500), 200, OutcomeUnknown),
        (b"", 307, OutcomeUnknown),
        *((garbage, 200, OutcomeUnknown) for garbage in GARBAGE),
    ],
)
async def test_commit_answers_are_told_apart(body: Any, status: int, refusal: type[CheckoutError]) -> None:
    upstream = saying(body, status)
    with pytest.raises(refusal) as caught:
        await commit(upstream)
    assert type(caught.value) is refusal
    assert len(upstream.requests) == 1


async def test_refused_commit_keeps_the_code() -> None:
    with pytest.raises(RefusedUpstream) as caught:
        await commit(saying(no(1323), 402))
    assert caught.value.error_code == 1323


@pytest.mark.parametrize(("error", "kind"), WRITE_FAILURES)
async def test_failed_commit_is_sent_once(error: Exception, kind: type[CheckoutError]) -> None:
    upstream = failing(error)
    with pytest.raises(kind):
        await commit(upstream)
    assert len(upstream.requests) == 1


# Cart API v2


def detail(*items: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {
        "status": True,
        "properties": {"hash": "O3V36", "type": "ORDER", "updated_at": "2021-03-04 05:06:07", **properties},
        "store": {"store_id": "37175", "vendor_id": 0},
        "items": list(items),
    }


ITEM = {
    "status": "Charge_Failed",
    "sts_status": False,
    "product_id": 9,
    "qty": 1,
    "brand": "Ridge",
    "name": "Tent",
    "upc": 12345678901,
    "alias": ["D144-3"],
    "attrib_1": "L",
    "currency": "USD",
    "msrp": "2,099.99",
    "tax": "162.75",
    "tax_remitted": True,
    "commission": "73.50",
    "total": "2,262.74",
    "order_resolution": "",
    "resolution_notes": "",
}


async def read_cart(body: Any, status: int = 200) -> Any:
    async with locally(saying(body, status)) as client:
        return await client.read_cart("O3V36")


async def test_cart_detail_is_parsed() -> None:
    said = [{"sender": "locally", "description": "Hi\r\nyou", "created_at": "2021-03-04 05:06:07"}]
    properties = {"ordered_at": "2021-03-04 05:00:00", "invoice": "https://x/order/O3V36/T?print=1"}
    cart = await read_cart(detail({**ITEM, "messages": said}, **properties))
    assert (cart.hash, cart.type, cart.store_id) == ("O3V36", "ORDER", 37175)
    assert cart.ordered_at == datetime(2021, 3, 4, 5, 0, tzinfo=UTC)
    assert cart.invoice == "https://x/order/O3V36/T?print=1"
    assert (cart.messages[0].sender, cart.messages[0].text) == ("locally", "Hi\r\nyou")
    (item,) = cart.items
    assert (item.upc, item.quantity, item.status, item.sts_status) == ("012345678901", 1, "charge_failed", None)
    assert (item.msrp, item.tax, item.total, item.price) == (
        Decimal("2099.99"),
        Decimal("162.75"),
        Decimal("2262.74"),
        None,
    )
    assert (item.alias, item.attrib_1, item.tax_remitted, item.order_resolution) == (("D144-3",), "L", True, None)


async def test_messages_of_all_items_are_told_once_in_order() -> None:
    late, early, odd = (
        {"sender": "retailer", "description": text, "created_at": at}
        for text, at in (("Ready", "2021-03-04 09:00:00"), ("Seen", "2021-03-04 08:00:00"), ("Hm", None))
    )
    other = {**ITEM, "upc": "068648100001", "messages": [early, late]}
    cart = await read_cart(detail({**ITEM, "messages": [late, odd]}, other))
    assert [message.text for message in cart.messages] == ["Hm", "Seen", "Ready"]


@pytest.mark.parametrize("spelling", ["Auto-cancelled", "AUTO_CANCELLED", "auto cancelled"])
async def test_status_spellings_are_one(spelling: str) -> None:
    assert (await read_cart(detail({**ITEM, "status": spelling}))).items[0].status == "auto_cancelled"


@pytest.mark.parametrize(
    ("spelling", "status"),
    [(False, None), ("", None), ("N/A", None), (None, None), ("picked up", "picked_up"), ("CONFIRMED", "confirmed")],
)
async def test_absent_sts_status_is_none(spelling: Any, status: str | None) -> None:
    assert (await read_cart(detail({**ITEM, "sts_status": spelling}))).items[0].sts_status == status


@pytest.mark.parametrize(
    ("item", "properties", "is_ordered"),
    [
        ({"status": "Ordered"}, {}, True),
        ({"status": "CONFIRMED"}, {}, True),
        ({"status": "", "sts_status": "confirm-store"}, {}, True),
        ({"status": "Teleported"}, {"ordered_at": "2021-03-04 05:00:00"}, True),
        ({"status": "Teleported"}, {}, None),
        ({"status": "", "sts_status": "beamed"}, {}, None),
        ({"status": ""}, {"ordered_at": ""}, False),
        ({"status": ""}, {"ordered_at": "0000-00-00 00:00:00"}, False),
    ],
)
async def test_ordered_carts_are_recognised(
    item: dict[str, Any], properties: dict[str, Any], is_ordered: bool | None
) -> None:
    assert (await read_cart(detail({**ITEM, **item}, **properties))).is_ordered is is_ordered


async def test_one_ordered_item_makes_an_order() -> None:
    cart = await read_cart(detail({**ITEM, "status": "Beamed"}, {**ITEM, "status": "Ordered"}))
    assert cart.is_ordered is True


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": False, "message": "The cart was not found"}, 200),
        ({"status": False, "message": "The cart was not found"}, 404),
        ({"status": False}, 404),
        ({"status": False, "message": "Cart does not exist"}, 200),
    ],
)
async def test_absent_cart_is_none(body: Any, status: int) -> None:
    assert await read_cart(body, status) is None


@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        ({"status": False, "message": "Not authorized"}, 200, UpstreamUnavailable),
        ({"status": False}, 200, UpstreamUnavailable),
        ({"status": False, "message": "Not authorized"}, 401, RefusedUpstream),
        ({"status": False, "message": "The cart was not found"}, 500, UpstreamUnavailable),
        (b"<html>Not found</html>", 404, UpstreamUnavailable),
        (detail(ITEM, hash="OTHER"), 200, UpstreamUnavailable),
        ({"status": True}, 200, UpstreamUnavailable),
        ({"status": False}, 429, UpstreamBusy),
        *((garbage, 200, UpstreamUnavailable) for garbage in GARBAGE),
    ],
)
async def test_unhealthy_read_never_says_absent(body: Any, status: int, failure: type[CheckoutError]) -> None:
    with pytest.raises(failure):
        await read_cart(body, status)


@pytest.mark.parametrize("cart_hash", ["", "../carts", "A/B", "A B", "\u0661"])
async def test_odd_hash_names_no_cart(cart_hash: str) -> None:
    upstream = saying(detail(ITEM))
    async with locally(upstream) as client:
        assert await client.read_cart(cart_hash) is None
    assert upstream.requests == []


async def test_listed_carts_are_parsed() -> None:
    listed = {
        "hash": "O3V36",
        "type": "SHIP",
        "source": "From brand-site.com",
        "ordered_at": "2020-01-02 03:04:05",
        "updated_at": "2020-01-02 03:04:06",
        "items": [{"upc": UPC, "qty": 1, "status": "CONFIRMED", "sts_status": "", "currency": "USD", "total": 110.85}],
    }
    body = {"status": True, "properties": {"current_page": 2, "total_pages": 5}, "carts": [listed]}
    upstream = saying(body)
    async with locally(upstream) as client:
        page = await client.list_carts(2)
    assert (page.page, page.total_pages) == (2, 5)
    assert (page.carts[0].hash, page.carts[0].source, page.carts[0].is_ordered) == (
        "O3V36",
        "From brand-site.com",
        True,
    )
    assert page.carts[0].items[0].total == Decimal("110.85")
    assert upstream.requests[0].url.path == "/api/v2/carts/2"


@pytest.mark.parametrize("amount", ["1e999999", "-1e13", "1e13", "NaN", "free"])
async def test_absurd_amount_is_no_amount(amount: str) -> None:
    assert (await read_cart(detail({**ITEM, "total": amount}))).items[0].total is None


@pytest.mark.parametrize("number", ["1e999999", "NaN", "Infinity"])
async def test_absurd_number_makes_a_read_unavailable(number: str) -> None:
    body = json.dumps(detail(ITEM)).replace('"2,262.74"', number)
    with pytest.raises(UpstreamUnavailable):
        await read_cart(body.encode())


async def update(upstream: Upstream, cart_hash: str = "O3V36") -> None:
    async with locally(upstream) as client:
        await client.update_item(cart_hash, UPC, {"sts_status": "shipped", "message": "1Z"})


async def test_item_update_is_posted() -> None:
    upstream = saying({"status": True})
    await update(upstream)
    (request,) = upstream.requests
    assert (request.method, request.url.path) == ("POST", f"/api/v2/cart/O3V36/{UPC}")
    assert json.loads(request.content) == {"sts_status": "shipped", "message": "1Z"}


@pytest.mark.parametrize(
    ("body", "status", "refusal"),
    [
        ({"status": False, "message": "No"}, 200, RefusedUpstream),
        ({"status": False, "message": "No"}, 404, RefusedUpstream),
        ({"status": False}, 429, UpstreamBusy),
        ({"status": False}, 500, OutcomeUnknown),
        ({"status": True}, 500, OutcomeUnknown),
        (b'{ "status": true, }', 200, OutcomeUnknown),
        (b"oops", 200, OutcomeUnknown),
    ],
)
async def test_update_answers_are_told_apart(body: Any, status: int, refusal: type[CheckoutError]) -> None:
    with pytest.raises(refusal):
        await update(saying(body, status))


async def test_odd_hash_is_never_updated() -> None:
    upstream = saying({"status": True})
    with pytest.raises(RefusedUpstream):
        await update(upstream, "../carts")
    assert upstream.requests == []


# What is told about calls


async def test_calls_are_logged() -> None:
    with capture_logs() as logs, pytest.raises(RefusedUpstream):
        await commit(saying(no(1323), 402, **{"X-Request-Id": "r1"}))
    (told,) = logs
    assert 0 <= told.pop("ms") < 500
    assert told == {
        "event": "locally_call",
        "log_level": "info",
        "call": "cart/commit",
        "status": 402,
        "request_id": "r1",
        "error_code": 1323,
    }


async def test_lost_calls_are_logged() -> None:
    with capture_logs() as logs, pytest.raises(OutcomeUnknown):
        await commit(failing(httpx.ReadTimeout("silence")))
    (told,) = logs
    assert (told["call"], told["failure"], "status" in told) == ("cart/commit", "ReadTimeout", False)


async def test_lookup_number_is_logged() -> None:
    with capture_logs() as logs, pytest.raises(OutcomeUnknown):
        await validate(saying(no(1000, "App server error. Lookup 20261122-77")))
    assert [log["lookup"] for log in logs] == ["20261122-77"]


async def test_secrets_and_people_are_never_logged() -> None:
    with capture_logs() as logs:
        await validate(saying(ok(**held(line()))))
        await commit(saying(COMMITTED))
        async with locally(saying(ok(suggestions=[]))) as client:
            await client.suggest_places("1 State St")
    told = repr(logs)
    assert len(logs) == 3
    for secret in ("head.body.sign", "test_token", "seti_1", "ann@", "State St", "UQP778", "s1"):
        assert secret not in told


async def test_bearer_links_are_not_in_reprs() -> None:
    cart = await validate(saying(ok(**held(line()))))
    order = await commit(saying(COMMITTED))
    assert "head.body.sign" not in repr(cart)
    assert "UQP778" not in repr(order)
