"""What the list of orders is asked for. An e-mail address never stands in an address of ours: its keyed hash does."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from checkout.database.console import OrderSearch
from checkout.orders import Order, PathToPurchase

STATUSES = ("open", "confirmed", "completed", "canceled", "refunded")
# Items have no index: without dates a search by UPC reads no further back than this.
UPC_SPAN = timedelta(days=90)
PAGE = 50
_FORMS = {
    "status": re.compile("|".join(STATUSES)),
    "path": re.compile("|".join(PathToPurchase)),
    "since": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "until": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "cart": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "mail": re.compile("[0-9a-f]{64}"),
    "upc": re.compile("[0-9]{12,14}"),
    "after": re.compile(r"[0-9]{1,17}\.ord_[0-9a-f]{32}"),
}
_KNOWN_BY = ("cart", "mail", "upc")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Asked(NamedTuple):
    """The parameters of the list that have their form; all others are passed over."""

    given: Mapping[str, str]

    def get(self, name: str) -> str:
        return self.given.get(name, "")

    @property
    def known_by(self) -> list[tuple[str, str]]:
        """What was searched for, which filters keep."""
        return [(name, self.given[name]) for name in _KNOWN_BY if name in self.given]

    @property
    def is_narrowed(self) -> bool:
        return bool(set(self.given) - {"after"})

    def link(self, **changes: str | None) -> str:
        wanted = {**self.given, "after": None, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return f"/console?{query}" if query else "/console"

    def as_search(self, brand: str, now: datetime) -> OrderSearch:
        since, until = _day(self.get("since")), _day(self.get("until"))
        if "upc" in self.given and since is None and until is None:
            since = now - UPC_SPAN
        return OrderSearch(
            brand=brand,
            statuses=(self.given["status"],) if "status" in self.given else (),
            path=self.given.get("path"),
            since=since,
            until=until + timedelta(days=1) if until else None,
            cart_hash=self.given.get("cart"),
            email_hash=self.given.get("mail"),
            upc=self.given.get("upc"),
            limit=PAGE,
            after=_read_place(self.given["after"]) if "after" in self.given else None,
        )


def read_asked(given: Mapping[str, str]) -> Asked:
    kept = {name: given[name].strip() for name in _FORMS if name in given}
    fitting = {name: value for name, value in kept.items() if _FORMS[name].fullmatch(value)}
    return Asked({name: value for name, value in fitting.items() if not _is_no_day(name, value)})


def place_of(order: Order) -> str:
    """Where an order stands in the list, for the page that follows it."""
    return f"{(order.placed_at - _EPOCH) // timedelta(microseconds=1)}.{order.id}"


def _read_place(text: str) -> tuple[datetime, str]:
    microseconds, _, order_id = text.partition(".")
    return _EPOCH + timedelta(microseconds=int(microseconds)), order_id


def _is_no_day(name: str, value: str) -> bool:
    return name in {"since", "until"} and _day(value) is None


def _day(text: str) -> datetime | None:
    """The beginning of a day in UTC; None for none, and for one that nobody will see."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime(found.year, found.month, found.day, tzinfo=UTC) if 2000 <= found.year < 2200 else None
