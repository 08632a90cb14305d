"""The sandbox's ledger against what shoppers were told and what the service has on its books."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checkout.database.tables import attempts
from tests.placing_world import read_rows
from tests.proof.load import Crowd, Purchase, Told, read_told
from tests.proof.load_processes import Fleet
from tests.service import SECRET_KEY

_SETTLED_WITHIN = 90.0  # Seconds; the spans of reading back are a few, and the machine may be busy.
# What may be said once there is an order: it is there, wait, or nothing at all about it.
_TRUE_OF_AN_ORDER = frozenset(
    {"placed", "placing", "request_in_progress", "database_unavailable", "upstream_unavailable"}
)


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides' books once everything is over. Orders upstream are by the shopper's e-mail address."""

    upstream: dict[str, list[dict[str, Any]]]
    upstream_holds: list[dict[str, Any]]
    commits: int
    ours: list[str]
    holds: list[dict[str, Any]]
    marked: int
    checkouts: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a batch; `wrong` holds every way in which the promise was broken, one line each."""

    orders: int
    double_orders: int
    reviews: int
    wrong: list[str]


async def judge(fleet: Fleet, crowd: Crowd) -> Judgement:
    """Wait until nothing is being placed any more, and compare both sides' books."""
    checkouts = await _settled(crowd)
    books = await _read_books(fleet, crowd, checkouts)
    wrong = [*judge_books(books), *judge_holds(books)]
    replayed = await asyncio.gather(*(_replays(crowd, purchase) for purchase in crowd.purchases))
    for purchase, replays in zip(crowd.purchases, replayed, strict=True):
        said = [*judge_purchase(purchase, books), *judge_replays(purchase, replays)]
        wrong += [f"{purchase.email} ({purchase.checkout['id']}): {each}" for each in said]
    wrong += [f"unexpected: {each}" for each in crowd.unexpected]
    wrong += [f"logged: {line}" for instance in fleet.instances for line in instance.faults()]
    return Judgement(
        orders=sum(len(orders) for orders in books.upstream.values()),
        double_orders=sum(len(orders) > 1 for orders in books.upstream.values()),
        reviews=sum(_is_in_review(checkout) for checkout in checkouts.values()),
        wrong=wrong,
    )


async def _settled(crowd: Crowd) -> dict[str, dict[str, Any]]:
    """Each shopper's checkout once nothing is being placed any more, or after a long wait."""
    checkouts: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + _SETTLED_WITHIN
    waiting = list(crowd.purchases)
    while waiting:
        found = await asyncio.gather(*(crowd.read(purchase) for purchase in waiting))
        checkouts |= {purchase.email: now for purchase, now in zip(waiting, found, strict=True)}
        waiting = [one for one in waiting if checkouts[one.email]["status"] == "placing" and time.monotonic() < until]
        await asyncio.sleep(0.2)
    return checkouts


async def _read_books(fleet: Fleet, crowd: Crowd, checkouts: dict[str, dict[str, Any]]) -> Books:
    ledger = await fleet.control("GET", "/ledger")
    upstream = defaultdict(list)
    for order in ledger["orders"]:
        upstream[order["shopper"]["email"]].append(order)
    rows = await read_rows(fleet.url, attempts)
    return Books(
        upstream=upstream,
        upstream_holds=ledger["holds"],
        commits=sum(call["call"] == "cart/commit" for call in ledger["calls"]),
        ours=[order["cart_hash"] async for order in _orders(crowd)],
        holds=(await crowd.ask("GET", "/v1/holds", token=SECRET_KEY)).json()["data"],
        marked=sum(row["commit_tries"] > 0 for row in rows),
        checkouts=checkouts,
    )


async def _orders(crowd: Crowd) -> AsyncIterator[dict[str, Any]]:
    """Every order on the service's books."""
    cursor = ""
    while True:
        page = (await crowd.ask("GET", f"/v1/orders?limit=100{cursor}", token=SECRET_KEY)).json()
        for order in page["data"]:
            yield order
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def judge_books(books: Books) -> Iterable[str]:
    """The same orders upstream and here, and no commit that no attempt knows of."""
    there = Counter(order["hash"] for orders in books.upstream.values() for order in orders)
    for cart_hash in there - Counter(books.ours):
        yield f"order {cart_hash} is upstream and not on our books"
    for cart_hash in Counter(books.ours) - there:
        yield f"order {cart_hash} is on our books and not upstream"
    if books.commits > books.marked:
        yield f"{books.commits} commits arrived, and {books.marked} attempts say that they sent one"


def judge_holds(books: Books) -> Iterable[str]:
    """Every open hold that belongs to no order is on our books, by its cart or as one that may exist."""
    ordered = {order["hash"] for orders in books.upstream.values() for order in orders}
    by_cart = {hold["cart_hash"]: hold["amount"]["amount"] for hold in books.holds if hold["cart_hash"]}
    possible = Counter(
        (hold["setup_intent_id"], hold["amount"]["amount"]) for hold in books.holds if not hold["cart_hash"]
    )
    for hold in books.upstream_holds:
        if hold["state"] != "open" or hold["cart_hash"] in ordered:
            continue
        name = (hold["setup_intent"], hold["amount"])
        if by_cart.get(hold["cart_hash"]) == hold["amount"]:
            continue
        if possible[name] > 0:
            possible[name] -= 1
        else:
            yield f"a hold of {hold['amount']} for cart {hold['cart_hash']} is not on our books"


def judge_purchase(purchase: Purchase, books: Books) -> Iterable[str]:
    """One order at most, and nothing said of it that is not true."""
    orders, status = books.upstream[purchase.email], books.checkouts[purchase.email]["status"]
    if len(orders) > 1:
        yield f"{len(orders)} orders: double order"
    if status == "placing" and not _is_in_review(books.checkouts[purchase.email]):
        yield "it is still being placed"
    if status == "placed" and not orders:
        yield "it is placed, and there is no order"
    if orders and status not in {"placed", "placing"}:
        yield f"there is an order, and it is {status}: an existing order is called failed"
    for told in purchase.told:
        if told.code == "placed" and not orders:
            yield f"told placed ({told.key}), and there is no order"
        if orders and _denies(told, purchase, datetime.fromisoformat(orders[0]["ordered_at"])):
            yield f"told {told.code} ({told.key}) when there was an order: an existing order is called failed"


def _is_in_review(checkout: dict[str, Any]) -> bool:
    return any(problem["code"] == "order_in_review" for problem in checkout["problems"])


def _denies(told: Told, purchase: Purchase, ordered_at: datetime) -> bool:
    """Whether an answer to a request that was sent after the order was there says that there is none."""
    if told.code == "order_not_placed":
        return True
    # A declined card is told for good to the key that it was declined for, whatever another key has done since.
    if told.code == "card_declined" and told.key in purchase.declined:
        return False
    return told.code not in _TRUE_OF_AN_ORDER and told.sent_at > ordered_at


async def _replays(crowd: Crowd, purchase: Purchase) -> list[tuple[Told, Told]]:
    """Each key that got a final answer, asked twice more."""
    token, path, pairs = purchase.checkout["token"], purchase.place_path, []
    for using in dict.fromkeys(told.key for told in purchase.told if told.is_final):
        body, pair = purchase.bodies[using], []
        for _ in range(2):
            answer = await crowd.ask("POST", path, body, token=token, using=using)
            pair.append(read_told(using, answer, purchase.told[-1].sent_at))
        pairs.append((pair[0], pair[1]))
    return pairs


def judge_replays(purchase: Purchase, replays: list[tuple[Told, Told]]) -> Iterable[str]:
    """A final answer stays what it was, and a stored one to the byte."""
    for first, second in replays:
        earlier = [told for told in purchase.told if told.key == first.key and told.is_final]
        if {told.code for told in (first, second, *earlier)} != {first.code}:
            yield f"the final answer of key {first.key} changed"
        if first.replayed and {(each.status, each.body) for each in (second, *earlier)} != {(first.status, first.body)}:
            yield f"the final answer of key {first.key} is replayed with other bytes"
    placed = [first for first, _ in replays if first.code == "placed"]
    if placed and len(replays) == len({told.key for told in purchase.told}) and not any(one.replayed for one in placed):
        yield "it is placed, and the answer is stored under none of its keys"
