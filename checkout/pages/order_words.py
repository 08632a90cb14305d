"""An order in plain words: where it stands, what happens next, where the money is. Pure."""

from datetime import datetime
from typing import NamedTuple

from checkout.money import Money
from checkout.orders import ItemStatus, Order, PathToPurchase
from checkout.pages.languages import Language, mark

_STANDING = {
    "open": mark("Waiting for an answer"),
    "confirmed": mark("Confirmed"),
    "completed": mark("Picked up"),
    "canceled": mark("Canceled"),
    "refunded": mark("Refunded"),
}

_ITEM_WORDS: dict[str, str] = {
    ItemStatus.ORDERED: mark("Waiting for the store's answer"),
    ItemStatus.CONFIRMED: mark("Held for you at the store"),
    ItemStatus.PICKED_UP: mark("Picked up"),
    ItemStatus.DECLINED: mark("The store could not provide it"),
    ItemStatus.AUTO_CANCELED: mark("Canceled: the store did not answer in time"),
    ItemStatus.CANCELED: mark("Canceled"),
    ItemStatus.CHARGE_FAILED: mark("Held for you: the card could not be charged, please pay in the store"),
    ItemStatus.REFUNDED: mark("Refunded"),
    ItemStatus.PARTIALLY_REFUNDED: mark("Refunded in part"),
    ItemStatus.PENDING_BRAND: mark("Waiting for the brand's answer"),
    ItemStatus.REJECTED: mark("The brand could not provide it"),
    ItemStatus.PROCESSING: mark("Being made ready for the way to the store"),
    ItemStatus.SHIPPED: mark("On its way to the store"),
    ItemStatus.READY_FOR_PICKUP: mark("Ready for pickup"),
}

_NEXT_STEPS = {
    "open": mark("The store is checking that it has everything, and will answer."),
    "confirmed": mark("The store is holding your order. Come while it is open."),
    "completed": mark("You have picked up your order. Nothing is left to do."),
    "canceled": mark("The store cannot hand over this order. You are welcome to try another store."),
    "refunded": mark("What you paid went back to your card. Your bank may need a few days to show it."),
}
_NEXT_STEPS_STS = {
    "open": mark("The brand is checking your order, and will answer."),
    "confirmed": mark("Your order is sent to the store. Come once its items below say that they are ready for pickup."),
    "canceled": mark("The brand cannot provide this order. Nothing will be sent to the store."),
}
_CONFIRMED_BY_BRAND = mark("Confirmed by the brand")


def is_final(order: Order) -> bool:
    """Whether nothing more is expected to happen."""
    return order.status in {"completed", "canceled", "refunded"}


def describe_standing(order: Order, language: Language) -> str:
    return language.say(_STANDING[order.status])


def describe_item(status: str, path: PathToPurchase, language: Language) -> str:
    """An item's status in plain words; a word of Locally's that we do not know is shown as it is."""
    if status == ItemStatus.CONFIRMED and path is PathToPurchase.STS:
        return language.say(_CONFIRMED_BY_BRAND)
    return language.say(_ITEM_WORDS[status]) if status in _ITEM_WORDS else status


def describe_next(order: Order, language: Language) -> list[str]:
    """What happens next with the order, and with the shopper's money."""
    own = _NEXT_STEPS_STS if order.path_to_purchase is PathToPurchase.STS else {}
    steps = own.get(order.status, _NEXT_STEPS[order.status])
    return [language.say(steps), *_describe_payment(order, language)]


def _describe_payment(order: Order, language: Language) -> list[str]:
    """Where the money is, as far as the totals do not tell it."""
    if order.path_to_purchase is PathToPurchase.ROPIS:
        is_due = order.status in {"open", "confirmed"}
        return [language.say("You pay in the store: nothing is charged online.")] if is_due else []
    if order.totals.charged.amount or not order.totals.authorized.amount:
        return []
    if order.status == "open":
        return [language.say("Your card is held, not charged. It is charged only for what is confirmed.")]
    if order.status == "canceled":
        return [
            language.say("Your card was not charged. The hold on it ends by itself, within seven days at the latest.")
        ]
    return []


def what_to_bring(order: Order, language: Language) -> list[str]:
    """What a shopper needs when she picks the order up; nothing once that is over."""
    if is_final(order):
        return []
    things = [
        language.say("This page, printed or on your phone, or the order number"),
        language.say("An ID with your name on it"),
    ]
    if order.path_to_purchase is PathToPurchase.ROPIS:
        return [*things, language.say("What you want to pay with")]
    return [*things, language.say("The card that you paid with, in case the store asks for it")]


def money_rows(order: Order, language: Language) -> list[tuple[str, Money]]:
    """What became of the money, under names; a part that is nothing is left out."""
    totals = order.totals
    is_held = order.status == "open" and not totals.charged.amount
    rows = [
        (language.say("Held on your card"), totals.authorized if is_held else Money.zero(totals.total.currency)),
        (language.say("Charged to your card"), totals.charged),
        (language.say("Refunded"), totals.refunded),
    ]
    return [(name, money) for name, money in rows if money.amount]


class Step(NamedTuple):
    """One step of an order's way. `state` is `done`, `now`, `next` or `bad`; `at` is when it was, or is due."""

    words: str
    state: str
    at: datetime | None = None
    is_deadline: bool = False


_RECEIVED = mark("Order received")
_STORE_STEPS = (mark("The store answers"), mark("Ready at the store"), mark("Picked up"))
_STS_STEPS = (
    mark("The brand answers"),
    mark("On its way to the store"),
    mark("Ready for pickup"),
    mark("Picked up"),
)
_ENDED = {"canceled": mark("Canceled"), "refunded": mark("Refunded")}


def progress_of(order: Order, language: Language) -> list[Step]:
    """The way of the order from received to picked up, with where it stands."""
    received = Step(language.say(_RECEIVED), "done", order.placed_at)
    if order.status in _ENDED:
        return [received, Step(language.say(_ENDED[order.status]), "bad")]
    names = _STS_STEPS if order.path_to_purchase is PathToPurchase.STS else _STORE_STEPS
    done = _steps_done(order, len(names))
    steps = [Step(language.say(name), _state(place, done)) for place, name in enumerate(names)]
    if not done:
        steps[0] = steps[0]._replace(at=order.answer_by, is_deadline=True)
    return [received, *steps]


def _state(place: int, done: int) -> str:
    return "done" if place < done else "now" if place == done else "next"


def _steps_done(order: Order, all_steps: int) -> int:
    """How many steps lie behind the order. The slowest of its items counts."""
    if order.status == "open":
        return 0
    if order.status == "completed":
        return all_steps
    if order.path_to_purchase is not PathToPurchase.STS:
        return 2  # What the store has confirmed it holds.
    return min((_STS_REACHED.get(item.status, 1) for item in order.items if not _is_ended(item.status)), default=1)


# How many of the steps of ship-to-store lie behind an item in this status.
_STS_REACHED: dict[str, int] = {
    ItemStatus.READY_FOR_PICKUP: 3,
    ItemStatus.CHARGE_FAILED: 3,
    ItemStatus.PICKED_UP: 4,
    ItemStatus.PARTIALLY_REFUNDED: 4,
}


def _is_ended(status: str) -> bool:
    """Whether the item dropped out, so that the others no longer wait for it."""
    return status in {ItemStatus.REJECTED, ItemStatus.DECLINED, ItemStatus.CANCELED, ItemStatus.REFUNDED}
