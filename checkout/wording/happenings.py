"""What happened to a checkout and its order, in sentences for operators. Pure."""

from collections.abc import Mapping
from typing import Any

_SENTENCES = {
    "checkout.created": "The checkout was opened.",
    "checkout.changed": "The checkout was changed.",
    "checkout.canceled": "The checkout was given up.",
    "setup_intent.created": "A SetupIntent was made for the shopper's card: {setup_intent}.",
    "setup_intent.succeeded": "Stripe has the shopper's card: {setup_intent}.",
    "setup_intent.failed": "Stripe refused a card of the shopper's: {code} ({setup_intent}).",
    "setup_intent.canceled": "The SetupIntent was given up: {setup_intent}.",
    "attempt.received": "Placing began: attempt {attempt}, request {request_id}.",
    "attempt.cart_checked": "Stock and prices were read afresh, and nothing speaks against the cart.",
    "attempt.intent_verified": "The SetupIntent was checked.",
    "attempt.validate_begun": "It was written down that cart/validate is about to be sent.",
    "attempt.validate_not_sent": "cart/validate provably never left.",
    "attempt.price_fell": "The price has fallen: cart/validate may be sent again.",
    "attempt.holds_placed": "Locally validated the cart: the holds are placed.",
    "attempt.validate_lost": "The answer to cart/validate was lost: holds may exist, an order cannot.",
    "attempt.commit_begun": "It was written down that cart/commit is about to be sent.",
    "attempt.commit_not_sent": "cart/commit provably never left.",
    "attempt.commit_lost": "What became of cart/commit is not known: there may be an order. It is not sent again.",
    "attempt.order_found": "There is an order.",
    "attempt.order_absent": "It counts as not placed: there is no order, and the checkout is closed for good.",
    "attempt.evidence_missing": "Reading back did not settle it in time: a person has to decide, unless it still does.",
    "attempt.refused": "The attempt was refused: {code}.",
    "attempt.too_old": "The attempt was too old to go on with, and was given up.",
    "attempt.settled": "A person decided with the key {by}: {decision} (cart {cart_hash}).",
    "order.placed": "The order was placed: {order}, cart {cart_hash}.",
    "order.taken_in": "The order was taken in: cart {cart_hash}, placed at {placed_at} ({source}).",
    "order.handed_over": "The shopper is sent to the retailer's own page of the order from now on.",
    "order.found_late": "It turned up after the shopper had been told that there is no order: tell her of {order}.",
    "order.total_differs": "Locally's total differs from ours: {locally} instead of {ours} minor units.",
    "order.answer_due": "The store has not answered, and its time to answer ends at {answer_by}.",
    "order.message": "There is a new message, written by {sender}.",
    "order.refunded": "Money went back for the item {upc}: {amount} minor units.",
    "delivery.sent_again": "The message {delivery} was sent again from the console ({by}).",
    "order.cancel_requested": "It was noted that the shopper wishes to cancel.",
    "order.rescues": "It buys elsewhere what the store of {order} declined.",
    "order.rescued": "What the store declined was ordered at another store: {order}.",
    "rescue.opened": "A checkout for what the store declined was opened at store {store}: {checkout}.",
    "action.done": "Locally did what was asked of the item {upc}: {action} ({source}).",
    "action.unknown": "It is not known whether Locally did what was asked of {upc}: {action}. It is not sent again.",
    "action.not_done": "Locally did not do what was asked of the item {upc}: {action}. It may be asked for again.",
    "action.refused": "Locally refused what was asked of the item {upc}: {action}.",
    "action.not_sent": "What was asked of the item {upc} never reached Locally: {action}.",
    "mail.sent": "Mail went to the shopper: {kind}.",
}
# The same, where it was done in the console.
_IN_CONSOLE = {
    "attempt.settled": "A person decided in the console ({by}): {decision} (cart {cart_hash}).",
}


class _Known(dict[str, Any]):
    """Facts to fill into a sentence; what is not known reads so."""

    def __missing__(self, _name: str) -> str:
        return "unknown"


def tell(event: str, facts: Mapping[str, Any]) -> str:
    """One thing that happened, in words; an event that is new here keeps its name."""
    known = _Known(facts)
    if event.startswith("call."):
        return _call(event.removeprefix("call."), known)
    if event.startswith("item."):
        return f"The item {known['upc']} is {str(known['status']).replace('_', ' ')} at Locally."
    sentences = {**_SENTENCES, **_IN_CONSOLE} if facts.get("source") == "console" else _SENTENCES
    if event in sentences:
        return sentences[event].format_map(_Known({name: value for name, value in facts.items() if value is not None}))
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"{event}: {told}" if told else event


def _call(call: str, facts: Mapping[str, Any]) -> str:
    named = f" (request {facts['request_id']})" if facts.get("request_id") else ""
    if facts["outcome"] is None:
        return f"{call} was sent{named}; no end of it is on record."
    return f"{call} took {facts['milliseconds']} ms: {str(facts['outcome']).replace('_', ' ')}{named}."
