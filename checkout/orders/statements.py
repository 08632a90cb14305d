"""Monthly statements of ship-to-store: what became payable to the brand and to each store. Pure.

Months are those of UTC. Locally audits a month on days 1 to 7 of the next one, and pays on days 8 to 12.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple

from checkout.money import Balance
from checkout.orders.placed import LedgerEntry, Order, OrderItem
from checkout.orders.splits import Share, balance_of, earned

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


class Month(NamedTuple):
    """A month of the calendar, in UTC."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """The month of `2026-11`. Raises ValueError."""
        found = _MONTH.fullmatch(text)
        if found is None:
            raise ValueError("This must be a month such as 2026-11.")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"

    @property
    def following(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def begins(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def ends(self) -> datetime:
        """The first moment that is not of it."""
        return self.following.begins

    @property
    def audited(self) -> tuple[date, date]:
        """The first and the last day on which Locally audits it."""
        return _days(self.following, 1, 7)

    @property
    def paid(self) -> tuple[date, date]:
        """The first and the last day on which Locally pays it."""
        return _days(self.following, 8, 12)


def _days(month: Month, first: int, last: int) -> tuple[date, date]:
    return date(month.year, month.number, first), date(month.year, month.number, last)


class StatementLine(NamedTuple):
    """One entry of an item's ledger."""

    item: OrderItem
    entry: LedgerEntry


class StatementOrder(NamedTuple):
    """What a month brought of one order, oldest first."""

    order: Order
    lines: tuple[StatementLine, ...]

    @property
    def currency(self) -> str:
        return self.order.totals.total.currency

    @property
    def share(self) -> Share:
        return balance_of(line.entry for line in self.lines)


class Total(NamedTuple):
    """What the month brought to one party; `store_id` is None for the brand."""

    store_id: int | None
    store_name: str | None
    balance: Balance


class Difference(NamedTuple):
    """Where Locally's numbers are not ours. `of` is `split` (feed) or `payable` (splits, status and refunds)."""

    order_id: str
    upc: str
    of: str
    locally: Share
    ours: Share
    currency: str


class Statement(NamedTuple):
    month: Month
    orders: tuple[StatementOrder, ...]

    @property
    def totals(self) -> tuple[Total, ...]:
        """The brand's first, then those of the stores by id; one for each currency."""
        sums: Counter[tuple[int | None, str]] = Counter()
        names: dict[int | None, str] = {}
        for each in self.orders:
            store = each.order.store
            names[store.id] = store.name
            share = each.share
            sums[None, each.currency] += share.brand
            sums[store.id, each.currency] += share.retailer
        ordered = sorted(sums, key=lambda key: (key[0] is not None, key[0] or 0, key[1]))
        return tuple(
            Total(store_id, names.get(store_id), Balance(amount=sums[store_id, currency], currency=currency))
            for store_id, currency in ordered
        )


def make_statement(month: Month, orders: Iterable[Order]) -> Statement:
    """The statement of a month; orders of which it brought nothing are left out."""
    made = (StatementOrder(order, tuple(_lines(order, month))) for order in orders)
    return Statement(month, tuple(each for each in made if each.lines))


def _lines(order: Order, month: Month) -> list[StatementLine]:
    lines = [
        StatementLine(item, entry)
        for item in order.items
        if item.settlement
        for entry in item.settlement.ledger
        if month.begins <= entry.at < month.ends
    ]
    return sorted(lines, key=lambda line: line.entry.at)


def split_difference(order: Order, item: OrderItem, ours: Share | None) -> Difference | None:
    """Where Locally splits an item otherwise than we would by the feed; None for what nobody told."""
    told = item.accounting
    if ours is None or told is None or told.split_brand is None or told.split_retailer is None:
        return None
    locally = Share(told.split_brand.amount, told.split_retailer.amount)
    return _difference(order, item, "split", locally, ours)


def payable_difference(order: Order, item: OrderItem) -> Difference | None:
    """Where more or less is payable than status, splits and refunds make it."""
    if item.settlement is None:
        return None
    locally, ours = balance_of(item.settlement.ledger), earned(item, item.settlement)
    return _difference(order, item, "payable", locally, ours)


def _difference(order: Order, item: OrderItem, of: str, locally: Share, ours: Share) -> Difference | None:
    if locally == ours:
        return None
    return Difference(order.id, item.upc, of, locally, ours, order.totals.total.currency)
