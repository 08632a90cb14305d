"""Monthly statements of ship-to-store: what became payable to the brand and to each store, order by order."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from checkout.sandbox.records import Books, Cart, Line
from checkout.sandbox.splits import Change, changes_of
from checkout.sandbox.world import World

_MONTH = re.compile(r"(20\d\d|2100)-(0[1-9]|1[0-2])")
_PARTIES = ("brand", "retailer")


class Statements:
    """Of the live world, by months in UTC."""

    def __init__(self, world: World, books: Books) -> None:
        self._world = world
        self._books = books

    def statement(self, month: str) -> dict[str, Any]:
        """Entries, and their sums by party and currency. Raises ValueError."""
        if not _MONTH.fullmatch(month):
            raise ValueError('month must be a month such as "2026-11"')
        entries = sorted(
            (entry for cart, line in self._items() for entry in self._entries(cart, line, month)),
            key=lambda entry: (entry["at"], entry["order"], entry["upc"], entry["party"]),
        )
        following = _following(month)
        return {
            "month": month,
            "audited": {"from": f"{following}-01", "to": f"{following}-07"},
            "paid": {"from": f"{following}-08", "to": f"{following}-12"},
            "entries": entries,
            "totals": _totals(entries),
        }

    def _items(self) -> Iterator[tuple[Cart, Line]]:
        for cart in self._books.orders.get("live", []):
            if cart.path == "sts":
                yield from ((cart, line) for line in cart.lines)

    def _entries(self, cart: Cart, line: Line, month: str) -> Iterator[dict[str, Any]]:
        for change in changes_of(line):
            if change.at.startswith(month):
                yield from self._entries_of(cart, line, change)

    def _entries_of(self, cart: Cart, line: Line, change: Change) -> Iterator[dict[str, Any]]:
        for party in _PARTIES:
            amount = getattr(change.shares, party)
            if amount:
                yield {
                    "at": change.at,
                    "order": cart.hash,
                    "upc": line.upc,
                    "why": change.why,
                    "party": party,
                    "store_id": cart.store_id,
                    "amount": amount,
                    "currency": self._world.stores[cart.store_id].currency,
                }


def _following(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12}-{number % 12 + 1:02}"


def _totals(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The brand's sum first, then those of the stores by id."""
    sums: Counter[tuple[int, str]] = Counter()
    for entry in entries:
        sums[0 if entry["party"] == "brand" else entry["store_id"], entry["currency"]] += entry["amount"]
    return [
        {
            "party": "retailer" if store_id else "brand",
            "store_id": store_id or None,
            "amount": amount,
            "currency": currency,
        }
        for (store_id, currency), amount in sorted(sums.items())
    ]
