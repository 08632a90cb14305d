"""From what Stripe announces of a SetupIntent to the story of its checkout: read again, then noted, never trusted."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from checkout.database import Database, Transaction, add_to_timeline, find_intent, read_timeline
from checkout.stripe_client import SetupIntent, StripeClient
from checkout.tracking import WEBHOOK

# Where a card entry stands that somebody who looks into a checkout later wants to see.
_TOLD = {"succeeded": "setup_intent.succeeded", "canceled": "setup_intent.canceled"}
_FAILED = "setup_intent.failed"


class CardReader:
    """Reads SetupIntents of ours that Stripe has news of."""

    def __init__(self, database: Database, stripe: StripeClient, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._stripe = stripe
        self._clock = clock

    async def read(self, setup_intent_id: str) -> bool:
        """Note where a SetupIntent stands; False if it is none of ours.

        Raises UpstreamError, RefusedUpstream and DatabaseUnavailable.
        """
        row = await self._database.read(lambda tx: find_intent(tx, setup_intent_id))
        if row is None:
            return False
        intent = await self._stripe.read_setup_intent(setup_intent_id, row.account)
        if intent is not None and (event := _event_of(intent)):
            await self._database.write(lambda tx: self._note(tx, row.checkout_id, event, intent))
        return True

    async def _note(self, tx: Transaction, checkout_id: str, event: str, intent: SetupIntent) -> None:
        """Tell it once: announcements are repeated."""
        facts: dict[str, Any] = {"setup_intent": intent.id, "status": intent.status, "code": intent.failure}
        told = [entry.facts for entry in await read_timeline(tx, checkout_id) if entry.event == event]
        if not any(facts.items() <= before.items() for before in told):
            more = {"source": WEBHOOK, "request_id": intent.request_id}
            await add_to_timeline(tx, checkout_id, self._clock(), event, **facts, **more)


def _event_of(intent: SetupIntent) -> str | None:
    """A card that was refused leaves the SetupIntent open for the next one."""
    return _TOLD.get(intent.status) or (_FAILED if intent.failure else None)
