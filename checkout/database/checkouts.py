"""Checkouts, their SetupIntents and their timeline."""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from checkout.database.tables import checkouts, intent_uses, quote_carts, setup_intents, timeline
from checkout.database.transactions import Transaction, is_storable
from checkout.errors import LostRace
from checkout.orders import Checkout, CheckoutStatus

_INSERT_CHECKOUT = insert(checkouts)
_FIND_CHECKOUT = select(checkouts.c.document, checkouts.c.token_hash).where(checkouts.c.id == bindparam("checkout_id"))
_SAVE_CHECKOUT = update(checkouts).where(
    checkouts.c.id == bindparam("was_id"),
    checkouts.c.status == bindparam("was_status"),
    checkouts.c.version == bindparam("was_version"),
)
_COUNT_PLACING = select(func.count()).select_from(checkouts).where(checkouts.c.status == CheckoutStatus.PLACING)

_LIST_INTENTS = (
    select(*(setup_intents.c[name] for name in ("checkout_id", "number", "setup_intent_id", "account", "state")))
    .where(setup_intents.c.checkout_id == bindparam("of_checkout"))
    .order_by(setup_intents.c.number)
)
_FIND_INTENT = select(
    *(setup_intents.c[name] for name in ("checkout_id", "number", "setup_intent_id", "account", "state"))
).where(setup_intents.c.setup_intent_id == bindparam("of_intent"))
_INSERT_INTENT = insert(setup_intents)
_UPDATE_INTENT = update(setup_intents).where(
    setup_intents.c.checkout_id == bindparam("of_checkout"),
    setup_intents.c.number == bindparam("was_number"),
    setup_intents.c.state == bindparam("was_state"),
)
_KILL_INTENTS = update(setup_intents).where(setup_intents.c.checkout_id == bindparam("of_checkout"))

_OF_INTENT = intent_uses.c.setup_intent_id == bindparam("of_intent")
_FIND_USE = select(intent_uses.c.validates, intent_uses.c.spent).where(_OF_INTENT)
_COUNT_USE = update(intent_uses).where(_OF_INTENT).values(validates=intent_uses.c.validates + bindparam("by"))
_SPEND = update(intent_uses).where(_OF_INTENT)
_INSERT_USE = insert(intent_uses)

_INSERT_QUOTE_CART = insert(quote_carts)
_FIND_QUOTE_CART = select(quote_carts.c.cart_hash).where(quote_carts.c.cart_hash == bindparam("of_cart"))
_DELETE_QUOTE_CART = delete(quote_carts).where(quote_carts.c.cart_hash == bindparam("of_cart"))
_INSERT_ENTRY = insert(timeline)
_READ_TIMELINE = (
    select(timeline.c.at, timeline.c.event, timeline.c.facts)
    .where(timeline.c.checkout_id == bindparam("of_story"))
    .order_by(timeline.c.id)
)
_READ_ORDER_TIMELINE = (
    select(timeline.c.at, timeline.c.event, timeline.c.facts)
    .where(timeline.c.order_id == bindparam("of_story"))
    .order_by(timeline.c.id)
)


async def insert_checkout(tx: Transaction, checkout: Checkout, token_hash: str) -> None:
    await tx.execute(_INSERT_CHECKOUT, {**_row(checkout), "token_hash": token_hash})


async def find_checkout(tx: Transaction, checkout_id: str) -> tuple[Checkout, str] | None:
    """The checkout and the hash of its token."""
    if not is_storable(checkout_id):
        return None
    row = (await tx.execute(_FIND_CHECKOUT, {"checkout_id": checkout_id})).first()
    return None if row is None else (Checkout.model_validate_json(row.document), row.token_hash)


async def get_checkout(tx: Transaction, checkout_id: str) -> Checkout:
    """The checkout that must exist. Raises LostRace if it does not."""
    found = await find_checkout(tx, checkout_id)
    if found is None:
        raise LostRace
    return found[0]


async def save_checkout(tx: Transaction, was: Checkout, now: Checkout) -> Checkout:
    """Replace `was` by `now` under the next version. Raises LostRace if `was` is no longer the present one."""
    saved = now.changed(version=was.version + 1)
    expected = {"was_id": was.id, "was_status": was.status, "was_version": was.version}
    if (await tx.execute(_SAVE_CHECKOUT, {**_row(saved), **expected})).rowcount != 1:
        raise LostRace
    return saved


def _row(checkout: Checkout) -> dict[str, Any]:
    return {
        "id": checkout.id,
        "brand": checkout.brand,
        "status": checkout.status,
        "version": checkout.version,
        "created_at": checkout.created_at,
        "expires_at": checkout.expires_at,
        "document": checkout.model_dump_json(),
    }


@dataclass(frozen=True, slots=True)
class IntentRow:
    """One SetupIntent that a checkout asked for. `state`: creating, live, set_aside (still usable) or dead."""

    checkout_id: str
    number: int
    setup_intent_id: str | None
    account: str | None
    state: str


async def list_intents(tx: Transaction, checkout_id: str) -> list[IntentRow]:
    """A checkout's SetupIntents, oldest first."""
    return [IntentRow(**row._mapping) for row in await tx.execute(_LIST_INTENTS, {"of_checkout": checkout_id})]


async def find_intent(tx: Transaction, setup_intent_id: str) -> IntentRow | None:
    """The checkout's SetupIntent of that id, if it is one of ours."""
    row = (await tx.execute(_FIND_INTENT, {"of_intent": setup_intent_id})).first()
    return None if row is None else IntentRow(**row._mapping)


async def insert_intent(tx: Transaction, row: IntentRow, now: datetime) -> None:
    """Reserve the next number. Raises LostRace if the checkout has a live SetupIntent."""
    await tx.execute(_INSERT_INTENT, {**asdict(row), "created_at": now})


async def update_intent(tx: Transaction, row: IntentRow, state: str, setup_intent_id: str | None = None) -> None:
    """Move one SetupIntent on. Raises LostRace if it is no longer in the state of `row`."""
    expected = {"of_checkout": row.checkout_id, "was_number": row.number, "was_state": row.state}
    values = {"state": state, "setup_intent_id": setup_intent_id or row.setup_intent_id}
    if (await tx.execute(_UPDATE_INTENT, {**values, **expected})).rowcount != 1:
        raise LostRace


async def kill_intents(tx: Transaction, checkout_id: str) -> list[IntentRow]:
    """Make every SetupIntent of a checkout unusable; gives those that were not yet."""
    alive = [row for row in await list_intents(tx, checkout_id) if row.state != "dead"]
    if alive:
        await tx.execute(_KILL_INTENTS, {"state": "dead", "of_checkout": checkout_id})
    return alive


@dataclass(frozen=True, slots=True)
class IntentUse:
    """How often a card was asked for holds with this SetupIntent, and whether it must never be again."""

    validates: int
    spent: bool


async def intent_use(tx: Transaction, setup_intent_id: str) -> IntentUse:
    row = (await tx.execute(_FIND_USE, {"of_intent": setup_intent_id})).first()
    return IntentUse(row.validates, row.spent) if row else IntentUse(0, spent=False)


async def count_validate(tx: Transaction, setup_intent_id: str, by: int) -> None:
    """Count a validate that may reach the card (+1), or take back one that did not (-1).

    Raises LostRace where it would be the third: the database allows two.
    """
    if (await tx.execute(_COUNT_USE, {"of_intent": setup_intent_id, "by": by})).rowcount == 0:
        values = {"setup_intent_id": setup_intent_id, "validates": max(by, 0), "spent": False}
        await tx.execute(_INSERT_USE, values)


async def spend_intent(tx: Transaction, setup_intent_id: str) -> None:
    """The card was declined: this SetupIntent is never used again."""
    await tx.execute(_SPEND, {"of_intent": setup_intent_id, "spent": True})


async def record_quote_cart(tx: Transaction, cart_hash: str, now: datetime) -> None:
    """Remember a cart that was made for a quote. Raises LostRace if it is known already."""
    await tx.execute(_INSERT_QUOTE_CART, {"cart_hash": cart_hash, "created_at": now})


async def is_quote_cart(tx: Transaction, cart_hash: str) -> bool:
    """Whether a cart was made for a quote, so that nobody ever orders it."""
    return (await tx.execute(_FIND_QUOTE_CART, {"of_cart": cart_hash})).first() is not None


async def add_to_timeline(tx: Transaction, story_id: str, at: datetime, event: str, **facts: Any) -> None:
    """Note what happened to a checkout or its order. Facts hold no secrets and no personal data.

    `story_id` is the id of the checkout, or of an order that no checkout of ours placed.
    """
    whose = {"checkout_id": None, "order_id": story_id} if _is_order(story_id) else {"checkout_id": story_id}
    await tx.execute(_INSERT_ENTRY, {"order_id": None, **whose, "at": at, "event": event, "facts": json.dumps(facts)})


def _is_order(story_id: str) -> bool:
    return story_id.startswith("ord_")


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    event: str
    facts: dict[str, Any]


async def read_timeline(tx: Transaction, story_id: str) -> list[TimelineEntry]:
    statement = _READ_ORDER_TIMELINE if _is_order(story_id) else _READ_TIMELINE
    rows = await tx.execute(statement, {"of_story": story_id})
    return [TimelineEntry(row.at, row.event, json.loads(row.facts)) for row in rows]


async def count_placing(tx: Transaction) -> int:
    """How many checkouts are being placed right now."""
    return int((await tx.execute(_COUNT_PLACING)).scalar_one())


async def prove_writable(tx: Transaction, now: datetime) -> None:
    """Write a row and take it back: a disk that is full or read-only still answers what it is asked."""
    name = f"probe {secrets.token_hex(8)}"
    await tx.execute(_INSERT_QUOTE_CART, {"cart_hash": name, "created_at": now})
    await tx.execute(_DELETE_QUOTE_CART, {"of_cart": name})
