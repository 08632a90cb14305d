"""An order in plain words: where it stands, what happened, what to do, what to bring. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from checkout.orders import WITHOUT_SALE, ItemStatus, Order, OrderItem, PathToPurchase, items_to_rescue
from checkout.wording.items import name_item
from checkout.wording.languages import Language, mark

_WAITING = frozenset({ItemStatus.ORDERED, ItemStatus.PENDING_BRAND})
_KNOWN = frozenset(ItemStatus)
_HELD = frozenset({ItemStatus.CONFIRMED, ItemStatus.CHARGE_FAILED})
_ARRIVED = frozenset({ItemStatus.READY_FOR_PICKUP, ItemStatus.CHARGE_FAILED})


class Standing(NamedTuple):
    """Where an order stands: the headline, and what it means for the shopper."""

    headline: str
    meaning: str


class _Telling(NamedTuple):
    """The headline where it is true of all that is still to come, and where it is not; then what it means."""

    all: str
    part: str
    meaning: str


_OPEN = _Telling(
    mark("Waiting for the store's answer"),
    mark("Waiting for the rest of the store's answer"),
    mark(
        "The store is checking that it has everything, and will answer. "
        "Please do not go there before: if it never answers, the order is canceled by itself."
    ),
)
_OPEN_STS = _Telling(
    mark("Waiting for the brand's answer"),
    mark("Waiting for the rest of the brand's answer"),
    mark("The brand is checking your order, and will answer."),
)
_PARTLY_PICKED_UP = _Telling(
    mark("Partly picked up"),
    mark("Partly picked up"),
    mark("The rest of your order is still to come, as told below."),
)
_PAY_THERE = _Telling(
    mark("Held for you: please pay in the store"),
    mark("A part is held for you: please pay in the store"),
    mark("The store is holding your order. Come while it is open."),
)
_HELD_FOR_YOU = _Telling(
    mark("Held for you at the store"),
    mark("A part is held for you at the store"),
    mark("The store is holding your order. Come while it is open."),
)
_READY = _Telling(
    mark("Ready for pickup"),
    mark("A part is ready for pickup"),
    mark("Your order has arrived at the store. Come while it is open."),
)
_SHIPPED = _Telling(
    mark("On its way to the store"),
    mark("A part is on its way to the store"),
    mark("Please do not go to the store before this page says that it is ready for pickup."),
)
_AGREED = _Telling(
    mark("Confirmed by the brand"),
    mark("A part is confirmed by the brand"),
    mark("It is sent to the store next. Please do not go there before this page says that it is ready for pickup."),
)
_REFUNDED_IN_PART = _Telling(
    mark("Refunded in part"),
    mark("Refunded in part"),
    mark("The store paid back a part of what you paid. The rest of the order stands."),
)
_STRANGE = _Telling(
    mark("In the hands of the store"),
    mark("In the hands of the store"),
    mark("The store's system uses a word for this that we do not know; it stands below as it is. The store can tell."),
)
_COMPLETED = Standing(mark("Picked up"), mark("You have picked up your order. Nothing is left to do."))
_REFUNDED = Standing(mark("Refunded"), mark("All that was paid for this order is paid back."))

# Why nothing was sold, by the status that all items have; None for several reasons.
_ENDS: dict[str | None, Standing] = {
    ItemStatus.DECLINED: Standing(
        mark("The store cannot provide your order"),
        mark("The store said that it cannot hand over this order. You do not need to go there."),
    ),
    ItemStatus.AUTO_CANCELED: Standing(
        mark("Canceled: the store did not answer"),
        mark("The store did not answer in time, so the order was canceled. You do not need to go there."),
    ),
    ItemStatus.REJECTED: Standing(
        mark("The brand cannot provide your order"),
        mark("The brand cannot provide this order. Nothing will be sent to the store."),
    ),
    ItemStatus.CANCELED: Standing(mark("Canceled"), mark("The order was canceled. There is nothing left to do.")),
    None: Standing(mark("Canceled"), mark("Nothing of this order will come. Why is told below, item by item.")),
}


def is_final(order: Order) -> bool:
    """Whether nothing more is expected to happen, here or at another store."""
    return order.is_over and not items_to_rescue(order)


def describe_standing(order: Order, language: Language) -> Standing:
    """The headline of the order, and what it means."""
    if order.status == "completed":
        told = _COMPLETED
    elif order.status == "refunded":
        told = _REFUNDED
    elif order.status == "canceled":
        statuses = {item.status for item in order.items}
        told = _ENDS[statuses.pop() if len(statuses) == 1 else None]
    else:
        telling, is_of_all = _telling(order)
        told = Standing(telling.all if is_of_all else telling.part, telling.meaning)
    return Standing(language.say(told.headline), language.say(told.meaning))


def _telling(order: Order) -> tuple[_Telling, bool]:
    """What to tell of an order that is under way, and whether it is true of every item."""
    statuses = {item.status for item in order.items}
    is_sts = order.path_to_purchase is PathToPurchase.STS
    if statuses & _WAITING:
        return (_OPEN_STS if is_sts else _OPEN), statuses <= _WAITING
    kept = statuses - WITHOUT_SALE - {ItemStatus.REFUNDED}
    if ItemStatus.PICKED_UP in kept:
        return _partly_over(kept), False
    for reached, telling in _under_way(is_sts=is_sts):
        if kept & reached:
            return telling, statuses <= reached
    return _partly_over(kept), True


def _under_way(*, is_sts: bool) -> list[tuple[frozenset[str], _Telling]]:
    """What items may have reached, the first that calls for the shopper."""
    failed: tuple[frozenset[str], _Telling] = (frozenset({ItemStatus.CHARGE_FAILED}), _PAY_THERE)
    if not is_sts:
        return [failed, (_HELD, _HELD_FOR_YOU), (frozenset({ItemStatus.READY_FOR_PICKUP}), _READY)]
    agreed = frozenset({ItemStatus.CONFIRMED, ItemStatus.PROCESSING})
    return [failed, (_ARRIVED, _READY), (frozenset({ItemStatus.SHIPPED}), _SHIPPED), (agreed, _AGREED)]


def _partly_over(kept: set[str]) -> _Telling:
    over = {ItemStatus.PICKED_UP, ItemStatus.PARTIALLY_REFUNDED}
    if kept - _KNOWN:
        return _STRANGE
    return _REFUNDED_IN_PART if kept <= over and ItemStatus.PARTIALLY_REFUNDED in kept else _PARTLY_PICKED_UP


def is_to_pick_up(order: Order) -> bool:
    """Whether the shopper is still to go to the store for something."""
    return any(_is_coming(item) for item in order.items)


def _is_coming(item: OrderItem) -> bool:
    ended = WITHOUT_SALE | {ItemStatus.PICKED_UP, ItemStatus.REFUNDED, ItemStatus.PARTIALLY_REFUNDED}
    return item.status not in ended


def what_to_bring(order: Order, language: Language) -> list[str]:
    """What a shopper needs when she picks the order up; nothing once that is over."""
    if not is_to_pick_up(order):
        return []
    things = [
        language.say("This page, printed or on your phone, or the order number"),
        language.say("An ID with your name on it"),
    ]
    has_to_pay = any(item.status == ItemStatus.CHARGE_FAILED for item in order.items)
    if has_to_pay or order.path_to_purchase is PathToPurchase.ROPIS:
        return [*things, language.say("What you want to pay with")]
    return [*things, language.say("The card that you paid with, in case the store asks for it")]


def describe_remarks(item: OrderItem, language: Language, elsewhere: str | None) -> list[str]:
    """What there is to know of an item beside its status; `elsewhere` is the store where it was bought instead."""
    said = []
    if elsewhere:
        said.append(language.say("You ordered it at %(store)s instead.", store=elsewhere))
    if item.reason:
        said.append(language.say("The reason given: %(reason)s", reason=item.reason))
    if item.resolution_notes and item.resolution_notes != item.reason:
        said.append(item.resolution_notes)
    if item.refunded and item.refunded.amount:
        said.append(language.say("Refunded: %(amount)s", amount=language.money(item.refunded)))
    return said


def join_names(items: Iterable[OrderItem], language: Language) -> str:
    """The names of items, such as "Helmet and Bottle"."""
    return language.join([name_item(item) for item in items])
