"""The calls under /v1/setup_intents."""

import hmac

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.stripe_answers import expanded, page
from checkout.sandbox.stripe_errors import Body, StripeError, invalid_parameter, missing_parameter, no_such
from checkout.sandbox.stripe_forms import Params
from checkout.sandbox.stripe_gate import Call, Operation
from checkout.sandbox.stripe_objects import PaymentMethod, SetupIntent, new_id
from checkout.sandbox.stripe_payment_calls import PaymentCalls
from checkout.sandbox.stripe_records import Records
from checkout.sandbox.stripe_setup import SetupLife, require_open

_REDIRECTS = ("always", "never")
_EXCLUSIVE = (
    "automatic_payment_methods",
    "allowed_payment_method_types",
    "excluded_payment_method_types",
    "payment_method_configuration",
    "payment_method_types",
)
_CARD_GIVEN = ("payment_method", "payment_method_data", "confirmation_token")
_DESCRIBING = ("metadata", "description", "customer", "flow_directions", "payment_method_options", "expand")
_CREATE = (
    *_EXCLUSIVE,
    *_CARD_GIVEN,
    *_DESCRIBING,
    *(
        "attach_to_self",
        "confirm",
        "mandate_data",
        "on_behalf_of",
        "return_url",
        "single_use",
        "usage",
        "use_stripe_sdk",
    ),
)
_UPDATE = (
    *_CARD_GIVEN[:2],
    *_DESCRIBING,
    *("allowed_payment_method_types", "attach_to_self", "excluded_payment_method_types"),
    *("payment_method_configuration", "payment_method_types"),
)
_CONFIRM = (
    *_CARD_GIVEN,
    *("allowed_payment_method_types", "client_secret", "expand", "mandate_data", "payment_method_options"),
    *("return_url", "use_stripe_sdk"),
)
_LIST = (
    "attach_to_self",
    "created",
    "customer",
    "ending_before",
    "expand",
    "limit",
    "payment_method",
    "starting_after",
)


class SetupCalls:
    """Handlers: each reads a call, moves the SetupIntent and answers with it."""

    def __init__(self, clock: SandboxClock, records: Records, life: SetupLife, payments: PaymentCalls) -> None:
        self._clock = clock
        self._records = records
        self._life = life
        self._payments = payments

    def operations(self) -> list[Operation]:
        one = "/v1/setup_intents/{id}"
        return [
            Operation("POST", "/v1/setup_intents", self.create),
            Operation("GET", "/v1/setup_intents", self.list),
            Operation("GET", one, self.retrieve, publishable=True),
            Operation("POST", one, self.update),
            Operation("POST", f"{one}/confirm", self.confirm, publishable=True),
            Operation("POST", f"{one}/cancel", self.cancel),
            Operation("POST", "/v1/3ds2/authenticate", self.authenticate, publishable=True),
        ]

    def create(self, call: Call) -> Body:
        params = call.params
        params.allow(*_allowed_at(call, _CREATE))
        types = read_payment_method_types(call)
        confirm = params.flag("confirm")
        if "return_url" in params and not confirm:
            raise invalid_parameter("return_url may only be passed when confirm is true.", "return_url")
        setup_intent_id = new_id("seti")
        setup_intent = SetupIntent(
            id=setup_intent_id,
            owner=call.owner,
            account=call.account,
            created=int(self._clock.now().timestamp()),
            client_secret=new_id(f"{setup_intent_id}_secret"),
            usage=params.choice("usage", "off_session", "on_session") or "off_session",
            metadata=params.metadata(),
            description=params.text("description"),
            customer=self._payments.known_customer(call),
            on_behalf_of=params.text("on_behalf_of"),
            payment_method_types=types,
            allowed_payment_method_types=params.items("allowed_payment_method_types"),
            excluded_payment_method_types=params.items("excluded_payment_method_types"),
            automatic_payment_methods=_automatic(call),
            request_three_d_secure=_three_d_secure(params),
            flow_directions=params.items("flow_directions"),
            attach_to_self=params.flag("attach_to_self"),
        )
        payment_method = self._payments.given(call, setup_intent.customer)
        if confirm and payment_method is None:
            raise invalid_parameter("A payment method is needed to confirm on creation.", "payment_method")
        self._life.created(setup_intent, call)
        self._put_payment_method(setup_intent, payment_method)
        if confirm:
            self._confirm(setup_intent, call)
        return self._shown(setup_intent, call)

    def retrieve(self, call: Call) -> Body:
        call.params.allow("client_secret", "expand")
        return self._shown(self._of(call), call)

    def list(self, call: Call) -> Body:
        params = call.params
        params.allow(*_LIST)
        customer, payment_method = params.text("customer"), params.text("payment_method")
        bodies = (
            setup_intent.body()
            for setup_intent in self._records.setup_intents.newest_first(call.owner)
            if customer in (None, setup_intent.customer) and payment_method in (None, setup_intent.payment_method)
        )
        return expanded(page(bodies, params, "/v1/setup_intents"), call, self._records)

    def update(self, call: Call) -> Body:
        params = call.params
        params.allow(*_allowed_at(call, _UPDATE))
        setup_intent = self._of(call)
        if set(params.plain()) - {"metadata", "description", "expand"}:
            require_open(setup_intent, "update")
        if any(name in params for name in ("payment_method_types", "allowed_payment_method_types")):
            setup_intent.payment_method_types = read_payment_method_types(call)
            setup_intent.allowed_payment_method_types = params.items("allowed_payment_method_types")
        setup_intent.customer = self._payments.known_customer(call) or setup_intent.customer
        setup_intent.metadata = params.metadata(setup_intent.metadata)
        if "description" in params:
            setup_intent.description = params.clearable("description")
        if "payment_method_options" in params:
            setup_intent.request_three_d_secure = _three_d_secure(params)
        self._life.update(setup_intent)
        self._put_payment_method(setup_intent, self._payments.given(call, setup_intent.customer))
        return self._shown(setup_intent, call)

    def confirm(self, call: Call) -> Body:
        call.params.allow(*_allowed_at(call, _CONFIRM))
        setup_intent = self._of(call)
        require_open(setup_intent, "confirm")
        self._put_payment_method(setup_intent, self._payments.given(call, setup_intent.customer))
        self._confirm(setup_intent, call)
        return self._shown(setup_intent, call)

    def cancel(self, call: Call) -> Body:
        call.params.allow("cancellation_reason", "expand")
        reason = call.params.choice("cancellation_reason", "abandoned", "duplicate", "requested_by_customer")
        setup_intent = self._of(call)
        self._life.cancel(setup_intent, call, reason)
        return self._shown(setup_intent, call)

    def authenticate(self, call: Call) -> Body:
        """3-D Secure as Stripe.js drives it; `outcome` (succeed, fail) stands for what the shopper does."""
        call.params.allow("source", "setup_intent", "outcome", "browser", "fallback_return_url")
        source = call.params.required("source")
        outcome = call.params.choice("outcome", "succeed", "fail") or "succeed"
        setup_intent_id = call.params.required("setup_intent")
        setup_intent = self._records.setup_intents.get(call.owner, setup_intent_id)
        if setup_intent is None or not _same(source, setup_intent.authentication_source):
            raise no_such("source", source, "source", 404)
        self._life.authenticate(setup_intent, passed=outcome == "succeed", call=call)
        state = "succeeded" if outcome == "succeed" else "failed"
        return {
            "id": new_id("threeds2"),
            "object": "three_d_secure_2",
            "livemode": False,
            "source": source,
            "state": state,
        }

    def _confirm(self, setup_intent: SetupIntent, call: Call) -> None:
        """Confirm, with what the call says over what its confirmation token says."""
        token = self._payments.given_token(call)
        return_url = call.params.text("return_url") or token.get("return_url")
        use_sdk = call.params.flag("use_stripe_sdk") or bool(token.get("use_stripe_sdk"))
        self._life.confirm(setup_intent, call, return_url=return_url, use_sdk=use_sdk)

    def _put_payment_method(self, setup_intent: SetupIntent, payment_method: PaymentMethod | None) -> None:
        if payment_method is None:
            return
        if "card" not in setup_intent.payment_method_types:
            raise invalid_parameter("A card is not among this SetupIntent's payment method types.", "payment_method")
        self._life.give_payment_method(setup_intent, payment_method)

    def _of(self, call: Call) -> SetupIntent:
        """The SetupIntent that the path names, if this caller may have it."""
        setup_intent = self._records.setup_intents.get(call.owner, call.path["id"])
        if setup_intent is None:
            raise no_such("setupintent", call.path["id"], "intent", 404)
        secret = call.params.text("client_secret")
        if call.publishable and secret is None:
            raise missing_parameter("client_secret")
        if secret is not None and not _same(secret, setup_intent.client_secret):
            message = "The client_secret does not belong to this SetupIntent."
            raise StripeError(400, message, code="setup_intent_invalid_parameter", param="client_secret")
        return setup_intent

    def _shown(self, setup_intent: SetupIntent, call: Call) -> Body:
        body = setup_intent.browser_body() if call.publishable else setup_intent.body()
        return expanded(body, call, self._records)


def read_payment_method_types(call: Call) -> list[str]:
    """The types that the new SetupIntent allows. The sandbox's accounts have cards switched on and nothing else."""
    given = [name for name in _EXCLUSIVE if name in call.params]
    if "payment_method_types" in given and call.since("2026-09-30"):
        message = "payment_method_types can no longer be set. Use allowed_payment_method_types or leave it out."
        raise invalid_parameter(message, "payment_method_types", "payment_method_types_no_longer_supported")
    if "allowed_payment_method_types" in given and len(given) > 1:
        raise invalid_parameter(f"You may pass only one of {' and '.join(given)}.", given[0])
    if "payment_method_types" in given:
        return call.params.items("payment_method_types") or []
    allowed = call.params.items("allowed_payment_method_types")
    excluded = call.params.items("excluded_payment_method_types") or []
    types = [kind for kind in ["card"] if (allowed is None or kind in allowed) and kind not in excluded]
    if not types:
        raise StripeError(400, "No payment method type is left that this account could set up.", param=given[0])
    return types


def _allowed_at(call: Call, names: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters that the caller's API version knows."""
    if call.since("2026-07-29"):
        return names
    return tuple(name for name in names if name != "allowed_payment_method_types")


def _automatic(call: Call) -> Body | None:
    given = call.params.nested("automatic_payment_methods")
    if given is not None:
        given.allow("enabled", "allow_redirects")
        given.required("enabled")
        enabled = given.flag("enabled")
        return {"allow_redirects": given.choice("allow_redirects", *_REDIRECTS) or "always", "enabled": enabled}
    chosen_otherwise = "payment_method_types" in call.params or "allowed_payment_method_types" in call.params
    # Dynamic payment methods are what an account gets that says nothing, since 2023-08-16.
    dynamic = call.since("2023-08-16") and not chosen_otherwise
    return {"allow_redirects": "always", "enabled": True} if dynamic else None


def _three_d_secure(params: Params) -> str:
    options = params.nested("payment_method_options") or Params({})
    card = options.nested("card") or Params({})
    return card.choice("request_three_d_secure", "any", "automatic", "challenge") or "automatic"


def _same(given: str, expected: str | None) -> bool:
    return expected is not None and hmac.compare_digest(given.encode(), expected.encode())
