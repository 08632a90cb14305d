"""The life of a SetupIntent: what each call does to its status, and what each test card makes of it.

requires_payment_method > requires_confirmation > requires_action > succeeded | canceled, and back to
requires_payment_method after each failure. https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.stripe_cards import Decline
from checkout.sandbox.stripe_errors import Body, StripeError
from checkout.sandbox.stripe_events import Events
from checkout.sandbox.stripe_gate import Call
from checkout.sandbox.stripe_objects import PaymentMethod, SetupIntent, new_id
from checkout.sandbox.stripe_records import Records

# Stripe says that there is a limit and not which. After this many failures the SetupIntent is canceled.
CONFIRMATION_LIMIT = 10

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


class SetupLife:
    """The transitions. Each keeps the changed objects and records the event."""

    def __init__(self, clock: SandboxClock, records: Records, events: Events) -> None:
        self._clock = clock
        self._records = records
        self._events = events

    def created(self, setup_intent: SetupIntent, call: Call) -> None:
        self._keep(setup_intent)
        self._events.record("created", setup_intent, call)

    def give_payment_method(self, setup_intent: SetupIntent, payment_method: PaymentMethod) -> None:
        """Put a card on an open SetupIntent; it then waits to be confirmed."""
        refuse_spent(payment_method, setup_intent)
        self._abandon_attempt(setup_intent)
        setup_intent.payment_method = payment_method.id
        setup_intent.status = "requires_confirmation"
        setup_intent.next_action = None
        self._keep(setup_intent)

    def confirm(self, setup_intent: SetupIntent, call: Call, *, return_url: str | None, use_sdk: bool) -> None:
        """Set the card of an open SetupIntent up. Raises StripeError 402 if the issuer declines."""
        payment_method = self._records.payment_methods.get(setup_intent.owner, setup_intent.payment_method or "")
        if payment_method is None:
            raise unexpected_state(setup_intent, "The SetupIntent cannot be confirmed: it has no payment method.")
        refuse_spent(payment_method, setup_intent)
        self._abandon_attempt(setup_intent)
        self._new_attempt(setup_intent, payment_method)
        if payment_method.card.asks_authentication:
            self._ask_authentication(setup_intent, call, return_url=return_url, use_sdk=use_sdk)
        elif payment_method.card.decline is not None:
            raise self._decline(setup_intent, payment_method, payment_method.card.decline, call)
        else:
            self._succeed(setup_intent, payment_method, call, None)

    def authenticate(self, setup_intent: SetupIntent, *, passed: bool, call: Call | None) -> None:
        """The shopper's answer to 3-D Secure. A card that is declined after it shows in `last_setup_error`."""
        if setup_intent.status != "requires_action":
            raise unexpected_state(setup_intent, "The SetupIntent does not wait for authentication.")
        payment_method = self._records.payment_methods.get(setup_intent.owner, setup_intent.payment_method or "")
        if payment_method is None:
            raise unexpected_state(setup_intent, "The SetupIntent has no payment method.")
        if not passed:
            self._fail(setup_intent, payment_method, _failed_authentication(payment_method), call, _secure("failed"))
        elif payment_method.card.decline is not None:
            self._decline(setup_intent, payment_method, payment_method.card.decline, call, _secure("authenticated"))
        else:
            self._succeed(setup_intent, payment_method, call, _secure("authenticated"))

    def cancel(self, setup_intent: SetupIntent, call: Call, reason: str | None) -> None:
        require_open(setup_intent, "cancel")
        self._abandon_attempt(setup_intent)
        setup_intent.cancellation_reason = reason
        self._end_as_canceled(setup_intent, call)

    def update(self, setup_intent: SetupIntent) -> None:
        self._keep(setup_intent)

    def _ask_authentication(
        self, setup_intent: SetupIntent, call: Call, *, return_url: str | None, use_sdk: bool
    ) -> None:
        setup_intent.status = "requires_action"
        setup_intent.return_url = return_url
        setup_intent.authentication_source = new_id("payatt")
        url = f"{call.base_url}/_sandbox/stripe/3ds/{setup_intent.id}/{setup_intent.authentication_source}"
        if return_url is not None and not use_sdk:
            action: Body = {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}
        else:
            details = {
                "source": setup_intent.authentication_source,
                "stripe_js": url,
                "three_d_secure_2_source": setup_intent.authentication_source,
                "type": "three_d_secure_redirect",
            }
            action = {"type": "use_stripe_sdk", "use_stripe_sdk": details}
        setup_intent.next_action = action
        setup_intent.last_setup_error = None
        self._close_attempt(setup_intent, "requires_action", None, None)
        self._keep(setup_intent)
        self._events.record("requires_action", setup_intent, call)

    def _succeed(
        self, setup_intent: SetupIntent, payment_method: PaymentMethod, call: Call | None, secure: Body | None
    ) -> None:
        setup_intent.status = "succeeded"
        setup_intent.next_action = None
        setup_intent.last_setup_error = None
        setup_intent.declined_line = payment_method.card.declined_line
        payment_method.customer = payment_method.customer or setup_intent.customer
        payment_method.spent = payment_method.customer is None
        self._records.payment_methods.put(payment_method.owner, payment_method.id, payment_method)
        self._close_attempt(setup_intent, "succeeded", None, secure)
        self._keep(setup_intent)
        self._events.record("succeeded", setup_intent, call)

    def _decline(
        self,
        setup_intent: SetupIntent,
        payment_method: PaymentMethod,
        decline: Decline,
        call: Call | None,
        secure: Body | None = None,
    ) -> StripeError:
        """Record the decline, and give the error to raise where the confirmation is still open."""
        error = card_error(decline)
        error.more["payment_method"] = payment_method.body()
        self._fail(setup_intent, payment_method, error, call, secure)
        error.more["setup_intent"] = setup_intent.body()
        return error

    def _fail(
        self,
        setup_intent: SetupIntent,
        payment_method: PaymentMethod,
        error: StripeError,
        call: Call | None,
        secure: Body | None,
    ) -> None:
        setup_intent.last_setup_error = error.facts()
        setup_intent.status = "requires_payment_method"
        setup_intent.payment_method = None
        setup_intent.next_action = None
        setup_intent.failed_confirmations += 1
        self._close_attempt(setup_intent, "failed", setup_intent.last_setup_error, secure)
        self._keep(setup_intent)
        self._events.record("setup_failed", setup_intent, call)
        if setup_intent.failed_confirmations >= CONFIRMATION_LIMIT:
            self._end_as_canceled(setup_intent, call)

    def _end_as_canceled(self, setup_intent: SetupIntent, call: Call | None) -> None:
        setup_intent.status = "canceled"
        setup_intent.next_action = None
        self._keep(setup_intent)
        self._events.record("canceled", setup_intent, call)

    def _new_attempt(self, setup_intent: SetupIntent, payment_method: PaymentMethod) -> None:
        attempt: Body = {
            "id": new_id("setatt"),
            "object": "setup_attempt",
            "application": None,
            "attach_to_self": setup_intent.attach_to_self,
            "created": int(self._clock.now().timestamp()),
            "customer": setup_intent.customer,
            "customer_account": None,
            "flow_directions": setup_intent.flow_directions,
            "livemode": False,
            "on_behalf_of": setup_intent.on_behalf_of,
            "payment_method": payment_method.id,
            "payment_method_details": payment_method.attempt_details(None),
            "setup_error": None,
            "setup_intent": setup_intent.id,
            "status": "processing",
            "usage": setup_intent.usage,
        }
        setup_intent.latest_attempt = attempt["id"]
        self._records.setup_attempts.put(setup_intent.owner, attempt["id"], attempt)

    def _close_attempt(
        self, setup_intent: SetupIntent, status: str, setup_error: Body | None, secure: Body | None
    ) -> None:
        attempt = self._records.setup_attempts.get(setup_intent.owner, setup_intent.latest_attempt or "")
        if attempt is not None:
            attempt["status"] = status
            attempt["setup_error"] = setup_error
            attempt["payment_method_details"]["card"]["three_d_secure"] = secure
            self._records.setup_attempts.put(setup_intent.owner, attempt["id"], attempt)

    def _abandon_attempt(self, setup_intent: SetupIntent) -> None:
        """An attempt that still waits for 3-D Secure ends when another begins or the SetupIntent is canceled."""
        if setup_intent.status == "requires_action":
            self._close_attempt(setup_intent, "abandoned", None, None)

    def _keep(self, setup_intent: SetupIntent) -> None:
        self._records.setup_intents.put(setup_intent.owner, setup_intent.id, setup_intent)


def card_error(decline: Decline) -> StripeError:
    """The 402 of a declined or impossible card."""
    error = StripeError(402, decline.message, kind="card_error", code=decline.code, saved=True)
    if decline.decline_code is not None:
        error.more["decline_code"] = decline.decline_code
    return error


def unexpected_state(setup_intent: SetupIntent, message: str) -> StripeError:
    body = setup_intent.body()
    return StripeError(400, message, code="setup_intent_unexpected_state", saved=True, setup_intent=body)


def require_open(setup_intent: SetupIntent, verb: str) -> None:
    if setup_intent.status not in _OPEN:
        message = f"You cannot {verb} this SetupIntent because it has a status of {setup_intent.status}."
        raise unexpected_state(setup_intent, message)


def refuse_spent(payment_method: PaymentMethod, setup_intent: SetupIntent) -> None:
    """A card that was set up once without a customer serves no other SetupIntent, as in Stripe."""
    if payment_method.spent:
        message = "The PaymentMethod was used before without being attached to a customer and may not be used again."
        raise StripeError(400, message, param="payment_method", saved=True, setup_intent=setup_intent.body())


def _failed_authentication(payment_method: PaymentMethod) -> StripeError:
    return StripeError(
        402,
        "The card could not be authenticated. Choose another payment method and try again.",
        code="setup_intent_authentication_failure",
        payment_method=payment_method.body(),
    )


def _secure(result: str) -> Body:
    """What a SetupAttempt tells about its 3-D Secure."""
    passed = result == "authenticated"
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05" if passed else None,
        "result": result,
        "result_reason": None if passed else "rejected",
        "transaction_id": new_id("3ds"),
        "version": "2.2.0",
    }
