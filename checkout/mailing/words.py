"""What each kind of mail says, as text of the shopper's language. Pure."""

from datetime import UTC
from typing import NamedTuple

from checkout.mailing.choosing import MailKind, may_rescue
from checkout.orders import ItemStatus, Order, PathToPurchase, zone_of
from checkout.wording.languages import Language, mark

_DECLINED = frozenset({ItemStatus.DECLINED, ItemStatus.AUTO_CANCELED, ItemStatus.REJECTED})
_COMING = frozenset(
    {
        MailKind.PLACED,
        MailKind.CONFIRMED,
        MailKind.CHARGE_FAILED,
        MailKind.SHIPPED,
        MailKind.READY_FOR_PICKUP,
    }
)
_AT_THE_STORE = frozenset({ItemStatus.CONFIRMED, ItemStatus.CHARGE_FAILED, ItemStatus.READY_FOR_PICKUP})


class Wording(NamedTuple):
    """A mail's subject, its paragraphs (the first is its headline), and what its button is called."""

    subject: str
    headline: str
    paragraphs: list[str]
    button: str


_HEADLINES: dict[MailKind, str] = {
    MailKind.PLACED: mark("Your order at %(store)s is received"),
    MailKind.CONFIRMED: mark("Your order is held for you at %(store)s"),
    MailKind.DECLINED: mark("%(store)s cannot provide your order"),
    MailKind.RESCUE: mark("Get your order at another store"),
    MailKind.CANCELED: mark("Your order at %(store)s is canceled"),
    MailKind.CHARGE_FAILED: mark("Please pay for your order at %(store)s"),
    MailKind.SHIPPED: mark("Your order is on its way to %(store)s"),
    MailKind.READY_FOR_PICKUP: mark("Your order is ready at %(store)s"),
    MailKind.PICKED_UP: mark("You picked up your order at %(store)s"),
    MailKind.REFUNDED: mark("Your refund from %(store)s"),
}
# Where it is not true of all the items.
_HEADLINES_OF_PARTS: dict[MailKind, str] = {
    MailKind.CONFIRMED: mark("A part of your order is held for you at %(store)s"),
    MailKind.DECLINED: mark("%(store)s cannot provide a part of your order"),
    MailKind.RESCUE: mark("Get the rest of your order at another store"),
    MailKind.CANCELED: mark("A part of your order at %(store)s is canceled"),
    MailKind.CHARGE_FAILED: mark("Please pay for a part of your order at %(store)s"),
    MailKind.SHIPPED: mark("A part of your order is on its way to %(store)s"),
    MailKind.READY_FOR_PICKUP: mark("A part of your order is ready at %(store)s"),
    MailKind.PICKED_UP: mark("You picked up a part of your order at %(store)s"),
}
_HEADLINES_STS: dict[MailKind, str] = {
    MailKind.CONFIRMED: mark("%(brand)s confirmed your order"),
    MailKind.DECLINED: mark("%(brand)s cannot provide your order"),
}
_HEADLINES_OF_PARTS_STS: dict[MailKind, str] = {
    MailKind.CONFIRMED: mark("%(brand)s confirmed a part of your order"),
    MailKind.DECLINED: mark("%(brand)s cannot provide a part of your order"),
}

_NEXT: dict[MailKind, str] = {
    MailKind.CONFIRMED: mark("You can pick it up whenever the store is open."),
    MailKind.CANCELED: mark("It was canceled. There is nothing left for you to do."),
    MailKind.CHARGE_FAILED: mark("The store is holding it for you, but your card could not be charged."),
    MailKind.SHIPPED: mark("Come once we tell you that it is ready for pickup."),
    MailKind.READY_FOR_PICKUP: mark("You can pick it up whenever the store is open."),
    MailKind.PICKED_UP: mark("Thank you. We hope you enjoy it."),
}


def word_mail(kind: MailKind, order: Order, brand: str, language: Language) -> Wording:
    """What a mail about one order says."""
    headline = language.say(_headline(kind, order), store=order.store.name, brand=brand)
    paragraphs = [*_tell(kind, order, brand, language), *_tell_card(kind, order, language)]
    return Wording(headline, headline, paragraphs, _button(kind, order, language))


def word_links(language: Language) -> Wording:
    """What the mail with the links to all orders of an address says."""
    headline = language.say("Your orders")
    paragraphs = [
        language.say("Here are the links to your orders. Each opens the page that tells where the order stands."),
        language.say("Somebody, probably you, asked for them. If it was not you, just delete this message."),
    ]
    return Wording(language.say("The links to your orders"), headline, paragraphs, language.say("See the order"))


def offers_rescue(kind: MailKind, order: Order) -> bool:
    """Whether a mail leads to the other stores that may have what was declined."""
    return kind in {MailKind.DECLINED, MailKind.RESCUE} and may_rescue(order)


def says_where(kind: MailKind, order: Order) -> bool:
    """Whether a mail tells where the store is and when it is open: while the shopper is to go there."""
    return kind in _COMING or _waits_at_store(order)


def _waits_at_store(order: Order) -> bool:
    """Whether something can be picked up now."""
    here = _AT_THE_STORE - {ItemStatus.CONFIRMED} if _is_sts(order) else _AT_THE_STORE
    return any(item.status in here for item in order.items)


def what_to_bring(order: Order, language: Language) -> list[str]:
    """What the shopper needs when she picks the order up; nothing where nothing waits for her."""
    if not _waits_at_store(order):
        return []
    things = [
        language.say("This message, printed or on your phone, or the order number"),
        language.say("An ID with your name on it"),
    ]
    has_to_pay = any(item.status == ItemStatus.CHARGE_FAILED for item in order.items)
    if has_to_pay or order.path_to_purchase is PathToPurchase.ROPIS:
        return [*things, language.say("What you want to pay with")]
    return [*things, language.say("The card that you paid with, in case the store asks for it")]


def _is_sts(order: Order) -> bool:
    return order.path_to_purchase is PathToPurchase.STS


def _headline(kind: MailKind, order: Order) -> str:
    whole, part = dict(_HEADLINES), dict(_HEADLINES_OF_PARTS)
    if _is_sts(order):
        whole |= _HEADLINES_STS
        part |= _HEADLINES_OF_PARTS_STS
    return part[kind] if kind in part and not _is_of_all(kind, order) else whole[kind]


def _is_of_all(kind: MailKind, order: Order) -> bool:
    """Whether what a mail says is true of every item that it could be true of."""
    statuses = {item.status for item in order.items}
    if kind in {MailKind.DECLINED, MailKind.RESCUE}:
        return statuses <= _DECLINED
    if kind is MailKind.CANCELED:
        return order.status == "canceled"
    return len(statuses) == 1


def _tell(kind: MailKind, order: Order, brand: str, language: Language) -> list[str]:
    """What happened, and what is next."""
    if kind is MailKind.PLACED:
        return _tell_placed(order, brand, language)
    if kind is MailKind.DECLINED:
        return _tell_declined(order, language)
    if kind is MailKind.RESCUE:
        return _tell_rescue(order, language)
    if kind is MailKind.CONFIRMED and _is_sts(order):
        return [language.say("It is sent to the store next. Come once we tell you that it is ready for pickup.")]
    return [language.say(_NEXT[kind])] if kind in _NEXT else []


def _tell_placed(order: Order, brand: str, language: Language) -> list[str]:
    if order.status != "open":
        return [language.say("Thank you for your order.")]
    checking = (
        language.say("Thank you for your order. %(brand)s is checking it, and will answer.", brand=brand)
        if _is_sts(order)
        else language.say("Thank you for your order. The store is checking that it has everything, and will answer.")
    )
    if order.answer_by is None:
        return [checking]
    by = language.moment(order.answer_by, zone_of(order.store) or UTC)
    return [checking, language.say("You get an answer by %(time)s at the latest.", time=by)]


def _tell_declined(order: Order, language: Language) -> list[str]:
    """Why, as far as it is told, and the rescue."""
    silent = any(item.status == ItemStatus.AUTO_CANCELED for item in order.items)
    why = [language.say("The store did not answer in time.")] if silent else []
    reasons = {item.reason for item in order.items if item.status in _DECLINED and item.reason}
    why += [language.say("The reason given: %(reason)s", reason=reason) for reason in sorted(reasons)]
    return [*why, *_tell_rescue(order, language)]


def _tell_rescue(order: Order, language: Language) -> list[str]:
    if not may_rescue(order):
        return []
    takes_card = order.path_to_purchase is not PathToPurchase.ROPIS
    return [
        language.say("Other stores may have it. The page of your order shows the nearest ones."),
        language.say("You can order there with what you entered already; you only add a card.")
        if takes_card
        else language.say("You can order there with what you entered already."),
    ]


def _tell_card(kind: MailKind, order: Order, language: Language) -> list[str]:
    """What happens to the money."""
    if kind is MailKind.REFUNDED:
        return _tell_refund(order, language)
    if order.path_to_purchase is PathToPurchase.ROPIS:
        return [language.say("You pay in the store: nothing is charged online.")] if kind in _COMING else []
    charged, held = order.totals.charged, order.totals.authorized
    if kind is MailKind.CHARGE_FAILED:
        return [language.say("Please pay in the store when you pick it up.")]
    if kind is MailKind.PLACED and order.status == "open" and held.amount and not charged.amount:
        held_only = language.say("Your card is held, not charged. It is charged only for what is confirmed.")
        return [held_only, *_tell_statement(order, language)]
    if kind is MailKind.CONFIRMED and charged.amount:
        paid = language.say("Your card was charged %(amount)s.", amount=language.money(charged))
        return [paid, *_tell_statement(order, language)]
    if kind in {MailKind.DECLINED, MailKind.CANCELED} and held.amount:
        return [_tell_release(order, language)]
    return []


def _tell_statement(order: Order, language: Language) -> list[str]:
    """Ship-to-store is sold by Locally, at the store that the shopper chose."""
    if order.path_to_purchase is not PathToPurchase.STS:
        return []
    return [
        language.say("Your card's statement shows it as Locally.com."),
        language.say("The store of this order cannot be changed."),
    ]


def _tell_release(order: Order, language: Language) -> str:
    if order.totals.charged.amount:
        return language.say(
            "You do not pay for it: the hold on your card for it ends by itself, within seven days at the latest."
        )
    return language.say("Your card was not charged. The hold on it ends by itself, within seven days at the latest.")


def _tell_refund(order: Order, language: Language) -> list[str]:
    refunded, charged = order.totals.refunded, order.totals.charged
    patience = language.say("Your bank may need 5 to 10 business days to show it.")
    if not refunded.amount:
        return [language.say("The store pays money back to your card."), patience]
    if order.status == "refunded" or refunded.amount >= charged.amount:
        all_of_it = language.say(
            "All that you paid, %(amount)s, goes back to your card.", amount=language.money(refunded)
        )
        return [all_of_it, patience]
    values = {"amount": language.money(refunded), "charged": language.money(charged)}
    return [language.say("Of the %(charged)s that you paid, %(amount)s goes back to your card.", **values), patience]


def _button(kind: MailKind, order: Order, language: Language) -> str:
    if offers_rescue(kind, order):
        return language.say("See other stores")
    return language.say("See your order")
