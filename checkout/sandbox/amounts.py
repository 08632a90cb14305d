"""Amounts of the sandbox: integer minor units inside, and the three ways Locally writes them outside."""

from decimal import ROUND_HALF_UP, Decimal


def tax_on(price: int, rate: Decimal) -> int:
    """Tax per unit in minor units, half up."""
    return int((price * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def read_amount(value: object) -> int | None:
    """Minor units of a JSON number or a numeric string in major units; None if it is neither or finer than a cent."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        return None
    try:
        minor = Decimal(value.replace(",", "") if isinstance(value, str) else value) * 100
    except ArithmeticError:
        return None
    if not minor.is_finite() or minor != minor.to_integral_value() or abs(minor) >= 10**12:
        return None
    return int(minor)


def as_number(amount: int) -> float | int:
    """As in the headless cart and in the v2 list: a JSON number."""
    return amount // 100 if amount % 100 == 0 else amount / 100


def as_grouped(amount: int) -> str:
    """As in the v2 detail: a string with thousands commas and two decimals."""
    return f"{Decimal(amount) / 100:,.2f}"
