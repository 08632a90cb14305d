"""The sandbox's Stripe: what a SetupIntent integration needs of API 2026-10-28.endive, with all state and no cards."""

from urllib.parse import urlsplit

from starlette.routing import BaseRoute

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stripe_authentication import Authentication
from checkout.sandbox.stripe_events import Endpoint, Events
from checkout.sandbox.stripe_gate import Gate
from checkout.sandbox.stripe_objects import SetupIntent
from checkout.sandbox.stripe_other_calls import OtherCalls
from checkout.sandbox.stripe_payment_calls import PaymentCalls
from checkout.sandbox.stripe_records import Records
from checkout.sandbox.stripe_setup import SetupLife
from checkout.sandbox.stripe_setup_calls import SetupCalls

__all__ = ["SetupIntent", "StripeWorld"]


class StripeWorld:
    """All accounts of the sandbox's Stripe. Keys with the same suffix reach the same account."""

    def __init__(self, clock: SandboxClock, shelf: Shelf) -> None:
        self._records = Records(shelf)
        self._events = Events(clock, self._records)
        self._life = SetupLife(clock, self._records, self._events)
        self._gate = Gate(clock, shelf)
        payments = PaymentCalls(clock, self._records)
        setups = SetupCalls(clock, self._records, self._life, payments)
        others = OtherCalls(clock, self._records)
        self._operations = [*setups.operations(), *payments.operations(), *others.operations()]

    def routes(self) -> list[BaseRoute]:
        """Stripe's own paths, under /v1. The last of them answers every unknown one."""
        return [self._gate.route(operation) for operation in self._operations]

    def control_routes(self) -> list[BaseRoute]:
        """Paths under /_sandbox/stripe that finish 3-D Secure."""
        return Authentication(self._records, self._life).routes()

    def find_setup_intent(self, setup_intent_id: str) -> SetupIntent | None:
        """The SetupIntent, in whichever account it is."""
        return self._records.setup_intents.anywhere(setup_intent_id)

    def reset(self) -> None:
        """Forget every object, idempotency key and unsent webhook. Ids are random and never come again."""
        self._records.clear()
        self._gate.reset()
        self._events.reset()

    def set_webhook(self, url: str | None, secret: str | None, *, thin: bool = False) -> None:
        """Where signed `setup_intent.*` webhooks go; without a URL or a secret they are not sent.

        `thin` sends event notifications, which name the SetupIntent only, in place of snapshots.
        Raises ValueError for a URL that is neither http nor https.
        """
        if not url or not secret:
            self._events.endpoint = None
            return
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("a webhook goes to an http or https URL")
        self._events.endpoint = Endpoint(url, secret, thin)
