"""Who may use the console: whoever holds the secret key makes a link, and the browser that uses it first may stay.

Both tokens carry 256 bits and are kept as hashes. They are bound to the brand, as services of several brands may share
a database.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from checkout.database import Transaction
from checkout.database.console import BROWSER, LINK, insert_login, is_login, use_login
from checkout.keyring import token_hash

LINK_LIFE = timedelta(minutes=10)
STAY = timedelta(hours=8)


class LoginLink(NamedTuple):
    """A link as it is told, once."""

    token: str
    expires_at: datetime


async def make_link(tx: Transaction, brand: str, now: datetime) -> LoginLink:
    link = LoginLink(f"cl_{secrets.token_urlsafe(32)}", now + LINK_LIFE)
    await insert_login(tx, _hash(brand, link.token), LINK, now, link.expires_at)
    return link


async def may_come_in(tx: Transaction, brand: str, link: str, now: datetime) -> bool:
    """Whether a link still opens the console; it is not used up by asking."""
    return await is_login(tx, _hash(brand, link), LINK, now)


async def come_in(tx: Transaction, brand: str, link: str, now: datetime) -> str | None:
    """Use a link up; gives the browser's token, None where the link opens nothing (any more)."""
    if not await use_login(tx, _hash(brand, link), LINK, now):
        return None
    token = f"cb_{secrets.token_urlsafe(32)}"
    await insert_login(tx, _hash(brand, token), BROWSER, now, now + STAY)
    return token


async def is_inside(tx: Transaction, brand: str, token: str, now: datetime) -> bool:
    return await is_login(tx, _hash(brand, token), BROWSER, now)


async def leave(tx: Transaction, brand: str, token: str, now: datetime) -> None:
    """The browser's token opens nothing from now on, wherever else it may be kept."""
    await use_login(tx, _hash(brand, token), BROWSER, now)


def _hash(brand: str, token: str) -> str:
    return token_hash(f"{brand} {token}")
