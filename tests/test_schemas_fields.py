"""The values in request bodies: how each is judged, and the spelling it is kept in."""

from typing import Any

import pytest

from checkout import schemas
from checkout.orders import Shopper
from tests.bodies import ORIGIN, UPC, cart, create, faults_of


def shopper_of(**values: Any) -> Shopper:
    request = create(shopper=values).shopper
    assert request is not None
    return request.merged_into(Shopper())


@pytest.mark.parametrize(
    ("given", "kept"),
    [("Jane@EXAMPLE.com", "Jane@example.com"), (" j@shop.test ", "j@shop.test"), ("j+x@mail.co.uk", "j+x@mail.co.uk")],
)
def test_email_is_normalized_without_lookup(given: str, kept: str) -> None:
    assert shopper_of(email=given).email == kept


@pytest.mark.parametrize("email", ["", "jane", "jane@", "jane@host", "a b@example.com", "a@example.com\n.evil", 5])
def test_bad_email_is_refused(email: Any) -> None:
    assert faults_of(shopper={"email": email}) == {("/shopper/email", "invalid")}


@pytest.mark.parametrize(
    ("phone", "country", "kept"),
    [
        ("312-555-0100", None, "+13125550100"),
        ("+1 (312) 555 0100", "DE", "+13125550100"),
        ("030 901820", "DE", "+4930901820"),
        ("020 7946 0018", "gb", "+442079460018"),
    ],
)
def test_phone_is_judged_by_country(phone: str, country: str | None, kept: str) -> None:
    assert shopper_of(phone=phone, country=country).phone == kept


def test_phone_belongs_to_stores_country_by_default() -> None:
    data = cart(shopper={"phone": "030 901820"})
    request = schemas.read_create_checkout(data, trusted=False, store_country="DE")
    assert request.shopper is not None
    assert request.shopper.phone == "+4930901820"


@pytest.mark.parametrize("phone", ["", "call me", "12", "555-0100", "+1312555010099", "+999 12345678", 3125550100])
def test_impossible_phone_is_refused(phone: Any) -> None:
    assert faults_of(shopper={"phone": phone}) == {("/shopper/phone", "invalid")}


@pytest.mark.parametrize(
    ("code", "country", "kept"),
    [
        ("60605", "US", "60605"),
        ("60605-1234", "US", "60605-1234"),
        ("m5v2t6", "CA", "M5V 2T6"),
        ("M5V-2T6", "CA", "M5V 2T6"),
        ("sw1a1aa", "GB", "SW1A 1AA"),
        ("10-115", "PL", "10-115"),
        ("M5V 2T6", None, "M5V 2T6"),
    ],
)
def test_postal_code_has_its_countrys_form(code: str, country: str | None, kept: str) -> None:
    assert shopper_of(zip=code, country=country).zip == kept


@pytest.mark.parametrize(
    ("code", "country"),
    [
        ("6060", "US"),
        ("M5V 2T6", "US"),
        ("60605-12", "US"),
        ("٦٠٦٠٥", "US"),
        ("60605", "CA"),
        ("D5V 2T6", "CA"),
        ("1", "PL"),
        ("1" * 13, "PL"),
        ("a_b", None),
        ("", None),
    ],
)
def test_wrong_postal_code_is_refused(code: str, country: str | None) -> None:
    assert faults_of(shopper={"zip": code, "country": country}) == {("/shopper/zip", "invalid")}


@pytest.mark.parametrize("country", ["USA", "XX", "", "ZZ", "EU", 1])
def test_country_is_of_the_standard(country: Any) -> None:
    assert faults_of(shopper={"country": country}) == {("/shopper/country", "invalid")}
    assert shopper_of(country="ca").country == "CA"


def test_text_is_trimmed_and_composed() -> None:
    assert shopper_of(first_name="  Jose\u0301 ", address_2=" ") == Shopper(first_name="Jos\u00e9")


@pytest.mark.parametrize("char", ["\x00", "\n", "\t", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ud800"])
def test_control_characters_are_refused(char: str) -> None:
    assert faults_of(shopper={"city": f"Chi{char}cago"}) == {("/shopper/city", "invalid")}


@pytest.mark.parametrize(
    ("name", "limit"),
    [("first_name", 100), ("last_name", 100), ("address", 200), ("address_2", 200), ("city", 100), ("state", 50)],
)
def test_texts_have_their_lengths(name: str, limit: int) -> None:
    assert getattr(shopper_of(**{name: "é" * limit}), name) == "é" * limit
    assert faults_of(shopper={name: "e" * (limit + 1)}) == {(f"/shopper/{name}", "too_long")}


def test_empty_name_is_refused() -> None:
    assert faults_of(shopper={"first_name": "  "}) == {("/shopper/first_name", "too_short")}


def test_message_has_at_most_500_characters() -> None:
    line = {"upc": UPC, "quantity": 1, "message": "x" * 500}
    assert create(items=[line]).items[0].message == "x" * 500
    assert faults_of(items=[{**line, "message": "x" * 501}]) == {("/items/0/message", "too_long")}
    assert create(items=[{**line, "message": ""}]).items[0].message is None


@pytest.mark.parametrize(
    "number", ["4242424242424242", "pay 4242 4242-4242 4242 ok", "378282246310005", "\uff14\uff12" * 8]
)
def test_card_numbers_in_text_are_refused(number: str) -> None:
    assert faults_of(shopper={"last_name": number}) == {("/shopper/last_name", "looks_like_card")}
    line = {"upc": UPC, "quantity": 1, "message": number}
    assert faults_of(items=[line]) == {("/items/0/message", "looks_like_card")}


@pytest.mark.parametrize("text", ["4242424242424241", "424242424242", "Order 12 of 34", "42" * 10])
def test_other_numbers_in_text_pass(text: str) -> None:
    assert shopper_of(address=text).address == text


@pytest.mark.parametrize("consent", [1, "true", 0])
def test_consent_is_a_boolean(consent: Any) -> None:
    assert faults_of(shopper={"is_opt_in_consent": consent}) == {("/shopper/is_opt_in_consent", "invalid")}


@pytest.mark.parametrize(
    "host", ["", "https://a.com", "a.com/x", "a.com:80", "-a.com", "a..com", "a" * 64, "a." * 127 + "com"]
)
def test_host_domain_is_a_bare_host(host: str) -> None:
    assert faults_of(host_domain=host) == {("/host_domain", "invalid")}


@pytest.mark.parametrize(
    ("given", "kept"), [("EN", "en"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("fr-CA", "fr-CA")]
)
def test_locale_is_a_language_tag(given: str, kept: str) -> None:
    assert create(locale=given).locale == kept
    assert faults_of(locale=f"{given}_") == {("/locale", "invalid")}


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "http://www.example.com/",
        "https://www.example.com:8443/",
        "https://www.example.com.evil.example/",
    ],
)
def test_return_url_stays_on_registered_origins(url: str) -> None:
    assert faults_of(return_url=url) == {("/return_url", "not_allowed_origin")}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/thanks",
        "javascript:alert(1)",
        "https://www.example.com\\@evil.example/",
        "https://www.example.com@evil.example/",
        "https://www.example.com/a b",
        "https://www.example.com:x/",
        "https://[::1/",
        "//www.example.com/",
    ],
)
def test_ambiguous_return_url_is_refused(url: str) -> None:
    assert faults_of(return_url=url) == {("/return_url", "invalid")}


def test_return_url_has_at_most_2000_characters() -> None:
    url = f"{ORIGIN}/".ljust(2000, "x")
    assert create(return_url=url).return_url == url
    assert faults_of(return_url=f"{url}x") == {("/return_url", "too_long")}


def test_default_port_is_the_same_origin() -> None:
    assert create(return_url="https://WWW.example.com:443/x").return_url == "https://WWW.example.com:443/x"
