"""An order in plain words: where it stands, what happens next, where the money is. Pure."""

from checkout.money import Money
from checkout.orders import ItemStatus, Order, PathToPurchase

ORDER_WORDS = {
    "open": "Waiting for an answer",
    "confirmed": "Confirmed",
    "completed": "Picked up",
    "canceled": "Canceled",
    "refunded": "Refunded",
}

_ITEM_WORDS: dict[str, str] = {
    ItemStatus.ORDERED: "Waiting for the store's answer",
    ItemStatus.CONFIRMED: "Held for you at the store",
    ItemStatus.PICKED_UP: "Picked up",
    ItemStatus.DECLINED: "The store could not provide it",
    ItemStatus.AUTO_CANCELED: "Canceled: the store did not answer in time",
    ItemStatus.CANCELED: "Canceled",
    ItemStatus.CHARGE_FAILED: "Held for you: the card could not be charged, please pay in the store",
    ItemStatus.REFUNDED: "Refunded",
    ItemStatus.PARTIALLY_REFUNDED: "Refunded in part",
    ItemStatus.PENDING_BRAND: "Waiting for the brand's answer",
    ItemStatus.REJECTED: "The brand could not provide it",
    ItemStatus.PROCESSING: "Being made ready for the way to the store",
    ItemStatus.SHIPPED: "On its way to the store",
    ItemStatus.READY_FOR_PICKUP: "Ready for pickup",
}

_NEXT_STEPS = {
    "open": "The store is checking that it has everything, and will answer.",
    "confirmed": "The store is holding your order. Come while it is open and show this page, printed or on your phone.",
    "completed": "You have picked up your order. Nothing is left to do.",
    "canceled": "The store cannot hand over this order. You are welcome to try another store.",
    "refunded": "What you paid went back to your card. Your bank may need a few days to show it.",
}
_NEXT_STEPS_STS = {
    "open": "The brand is checking your order, and will answer.",
    "confirmed": "Your order is sent to the store. Come once its items below say that they are ready for pickup.",
    "canceled": "The brand cannot provide this order. Nothing will be sent to the store.",
}


def describe_item(status: str, path: PathToPurchase) -> str:
    """An item's status in plain words; a word of Locally's that we do not know is shown as it is."""
    if status == ItemStatus.CONFIRMED and path is PathToPurchase.STS:
        return "Confirmed by the brand"
    return _ITEM_WORDS.get(status, status)


def describe_next(order: Order) -> list[str]:
    """What happens next with the order, and with the shopper's money."""
    own = _NEXT_STEPS_STS if order.path_to_purchase is PathToPurchase.STS else {}
    steps = own.get(order.status, _NEXT_STEPS[order.status])
    return [steps, *_describe_payment(order)]


def _describe_payment(order: Order) -> list[str]:
    """Where the money is, as far as the totals do not tell it."""
    if order.path_to_purchase is PathToPurchase.ROPIS:
        is_due = order.status in {"open", "confirmed"}
        return ["You pay in the store: nothing is charged online."] if is_due else []
    if order.totals.charged.amount or not order.totals.authorized.amount:
        return []
    if order.status == "open":
        return ["Your card is held, not charged. It is charged only for what is confirmed."]
    if order.status == "canceled":
        return ["Your card was not charged. The hold on it ends by itself, within seven days at the latest."]
    return []


def money_rows(order: Order) -> list[tuple[str, Money]]:
    """What became of the money, under names; a part that is nothing is left out."""
    totals = order.totals
    is_held = order.status == "open" and not totals.charged.amount
    rows = [
        ("Held on your card", totals.authorized if is_held else Money.zero(totals.total.currency)),
        ("Charged to your card", totals.charged),
        ("Refunded", totals.refunded),
    ]
    return [(name, money) for name, money in rows if money.amount]
