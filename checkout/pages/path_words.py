"""The ways to buy, in words for shoppers."""

from typing import NamedTuple

from checkout.orders import BUILT_PATHS, PathToPurchase
from checkout.settings import Settings
from checkout.wording.languages import Language, mark

_LABELS = {
    PathToPurchase.BOPIS: mark("Pay now, pick up"),
    PathToPurchase.ROPIS: mark("Reserve, pay there"),
    PathToPurchase.STS: mark("Ship to store"),
}
_NAMES = {
    PathToPurchase.BOPIS: mark("Pay now and pick up at the store"),
    PathToPurchase.ROPIS: mark("Reserve and pay at the store"),
    PathToPurchase.STS: mark("Have it shipped to the store"),
}
_DETAILS = {
    PathToPurchase.BOPIS: mark("Your card is charged when the store confirms your order."),
    PathToPurchase.ROPIS: mark("No card is needed now."),
    PathToPurchase.STS: mark(
        "Your card is charged when the order is confirmed; its statement shows Locally.com. "
        "The store cannot be changed later."
    ),
}
_NEXT = {
    PathToPurchase.BOPIS: mark("The store checks that it has everything. You get a message when your order is ready."),
    PathToPurchase.ROPIS: mark("The store puts your order aside and sends you a message. You pay when you pick it up."),
    PathToPurchase.STS: mark("Your order is sent to the store. You get a message when it is there."),
}


class PathView(NamedTuple):
    """A way to buy as the page offers it; `next` is what happens after the order."""

    code: str
    name: str
    detail: str
    next: str


def label_of(path: PathToPurchase) -> str:
    """A few words for a list, not yet translated."""
    return _LABELS[path]


def brand_paths(settings: Settings, language: Language) -> list[PathView]:
    """The ways that the brand offers, and that are built."""
    paths = [PathToPurchase(path) for path in settings.paths]
    return [
        PathView(path.value, *(language.say(words[path]) for words in (_NAMES, _DETAILS, _NEXT)))
        for path in paths
        if path in BUILT_PATHS
    ]
