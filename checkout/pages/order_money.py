"""What happens to the shopper's money, in plain words. Pure."""

from checkout.money import Money
from checkout.orders import WITHOUT_SALE, ItemStatus, Order, OrderItem, PathToPurchase
from checkout.pages.order_words import is_to_pick_up, join_names
from checkout.wording.languages import Language

_WAITING = frozenset({ItemStatus.ORDERED, ItemStatus.PENDING_BRAND})
_KNOWN = frozenset(ItemStatus)
_REFUNDS = frozenset({ItemStatus.REFUNDED, ItemStatus.PARTIALLY_REFUNDED})


def describe_money(order: Order, language: Language) -> list[str]:
    """What is held, charged, let go and paid back; each sentence stands for itself."""
    if order.path_to_purchase is PathToPurchase.ROPIS or not order.totals.authorized.amount:
        return _describe_paying_there(order, language)
    return [
        *_hold(order, language),
        *_charge(order, language),
        *_statement(order, language),
        *_charge_failed(order, language),
        *_release(order, language),
        *_refund(order, language),
        *_untold(order, language),
    ]


def _describe_paying_there(order: Order, language: Language) -> list[str]:
    if any(item.status in _REFUNDS for item in order.items):
        return [language.say("You paid in the store, so the store itself pays you back.")]
    if is_to_pick_up(order):
        return [language.say("You pay in the store: nothing is charged online.")]
    return [language.say("Nothing was charged online.")] if order.status == "canceled" else []


def _hold(order: Order, language: Language) -> list[str]:
    held = _sum(order, [item for item in order.items if item.status in _WAITING])
    if held is None:
        return []
    amount = language.money(held)
    return [
        language.say("%(amount)s is held on your card, not charged, until the answer is there.", amount=amount),
        language.say(
            "It is charged only for what is confirmed. For the rest the hold ends, within seven days at the latest."
        ),
    ]


def _charge(order: Order, language: Language) -> list[str]:
    charged = order.totals.charged
    return [language.say("Your card was charged %(amount)s.", amount=language.money(charged))] if charged.amount else []


def _statement(order: Order, language: Language) -> list[str]:
    """Ship-to-store is sold by Locally, at the store that the shopper chose."""
    if order.path_to_purchase is not PathToPurchase.STS or order.status == "canceled":
        return []
    said = [language.say("Your card's statement shows it as Locally.com.")]
    return said if order.is_over else [*said, language.say("The store of this order cannot be changed.")]


def _charge_failed(order: Order, language: Language) -> list[str]:
    failed = [item for item in order.items if item.status == ItemStatus.CHARGE_FAILED]
    if not failed:
        return []
    if len(failed) == len(order.items):
        return [language.say("Your card could not be charged. Please pay in the store when you pick it up.")]
    names = join_names(failed, language)
    return [language.say("Your card could not be charged for %(items)s: please pay for it in the store.", items=names)]


def _release(order: Order, language: Language) -> list[str]:
    """What never was charged is let go; what was, has to come back, which only a refund tells."""
    ended = [item for item in order.items if item.status in WITHOUT_SALE]
    charged = [item for item in ended if item.charged and item.charged.amount]
    if charged and not order.totals.refunded.amount:
        return [language.say("What you paid for what was canceled has to be paid back. The store can tell you when.")]
    if not ended or charged:
        return []
    if not order.totals.charged.amount and order.status == "canceled":
        return [
            language.say("Your card was not charged. The hold on it ends by itself, within seven days at the latest.")
        ]
    names = join_names(ended, language)
    return [
        language.say(
            "You do not pay for %(items)s: that hold on your card ends by itself, within seven days at the latest.",
            items=names,
        )
    ]


def _refund(order: Order, language: Language) -> list[str]:
    refunded, charged = order.totals.refunded, order.totals.charged
    patience = language.say("Your bank may need 5 to 10 business days to show it.")
    if not refunded.amount:
        has_refund = any(item.status in _REFUNDS for item in order.items)
        return [language.say("The store pays money back to your card."), patience] if has_refund else []
    if order.status == "refunded" or refunded.amount >= charged.amount:
        amount = language.money(refunded)
        return [language.say("All that you paid, %(amount)s, goes back to your card.", amount=amount), patience]
    values = {"amount": language.money(refunded), "charged": language.money(charged)}
    return [language.say("Of the %(charged)s that you paid, %(amount)s goes back to your card.", **values), patience]


def _untold(order: Order, language: Language) -> list[str]:
    """What a word that we do not know means for the money is not ours to guess."""
    if all(item.status in _KNOWN for item in order.items) or order.totals.charged.amount:
        return []
    return [language.say("We do not know yet what becomes of the hold on your card. The store can tell.")]


def money_rows(order: Order, language: Language) -> list[tuple[str, Money]]:
    """What became of the money, under names; a part that is nothing is left out."""
    totals = order.totals
    held = _sum(order, [item for item in order.items if item.status in _WAITING]) if totals.authorized.amount else None
    rows = [
        (language.say("Held on your card"), held),
        (language.say("Charged to your card"), totals.charged),
        (language.say("Refunded"), totals.refunded),
    ]
    return [(name, money) for name, money in rows if money is not None and money.amount]


def _sum(order: Order, items: list[OrderItem]) -> Money | None:
    """What the items cost together; None where there are none, all of the order where one's price is unknown."""
    if not items:
        return None
    amounts = [item.total for item in items]
    if any(amount is None for amount in amounts):
        return order.totals.authorized
    return sum((amount for amount in amounts if amount is not None), start=Money.zero(order.totals.total.currency))
