"""Checkouts, their SetupIntents and their timeline."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from checkout.database.tables import checkouts, intent_uses, quote_carts, setup_intents, timeline
from checkout.database.transactions import Transaction, is_storable
from checkout.errors import LostRace
from checkout.orders import Checkout, CheckoutStatus


async def insert_checkout(tx: Transaction, checkout: Checkout, token_hash: str) -> None:
    await tx.execute(insert(checkouts).values(**_row(checkout), token_hash=token_hash))


async def find_checkout(tx: Transaction, checkout_id: str) -> tuple[Checkout, str] | None:
    """The checkout and the hash of its token."""
    if not is_storable(checkout_id):
        return None
    statement = select(checkouts.c.document, checkouts.c.token_hash).where(checkouts.c.id == checkout_id)
    row = (await tx.execute(statement)).first()
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
    statement = (
        update(checkouts)
        .where(checkouts.c.id == was.id, checkouts.c.status == was.status, checkouts.c.version == was.version)
        .values(**_row(saved))
    )
    if (await tx.execute(statement)).rowcount != 1:
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
    columns = setup_intents.c
    statement = (
        select(columns.checkout_id, columns.number, columns.setup_intent_id, columns.account, columns.state)
        .where(columns.checkout_id == checkout_id)
        .order_by(columns.number)
    )
    return [IntentRow(**row._mapping) for row in await tx.execute(statement)]


async def insert_intent(tx: Transaction, row: IntentRow, now: datetime) -> None:
    """Reserve the next number. Raises LostRace if the checkout has a live SetupIntent."""
    await tx.execute(
        insert(setup_intents).values(
            checkout_id=row.checkout_id, number=row.number, account=row.account, state=row.state, created_at=now
        )
    )


async def update_intent(tx: Transaction, row: IntentRow, state: str, setup_intent_id: str | None = None) -> None:
    """Move one SetupIntent on. Raises LostRace if it is no longer in the state of `row`."""
    values: dict[str, Any] = {"state": state}
    if setup_intent_id is not None:
        values["setup_intent_id"] = setup_intent_id
    columns = setup_intents.c
    statement = (
        update(setup_intents)
        .where(
            columns.checkout_id == row.checkout_id,
            columns.number == row.number,
            columns.state == row.state,
        )
        .values(**values)
    )
    if (await tx.execute(statement)).rowcount != 1:
        raise LostRace


async def kill_intents(tx: Transaction, checkout_id: str) -> list[IntentRow]:
    """Make every SetupIntent of a checkout unusable; gives those that were not yet."""
    alive = [row for row in await list_intents(tx, checkout_id) if row.state != "dead"]
    if alive:
        await tx.execute(update(setup_intents).where(setup_intents.c.checkout_id == checkout_id).values(state="dead"))
    return alive


@dataclass(frozen=True, slots=True)
class IntentUse:
    """How often a card was asked for holds with this SetupIntent, and whether it must never be again."""

    validates: int
    spent: bool


async def intent_use(tx: Transaction, setup_intent_id: str) -> IntentUse:
    statement = select(intent_uses.c.validates, intent_uses.c.spent).where(
        intent_uses.c.setup_intent_id == setup_intent_id
    )
    row = (await tx.execute(statement)).first()
    return IntentUse(row.validates, row.spent) if row else IntentUse(0, spent=False)


async def count_validate(tx: Transaction, setup_intent_id: str, by: int) -> None:
    """Count a validate that may reach the card (+1), or take back one that did not (-1).

    Raises LostRace where it would be the third: the database allows two.
    """
    columns = intent_uses.c
    statement = (
        update(intent_uses).where(columns.setup_intent_id == setup_intent_id).values(validates=columns.validates + by)
    )
    if (await tx.execute(statement)).rowcount == 0:
        await tx.execute(insert(intent_uses).values(setup_intent_id=setup_intent_id, validates=max(by, 0), spent=False))


async def spend_intent(tx: Transaction, setup_intent_id: str) -> None:
    """The card was declined: this SetupIntent is never used again."""
    await tx.execute(update(intent_uses).where(intent_uses.c.setup_intent_id == setup_intent_id).values(spent=True))


async def record_quote_cart(tx: Transaction, cart_hash: str, now: datetime) -> None:
    """Remember a cart that was made for a quote. Raises LostRace if it is known already."""
    await tx.execute(insert(quote_carts).values(cart_hash=cart_hash, created_at=now))


async def add_to_timeline(tx: Transaction, checkout_id: str, at: datetime, event: str, **facts: Any) -> None:
    """Note what happened to a checkout or its order. Facts hold no secrets and no personal data."""
    values = {"checkout_id": checkout_id, "at": at, "event": event, "facts": json.dumps(facts)}
    await tx.execute(insert(timeline).values(**values))


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    at: datetime
    event: str
    facts: dict[str, Any]


async def read_timeline(tx: Transaction, checkout_id: str) -> list[TimelineEntry]:
    columns = timeline.c
    statement = (
        select(columns.at, columns.event, columns.facts).where(columns.checkout_id == checkout_id).order_by(columns.id)
    )
    return [TimelineEntry(row.at, row.event, json.loads(row.facts)) for row in await tx.execute(statement)]


async def count_placing(tx: Transaction) -> int:
    """How many checkouts are being placed right now; also the cheapest proof that the database answers."""
    statement = select(func.count()).select_from(checkouts).where(checkouts.c.status == CheckoutStatus.PLACING)
    return int((await tx.execute(statement)).scalar_one())
