"""Request bodies: what they must have, what they may, and who may say it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import schemas
from checkout.errors import FieldError, InvalidField, NotAllowed, PathNotOffered
from checkout.money import Money
from checkout.orders import PathToPurchase, Shopper
from tests.bodies import ORIGIN, UPC, cart, create, faults_of
from tests.records import JANE

SHOPPER = {
    "email": "jane@example.com",
    "phone": "(312) 555-0142",
    "first_name": "Jane",
    "last_name": "Doe",
    "address": "600 S Michigan Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": "60605",
    "country": "US",
}


def change(data: Any, **values: Any) -> schemas.ChangeCheckout:
    return schemas.read_change_checkout(
        data, trusted=False, shopper=Shopper(**values), allowed_origins=(ORIGIN,), store_country="US"
    )


def test_whole_new_checkout_is_read() -> None:
    request = create(shopper=SHOPPER, host_domain="WWW.Example.com", locale="en-us", return_url=f"{ORIGIN}/thanks")
    assert (request.store_id, request.path_to_purchase) == (37175, PathToPurchase.BOPIS)
    assert (request.host_domain, request.locale, request.return_url) == (
        "www.example.com",
        "en-US",
        f"{ORIGIN}/thanks",
    )
    assert request.shopper is not None
    assert request.shopper.merged_into(Shopper()) == JANE


def test_every_fault_has_its_pointer() -> None:
    faults = faults_of(
        store_id="37175", items=[{"upc": UPC}, {"upc": "12", "quantity": 0}], shopper={"email": "x"}, color="red"
    )
    assert faults == {
        ("/store_id", "invalid"),
        ("/items/0/quantity", "missing"),
        ("/items/1/upc", "invalid"),
        ("/items/1/quantity", "invalid"),
        ("/shopper/email", "invalid"),
        ("/color", "unknown_field"),
    }


def test_details_never_repeat_the_value() -> None:
    with pytest.raises(InvalidField) as caught:
        create(store_id="hunter2", locale="hunter2", shopper={"email": "hunter2", "phone": "hunter2"})
    assert len(caught.value.fields) == 4
    assert "hunter2" not in repr(caught.value.fields)


def test_pointer_escapes_slash_and_tilde() -> None:
    assert faults_of(**{"a/b~c": 1}) == {("/a~1b~0c", "unknown_field")}


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_body_must_be_an_object(body: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        schemas.read_create_checkout(body, trusted=False)
    assert caught.value.fields == (FieldError("", "invalid", "This must be a JSON object."),)


def test_number_of_faults_told_is_limited() -> None:
    assert len(faults_of(**{f"field_{number}": 1 for number in range(1000)})) == 50


@pytest.mark.parametrize("store_id", [0, -1, 2**31, 1.0, True, None, "1"])
def test_store_id_is_a_positive_integer(store_id: Any) -> None:
    assert faults_of(store_id=store_id) == {("/store_id", "invalid")}


@pytest.mark.parametrize("quantity", [0, 100, -1, 1.0, True, "1", None])
def test_quantity_is_one_to_99(quantity: Any) -> None:
    assert faults_of(items=[{"upc": UPC, "quantity": quantity}]) == {("/items/0/quantity", "invalid")}


def test_cart_has_one_to_20_lines() -> None:
    lines = [{"upc": f"{number:012}", "quantity": 99} for number in range(1, 22)]
    assert len(create(items=lines[:20]).items) == 20
    assert faults_of(items=lines) == {("/items", "too_long")}
    assert faults_of(items=[]) == {("/items", "too_short")}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("686487455948", "686487455948"),
        ("0686487455948", "686487455948"),
        ("00686487455948", "686487455948"),
        ("12345678", "000012345678"),
        ("086487455948", "086487455948"),
        ("4006381333931", "4006381333931"),
        ("10614141000415", "10614141000415"),
        ("000000000001", "000000000001"),
        ("686487455949", "686487455949"),
    ],
)
def test_upc_becomes_12_digits_where_it_fits(given: str, kept: str) -> None:
    assert create(items=[{"upc": given, "quantity": 1}]).items[0].upc == kept


@pytest.mark.parametrize(
    "upc", ["", "1234567", "123456789012345", "68648745594X", " 686487455948", 686487455948, "٣" * 12]
)
def test_upc_is_8_to_14_digits(upc: Any) -> None:
    assert faults_of(items=[{"upc": upc, "quantity": 1}]) == {("/items/0/upc", "invalid")}


def test_each_upc_stands_once() -> None:
    lines = [{"upc": upc, "quantity": 1} for upc in (UPC, "4006381333931", f"0{UPC}", f"00{UPC}")]
    assert faults_of(items=lines) == {("/items/2/upc", "duplicate_item"), ("/items/3/upc", "duplicate_item")}


def test_unknown_path_is_path_unavailable() -> None:
    with pytest.raises(PathNotOffered) as caught:
        create(path_to_purchase="teleport")
    assert caught.value.fields[0].pointer == "/path_to_purchase"
    assert faults_of(path_to_purchase=7) == {("/path_to_purchase", "invalid")}


@pytest.mark.parametrize("field", ["unit_price", "tax_per_unit"])
@pytest.mark.parametrize("value", [{"amount": 1, "currency": "USD"}, None, "free"])
def test_prices_take_the_secret_key(field: str, value: Any) -> None:
    for read in (schemas.read_quote_request, schemas.read_create_checkout):
        with pytest.raises(NotAllowed) as caught:
            read(cart(items=[{"upc": UPC, "quantity": 1}, {field: value}]), trusted=False)
        assert [(fault.pointer, fault.code) for fault in caught.value.fields] == [(f"/items/1/{field}", "not_allowed")]
    with pytest.raises(NotAllowed):
        change({"items": [{field: value}]})


def test_secret_key_may_set_prices() -> None:
    prices = {"unit_price": {"amount": 22500, "currency": "USD"}, "tax_per_unit": {"amount": 0, "currency": "USD"}}
    line = schemas.read_quote_request(cart(items=[{"upc": UPC, "quantity": 1, **prices}]), trusted=True).items[0]
    assert (line.unit_price, line.tax_per_unit) == (
        Money(amount=22500, currency="USD"),
        Money(amount=0, currency="USD"),
    )


@pytest.mark.parametrize(
    ("amount", "currency", "name"),
    [
        (-1, "USD", "amount"),
        (1.5, "USD", "amount"),
        (True, "USD", "amount"),
        ("1", "USD", "amount"),
        (1, "usd", "currency"),
    ],
)
def test_money_is_minor_units_and_currency(amount: Any, currency: str, name: str) -> None:
    body = {"expected_total": {"amount": amount, "currency": currency}}
    with pytest.raises(InvalidField) as caught:
        schemas.read_place_request(body, trusted=False)
    assert [fault.pointer for fault in caught.value.fields] == [f"/expected_total/{name}"]


def test_change_tells_absent_from_null() -> None:
    request = change({"shopper": {"email": None}, "locale": None})
    assert request.model_fields_set == {"shopper", "locale"}
    merged = request.merged_shopper(Shopper(email="j@example.com", city="Chicago"))
    assert merged == Shopper(city="Chicago")


def test_change_without_shopper_keeps_her() -> None:
    assert change({"store_id": 1}).merged_shopper(Shopper(city="Chicago")) == Shopper(city="Chicago")


def test_null_clears_the_whole_shopper() -> None:
    assert change({"shopper": None}).merged_shopper(JANE) == Shopper()


def test_null_consent_is_no_consent() -> None:
    merged = change({"shopper": {"is_opt_in_consent": None}}).merged_shopper(Shopper(is_opt_in_consent=True))
    assert merged.is_opt_in_consent is False


@pytest.mark.parametrize("name", ["store_id", "path_to_purchase", "items"])
def test_required_parts_cannot_be_cleared(name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        change({name: None})
    assert [(fault.pointer, fault.code) for fault in caught.value.fields] == [(f"/{name}", "invalid")]


def test_change_is_judged_by_known_country() -> None:
    request = change({"shopper": {"phone": "030 901820", "zip": "10115"}}, country="DE")
    assert request.shopper is not None
    assert request.shopper.phone == "+4930901820"
    with pytest.raises(InvalidField):
        change({"shopper": {"zip": "60605"}}, country="CA")


def test_new_country_judges_the_kept_postal_code() -> None:
    request = change({"shopper": {"country": "CA"}}, country="US", zip="60605")
    with pytest.raises(InvalidField) as caught:
        request.merged_shopper(Shopper(country="US", zip="60605"))
    assert caught.value.fields[0].pointer == "/shopper/zip"
    assert request.merged_shopper(Shopper(zip="m5v 2t6")).zip == "M5V 2T6"


def test_place_needs_the_expected_total() -> None:
    request = schemas.read_place_request({"expected_total": {"amount": 1, "currency": "USD"}}, trusted=False)
    assert (request.setup_intent_id, request.expected_total.amount) == (None, 1)
    with pytest.raises(InvalidField) as caught:
        schemas.read_place_request({"setup_intent_id": "pi_123"}, trusted=False)
    assert {fault.pointer for fault in caught.value.fields} == {"/setup_intent_id", "/expected_total"}


def test_external_setup_intent_takes_the_secret_key() -> None:
    body = {
        "setup_intent_id": "seti_1",
        "setup_intent_origin": "external",
        "expected_total": {"amount": 1, "currency": "USD"},
    }
    assert schemas.read_place_request(body, trusted=True).setup_intent_origin == "external"
    with pytest.raises(NotAllowed) as caught:
        schemas.read_place_request(body, trusted=False)
    assert caught.value.fields[0].pointer == "/setup_intent_origin"


def test_empty_body_takes_nothing() -> None:
    schemas.read_empty_body({})
    with pytest.raises(InvalidField):
        schemas.read_empty_body({"a": 1})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
SHOPPERS = st.dictionaries(st.sampled_from([*SHOPPER, "address_2", "is_opt_in_consent"]), SCALARS)
LINES = st.lists(st.dictionaries(st.sampled_from(["upc", "quantity", "message"]), SCALARS), max_size=3)
PARTS = ["store_id", "path_to_purchase", "host_domain", "locale", "return_url"]


def is_judged(body: Any) -> bool:
    """Whether a body is read, or refused with its faults; anything else crashes."""
    try:
        return bool(schemas.read_create_checkout(body, trusted=True).items)
    except (InvalidField, PathNotOffered) as refusal:
        return bool(refusal.fields)


@given(st.dictionaries(st.sampled_from(PARTS), ANYTHING), ANYTHING | SHOPPERS, ANYTHING | LINES)
def test_any_json_is_judged_without_a_crash(parts: dict[str, Any], shopper: Any, items: Any) -> None:
    assert is_judged({**cart(), **parts, "shopper": shopper, "items": items})
