"""How people write numbers: "1,234", "1.234,50", "12.5 %". What can be read in two ways is refused."""

import re
from decimal import Decimal
from functools import lru_cache

from babel.numbers import get_currency_precision

from checkout.money import currency_of_country

DEFAULT_CURRENCY = "USD"
MOST_QUANTITY = 10_000_000
_MOST_AMOUNT = 10**12
_SHOWN = 40  # Characters of a cell that a fault repeats.

_PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_BLANKS = re.compile(r"(?<=[0-9])['\u2019 \u00a0\u202f](?=[0-9]{3})")
_GROUPED = {",": re.compile(r"[0-9]{1,3}(,[0-9]{3})+"), ".": re.compile(r"[0-9]{1,3}(\.[0-9]{3})+")}
_LOOKS_GROUPED = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_OTHER = {",": ".", ".": ","}

# Who separates cells by semicolons does so because the comma stands in the numbers.
_DECIMAL_MARKS = {",": ".", ";": ","}


class Numbers:
    """Reads the numbers of one text. `mark` is its decimal mark where its delimiter tells that, else None."""

    def __init__(self, delimiter: str) -> None:
        self._mark = _DECIMAL_MARKS.get(delimiter)

    def decimal(self, text: str) -> Decimal:
        """Not below zero. Raises ValueError with the reason."""
        if "," not in text and _PLAIN.fullmatch(text) and not ("." in text and _LOOKS_GROUPED.fullmatch(text)):
            return Decimal(text)
        return self._in_groups(_BLANKS.sub("", text), text)

    def _in_groups(self, text: str, told: str) -> Decimal:
        marks = [sign for sign in text if sign in _OTHER]
        if not marks:
            return _as_decimal(text, told)
        last = marks[-1]
        if len(set(marks)) == 2:
            return _with_fraction(text, last, told)
        if len(marks) > 1:
            return _in_thousands(text, last, told)
        if not _LOOKS_GROUPED.fullmatch(text):
            return _as_decimal(text.replace(",", "."), told)
        if self._mark is None:
            raise ValueError(f'"{shown(told)}" can be read in two ways: leave the thousands separator out')
        return _in_thousands(text, last, told) if last != self._mark else _as_decimal(text.replace(",", "."), told)

    def quantity(self, text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 8:  # Most are.
            value = int(text)
        else:
            number = self.decimal(text)
            if number != number.to_integral_value():
                raise ValueError(f'"{shown(text)}" is not a whole number')
            value = int(number)
        if value > MOST_QUANTITY:
            raise ValueError(f'"{shown(text)}" is more than {MOST_QUANTITY:,}')
        return value

    def percent(self, text: str) -> int:
        """In hundredths, 0 to 100 percent."""
        number = self.decimal(text.removesuffix("%").rstrip()) * 100
        if number != number.to_integral_value():
            raise ValueError(f'"{shown(text)}" has more than two decimals')
        if number > 100_00:
            raise ValueError(f'"{shown(text)}" is more than 100')
        return int(number)

    def amount(self, text: str, currency: str) -> int:
        """In minor units."""
        number = self.decimal(text).scaleb(digits_of(currency))
        if number != number.to_integral_value():
            raise ValueError(f'"{shown(text)}" has more decimals than {currency} has')
        if number > _MOST_AMOUNT:
            raise ValueError(f'"{shown(text)}" is too large')
        return int(number)


def _with_fraction(text: str, mark: str, told: str) -> Decimal:
    """Groups with one kind of mark, and a fraction after the other."""
    whole, _, fraction = text.rpartition(mark)
    if mark in whole or not fraction.isdigit():
        raise ValueError(f'"{shown(told)}" is not a number')
    return _in_thousands(whole, _OTHER[mark], told) + _as_decimal(f"0.{fraction}", told)


def _in_thousands(text: str, mark: str, told: str) -> Decimal:
    if not _GROUPED[mark].fullmatch(text):
        raise ValueError(f'"{shown(told)}" is not a number')
    return _as_decimal(text.replace(mark, ""), told)


def _as_decimal(text: str, told: str) -> Decimal:
    if not _PLAIN.fullmatch(text):
        raise ValueError(
            f'"{shown(told)}" is below zero' if text.startswith("-") else f'"{shown(told)}" is not a number'
        )
    return Decimal(text)


def shown(text: str) -> str:
    """A cell as a fault may repeat it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@lru_cache(maxsize=512)
def currency_of(country: str) -> str | None:
    """The currency in which a row of this country is; US dollars where it names none, None for an unknown country."""
    return currency_of_country(country) if country else DEFAULT_CURRENCY


@lru_cache(maxsize=512)
def digits_of(currency: str) -> int:
    return int(get_currency_precision(currency))


def written(value: int, digits: int) -> str:
    """A whole number of the smallest unit with its decimals: 1250 with 2 is "12.50"."""
    if digits == 0:
        return str(value)
    whole, fraction = divmod(value, 10**digits)
    return f"{whole}.{fraction:0{digits}}"
