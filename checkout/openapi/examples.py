"""The examples of the document. Answers are rendered by the same functions as real ones, so they cannot drift."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from checkout import schemas
from checkout.attempts import Attempt, AttemptStatus
from checkout.availability import PlaceFound, StoreOffer, StoreOfferItem, StoreSearchResult
from checkout.database import Delivery, DeliveryTry, Review, TimelineEntry
from checkout.feeds import Form
from checkout.fulfilment import FullStatement
from checkout.intake import Progress
from checkout.money import Money
from checkout.orders import (
    Address,
    Checkout,
    CheckoutStatus,
    LedgerEntry,
    LineItem,
    Location,
    Month,
    OpeningHours,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    Payment,
    PriceSource,
    Settlement,
    Shopper,
    Store,
    make_statement,
)
from checkout.rescuing import RescueOffer

_NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
_UPC = "686487455948"
_BOPIS = PathToPurchase.BOPIS
_PATHS = (PathToPurchase.BOPIS, PathToPurchase.ROPIS)

_SHOPPER: dict[str, Any] = {
    "email": "jane@example.com",
    "phone": "+13125550100",
    "first_name": "Jane",
    "last_name": "Doe",
    "address": "600 S Michigan Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": "60605",
    "country": "US",
}
_CART: dict[str, Any] = {
    "store_id": 37175,
    "path_to_purchase": "bopis",
    "items": [{"upc": _UPC, "quantity": 1}],
}

QUOTE_REQUEST = _CART
CREATE_CHECKOUT: dict[str, Any] = {**_CART, "shopper": _SHOPPER, "host_domain": "www.example.com", "locale": "en-US"}
CHANGE_CHECKOUT: dict[str, Any] = {"store_id": 37176, "shopper": {"address_2": "Apartment 5", "email": None}}
PLACE_REQUEST: dict[str, Any] = {
    "setup_intent_id": "seti_1PqRsTuVwXyZ",
    "expected_total": {"amount": 24806, "currency": "USD"},
}
RESCUE_REQUEST: dict[str, Any] = {"store_id": 37176, "path_to_purchase": "bopis", "upcs": [_UPC]}
CANCEL_REQUEST: dict[str, Any] = {"reason": "I ordered the wrong size."}
SETTLE_REQUEST: dict[str, Any] = {"placed": "a3f1c9"}
LOOKUP_REQUEST: dict[str, Any] = {"email": "june.harper@example.com"}
EMPTY_BODY: dict[str, Any] = {}


def _usd(amount: int) -> Money:
    return Money(amount=amount, currency="USD")


_STORE = Store(
    id=37175,
    name="Main Street Sports",
    address=Address(address="1200 N Milwaukee Ave", city="Chicago", state="IL", zip="60647", country="US"),
    location=Location(lat=41.9113, lng=-87.6777),
    phone="+17735550123",
    time_zone="America/Chicago",
    open_now=True,
    today_hours="7am-8pm",
    hours=(OpeningHours(day=0, opens="07:00", closes="20:00"), OpeningHours(day=6, opens=None, closes=None)),
)
_LINE = LineItem(
    upc=_UPC,
    quantity=1,
    name="Trail Running Shoe, size 8",
    image_url="https://www.example.com/shoe.jpg",
    unit_price=_usd(22500),
    tax_per_unit=_usd(2306),
    price_source=PriceSource.LOCALLY,
    available=True,
)
_CHECKOUT = Checkout(
    id="chk_3fGh7Jk9Lm",
    brand="acme",
    version=3,
    status=CheckoutStatus.READY,
    store=_STORE,
    currency="USD",
    path_to_purchase=_BOPIS,
    items=(_LINE,),
    shopper=Shopper(**_SHOPPER),
    payment=Payment(publishable_key="pk_test_example", account=None, currency="USD"),
    created_at=_NOW,
    expires_at=_NOW + timedelta(hours=1),
)
_ORDER = Order(
    id="ord_8nB2vC4xZ1",
    checkout_id=_CHECKOUT.id,
    brand="acme",
    path_to_purchase=_BOPIS,
    cart_hash="a3f1c9",
    locally_order_url="https://www.locally.com/order/a3f1c9/example",
    placed_at=_NOW,
    store=_STORE,
    items=(OrderItem(upc=_UPC, name=_LINE.name, quantity=1, status="ordered", total=_usd(24806), refunded=_usd(0)),),
    shopper=_CHECKOUT.shopper,
    totals=OrderTotals(total=_usd(24806), authorized=_usd(24806), charged=_usd(0), refunded=_usd(0)),
)
_ATTEMPT = Attempt(
    id="att_5kR9tY2wQ7",
    checkout_id=_CHECKOUT.id,
    brand="acme",
    status=AttemptStatus.REVIEW,
    idempotency_key="6f0c2a54-1c6f-4f0e-9a57-2f5f3c1f7d10",
    setup_intent_id="seti_1PqRsTuVwXyZ",
    external_intent=False,
    expected_amount=24806,
    created_at=_NOW,
    updated_at=_NOW,
    cart_hash="a3f1c9",
    unknown_since=_NOW,
    reads=21,
    healthy_reads=1,
)
_HOLD: dict[str, Any] = {
    "id": 17,
    "attempt_id": _ATTEMPT.id,
    "checkout_id": _CHECKOUT.id,
    "state": "open",
    "reason": "commit_unknown",
    "amount": 24806,
    "currency": "USD",
    "setup_intent_id": _ATTEMPT.setup_intent_id,
    "cart_hash": "a3f1c9",
    "created_at": _NOW,
    "release_expected_at": _NOW + timedelta(days=7),
}
_DELIVERY = Delivery(
    id=42,
    message_id="msg_2b7d9f0c4e6a8b1d",
    topic="order.updated",
    about=_ORDER.id,
    subject=_CHECKOUT.id,
    endpoint="we_0f3c9a7be1d25486",
    state="waiting",
    created_at=_NOW,
    next_try_at=_NOW + timedelta(seconds=5),
    ended_at=None,
    log=(DeliveryTry(_NOW, 15000, fault="timeout"),),
)
_ORDER_VIEW = schemas.OrderView(
    id=_ORDER.id,
    status=_ORDER.status,
    url="https://checkout.example.com/o/ol_example",
    token="ot_example",  # noqa: S106  # Shows the form of a token and opens nothing.
)
_OFFER = StoreOffer(
    store=_STORE,
    distance_value=2.4,
    paths=_PATHS,
    has_all=True,
    items=(StoreOfferItem(upc=_UPC, quantity=1, in_stock=True, quantity_on_hand=10, missing=0),),
)
_SEARCH = StoreSearchResult(
    stores=(_OFFER,),
    near=Location(lat=41.88, lng=-87.63),
    radius=25,
    unit="mi",
    as_of=_NOW,
    stale=False,
    widen=50,
)
_PLACE = PlaceFound(label="Chicago, IL", lat=41.87, lng=-87.63, postal_code="60605", country="US")

PLACES: BaseModel = schemas.places_body((_PLACE,))
STORES: BaseModel = schemas.stores_body(_SEARCH)
QUOTE: BaseModel = schemas.quote_body(_STORE.id, _BOPIS, (_LINE,), currency="USD", tax_estimated=True, as_of=_NOW)
CREATED: BaseModel = schemas.checkout_body(_CHECKOUT, token="ct_example")  # noqa: S106  # Shows the form only.
READY: BaseModel = schemas.checkout_body(_CHECKOUT)
PLACING: BaseModel = schemas.checkout_body(_CHECKOUT.changed(status=CheckoutStatus.PLACING, version=4))
PLACED: BaseModel = schemas.checkout_body(_CHECKOUT.changed(status=CheckoutStatus.PLACED, version=5), order=_ORDER_VIEW)
CANCELED: BaseModel = schemas.checkout_body(_CHECKOUT.changed(status=CheckoutStatus.CANCELED, version=4))
SETUP_INTENT: BaseModel = schemas.SetupIntentBody(
    id="seti_1PqRsTuVwXyZ",
    client_secret="seti_1PqRsTuVwXyZ_secret_example",  # noqa: S106  # Shows the form only.
    publishable_key="pk_test_example",
    account=None,
    api_base=None,
)
ORDER: BaseModel = schemas.order_body(_ORDER, masked=True)
ORDERS: BaseModel = schemas.order_list_body((_ORDER,), None)
ORDER_OF_BRAND: BaseModel = schemas.order_body(
    _ORDER.changed(path_to_purchase=PathToPurchase.STS, items=(_ORDER.items[0].changed(status="shipped"),)),
    masked=False,
)
ORDER_OF_RETAILER: BaseModel = schemas.order_body(
    _ORDER.changed(
        checkout_id=None,
        brand="main-street",
        fulfillment_url="https://orders.main-street.example/7f3a",
        items=(_ORDER.items[0].changed(status="confirmed"),),
    ),
    masked=False,
)
ANSWER = {"action": "confirm", "fulfillment_url": "https://orders.main-street.example/7f3a"}
ANSWERS = {
    "answers": [
        {"order": "ord_3f9a0c5e7b1d4e2f8a6b9c0d1e2f3a4b", "upc": _UPC, "action": "confirm"},
        {"order": "ord_0a1b2c3d4e5f60718293a4b5c6d7e8f9", "upc": _UPC, "action": "reject", "reason": "Sold out"},
    ]
}
INTAKE: BaseModel = schemas.intake_body(
    Progress(page=12, pages=40, taken_in=598, left=("CJHF7",), started_at=_NOW - timedelta(minutes=1))
)
STS_ACTION = {
    "action": "ship",
    "tracking": {
        "carrier": "UPS",
        "number": "1Z999AA10123456784",
        "url": "https://www.ups.com/track?tracknum=1Z999AA10123456784",
    },
}
STS_ACTIONS = {
    "actions": [
        {"order": "ord_3f9a0c5e7b1d4e2f8a6b9c0d1e2f3a4b", "upc": _UPC, "action": "confirm"},
        {"order": "ord_0a1b2c3d4e5f60718293a4b5c6d7e8f9", "upc": _UPC, "action": "reject", "reason": "Sold out"},
    ]
}
STS_RESULTS: BaseModel = schemas.ActionResultsBody(
    data=(
        schemas.ActionResultBody(
            order="ord_3f9a0c5e7b1d4e2f8a6b9c0d1e2f3a4b",
            upc=_UPC,
            status=200,
            code=None,
            detail=None,
            item_status="confirmed",
        ),
        schemas.ActionResultBody(
            order="ord_0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            upc=_UPC,
            status=409,
            code="action_not_allowed",
            detail="The item is shipped. Nothing can be asked of it now.",
            item_status=None,
        ),
    )
)
STATEMENT: BaseModel = schemas.statement_body(
    FullStatement(
        make_statement(
            Month(2026, 11),
            [
                _ORDER.changed(
                    path_to_purchase=PathToPurchase.STS,
                    items=(
                        _ORDER.items[0].changed(
                            status="shipped",
                            settlement=Settlement(
                                is_shipped=True,
                                ledger=(LedgerEntry(at=_NOW, party="brand", why="shipped", amount=13500),),
                            ),
                        ),
                    ),
                )
            ],
        ),
        (),
    ),
    "acme",
    _NOW,
)
TIMELINE: BaseModel = schemas.timeline_body((TimelineEntry(_NOW, "placed", {"cart_hash": "a3f1c9"}),), masked=False)
RESCUES: BaseModel = schemas.rescues_body(
    RescueOffer(_ORDER.items, (_OFFER,), near=Location(lat=41.88, lng=-87.63), unit="mi", as_of=_NOW)
)
RESCUE: BaseModel = schemas.checkout_body(_CHECKOUT.changed(rescues=_ORDER.id), token="ct_example")  # noqa: S106  # As above.
CANCEL_REQUESTED: BaseModel = schemas.order_body(_ORDER.changed(cancel_requested=True), masked=True)
STORY: BaseModel = schemas.timeline_body(
    (
        TimelineEntry(_NOW, "attempt.commit_begun", {"attempt": _ATTEMPT.id, "status": "committing"}),
        TimelineEntry(
            _NOW,
            "call.cart/commit",
            {"attempt": _ATTEMPT.id, "outcome": "unknown", "milliseconds": 20000} | {"request_id": "8d2e1f"},
        ),
    ),
    masked=False,
)
REVIEWS: BaseModel = schemas.review_list_body((Review(_ATTEMPT, _CHECKOUT, (_NOW, "no_answer")),))
HOLDS: BaseModel = schemas.hold_list_body((_HOLD,))
CONSOLE_LINK: BaseModel = schemas.ConsoleLinkBody(
    url="https://checkout.example.com/console/enter/cl_example", expires_at=_NOW + timedelta(minutes=10)
)
DELIVERY: BaseModel = schemas.delivery_body(_DELIVERY, {_DELIVERY.endpoint: "www.example.com"})
DELIVERIES: BaseModel = schemas.delivery_list_body((_DELIVERY,), {_DELIVERY.endpoint: "www.example.com"}, None)
CHECKOUT_EVENT: BaseModel = schemas.event_body(
    "checkout.placed", _NOW, _CHECKOUT.changed(status=CheckoutStatus.PLACED, version=5), _ORDER
)
ORDER_EVENT: BaseModel = schemas.event_body("order.updated", _NOW, _CHECKOUT, _ORDER)
ACCEPTED: BaseModel = schemas.AcceptedBody()
HEALTH: BaseModel = schemas.HealthBody(version="1.0.0")
READY_FOR_ORDERS: BaseModel = schemas.ReadyBody(placing=0)
FEED = "upc,qty,percent revenue retained,shipping cost,country\r\n068648100001,140,60,0,US\r\n"
FEED_IMPORT: BaseModel = schemas.FeedImportBody(
    unchanged=False, as_of=_NOW, rows=1, quantity=140, form=Form.PERCENT, ignored_columns=()
)
FEED_STANDING: BaseModel = schemas.FeedBody(
    as_of=_NOW,
    rows=1,
    quantity=140,
    form=Form.PERCENT,
    age=2700,
    stale=False,
    stale_after=86400,
    served=True,
    last_fetch=schemas.FeedFetchBody(at=_NOW, by="LocallyFeedScanner/1.0", status=200),
)
