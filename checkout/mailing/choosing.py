"""Which mail a change of an order calls for, and who writes it: Locally or we. Pure.

| kind               | the shopper hears that                            | Locally writes it, unless silenced |
|--------------------|---------------------------------------------------|------------------------------------|
| `placed`           | her order arrived                                 | yes                                |
| `confirmed`        | items are held for her, or the brand confirmed    | yes                                |
| `declined`         | items will not come, and where else they are      | yes                                |
| `rescue`           | only where else the declined items are            | no                                 |
| `canceled`         | items were canceled at her wish                   | no                                 |
| `charge_failed`    | she has to pay in the store                       | no                                 |
| `shipped`          | items are on their way to the store               | yes                                |
| `ready_for_pickup` | items arrived at the store                        | yes                                |
| `picked_up`        | she has everything                                | no                                 |
| `refunded`         | money goes back                                   | no                                 |
| `links`            | the addresses of her orders, because she asked    | no                                 |

With CHECKOUT_MUTE_COMMS Locally writes nothing, and we write everything but `rescue`, which `declined` then holds.
"""

import hashlib
from enum import StrEnum
from typing import NamedTuple

from checkout.orders import ItemStatus, Order, OrderItem, items_to_rescue


class MailKind(StrEnum):
    """The kinds of mail; that of a change is the first of them that fits."""

    CHARGE_FAILED = "charge_failed"
    DECLINED = "declined"
    RESCUE = "rescue"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    READY_FOR_PICKUP = "ready_for_pickup"
    SHIPPED = "shipped"
    CONFIRMED = "confirmed"
    PICKED_UP = "picked_up"
    PLACED = "placed"
    LINKS = "links"


class Notice(NamedTuple):
    """A mail to write. Two notices of one order with the same kind and reference are the same mail."""

    kind: MailKind
    reference: str


LOCALLY_WRITES = frozenset(
    {
        MailKind.PLACED,
        MailKind.CONFIRMED,
        MailKind.DECLINED,
        MailKind.SHIPPED,
        MailKind.READY_FOR_PICKUP,
    }
)

# What an item has just become, by the mail that tells of it.
_TOLD_BY: dict[str, MailKind] = {
    ItemStatus.CONFIRMED: MailKind.CONFIRMED,
    ItemStatus.PROCESSING: MailKind.CONFIRMED,
    ItemStatus.PICKED_UP: MailKind.PICKED_UP,
    ItemStatus.DECLINED: MailKind.DECLINED,
    ItemStatus.AUTO_CANCELED: MailKind.DECLINED,
    ItemStatus.REJECTED: MailKind.DECLINED,
    ItemStatus.CANCELED: MailKind.CANCELED,
    ItemStatus.CHARGE_FAILED: MailKind.CHARGE_FAILED,
    ItemStatus.REFUNDED: MailKind.REFUNDED,
    ItemStatus.PARTIALLY_REFUNDED: MailKind.REFUNDED,
    ItemStatus.SHIPPED: MailKind.SHIPPED,
    ItemStatus.READY_FOR_PICKUP: MailKind.READY_FOR_PICKUP,
}
# Once the brand has confirmed an item, that it is being packed is no news.
_ONE_STEP = {ItemStatus.CONFIRMED, ItemStatus.PROCESSING}
# In which statuses of an item a mail of a kind is still true.
_TRUE_IN: dict[MailKind, frozenset[str]] = {
    MailKind.CHARGE_FAILED: frozenset({ItemStatus.CHARGE_FAILED}),
    MailKind.DECLINED: frozenset({ItemStatus.DECLINED, ItemStatus.AUTO_CANCELED, ItemStatus.REJECTED}),
    MailKind.RESCUE: frozenset({ItemStatus.DECLINED, ItemStatus.AUTO_CANCELED}),
    MailKind.CANCELED: frozenset({ItemStatus.CANCELED}),
    MailKind.REFUNDED: frozenset({ItemStatus.REFUNDED, ItemStatus.PARTIALLY_REFUNDED}),
    MailKind.READY_FOR_PICKUP: frozenset({ItemStatus.READY_FOR_PICKUP}),
    MailKind.SHIPPED: frozenset({ItemStatus.SHIPPED}),
    MailKind.CONFIRMED: frozenset({ItemStatus.CONFIRMED, ItemStatus.PROCESSING}),
    MailKind.PICKED_UP: frozenset({ItemStatus.PICKED_UP, ItemStatus.REFUNDED, ItemStatus.PARTIALLY_REFUNDED}),
}
_NOT_ENDED = frozenset({"open", "confirmed"})


def choose_notice(was: Order | None, order: Order, *, mute_comms: bool) -> Notice | None:
    """The one mail of ours about a change, None where there is nothing for us to tell.

    `was` is None for an order just placed. Items that changed together are told of together.
    """
    if was is None:
        return Notice(MailKind.PLACED, "placed") if mute_comms else None
    changes = _changes(was, order)
    ours = {kind for _, kind in changes if mute_comms or kind not in LOCALLY_WRITES}
    if not mute_comms and any(item.status in _TRUE_IN[MailKind.RESCUE] for item, _ in changes) and may_rescue(order):
        ours.add(MailKind.RESCUE)
    if not ours:
        return None
    return Notice(next(kind for kind in MailKind if kind in ours), _reference(was, changes))


def may_rescue(order: Order) -> bool:
    """Whether there are items that another store may sell instead. The store of ship-to-store cannot be changed."""
    return bool(items_to_rescue(order))


def is_still_true(kind: MailKind, order: Order) -> bool:
    """Whether a mail of this kind may still be sent about the order as it is now."""
    if kind is MailKind.LINKS:
        return True
    if kind is MailKind.PLACED:
        return order.status in _NOT_ENDED
    if kind is MailKind.RESCUE and not may_rescue(order):
        return False
    if kind is MailKind.REFUNDED and order.totals.refunded.amount:
        return True
    return any(item.status in _TRUE_IN[kind] for item in order.items)


def _changes(was: Order, order: Order) -> list[tuple[OrderItem, MailKind]]:
    """The items that became something the shopper should hear of, with the kind of mail that tells it."""
    before = {item.upc: item for item in was.items}
    found = ((item, _news(before.get(item.upc), item)) for item in order.items)
    return [(item, kind) for item, kind in found if kind is not None]


def _news(before: OrderItem | None, item: OrderItem) -> MailKind | None:
    if before is not None and _is_more_refunded(before, item):
        return MailKind.REFUNDED
    if before is not None and (before.status == item.status or {before.status, item.status} <= _ONE_STEP):
        return None
    return _TOLD_BY.get(item.status)


def _is_more_refunded(before: OrderItem, item: OrderItem) -> bool:
    return item.refunded is not None and item.refunded.amount > (before.refunded.amount if before.refunded else 0)


def _reference(was: Order, changes: list[tuple[OrderItem, MailKind]]) -> str:
    """Names the change: from what each item became what, and what of it was refunded.

    So a cart that is read in two versions by turns is told of once each way.
    """
    before = {item.upc: item.status for item in was.items}
    parts = sorted(
        f"{item.upc} {before.get(item.upc)} {item.status} {item.refunded.amount if item.refunded else 0}"
        for item, _ in changes
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]
