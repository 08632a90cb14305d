"""Who gets what of a ship-to-store item, and when it becomes payable. Amounts are integer minor units."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from checkout.sandbox.feed_sheet import FeedRow
from checkout.sandbox.records import Line


@dataclass(frozen=True)
class Shares:
    """What is the brand's and what the store's. A share below 0 is owed to Locally."""

    brand: int
    retailer: int


@dataclass(frozen=True)
class Change:
    """One moment at which something became payable to somebody, or was taken back."""

    at: str
    why: str
    shares: Shares


def agreed_shares(quantity: int, price: int, shipping: int, row: FeedRow | None, percent: int) -> Shares:
    """Tax is nobody's share and the shipping cost the brand's, which ships.

    `row` is the feed's, `percent` what the brand keeps where the row says nothing or there is none.
    """
    goods = quantity * price
    if row is not None and row.flat is not None:
        retailer = min(quantity * row.flat, goods)
    else:
        kept = Decimal(percent) if row is None or row.percent is None else row.percent
        retailer = goods - _rounded(goods * kept / 100)
    return Shares(goods - retailer + quantity * shipping, retailer)


def payable(line: Line) -> Shares:
    """What is payable of an item now."""
    changes = changes_of(line)
    return Shares(sum(one.shares.brand for one in changes), sum(one.shares.retailer for one in changes))


def changes_of(line: Line) -> list[Change]:
    """How it came to that, oldest first. Their sum and what went back to the shopper, less its tax, are the splits."""
    changes, before, done = [], Shares(0, 0), _Progress()
    for event in line.events:
        done = done.after(event["what"], event.get("amount", 0))
        now = _payable(line, done)
        changes.append(
            Change(event["at"], event["what"], Shares(now.brand - before.brand, now.retailer - before.retailer))
        )
        before = now
    return changes


@dataclass(frozen=True)
class _Progress:
    shipped: bool = False
    picked_up: bool = False
    refunded_early: int = 0
    refunded_late: int = 0

    def after(self, what: str, amount: int) -> "_Progress":
        """A refund is early before the item is shipped, late from then on."""
        late = amount if self.shipped else 0
        return _Progress(
            self.shipped or what == "shipped",
            self.picked_up or what == "picked_up",
            self.refunded_early + amount - late,
            self.refunded_late + late,
        )


def _payable(line: Line, done: _Progress) -> Shares:
    """The brand's share from shipping on, the store's from picking up on.

    What goes back early both bear by their shares; what goes back late the store bears alone, and it keeps the goods.
    """
    whole = line.split_brand + line.split_retailer
    early = _without_tax(line, done.refunded_early)
    late = _without_tax(line, done.refunded_early + done.refunded_late) - early
    brand = line.split_brand - _part(early, line.split_brand, whole)
    retailer = whole - early - brand
    ended = done.picked_up or (done.shipped and done.refunded_early + done.refunded_late == line.total)
    return Shares(brand if done.shipped else 0, (retailer if ended else 0) - late)


def _without_tax(line: Line, refunded: int) -> int:
    return refunded - _part(refunded, line.quantity * line.tax, line.total)


def _part(amount: int, of: int, whole: int) -> int:
    return _rounded(Decimal(amount * of) / whole) if whole else 0


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
