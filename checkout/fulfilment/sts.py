"""Ship-to-store: what the brand does with an item, in its own words and in those of Locally's Cart API."""

from typing import Any, NamedTuple

from checkout.fulfilment.journal import Wish
from checkout.fulfilment.rules import Rule
from checkout.money import Money
from checkout.orders import ItemStatus

_SHIPPED = frozenset({ItemStatus.SHIPPED, ItemStatus.READY_FOR_PICKUP, ItemStatus.PICKED_UP})
_PROCESSING = _SHIPPED | {ItemStatus.PROCESSING}
_CONFIRMED = _PROCESSING | {ItemStatus.CONFIRMED}

# Ready for pickup and picked up are the store's own steps; after shipping, so are refunds.
STS_RULES = {
    "confirm": Rule(frozenset({ItemStatus.PENDING_BRAND}), _CONFIRMED),
    "reject": Rule(frozenset({ItemStatus.PENDING_BRAND}), frozenset({ItemStatus.REJECTED})),
    "process": Rule(frozenset({ItemStatus.PENDING_BRAND, ItemStatus.CONFIRMED}), _PROCESSING),
    "ship": Rule(frozenset({ItemStatus.CONFIRMED, ItemStatus.PROCESSING}), _SHIPPED),
    "refund": Rule(frozenset({ItemStatus.CONFIRMED, ItemStatus.PROCESSING}), is_refund=True),
}

_TOKENS = {"confirm": "confirm-brand", "reject": "reject-brand", "process": "processing", "ship": "shipped"}


class Tracking(NamedTuple):
    """How a parcel can be followed."""

    carrier: str | None = None
    number: str | None = None
    url: str | None = None


def sts_wish(
    action: str,
    *,
    reason: str | None = None,
    tracking: Tracking | None = None,
    message: str | None = None,
    refund_amount: Money | None = None,
) -> Wish:
    """An action as Locally is sent it; `message` is read by shopper and store."""
    told: dict[str, Any] = {"reason": reason, "message": _message(message, tracking)}
    token = {"sts_status": _TOKENS[action]} if action in _TOKENS else {"status": "refund"}
    return Wish(action, {**token, **{name: text for name, text in told.items() if text}}, refund_amount)


def _message(message: str | None, tracking: Tracking | None) -> str | None:
    """The brand's words, and below them carrier, number and link, which need no language."""
    parcel = " ".join(part for part in tracking or () if part)
    return "\n".join(part for part in (message, parcel) if part) or None
