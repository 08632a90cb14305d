"""The judgement: the sandbox's books of what really happened against what the shopper was told and what we wrote."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from checkout.attempts import LIVE_ATTEMPTS, AttemptStatus
from checkout.database.tables import attempts, holds, orders
from checkout.sandbox.records import Books, Cart
from tests.proof.crashes import InlineSqlite

# All that may be told once there is an order: it is placed, or wait.
_TRUE_OF_AN_ORDER = frozenset({"200", "202", "placing", "request_in_progress"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a request was told: a problem's code, or the status. `stored` are the bytes of an answer that is final."""

    key: str
    code: str
    stored: bytes | None


def judge_told(told: Told, so_far: list[Told], *, existed: bool) -> Iterable[str]:
    """What is wrong with an answer; `existed` says whether there was an order before it was asked for."""
    final = next((each.stored for each in so_far if each.key == told.key and each.stored is not None), None)
    if final is not None and told.stored != final:
        yield f"a final answer was replayed as another one: {told.code}"
    # A declined card is told for good to the key that it was declined for, whatever another key has done since.
    is_decline = told.stored is not None and told.code == "card_declined"
    if existed and not is_decline and told.code not in _TRUE_OF_AN_ORDER:
        yield f"there is an order, and she is told {told.code}"


def judge_end(database: InlineSqlite, books: Books, commits: Counter[str], status: str) -> Iterable[str]:
    """What is wrong with the end of a run."""
    placed = [cart for world in books.orders.values() for cart in world]
    known = database.rows(attempts)
    if len(placed) > 1:
        yield f"{len(placed)} orders"
    if any(sent > 1 for sent in commits.values()):
        yield "a commit was sent twice"
    if len(commits) > sum(attempt["commit_tries"] > 0 for attempt in known):
        yield "a commit was sent that no attempt knows of"
    yield from _judge_attempts(known)
    yield from _judge_orders(database, placed, status, {attempt["status"] for attempt in known})
    yield from _judge_holds(database, books, placed)


def _judge_attempts(known: list[dict[str, object]]) -> Iterable[str]:
    for attempt in known:
        is_live = attempt["status"] in LIVE_ATTEMPTS
        if is_live and attempt["status"] != AttemptStatus.REVIEW:
            yield f"an attempt is stuck in {attempt['status']}"
        if not is_live and attempt["cart_jwt"] is not None:
            yield f"a cart JWT is kept by an attempt that is {attempt['status']}"


def _judge_orders(database: InlineSqlite, placed: list[Cart], status: str, reached: set[object]) -> Iterable[str]:
    ours = sorted(row["cart_hash"] for row in database.rows(orders))
    if AttemptStatus.REVIEW in reached:
        if status != "placing":
            yield f"an attempt is in review, and the checkout is {status}"
    elif ours != sorted(cart.hash for cart in placed):
        yield f"the orders upstream are not ours: {len(placed)} there, {len(ours)} here"
    if bool(ours) != (status == "placed"):
        yield f"the checkout is {status} with {len(ours)} orders of ours"


def _judge_holds(database: InlineSqlite, books: Books, placed: list[Cart]) -> Iterable[str]:
    """Every open hold that belongs to no order stands on our books, by its cart or as one that may exist."""
    ordered = {cart.hash for cart in placed}
    amounts: Counter[str] = Counter()
    for hold in books.holds.values():
        if hold.state == "open" and hold.cart_hash not in ordered:
            amounts[hold.cart_hash] += hold.amount
    booked = database.rows(holds)
    by_cart = {row["cart_hash"]: row["amount"] for row in booked if row["cart_hash"] is not None}
    possible = [row["amount"] for row in booked if row["cart_hash"] is None]
    for cart_hash, amount in amounts.items():
        if cart_hash in by_cart:
            if by_cart[cart_hash] != amount:
                yield f"a hold of {amount} is booked as {by_cart[cart_hash]}"
        elif amount in possible:
            possible.remove(amount)
        else:
            yield f"a hold of {amount} is not on our books"
