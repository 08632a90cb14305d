"""The judgement: the sandbox's ledger against what each client was told and what stands in our books."""

import json
from collections.abc import Iterable
from typing import Any

from checkout.attempts import LIVE_ATTEMPTS
from checkout.sandbox.records import Cart
from tests.proof.judging import judge_attempts, open_holds, orders_there, unbooked
from tests.proof.machine_service import Ground
from tests.proof.machine_shopping import Call, Key, Shopping

# Of an order that exists: it is placed, or wait.
_TRUE_OF_AN_ORDER = frozenset({"placing", "placed"})
# Or that we do not know: whether a write was done that failed, nobody can tell.
_SAYS_NOTHING = frozenset({"placing", "request_in_progress", "database_unavailable"})
_ABOUT_THE_REQUEST = frozenset({400, 401, 403, 404, 412, 415, 422})
_FINAL = frozenset({"card_declined", "order_not_placed"})
_KNOWN_503 = frozenset(
    {"upstream_unavailable", "upstream_busy", "refused_upstream", "authorization_unknown", "database_unavailable"}
)
_SLACK = 1.0  # Seconds; answering itself takes no time here.
_ANY_ANSWER_WITHIN = 60.0
_OWNER = """SELECT 1 FROM attempts WHERE checkout_id = ? AND idempotency_key = ? AND
    (status IN ('placed', 'not_placed') OR (status = 'rejected' AND refusal LIKE '%card_declined%'))"""

_MARKS = ",".join(f"'{status}'" for status in LIVE_ATTEMPTS)
_UNDER_WAY = f"SELECT 1 FROM attempts WHERE checkout_id = ? AND status IN ({_MARKS})"  # noqa: S608  Our own words.


class Judge:
    """Collects violations: while answers are heard, and whenever it looks around."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.violations: list[str] = []
        self.shoppings: list[Shopping] = []
        self._ordered: set[str] = set()

    def orders_of(self, shopping: Shopping) -> list[Cart]:
        return [cart for cart in self._orders() if cart.shopper.get("email") == shopping.email]

    def exists(self, shopping: Shopping) -> bool:
        return bool(self.orders_of(shopping))

    def in_doubt(self) -> list[tuple[str, str]]:
        """Checkout and cart of each attempt that a person may decide, read back still or not."""
        asked = "SELECT checkout_id, cart_hash FROM attempts WHERE status IN ('unknown', 'review') ORDER BY id"
        return [(checkout_id, cart_hash) for checkout_id, cart_hash in self._ask(asked)]

    def hear(self, call: Call) -> None:
        """What is wrong with an answer."""
        self.violations += [f"{call.what} told {call.status} {call.code}: {wrong}" for wrong in self._faults(call)]
        if call.key is not None:
            call.key.state = _state_after(call, call.key)
        elif call.what.startswith("GET") and call.checkout and call.checkout["status"] not in _TRUE_OF_AN_ORDER:
            self._note_failure(call.shopping)

    def _faults(self, call: Call) -> Iterable[str]:
        if call.status >= 500 and (call.status != 503 or call.code not in _KNOWN_503):
            yield "no documented failure"
        if call.took > (_ANY_ANSWER_WITHIN if call.wait is None else call.wait + _SLACK):
            yield f"the answer took {call.took:.1f} s"
        # What was final then is told again, whatever has become of the checkout since.
        is_of_the_past = call.replayed and (call.status == 201 or call.code == "card_declined")
        if call.existed and not is_of_the_past:
            if call.key is not None and _means(call) == "failed":
                yield "there is an order"
            if call.checkout is not None and call.checkout["status"] not in _TRUE_OF_AN_ORDER:
                yield f"there is an order, and the checkout is {call.checkout['status']}"
        if call.key is not None and call.shopping is not None:
            yield from self._replay_faults(call, call.key, call.shopping)

    def _replay_faults(self, call: Call, key: Key, shopping: Shopping) -> Iterable[str]:
        """A final answer is told to the key of its attempt again and again, byte for byte.

        But for "there is no order" where one turns up after all.
        """
        is_final = call.status == 200 or call.code in _FINAL
        if not (is_final or key.finals) or call.code == "database_unavailable":
            return
        if not key.finals and not self._ask(_OWNER, shopping.id, key.name):
            return
        first = key.finals.get(call.sent)
        if first is None and not key.finals:
            key.finals[call.sent] = (call.status, call.raw)
        elif first is None and call.status not in {404, 422}:
            yield "the key belongs to another body"
        elif first is not None and call.status == 200 and b'"order_not_placed"' in first[1]:
            key.finals[call.sent] = (call.status, call.raw)
        elif first is not None and call.status != 404 and first != (call.status, call.raw):
            yield f"the first final answer was {first[0]} {first[1].decode()[:2000]}, now {call.raw.decode()[:2000]}"

    def _note_failure(self, shopping: Shopping | None) -> None:
        """Nothing is being placed, she was told: whatever was hoped for has failed, but for requests under way."""
        for key in shopping.keys.values() if shopping else ():
            if not key.in_flight and key.state == "hopeful":
                key.state = "failed"

    def look(self) -> None:
        """What must hold after every step."""
        self.violations += [
            *self._order_faults(),
            *self._book_faults(),
            *self._hold_faults(),
            *(f"a commit was sent {sent} times" for sent in self._ground.wire.commits.values() if sent > 1),
        ]

    def look_at_end(self, listed: list[dict[str, Any]]) -> None:
        """What must hold when everything is healed and time has passed; `listed` are the holds that operators see."""
        self.look()
        placed = {row[0] for row in self._ask("SELECT cart_hash FROM orders")}
        for cart in self._orders():
            if cart.hash not in placed:
                self.violations.append(f"the order {cart.hash} at Locally is not ours")
        self.violations += judge_attempts(self._ground.database, self._ground.wire.commits)
        self.violations += unbooked(
            open_holds(self._ground.parts.books), [(hold["cart_hash"], hold["amount"]["amount"]) for hold in listed]
        )

    def _order_faults(self) -> Iterable[str]:
        for shopping in self.shoppings:
            carts = self.orders_of(shopping)
            if len(carts) > 1:
                yield f"checkout {shopping.number} became {len(carts)} orders"
            if carts and shopping.email not in self._ordered:
                self._ordered.add(shopping.email)
                if not any(key.in_flight or key.state == "hopeful" for key in shopping.keys.values()):
                    yield f"checkout {shopping.number} became an order after all were told that there is none"

    def _book_faults(self) -> Iterable[str]:
        """Our orders are orders at Locally, each of its own checkout, and no further than Locally says."""
        at_locally = {cart.hash: cart for cart in self._orders()}
        ids = {shopping.email: shopping.id for shopping in self.shoppings}
        for checkout_id, cart_hash, document in self._ask("SELECT checkout_id, cart_hash, document FROM orders"):
            cart = at_locally.get(cart_hash)
            if cart is None:
                yield f"our order {cart_hash} does not exist"
            elif ids.get(cart.shopper.get("email", "")) != checkout_id:
                yield f"our order {cart_hash} belongs to another checkout"
            else:
                yield from _progress_faults(cart, json.loads(document))

    def _hold_faults(self) -> Iterable[str]:
        """Every open hold without an order stands on our books, but for the one of an attempt under way."""
        books = self._ground.parts.books
        held: dict[str, dict[str, int]] = {}
        for cart_hash, amount in open_holds(books).items():
            held.setdefault(books.carts[cart_hash].shopper["email"], {})[cart_hash] = amount
        for shopping in self.shoppings:
            if hers := held.get(shopping.email):
                booked = self._ask("SELECT cart_hash, amount FROM holds WHERE checkout_id = ?", shopping.id)
                under_way = len(self._ask(_UNDER_WAY, shopping.id))
                yield from (f"checkout {shopping.number}: {wrong}" for wrong in unbooked(hers, booked, under_way))

    def _orders(self) -> list[Cart]:
        return orders_there(self._ground.parts.books)

    def _ask(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        return list(self._ground.database._raw().execute(statement, values).fetchall())


def _means(call: Call) -> str:
    """What an answer to placing says about the order: placed, wait, failed, or nothing."""
    if call.status in {200, 202}:
        return "placed" if call.status == 200 else "wait"
    is_silent = call.code in _SAYS_NOTHING or call.status in _ABOUT_THE_REQUEST
    return "nothing" if is_silent else "failed"


def _state_after(call: Call, key: Key) -> str:
    meaning = _means(call)
    if call.code == "database_unavailable":
        return "hopeful"
    if meaning == "nothing":
        return key.state
    return "failed" if meaning == "failed" else "hopeful"


def _progress_faults(cart: Cart, document: dict[str, Any]) -> Iterable[str]:
    for item in document["items"]:
        line = cart.line(item["upc"])
        if line is None or (item["status"] not in {"ordered", "pending_brand"} and line.status == "Ordered"):
            yield f"an item of our order {cart.hash} is {item['status']}, and Locally does not say so"
