"""What the service answered, for a person at a terminal: tables, and stories in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from checkout.terminal import format_money

Document = Mapping[str, Any]

_SENTENCES = {
    "checkout.created": "The checkout was opened.",
    "checkout.changed": "The checkout was changed.",
    "checkout.canceled": "The checkout was given up.",
    "setup_intent.created": "A SetupIntent was made for the shopper's card: {setup_intent}.",
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
    "attempt.order_absent": "There is no order.",
    "attempt.evidence_missing": "Reading back did not settle it in time: a person has to decide.",
    "attempt.refused": "The attempt was refused: {code}.",
    "attempt.too_old": "The attempt was too old to go on with, and was given up.",
    "attempt.settled": "A person decided with the key {by}: {decision} (cart {cart_hash}).",
    "order.placed": "The order was placed: {order}, cart {cart_hash}.",
    "order.total_differs": "Locally's total differs from ours: {locally} instead of {ours} minor units.",
}
_STANDS = {
    "incomplete": "Something is missing before it can be placed.",
    "ready": "It can be placed.",
    "placing": "It is being placed, or its outcome is not known yet.",
    "placed": "It is placed.",
    "expired": "It is over, without an order.",
    "canceled": "It was given up.",
}


class _Known(dict[str, Any]):
    """Facts to fill into a sentence; what is not known reads so."""

    def __missing__(self, _name: str) -> str:
        return "unknown"


def tell_story(story: Document) -> str:
    """The story of a checkout or an order, a line for each thing that happened."""
    record = story["record"]
    total = (record.get("totals") or {}).get("total")
    lines = [f"{record['id']}: {record['status']}, {money(total)} at {record['store']['id']} {record['store']['name']}"]
    day = ""
    for entry in story["timeline"]:
        at = datetime.fromisoformat(entry["at"])
        if (today := f"{at:%A, %Y-%m-%d}") != day:
            lines += ["", f"{today} (UTC)"]
            day = today
        lines.append(f"  {at:%H:%M:%S}.{at.microsecond // 1000:03}  {sentence(entry)}")
    return "\n".join([*lines, "", _ending(record)])


def sentence(entry: Document) -> str:
    """One thing that happened, in words; an event that is new here keeps its name."""
    event, facts = entry["event"], _Known(entry["facts"])
    if event.startswith("call."):
        return _call(event.removeprefix("call."), facts)
    if event in _SENTENCES:
        return _SENTENCES[event].format_map(facts)
    told = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"{event}: {told}" if told else event


def _call(call: str, facts: Document) -> str:
    if facts["outcome"] is None:
        return f"    {call} was sent; no end of it is on record."
    return f"    {call} took {facts['milliseconds']} ms: {str(facts['outcome']).replace('_', ' ')}."


def _ending(record: Document) -> str:
    if record["object"] == "order":
        return f"The order is {record['status']}."
    order = record.get("order")
    return f"The order is {order['id']}, {order['status']}." if order else _STANDS.get(record["status"], "")


def tell_reviews(reviews: Document) -> str:
    if not reviews["data"]:
        return "Nothing needs a person."
    blocks = [_review(each) for each in reviews["data"]]
    advice = "Look for each cart at Locally; then: checkout settle ID --placed HASH, or --not-placed."
    return "\n\n".join([*blocks, advice])


def _review(review: Document) -> str:
    last, refused = review["last_read"], review["commit_refused"]
    rows = {
        "checkout": review["checkout_id"],
        "attempt": review["attempt_id"],
        "cart hash": review["cart_hash"],
        "amount": f"{money(review['amount'])} ({review['path_to_purchase']})",
        "store": f"{review['store']['id']} {review['store']['name']}",
        "unknown since": clock(review["since"]),
        "in review since": clock(review["in_review_since"]),
        "commit": "Locally answered with a clear no" if refused else "its answer was lost",
        "read back": f"{review['reads']} times, {review['healthy_reads']} of them a clear answer without an order",
        "last read": f"{clock(last['at'])}, {last['showed'].replace('_', ' ')}" if last else "none on record",
        "SetupIntent": review["setup_intent_id"] or "none",
    }
    return "\n".join(f"{name:<16} {value}" for name, value in rows.items())


def tell_settled(checkout: Document) -> str:
    if checkout["order"]:
        return f"{checkout['id']} is placed: the order is {checkout['order']['id']}."
    return f"{checkout['id']} is closed: there is no order."


def tell_holds(holds: Document) -> str:
    if not holds["data"]:
        return "No hold may be open."
    head = ("HOLD", "STATE", "AMOUNT", "RELEASED BY", "REASON", "CART", "CHECKOUT")
    rows = [
        (
            hold["id"],
            hold["state"],
            money(hold["amount"]),
            clock(hold["release_expected_at"]),
            hold["reason"].replace("_", " "),
            hold["cart_hash"] or "-",
            hold["checkout_id"],
        )
        for hold in holds["data"]
    ]
    totals = ", ".join(money(total) for total in holds["totals"])
    return "\n".join([*table(head, rows), "", f"{len(rows)} may be open: {totals} in all."])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows under their head, in columns as wide as they need."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def clock(time: str | None) -> str:
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S} UTC" if time else "unknown"


def money(money: Document | None) -> str:
    return "an unknown amount" if money is None else format_money(money)
