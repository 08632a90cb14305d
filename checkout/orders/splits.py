"""Who earns what of a ship-to-store item, and from when on it is payable. Pure; amounts are integer minor units.

Locally tells what brand and store agreed on (`split_*`) and what of it is payable (`disbursement_*`): the brand's share
from shipping on, the store's from picking up on. Each change of what is payable goes into the item's ledger with the
time at which it was read, so that a statement of a past month never changes.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from checkout.money import Balance
from checkout.orders.carts import PathToPurchase
from checkout.orders.placed import (
    ItemAccounting,
    ItemStatus,
    LedgerEntry,
    Order,
    OrderItem,
    Settlement,
)

Party = Literal["brand", "retailer"]

_PICKED_UP = frozenset({ItemStatus.PICKED_UP})
_SHIPPED = frozenset({ItemStatus.SHIPPED, ItemStatus.READY_FOR_PICKUP, *_PICKED_UP})
_NOTHING = Settlement()


class Share(NamedTuple):
    """What is the brand's and what the store's; below 0 it is theirs to pay."""

    brand: int
    retailer: int


def with_settlements(order: Order, now: datetime) -> Order:
    """The order with what became payable since, or was taken back; as it is where that is nothing."""
    if order.path_to_purchase is not PathToPurchase.STS:
        return order
    return order.changed(items=tuple(_settle(item, now) for item in order.items))


def _settle(item: OrderItem, now: datetime) -> OrderItem:
    before = item.settlement or _NOTHING
    so_far = _go_on(item, before)
    entries = tuple(_entries(item, before, so_far, now))
    settled = so_far.changed(ledger=(*before.ledger, *entries))
    return item if settled == before else item.changed(settlement=settled)


def _go_on(item: OrderItem, before: Settlement) -> Settlement:
    """What the item's present status and refund add to what is known of it."""
    refunded = _refunded(item)
    is_shipped = before.is_shipped or item.status in _SHIPPED
    return before.changed(
        is_shipped=is_shipped,
        is_picked_up=before.is_picked_up or item.status in _PICKED_UP,
        refunded=refunded,
        refunded_early=before.refunded_early if before.is_shipped else refunded,
    )


def _entries(item: OrderItem, before: Settlement, so_far: Settlement, now: datetime) -> Iterable[LedgerEntry]:
    had, due = balance_of(before.ledger), _due(item, before, so_far)
    parties: tuple[tuple[Party, int], ...] = (
        ("brand", due.brand - had.brand),
        ("retailer", due.retailer - had.retailer),
    )
    for party, amount in parties:
        if amount:
            yield LedgerEntry(at=now, party=party, why=_why(party, before, so_far), amount=amount)


def _why(party: Party, before: Settlement, so_far: Settlement) -> str:
    if party == "brand" and so_far.is_shipped and not before.is_shipped:
        return "shipped"
    if party == "retailer" and so_far.is_picked_up and not before.is_picked_up:
        return "picked_up"
    return "refunded" if so_far.refunded > before.refunded else "corrected"


def _due(item: OrderItem, before: Settlement, so_far: Settlement) -> Share:
    """What is payable in all by now: what Locally tells, and where it tells nothing what was earned by its rules."""
    told = item.accounting or ItemAccounting()
    had, ours = balance_of(before.ledger), earned(item, so_far)
    is_refunded = so_far.refunded > before.refunded
    return Share(
        _followed(told.disbursement_brand, had.brand, ours.brand, is_refunded=is_refunded),
        _followed(told.disbursement_retail, had.retailer, ours.retailer, is_refunded=is_refunded),
    )


def _followed(told: Balance | None, had: int, ours: int, *, is_refunded: bool) -> int:
    """A 0 that comes without a refund may only say that it was paid by now: nothing is taken back for it."""
    if told is None:
        return ours
    return had if told.amount == 0 and not is_refunded else told.amount


def earned(item: OrderItem, so_far: Settlement) -> Share:
    """What is payable by the rules that Locally documents, of the splits that it tells.

    The brand's share is payable from shipping on, the store's from picking up on. What goes back before shipping both
    bear by their shares; what goes back later the store bears alone, and it keeps the goods. Tax is nobody's share.
    """
    brand, retailer = _split(item)
    whole = brand + retailer
    early = _without_tax(item, so_far.refunded_early)
    late = _without_tax(item, so_far.refunded) - early
    brand -= _part(early, brand, whole)
    retailer = whole - early - brand
    is_over = so_far.is_picked_up or (so_far.is_shipped and bool(so_far.refunded) and so_far.refunded == _total(item))
    return Share(brand if so_far.is_shipped else 0, (retailer if is_over else 0) - late)


def agreed_split(goods: int, shipping: int, *, percent: Decimal | None = None, flat: int | None = None) -> Share | None:
    """How goods are split by the percent that the brand keeps, or the amount that the store does; None without either.

    Shipping is the brand's, which ships.
    """
    if flat is not None:
        return Share(goods - min(flat, goods) + shipping, min(flat, goods))
    if percent is None:
        return None
    brand = _round(goods * percent / 100)
    return Share(brand + shipping, goods - brand)


def balance_of(ledger: Iterable[LedgerEntry]) -> Share:
    """The sums of a ledger."""
    entries = tuple(ledger)
    return Share(
        sum(entry.amount for entry in entries if entry.party == "brand"),
        sum(entry.amount for entry in entries if entry.party == "retailer"),
    )


def _split(item: OrderItem) -> Share:
    told = item.accounting or ItemAccounting()
    brand, retailer = told.split_brand, told.split_retailer
    return Share(brand.amount if brand else 0, retailer.amount if retailer else 0)


def _refunded(item: OrderItem) -> int:
    if item.refunded is not None:
        return item.refunded.amount
    return _total(item) if item.status == ItemStatus.REFUNDED else 0


def _total(item: OrderItem) -> int:
    return item.total.amount if item.total else 0


def _without_tax(item: OrderItem, amount: int) -> int:
    tax = item.accounting.tax if item.accounting else None
    return amount - _part(amount, tax.amount if tax else 0, _total(item))


def _part(amount: int, of: int, whole: int) -> int:
    return _round(Decimal(amount * of) / whole) if whole else 0


def _round(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
