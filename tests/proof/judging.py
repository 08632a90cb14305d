"""The judgement: the sandbox's books of what really happened against what the shopper was told and what we wrote."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from checkout.attempts import LIVE_ATTEMPTS, AttemptStatus
from checkout.database.tables import attempts, holds, idempotency_keys, orders
from checkout.errors import DatabaseUnavailable
from checkout.sandbox.records import Books, Cart
from tests.proof.memory import InlineSqlite

# All that may be told once there is an order: it is placed, or wait.
_TRUE_OF_AN_ORDER = frozenset({"200", "202", "placing", "request_in_progress"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a request was told: a problem's code, or the status. `stored` are the bytes of an answer that is final."""

    key: str
    code: str
    stored: bytes | None


def judge_told(told: Told, so_far: list[Told], *, existed: bool, has_failed: bool = False) -> Iterable[str]:
    """What is wrong with an answer; `existed` says whether there was an order before it was asked for.

    `has_failed`: the database has, so that she may be told so, and to ask again.
    """
    if has_failed and told.code == DatabaseUnavailable.code:
        return
    finals = [each for each in so_far if each.key == told.key and each.stored is not None]
    # An order that turns up late is told from then on.
    was_found = bool(finals) and finals[-1].code == "order_not_placed" and told.code == "200"
    if finals and told.stored != finals[-1].stored and not was_found:
        yield f"a final answer was replayed as another one: {told.code}"
    # A declined card is told for good to the key that it was declined for, whatever another key has done since.
    is_decline = told.stored is not None and told.code == "card_declined"
    if existed and not is_decline and told.code not in _TRUE_OF_AN_ORDER:
        yield f"there is an order, and she is told {told.code}"


def judge_end(database: InlineSqlite, books: Books, commits: Counter[str], status: str) -> Iterable[str]:
    """What is wrong with the end of a run in which there was one checkout."""
    placed = orders_there(books)
    if len(placed) > 1:
        yield f"{len(placed)} orders"
    yield from judge_attempts(database, commits)
    yield from _judge_answers(database)
    yield from _judge_cards(books)
    yield from _judge_orders(database, placed, status)
    booked = [(row["cart_hash"], row["amount"]) for row in database.rows(holds)]
    yield from unbooked(open_holds(books), booked)


def orders_there(books: Books) -> list[Cart]:
    """All carts that are orders."""
    return [cart for world in books.orders.values() for cart in world]


def judge_attempts(database: InlineSqlite, commits: Counter[str]) -> Iterable[str]:
    """Every attempt is over, keeps no right to order, and sent one commit at the most."""
    known = database.rows(attempts)
    if any(sent > 1 for sent in commits.values()):
        yield "a commit was sent twice"
    if len(commits) > sum(attempt["commit_tries"] > 0 for attempt in known):
        yield "a commit was sent that no attempt knows of"
    for attempt in known:
        is_live = attempt["status"] in LIVE_ATTEMPTS
        if is_live:
            yield f"an attempt is stuck in {attempt['status']}"
        if not is_live and attempt["cart_jwt"] is not None:
            yield f"a cart JWT is kept by an attempt that is {attempt['status']}"


def _judge_answers(database: InlineSqlite) -> Iterable[str]:
    """What ended an attempt for good is stored for its key, so that a replay is the same bytes for ever."""
    answered = {(row["scope"], row["key"]) for row in database.rows(idempotency_keys) if row["status"] is not None}
    for attempt in database.rows(attempts):
        is_final = attempt["status"] in {AttemptStatus.PLACED, AttemptStatus.NOT_PLACED}
        if is_final and (attempt["checkout_id"], attempt["idempotency_key"]) not in answered:
            yield f"no final answer is stored for an attempt that is {attempt['status']}"


def _judge_cards(books: Books) -> Iterable[str]:
    """A SetupIntent is used for two validates that may reach the card, and for no third one."""
    validated = {(hold.setup_intent, hold.cart_hash) for hold in books.holds.values()}
    for setup_intent, validates in Counter(setup_intent for setup_intent, _ in validated).items():
        if setup_intent is not None and validates > 2:
            yield f"a SetupIntent was used for {validates} validates"


def _judge_orders(database: InlineSqlite, placed: list[Cart], status: str) -> Iterable[str]:
    ours = sorted(row["cart_hash"] for row in database.rows(orders))
    if ours != sorted(cart.hash for cart in placed):
        yield f"the orders upstream are not ours: {len(placed)} there, {len(ours)} here"
    if bool(ours) != (status == "placed"):
        yield f"the checkout is {status} with {len(ours)} orders of ours"


def open_holds(books: Books) -> Counter[str]:
    """What is held, by cart, where no order came of it."""
    ordered = {cart.hash for cart in orders_there(books)}
    amounts: Counter[str] = Counter()
    for hold in books.holds.values():
        if hold.state == "open" and hold.cart_hash not in ordered:
            amounts[hold.cart_hash] += hold.amount
    return amounts


def unbooked(held: Mapping[str, int], booked: Sequence[tuple[str | None, int]], under_way: int = 0) -> Iterable[str]:
    """Every open hold stands on our books, by its cart or as one that may exist, but for those of attempts under way.

    `booked` are cart and amount of each hold of ours.
    """
    by_cart = {cart_hash: amount for cart_hash, amount in booked if cart_hash is not None}
    possible = [amount for cart_hash, amount in booked if cart_hash is None]
    for cart_hash, amount in held.items():
        if cart_hash in by_cart:
            if by_cart[cart_hash] != amount:
                yield f"a hold of {amount} is booked as {by_cart[cart_hash]}"
        elif amount in possible:
            possible.remove(amount)
        elif under_way:
            under_way -= 1
        else:
            yield f"a hold of {amount} is not on our books"
