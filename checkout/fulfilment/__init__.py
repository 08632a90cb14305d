"""What brand and retailer do with the items of an order: ship-to-store, PushCart.

`actions` carries out, by the `journal`, and `watching` finds out what became of those in doubt. `rules` says what is
allowed; `sts` has the brand's actions, `pushcart` the retailer's. `statements` tells who earned what.
"""

from checkout.fulfilment.actions import Acted, Actions
from checkout.fulfilment.journal import Wish
from checkout.fulfilment.pushcart import PUSHCART_RULES, PUSHCART_STS_RULES, PushCart, pushcart_wish
from checkout.fulfilment.rules import Rule, Rules, legal_actions
from checkout.fulfilment.statements import FullStatement, read_statement
from checkout.fulfilment.sts import STS_RULES, Tracking, sts_wish
from checkout.orders import Order, PathToPurchase

__all__ = [
    "PUSHCART_RULES",
    "PUSHCART_STS_RULES",
    "STS_RULES",
    "Acted",
    "Actions",
    "FullStatement",
    "PushCart",
    "Rule",
    "Rules",
    "Tracking",
    "Wish",
    "legal_actions",
    "pushcart_wish",
    "read_statement",
    "rules_of",
    "sts_wish",
]

_NO_RULES: Rules = {}


def rules_of(order: Order) -> Rules:
    """The actions that the items of an order may take by our doing.

    An order that no checkout of ours placed was taken in by a retailer.
    """
    ships_to_store = order.path_to_purchase is PathToPurchase.STS
    if order.checkout_id is None:
        return PUSHCART_STS_RULES if ships_to_store else PUSHCART_RULES
    return STS_RULES if ships_to_store else _NO_RULES
