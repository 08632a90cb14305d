"""Answers: exactly the documented keys, null where nobody told us, nothing more than the caller may see."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from checkout import schemas
from checkout.availability import PlaceFound, StoreOffer, StoreOfferItem, StoreSearchResult
from checkout.database import TimelineEntry
from checkout.errors import FieldError
from checkout.money import Money
from checkout.orders import (
    Address,
    Checkout,
    CheckoutStatus,
    LineItem,
    Location,
    OpeningHours,
    Order,
    OrderItem,
    OrderMessage,
    OrderTotals,
    PathToPurchase,
    Payment,
    PriceSource,
    Shopper,
    Store,
)
from tests.records import JANE, usd

UPC = "686487455948"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORIGIN = "https://www.example.com"

STORE = Store(
    id=37175,
    name="Main Street Sports",
    address=Address(address="1 Main St", address_2="Suite 2", city="Chicago", state="IL", zip="60647", country="US"),
    location=Location(lat=41.9113, lng=-87.6777),
    time_zone="America/Chicago",
    hours=(OpeningHours(day=0, opens="07:00", closes="20:00"),),
)
LINE = LineItem(
    upc=UPC,
    quantity=2,
    name="Trail Shoe",
    unit_price=usd(5000),
    tax_per_unit=usd(513),
    price_source=PriceSource.LOCALLY,
)


def checkout_of(**values: Any) -> Checkout:
    fields: dict[str, Any] = {
        "id": "chk_1",
        "brand": "acme",
        "version": 3,
        "status": CheckoutStatus.READY,
        "store": STORE,
        "currency": "USD",
        "path_to_purchase": PathToPurchase.BOPIS,
        "items": (LINE,),
        "shopper": JANE,
        "payment": Payment(publishable_key="pk_test_1", account=None, currency="USD"),
        "created_at": NOON,
        "expires_at": NOON.astimezone(timezone(timedelta(hours=-6))),
    }
    return Checkout(**{**fields, **values})


def as_sent(body: Any) -> Any:
    return json.loads(body.model_dump_json())


def test_checkout_is_shown_with_every_key() -> None:
    sent = as_sent(schemas.checkout_body(checkout_of()))
    assert list(sent) == [
        "id", "object", "version", "status", "brand", "store", "path_to_purchase", "items", "shopper", "totals",
        "payment", "problems", "order", "rescues", "expires_at",
    ]  # fmt: skip
    assert sent["store"] == {
        "id": 37175,
        "name": "Main Street Sports",
        "address": {"address": "1 Main St, Suite 2", "city": "Chicago", "state": "IL", "zip": "60647", "country": "US"},
        "phone": None,
        "open_now": None,
    }
    assert sent["items"] == [
        {
            "upc": UPC,
            "quantity": 2,
            "name": "Trail Shoe",
            "image_url": None,
            "unit_price": {"amount": 5000, "currency": "USD"},
            "tax_per_unit": {"amount": 513, "currency": "USD"},
            "subtotal": {"amount": 10000, "currency": "USD"},
            "message": None,
        }
    ]
    assert (sent["totals"]["total"]["amount"], sent["totals"]["tax"]["amount"]) == (11026, 1026)
    assert (sent["problems"], sent["order"], sent["expires_at"]) == ([], None, "2026-11-22T12:00:00Z")


def test_only_creating_tells_the_token() -> None:
    assert as_sent(schemas.checkout_body(checkout_of(), token="ct_1"))["token"] == "ct_1"
    assert "token" not in as_sent(schemas.checkout_body(checkout_of()))


def test_placed_checkout_shows_its_order() -> None:
    view = schemas.OrderView(id="ord_1", status="open", url=f"{ORIGIN}/o/ol_1", token="ot_1")
    sent = as_sent(schemas.checkout_body(checkout_of(status=CheckoutStatus.PLACED), order=view))
    assert sent["order"] == {"id": "ord_1", "status": "open", "url": f"{ORIGIN}/o/ol_1", "token": "ot_1"}


def test_missing_price_leaves_totals_null() -> None:
    sent = as_sent(schemas.checkout_body(checkout_of(items=(LineItem(upc=UPC, quantity=1),))))
    assert (sent["totals"], sent["items"][0]["subtotal"]) == (None, None)


def test_problems_name_all_that_is_open() -> None:
    notice = FieldError("", "price_changed", "The price has changed.")
    shopper = JANE.changed(email=None)
    checkout = checkout_of(shopper=shopper, notice=notice, card_needed=True, status=CheckoutStatus.INCOMPLETE)
    codes = [(problem["pointer"], problem["code"]) for problem in as_sent(schemas.checkout_body(checkout))["problems"]]
    assert codes == [("/shopper/email", "missing"), ("", "price_changed"), ("/payment", "card_needed")]


def test_closed_checkout_tells_only_its_notice() -> None:
    notice = FieldError("", "order_unconfirmed", "We are confirming your order.")
    checkout = checkout_of(shopper=Shopper(), notice=notice, status=CheckoutStatus.PLACING)
    assert schemas.checkout_problems(checkout) == (notice,)


def test_quote_names_its_weakest_source() -> None:
    def source(*sources: PriceSource | None) -> Any:
        lines = [LINE.changed(price_source=each) for each in sources]
        path = PathToPurchase.BOPIS
        return schemas.quote_body(1, path, lines, currency="USD", tax_estimated=True, as_of=NOON).price_source

    assert source(PriceSource.LOCALLY, PriceSource.CATALOGUE) == "catalogue"
    assert source(PriceSource.GIVEN, PriceSource.LOCALLY) == "locally"
    assert source(PriceSource.GIVEN) == "given"
    assert source(None) is None


def test_quote_shows_lines_and_totals() -> None:
    body = schemas.quote_body(1, PathToPurchase.BOPIS, [LINE], currency="USD", tax_estimated=True, as_of=NOON)
    sent = as_sent(body)
    assert list(sent) == ["store_id", "path_to_purchase", "items", "totals", "price_source", "as_of"]
    assert sent["items"][0]["subtotal"] == {"amount": 10000, "currency": "USD"}
    assert sent["totals"]["tax_estimated"] is True


def test_store_search_is_shown_in_full() -> None:
    item = StoreOfferItem(upc=UPC, quantity=1, in_stock=True, quantity_on_hand=None, missing=0)
    offer = StoreOffer(store=STORE, distance_value=2.449, paths=(PathToPurchase.BOPIS,), has_all=True, items=(item,))
    near = Location(lat=41.88, lng=-87.63)
    found = StoreSearchResult(
        stores=(offer,), near=near, radius=25, unit="mi", as_of=NOON.replace(tzinfo=None), stale=False, widen=50
    )
    sent = as_sent(schemas.stores_body(found))
    assert sent["stores"][0]["distance"] == {"value": 2.4, "unit": "mi"}
    assert sent["stores"][0]["hours"] == [{"day": 0, "opens": "07:00", "closes": "20:00"}]
    assert sent["stores"][0]["items"][0]["quantity_on_hand"] is None
    assert (sent["radius"], sent["widen"]) == ({"value": 25, "unit": "mi"}, {"radius": 50, "unit": "mi"})
    assert sent["as_of"] == "2026-11-22T12:00:00Z"


def test_places_are_shown() -> None:
    place = PlaceFound(label="Chicago, IL", lat=41.88, lng=-87.63, postal_code=None, country="US")
    sent = as_sent(schemas.places_body([place]))
    expected = {"label": "Chicago, IL", "lat": 41.88, "lng": -87.63, "postal_code": None, "country": "US"}
    assert sent == {"places": [expected]}


def order_of(**values: Any) -> Order:
    money = usd(11026)
    fields: dict[str, Any] = {
        "id": "ord_1",
        "checkout_id": "chk_1",
        "brand": "acme",
        "path_to_purchase": PathToPurchase.BOPIS,
        "cart_hash": "abc",
        "locally_order_url": None,
        "placed_at": NOON,
        "store": STORE,
        "items": (OrderItem(upc=UPC, quantity=2, status="ordered"),),
        "shopper": JANE,
        "totals": OrderTotals(total=money, authorized=money, charged=Money.zero("USD"), refunded=Money.zero("USD")),
        "messages": (OrderMessage(sender="store", text="Hello", created_at=None),),
    }
    return Order(**{**fields, **values})


def test_order_token_reads_a_masked_shopper() -> None:
    sent = as_sent(schemas.order_body(order_of(), masked=True))
    known = {name: value for name, value in sent["shopper"].items() if value}
    assert known == {"email": "j***@e***.com", "phone": "***42", "first_name": "Jane", "last_name": "D."}
    assert "product" not in sent["items"][0]
    assert (sent["status"], sent["placed_at"]) == ("open", "2026-11-22T12:00:00Z")
    assert "checkout_id" not in sent


def test_secret_key_reads_the_whole_order() -> None:
    sent = as_sent(schemas.order_body(order_of(), masked=False))
    assert sent["shopper"]["email"] == "jane@example.com"
    assert (sent["items"][0]["product"], sent["items"][0]["accounting"]) == (None, None)


def test_list_shows_orders_and_cursor() -> None:
    sent = as_sent(schemas.order_list_body([order_of()], "next"))
    assert (sent["data"][0]["id"], sent["data"][0]["items"][0]["accounting"], sent["next_cursor"]) == (
        "ord_1",
        None,
        "next",
    )


def test_timeline_hides_facts_without_secret_key() -> None:
    facts = {"upc": "686487455948", "status": "declined", "reason": "Call June", "source": "webhook"}
    hidden = ("attempt.received", "setup_intent.created", "order.answer_due", "order.total_differs", "order.found_late")
    entries = [TimelineEntry(NOON, event, facts) for event in (*hidden, "order.placed", "item.declined")]
    full = as_sent(schemas.timeline_body(entries, masked=False))["data"]
    assert [(entry["event"], entry["facts"]) for entry in full] == [(entry.event, facts) for entry in entries]
    masked = as_sent(schemas.timeline_body(entries, masked=True))["data"]
    assert [entry["event"] for entry in masked] == ["order.placed", "item.declined"]
    assert all(entry["facts"] == {"upc": "686487455948", "status": "declined"} for entry in masked)


def test_missing_contact_is_masked_as_missing() -> None:
    assert schemas.mask_shopper(Shopper()) == Shopper()
