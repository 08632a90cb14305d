"""Money: an integer amount of minor units and a currency. The only place where Decimal meets int."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from babel.numbers import get_currency_precision, get_territory_currencies
from pydantic import BaseModel, ConfigDict, Field


class Money(BaseModel):
    """An amount in minor units (cents; whole yen) of an ISO 4217 currency."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    amount: int = Field(ge=0, le=10**12)
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(amount=self.amount * quantity, currency=self.currency)

    def to_decimal(self) -> Decimal:
        """The amount in major units, exactly: 22500 USD is 225.00."""
        return Decimal(self.amount).scaleb(-get_currency_precision(self.currency))

    def to_number(self) -> float:
        """The amount in major units as the JSON number that Locally reads.

        A double prints every amount below 10**13 minor units back exactly, so nothing is lost here; arithmetic
        is never done on it.
        """
        return float(self.to_decimal())

    @classmethod
    def zero(cls, currency: str) -> "Money":
        return cls(amount=0, currency=currency)

    @classmethod
    def from_decimal(cls, value: Decimal, currency: str) -> "Money":
        """Money of a value in major units, rounded half up to the minor unit. Raises ValueError if it is no amount."""
        if not value.is_finite() or value < 0:
            raise ValueError("not an amount of money")
        shifted = value.scaleb(get_currency_precision(currency))
        return cls(amount=int(shifted.to_integral_value(ROUND_HALF_UP)), currency=currency)


class Balance(BaseModel):
    """What somebody is owed, in minor units of a currency; below 0 it is theirs to pay."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    amount: int = Field(ge=-(10**12), le=10**12)
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def to_decimal(self) -> Decimal:
        """The amount in major units, exactly: -4450 USD is -44.50."""
        return Decimal(self.amount).scaleb(-get_currency_precision(self.currency))

    @classmethod
    def from_decimal(cls, value: Decimal, currency: str) -> "Balance":
        """As that of Money, away from zero at a half. Raises ValueError if it is no amount."""
        size = Money.from_decimal(abs(value), currency).amount
        return cls(amount=-size if value < 0 else size, currency=currency)


def parse_decimal(value: object) -> Decimal | None:
    """The Decimal of what Locally writes for money: a number, "2,099.99", or nothing (None for "" and null).

    Raises ValueError for anything else.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).replace(",", "").strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a number")
    return number


def currency_of_country(country: str | None) -> str | None:
    """The legal tender of a two-letter country, None where it is unknown."""
    if not country:
        return None
    try:
        currencies = get_territory_currencies(country.upper())
    except LookupError:  # Babel has no such territory.
        return None
    return str(currencies[-1]) if currencies else None
