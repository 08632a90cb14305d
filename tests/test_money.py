"""Money: exact in minor units, and the way between them and the amounts that people and Locally write."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from checkout.money import Money, currency_of_country, parse_decimal
from tests.records import usd

AMOUNTS = st.integers(min_value=0, max_value=10**12)
CURRENCIES = st.sampled_from(["USD", "CAD", "JPY", "KWD"])


@given(AMOUNTS, CURRENCIES)
def test_major_units_and_back_lose_nothing(amount: int, currency: str) -> None:
    money = Money(amount=amount, currency=currency)
    assert Money.from_decimal(money.to_decimal(), currency) == money


@given(AMOUNTS, CURRENCIES)
def test_number_on_the_wire_is_exact(amount: int, currency: str) -> None:
    money = Money(amount=amount, currency=currency)
    assert json.loads(json.dumps(money.to_number()), parse_float=Decimal) == money.to_decimal()


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [("225", "USD", 22500), ("0.125", "USD", 13), ("0.124", "USD", 12), ("1500", "JPY", 1500), ("1.5", "KWD", 1500)],
)
def test_decimals_round_half_up(value: str, currency: str, amount: int) -> None:
    assert Money.from_decimal(Decimal(value), currency).amount == amount


@pytest.mark.parametrize("value", ["-0.01", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_raises(value: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        Money.from_decimal(Decimal(value), "USD")


def test_money_adds_and_multiplies() -> None:
    assert usd(150) + usd(50) == usd(200)
    assert usd(150) * 3 == usd(450)
    assert Money.zero("USD") + usd(1) == usd(1)


def test_currencies_are_never_mixed() -> None:
    with pytest.raises(ValueError, match="cannot add CAD to USD"):
        usd(1) + Money(amount=1, currency="CAD")


@pytest.mark.parametrize(
    "values",
    [
        {"amount": -1, "currency": "USD"},
        {"amount": 1.0, "currency": "USD"},
        {"amount": True, "currency": "USD"},
        {"amount": "1", "currency": "USD"},
        {"amount": 10**12 + 1, "currency": "USD"},
        {"amount": 1, "currency": "usd"},
        {"amount": 1, "currency": "USD\n"},
        {"amount": 1, "currency": "USD", "cents": 1},
        {"amount": 1},
    ],
)
def test_malformed_money_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate(values)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2,099.99", Decimal("2099.99")),
        (" 225.00 ", Decimal("225.00")),
        (225, Decimal(225)),
        (Decimal("0.10"), Decimal("0.10")),
        (0, Decimal(0)),
        ("", None),
        (None, None),
        (False, None),
    ],
)
def test_locallys_spellings_of_amounts_are_read(written: object, read: Decimal | None) -> None:
    assert parse_decimal(written) == read


@pytest.mark.parametrize("written", ["free", "NaN", "Infinity", "1.2.3", [], {}])
def test_other_spellings_of_amounts_raise(written: object) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_decimal(written)


@pytest.mark.parametrize(
    ("country", "currency"),
    [("US", "USD"), ("ca", "CAD"), ("DE", "EUR"), ("GB", "GBP"), ("JP", "JPY"), ("QQ", None), ("", None), (None, None)],
)
def test_country_tells_its_currency(country: str | None, currency: str | None) -> None:
    assert currency_of_country(country) == currency
