"""What the brand reads of a month of ship-to-store: JSON, CSV, and a page to print."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal

from checkout.fulfilment import FullStatement
from checkout.money import Balance
from checkout.orders import Difference, Share, StatementOrder
from checkout.schemas.responses import Body, Time

CSV_HEAD = (
    *("at", "order", "cart_hash", "store_id", "store", "upc", "name", "quantity"),
    *("party", "why", "amount", "currency"),
)
# A spreadsheet takes what begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class DaysBody(Body):
    """The first and the last day."""

    begins: date
    ends: date


class StatementLineBody(Body):
    """That something became payable to a party, or was taken back (below 0)."""

    at: Time
    upc: str
    name: str | None
    quantity: int
    party: Literal["brand", "retailer"]
    why: str
    amount: Balance


class ShareBody(Body):
    brand: Balance
    retailer: Balance


class StatementStoreBody(Body):
    id: int
    name: str | None


class StatementOrderBody(Body):
    """What the month brought of one order; `total` is the sum of its lines."""

    order: str
    cart_hash: str
    placed_at: Time
    store: StatementStoreBody
    lines: tuple[StatementLineBody, ...]
    total: ShareBody


class StatementTotalBody(Body):
    """The sum of all lines of one party in one currency; `store` is null for the brand."""

    party: Literal["brand", "retailer"]
    store: StatementStoreBody | None
    amount: Balance


class DifferenceBody(Body):
    """Where Locally's numbers are not ours: `split` by the feed, `payable` by splits, status and refunds."""

    order: str
    upc: str
    of: str
    locally: ShareBody
    ours: ShareBody


class StatementBody(Body):
    """A month in UTC. It is final once the month is over."""

    object: Literal["statement"] = "statement"
    month: str
    brand: str
    final: bool
    audited: DaysBody
    paid: DaysBody
    orders: tuple[StatementOrderBody, ...]
    totals: tuple[StatementTotalBody, ...]
    differences: tuple[DifferenceBody, ...]


def statement_body(full: FullStatement, brand: str, now: datetime) -> StatementBody:
    statement = full.statement
    month = statement.month
    return StatementBody(
        month=str(month),
        brand=brand,
        final=month.ends <= now,
        audited=DaysBody(begins=month.audited[0], ends=month.audited[1]),
        paid=DaysBody(begins=month.paid[0], ends=month.paid[1]),
        orders=tuple(_order(each) for each in statement.orders),
        totals=tuple(
            StatementTotalBody(
                party="brand" if total.store_id is None else "retailer",
                store=None if total.store_id is None else StatementStoreBody(id=total.store_id, name=total.store_name),
                amount=total.balance,
            )
            for total in statement.totals
        ),
        differences=tuple(_difference(each) for each in full.differences),
    )


def _order(each: StatementOrder) -> StatementOrderBody:
    order = each.order
    return StatementOrderBody(
        order=order.id,
        cart_hash=order.cart_hash,
        placed_at=order.placed_at,
        store=StatementStoreBody(id=order.store.id, name=order.store.name),
        lines=tuple(
            StatementLineBody(
                at=line.entry.at,
                upc=line.item.upc,
                name=line.item.name,
                quantity=line.item.quantity,
                party=line.entry.party,
                why=line.entry.why,
                amount=Balance(amount=line.entry.amount, currency=each.currency),
            )
            for line in each.lines
        ),
        total=_share(each.share, each.currency),
    )


def _difference(each: Difference) -> DifferenceBody:
    return DifferenceBody(
        order=each.order_id,
        upc=each.upc,
        of=each.of,
        locally=_share(each.locally, each.currency),
        ours=_share(each.ours, each.currency),
    )


def _share(share: Share, currency: str) -> ShareBody:
    brand, retailer = (Balance(amount=amount, currency=currency) for amount in share)
    return ShareBody(brand=brand, retailer=retailer)


def statement_csv(body: StatementBody) -> str:
    """One row per line; amounts in major units with their sign. There are no sums: a spreadsheet makes its own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_HEAD)
    writer.writerows(_csv_rows(body))
    return text.getvalue()


def _csv_rows(body: StatementBody) -> Iterator[tuple[str, ...]]:
    for order in body.orders:
        store = (str(order.store.id), _plain(order.store.name))
        for line in order.lines:
            yield (
                *(line.model_dump(mode="json")["at"], order.order, order.cart_hash, *store),
                *(line.upc, _plain(line.name), str(line.quantity), line.party, line.why),
                *(f"{line.amount.to_decimal():f}", line.amount.currency),
            )


def _plain(text: str | None) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text or ""
