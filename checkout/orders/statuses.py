"""From Locally's words to ours: what became of one item of an order. Pure.

Locally spells one status in several ways (its pages, its samples, its dashboard), and tells a cancelled item's cause,
if at all, beside it. All of these words are read here and nowhere else.
"""

import re
from typing import NamedTuple

from checkout.orders.placed import ItemStatus

_WORDS = {
    "ordered": ItemStatus.ORDERED,
    "received": ItemStatus.ORDERED,
    "confirmed": ItemStatus.CONFIRMED,
    "declined": ItemStatus.DECLINED,
    "retailer_declined": ItemStatus.DECLINED,
    "auto_canceled": ItemStatus.AUTO_CANCELED,
    "auto_cancelled": ItemStatus.AUTO_CANCELED,
    "buyer_declined": ItemStatus.CANCELED,
    "charge_failed": ItemStatus.CHARGE_FAILED,
    "fulfilled": ItemStatus.PICKED_UP,
    "picked_up": ItemStatus.PICKED_UP,
    "refund": ItemStatus.REFUNDED,
    "refunded": ItemStatus.REFUNDED,
    "partial_refund": ItemStatus.PARTIALLY_REFUNDED,
    "partially_refunded": ItemStatus.PARTIALLY_REFUNDED,
}
# Of these only the resolution says whose doing it was.
_CALLED_OFF = frozenset({"canceled", "cancelled", "rejected"})
_RESOLUTIONS = {
    "declined": ItemStatus.DECLINED,
    "retailer_declined": ItemStatus.DECLINED,
    "auto_canceled": ItemStatus.AUTO_CANCELED,
    "auto_cancelled": ItemStatus.AUTO_CANCELED,
    "auto_rejected": ItemStatus.AUTO_CANCELED,
    "buyer_declined": ItemStatus.CANCELED,
    "buyer_canceled": ItemStatus.CANCELED,
    "buyer_cancelled": ItemStatus.CANCELED,
}
_STS_WORDS = {
    "confirm_store": ItemStatus.PENDING_BRAND,
    "pending_brand": ItemStatus.PENDING_BRAND,
    "confirm_brand": ItemStatus.CONFIRMED,
    "approved": ItemStatus.CONFIRMED,
    "confirmed": ItemStatus.CONFIRMED,
    "reject_brand": ItemStatus.REJECTED,
    "rejected": ItemStatus.REJECTED,
    "processing": ItemStatus.PROCESSING,
    "shipped": ItemStatus.SHIPPED,
    "ready_for_pickup": ItemStatus.READY_FOR_PICKUP,
    "picked_up": ItemStatus.PICKED_UP,
    "refunded": ItemStatus.REFUNDED,
}
# What `status` says of a ship-to-store item over its `sts_status`: that it came to an end.
_ENDS_STS = frozenset({ItemStatus.AUTO_CANCELED, ItemStatus.CANCELED, ItemStatus.REJECTED, ItemStatus.REFUNDED})
_BY_ITSELF = re.compile(r"\bauto\w*[ -]?(cancel|declin|reject)|(cancel|declin|reject)\w* auto", re.IGNORECASE)

# Words that only an order's item can have, in the normal spelling.
ORDERED_WORDS = frozenset({*_WORDS, *_CALLED_OFF})
ORDERED_STS_WORDS = frozenset(_STS_WORDS)


class Said(NamedTuple):
    """What Locally says of one item, as it writes it; `remarks` are its own notes and messages about the item."""

    status: str | None
    sts_status: str | None = None
    resolution: str | None = None
    remarks: tuple[str, ...] = ()


def normal_word(text: str | None) -> str:
    """A word in one spelling, lower case and joined by underscores: Locally spells it differently in each place."""
    return re.sub(r"[\s_-]+", "_", (text or "").strip().lower())


def read_item_status(said: Said, *, ships_to_store: bool) -> str | None:
    """The item's status: an ItemStatus, Locally's own word where we do not know it, None where it says nothing.

    An item has both kinds of words in some samples, so the order's own path decides which of them comes first.
    """
    word = _plain_status(said)
    if not ships_to_store:
        return word or _sts_status(said)
    sts_word = _sts_status(said)
    if word is ItemStatus.DECLINED:
        word = ItemStatus.REJECTED
    if word in _ENDS_STS or sts_word is None:
        return ItemStatus.PENDING_BRAND if word is ItemStatus.ORDERED else word
    return sts_word


def _plain_status(said: Said) -> str | None:
    word = normal_word(said.status)
    return _cause(said) if word in _CALLED_OFF else _WORDS.get(word, said.status or None)


def _sts_status(said: Said) -> str | None:
    return _STS_WORDS.get(normal_word(said.sts_status), said.sts_status or None)


def _cause(said: Said) -> ItemStatus:
    """Whose doing it was that an item was called off: the store's, unless something says otherwise."""
    known = _RESOLUTIONS.get(normal_word(said.resolution))
    if known is not None:
        return known
    by_itself = any(_BY_ITSELF.search(remark) for remark in said.remarks)
    return ItemStatus.AUTO_CANCELED if by_itself else ItemStatus.DECLINED
