"""What the service answered, for a person at a terminal: tables, and stories in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from checkout.terminal import format_money
from checkout.wording.happenings import tell

Document = Mapping[str, Any]

_HOLD_STATES = {
    "possible": "we never learnt whether the card was held.",
    "open": "Locally said that it is held; no order that we know of uses it.",
}
_STANDS = {
    "incomplete": "Something is missing before it can be placed.",
    "ready": "It can be placed.",
    "placing": "It is being placed, or its outcome is not known yet.",
    "placed": "It is placed.",
    "expired": "It is over, without an order.",
    "canceled": "It was given up.",
}
# What is said of a checkout that is being placed, by its problem.
_DOUBTS = {
    "order_unconfirmed": "There may be an order: it is being read back; a person is asked if that settles nothing.",
    "order_in_review": "There may be an order, and a person has to decide: `checkout review` shows how.",
}


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
    """One thing that happened, in words; an upstream call is set off from what it belongs to."""
    indent = "    " if entry["event"].startswith("call.") else ""
    return indent + tell(entry["event"], entry["facts"])


def _ending(record: Document) -> str:
    if record["object"] == "order":
        return f"The order is {record['status']}."
    order = record.get("order")
    if order:
        return f"The order is {order['id']}, {order['status']}."
    doubts = [_DOUBTS[each["code"]] for each in record.get("problems") or () if each["code"] in _DOUBTS]
    return doubts[0] if doubts else _STANDS.get(record["status"], "")


def tell_reviews(reviews: Document, now: datetime, options: str = "") -> str:
    """What needs a person, and the commands that decide it; `options` lead them to the same service."""
    if not reviews["data"]:
        return "Nothing needs a person."
    blocks = [f"{_review(each, now)}\n{_decisions(each, options)}" for each in reviews["data"]]
    advice = (
        "Look for each cart hash at Locally first (its orders, or its support).\n"
        "--placed is final; --not-placed closes the checkout for good, and the shopper may start another."
    )
    return "\n\n".join([*blocks, advice])


def _decisions(review: Document, options: str) -> str:
    checkout_id, cart_hash = review["checkout_id"], review["cart_hash"]
    return "\n".join(
        [
            f"{'to see it all':<16} checkout explain {checkout_id}{options}",
            f"{'if it is there':<16} checkout settle {checkout_id} --placed {cart_hash or 'HASH'}{options}",
            f"{'if it is not':<16} checkout settle {checkout_id} --not-placed{options}",
        ]
    )


def _age(since: str | None, now: datetime) -> str:
    """` (2 h 05 min ago)`; nothing where the time is not known."""
    if since is None:
        return ""
    minutes = max(0, int((now - datetime.fromisoformat(since)).total_seconds() // 60))
    hours, rest = divmod(minutes, 60)
    days, hours_of_day = divmod(hours, 24)
    if days:
        return f" ({days} d {hours_of_day} h ago)"
    return f" ({hours} h {rest:02} min ago)" if hours else f" ({rest} min ago)"


def _review(review: Document, now: datetime) -> str:
    last, refused = review["last_read"], review["commit_refused"]
    rows = {
        "checkout": review["checkout_id"],
        "attempt": review["attempt_id"],
        "cart hash": review["cart_hash"],
        "amount": f"{money(review['amount'])} ({review['path_to_purchase']})",
        "store": f"{review['store']['id']} {review['store']['name']}",
        "shopper": _shopper(review["shopper"]),
        "unknown since": f"{clock(review['since'])}{_age(review['since'], now)}",
        "in review since": clock(review["in_review_since"]),
        "commit": "Locally answered with a clear no" if refused else "its answer was lost",
        "read back": f"{review['reads']} times, {review['healthy_reads']} of them a clear answer without an order",
        "last read": f"{clock(last['at'])}, {last['showed'].replace('_', ' ')}" if last else "none on record",
        "SetupIntent": review["setup_intent_id"] or "none",
    }
    return "\n".join(f"{name:<16} {value}" for name, value in rows.items())


def _shopper(shopper: Document) -> str:
    told = (shopper["first_name"], shopper["last_name"], shopper["email"], shopper["phone"])
    return " ".join(part for part in told if part) or "unknown"


def tell_settled(checkout: Document) -> str:
    if checkout["order"]:
        return f"{checkout['id']} is placed: the order is {checkout['order']['id']}."
    return f"{checkout['id']} is closed: there is no order."


def tell_console_link(link: Document) -> str:
    """The link alone on its line, to be copied or clicked."""
    return f"{link['url']}\nOpen it in a browser. It works once, until {clock(link['expires_at'])}."


def tell_holds(holds: Document) -> str:
    if not holds["data"]:
        return "No hold may be open."
    head = ("STATE", "AMOUNT", "RELEASED BY", "REASON", "CART", "CHECKOUT")
    rows = [
        (
            hold["state"],
            money(hold["amount"]),
            hold["release_expected_at"][:10],
            hold["reason"].replace("_", " "),
            hold["cart_hash"] or "-",
            hold["checkout_id"],
        )
        for hold in holds["data"]
    ]
    totals = ", ".join(money(total) for total in holds["totals"])
    states = [f"{state}: {meaning}" for state, meaning in _HOLD_STATES.items() if state in {row[0] for row in rows}]
    return "\n".join([*table(head, rows), "", f"{len(rows)} may be open: {totals} in all.", *states])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows under their head, in columns as wide as they need."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def clock(time: str | None) -> str:
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S} UTC" if time else "unknown"


def money(money: Document | None) -> str:
    return "an unknown amount" if money is None else format_money(money)
