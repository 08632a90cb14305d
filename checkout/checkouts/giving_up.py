"""Giving up a checkout, alone or together with what replaces it."""

from datetime import datetime

from checkout.database import IntentRow, Transaction, add_to_timeline, kill_intents, save_checkout
from checkout.orders import Checkout, CheckoutStatus


async def give_up(tx: Transaction, was: Checkout, now: datetime, **facts: str) -> tuple[Checkout, list[IntentRow]]:
    """The canceled checkout, and the SetupIntents that are of no use any more. Raises LostRace if it was changed."""
    saved = await save_checkout(tx, was, was.changed(status=CheckoutStatus.CANCELED, ended_at=now))
    await add_to_timeline(tx, was.id, now, "checkout.canceled", **facts)
    return saved, await kill_intents(tx, was.id)
