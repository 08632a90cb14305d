"""The SetupIntents that a checkout hands out: one live at a time, five in all."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from checkout.checkouts.records import HandedOut
from checkout.database import (
    Database,
    IntentRow,
    Transaction,
    add_to_timeline,
    get_checkout,
    insert_intent,
    list_intents,
    save_checkout,
    update_intent,
)
from checkout.errors import CheckoutError, LostRace, NoPaymentNeeded, TooManyCards
from checkout.orders import Checkout, require_open
from checkout.stripe_client import SetupIntent, StripeClient

MOST_CARDS = 5


class Cards:
    """Makes SetupIntents at Stripe, hands the live one out again, and cancels those that are of no use any more."""

    def __init__(self, database: Database, stripe: StripeClient, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._stripe = stripe
        self._clock = clock

    async def hand_out(self, checkout: Checkout) -> HandedOut:
        """The SetupIntent with which the browser takes the card: the live one, or a new one.

        Raises NotOpen, Expired, NoPaymentNeeded, TooManyCards, UpstreamError; LostRace if the store was changed at the
        same moment.
        """
        require_open(checkout)
        if checkout.payment is None:
            raise NoPaymentNeeded
        live = await self._live(checkout.id)
        if live is not None:
            return HandedOut(live, checkout.payment, created=False)
        row = await self._database.write(lambda tx: self._reserve(tx, checkout.id))
        intent = await self._stripe.create_setup_intent(
            checkout_id=checkout.id,
            brand=checkout.brand,
            store_id=checkout.store.id,
            account=row.account,
            idempotency_key=f"si-{checkout.id}-{row.number}",
        )
        if not await self._database.write(lambda tx: self._record(tx, row, intent)):
            await self.cancel([replace(row, setup_intent_id=intent.id)])
            raise LostRace
        return HandedOut(intent, checkout.payment, created=True)

    async def cancel(self, rows: Iterable[IntentRow]) -> None:
        """Cancel at Stripe what we will not use; one that cannot be canceled is dead in our books all the same."""
        for row in rows:
            if row.setup_intent_id is not None:
                try:
                    await self._stripe.cancel_setup_intent(row.setup_intent_id, row.account)
                except CheckoutError:
                    continue

    async def _live(self, checkout_id: str) -> SetupIntent | None:
        """The SetupIntent that waits for a card. One that succeeded stays usable, but the next card needs its own."""
        rows = await self._database.read(lambda tx: list_intents(tx, checkout_id))
        row = next((row for row in rows if row.state == "live"), None)
        if row is None or row.setup_intent_id is None:
            return None
        intent = await self._stripe.read_setup_intent(row.setup_intent_id, row.account)
        if intent is not None and intent.status not in {"succeeded", "canceled"}:
            return intent
        usable = intent is not None and intent.status == "succeeded"
        with suppress(LostRace):  # A request at the same moment saw the same, or the store was changed.
            await self._database.write(lambda tx: update_intent(tx, row, "set_aside" if usable else "dead"))
        return None

    async def _reserve(self, tx: Transaction, checkout_id: str) -> IntentRow:
        """The row for a new SetupIntent; one whose creation was lost is taken up again, under the same key."""
        checkout = await get_checkout(tx, checkout_id)
        require_open(checkout)
        rows = await list_intents(tx, checkout_id)
        for row in rows:
            if row.state == "creating":
                return row
        if len(rows) >= MOST_CARDS:
            raise TooManyCards
        account = checkout.payment.account if checkout.payment else None
        row = IntentRow(checkout_id, len(rows) + 1, None, account, "creating")
        await insert_intent(tx, row, self._clock())
        return row

    async def _record(self, tx: Transaction, row: IntentRow, intent: SetupIntent) -> bool:
        """Note what Stripe made. False if it is of no use: the store was changed in between."""
        present = next(each for each in await list_intents(tx, row.checkout_id) if each.number == row.number)
        if present.state != "creating":
            return present.state != "dead"  # A request at the same moment may have recorded it.
        await update_intent(tx, row, "live", intent.id)
        checkout = await get_checkout(tx, row.checkout_id)
        if checkout.card_needed and checkout.is_open:
            await save_checkout(tx, checkout, checkout.changed(card_needed=False))
        await add_to_timeline(tx, row.checkout_id, self._clock(), "setup_intent.created", setup_intent=intent.id)
        return True
