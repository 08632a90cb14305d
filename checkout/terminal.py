"""What the programs for a terminal share: reading the service's address, writing an amount of money."""

import re
from collections.abc import Mapping
from typing import Any

import click

# A list of our own, so that a line of output does not wait for a library; others are written in minor units.
_TWO_DECIMALS = frozenset({"USD", "CAD", "EUR", "GBP", "AUD", "NZD", "CHF"})


def check_url(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """The address of a service without a slash at its end. Raises click.BadParameter for anything else."""
    import httpx  # Here, so that help does not wait for it.

    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as exc:
        raise click.BadParameter(str(exc)) from exc
    if url.scheme not in ("http", "https") or not url.host:
        raise click.BadParameter("expected something like http://127.0.0.1:8000")
    return value.rstrip("/")


def format_money(money: Mapping[str, Any]) -> str:
    """`101.43 USD` for `{"amount": 10143, "currency": "USD"}`."""
    amount, currency = money["amount"], money["currency"]
    return f"{amount / 100:,.2f} {currency}" if currency in _TWO_DECIMALS else f"{amount} {currency} (minor units)"


def read_amount(text: str, currency: str) -> dict[str, Any]:
    """`{"amount": 1250, "currency": "USD"}` for `12.50`. Raises click.UsageError."""
    form = r"(\d{1,9})(?:\.(\d{2}))?" if currency in _TWO_DECIMALS else r"(\d{1,11})()"
    found = re.fullmatch(form, text.strip())
    if found is None:
        raise click.UsageError(f"{text} is no amount in {currency}.")
    whole, cents = found[1], found[2]
    amount = int(whole) * 100 + int(cents or 0) if currency in _TWO_DECIMALS else int(whole)
    return {"amount": amount, "currency": currency}
