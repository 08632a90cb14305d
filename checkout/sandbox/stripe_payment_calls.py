"""The calls that bring cards and customers: payment methods, confirmation tokens, customers."""

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.stripe_answers import expanded, page
from checkout.sandbox.stripe_cards import Card, card_by_number, card_by_test_id
from checkout.sandbox.stripe_errors import Body, StripeError, invalid_parameter, no_such
from checkout.sandbox.stripe_forms import Params
from checkout.sandbox.stripe_gate import Call, Operation
from checkout.sandbox.stripe_objects import ADDRESS_PARTS, PaymentMethod, new_id
from checkout.sandbox.stripe_records import Records
from checkout.sandbox.stripe_setup import card_error

_PAYMENT_METHOD_DATA = ("type", "card", "billing_details", "metadata", "allow_redisplay", "radar_options")
_TOKEN_SECONDS = 12 * 60 * 60


class PaymentCalls:
    """Handlers, and what the SetupIntent calls need from them: the card and the customer that a call names."""

    def __init__(self, clock: SandboxClock, records: Records) -> None:
        self._clock = clock
        self._records = records

    def operations(self) -> list[Operation]:
        return [
            Operation("POST", "/v1/payment_methods", self.create, publishable=True),
            Operation("GET", "/v1/payment_methods", self.list),
            Operation("GET", "/v1/payment_methods/{id}", self.retrieve),
            Operation("POST", "/v1/confirmation_tokens", self.create_confirmation_token, publishable=True),
            Operation("POST", "/v1/test_helpers/confirmation_tokens", self.create_confirmation_token),
            Operation("GET", "/v1/confirmation_tokens/{id}", self.retrieve_confirmation_token),
            Operation("POST", "/v1/customers", self.create_customer),
            Operation("GET", "/v1/customers/{id}", self.retrieve_customer),
            Operation("GET", "/v1/customers", self.list_customers),
        ]

    def create(self, call: Call) -> Body:
        call.params.allow(*_PAYMENT_METHOD_DATA, "expand")
        return expanded(self._new(call, call.params).body(), call, self._records)

    def retrieve(self, call: Call) -> Body:
        call.params.allow("expand")
        payment_method = self._find(call, call.path["id"])
        if payment_method is None:
            raise no_such("PaymentMethod", call.path["id"], "payment_method", 404)
        return expanded(payment_method.body(), call, self._records)

    def list(self, call: Call) -> Body:
        params = call.params
        params.allow("customer", "type", "limit", "starting_after", "ending_before", "expand", "allow_redisplay")
        customer, kind = params.text("customer"), params.text("type")
        kept = [] if kind not in (None, "card") else self._records.payment_methods.newest_first(call.owner)
        bodies = (item.body() for item in kept if customer in (None, item.customer))
        return expanded(page(bodies, params, "/v1/payment_methods"), call, self._records)

    def given(self, call: Call, customer: str | None) -> PaymentMethod | None:
        """The card that a call names by id, by data or by confirmation token."""
        params = call.params
        named, data = params.text("payment_method"), params.nested("payment_method_data")
        token = params.text("confirmation_token")
        if token is not None and named is None and data is None:
            return self._of_token(call, token)
        if data is not None and named is None:
            data.allow(*_PAYMENT_METHOD_DATA)
            return self._new(call, data)
        if named is None:
            return None
        payment_method = self._find(call, named)
        if payment_method is None:
            raise no_such("PaymentMethod", named, "payment_method")
        if payment_method.customer not in (None, customer):
            raise invalid_parameter("The PaymentMethod belongs to another customer.", "payment_method")
        return payment_method

    def given_token(self, call: Call) -> Body:
        """The confirmation token that a call names; empty without one."""
        token = call.params.text("confirmation_token")
        return (self._records.confirmation_tokens.get(call.owner, token) if token is not None else None) or {}

    def known_customer(self, call: Call) -> str | None:
        customer = call.params.text("customer")
        if customer is not None and self._records.customers.get(call.owner, customer) is None:
            raise no_such("customer", customer, "customer")
        return customer

    def create_confirmation_token(self, call: Call) -> Body:
        params = call.params
        known = ("payment_method", "payment_method_data", "return_url", "setup_future_usage", "shipping")
        params.allow(*known, "mandate_data", "payment_method_options", "use_stripe_sdk", "expand")
        payment_method = self.given(call, None)
        if payment_method is None:
            raise invalid_parameter("A payment method is needed.", "payment_method")
        now = int(self._clock.now().timestamp())
        preview = {"type": "card"} | {
            name: payment_method.body()[name] for name in ("billing_details", "card", "customer")
        }
        token: Body = {
            "id": new_id("ctoken"),
            "object": "confirmation_token",
            "created": now,
            "expires_at": now + _TOKEN_SECONDS,
            "livemode": False,
            "mandate_data": None,
            "payment_intent": None,
            "payment_method_options": None,
            "payment_method_preview": preview,
            "return_url": params.text("return_url"),
            "setup_future_usage": params.choice("setup_future_usage", "off_session", "on_session"),
            "setup_intent": None,
            "shipping": None,
            "use_stripe_sdk": params.flag("use_stripe_sdk"),
        }
        self._records.confirmation_tokens.put(call.owner, token["id"], {**token, "_card": payment_method.id})
        return token

    def retrieve_confirmation_token(self, call: Call) -> Body:
        token = self._records.confirmation_tokens.get(call.owner, call.path["id"])
        if token is None:
            raise no_such("confirmation_token", call.path["id"], "confirmation_token", 404)
        return {name: value for name, value in token.items() if name != "_card"}

    def create_customer(self, call: Call) -> Body:
        params = call.params
        params.allow("address", "description", "email", "expand", "metadata", "name", "phone")
        customer: Body = {
            "id": new_id("cus"),
            "object": "customer",
            "address": _read_address(params) or None,
            "created": int(self._clock.now().timestamp()),
            "default_source": None,
            "delinquent": False,
            "description": params.text("description"),
            "email": params.text("email"),
            "livemode": False,
            "metadata": params.metadata(),
            "name": params.text("name"),
            "phone": params.text("phone"),
            "shipping": None,
        }
        self._records.customers.put(call.owner, customer["id"], customer)
        return customer

    def retrieve_customer(self, call: Call) -> Body:
        customer = self._records.customers.get(call.owner, call.path["id"])
        if customer is None:
            raise no_such("customer", call.path["id"], "id", 404)
        return customer

    def list_customers(self, call: Call) -> Body:
        call.params.allow("created", "email", "ending_before", "expand", "limit", "starting_after")
        email = call.params.text("email")
        customers = self._records.customers.newest_first(call.owner)
        return page((item for item in customers if email in (None, item["email"])), call.params, "/v1/customers")

    def _find(self, call: Call, payment_method_id: str) -> PaymentMethod | None:
        """A kept card, or a new one for a test id: `pm_card_visa` gives another PaymentMethod each time."""
        card = card_by_test_id(payment_method_id, "pm_card_")
        if card is None:
            return self._records.payment_methods.get(call.owner, payment_method_id)
        return self._keep(PaymentMethod(new_id("pm"), call.owner, card.name, int(self._clock.now().timestamp())))

    def _of_token(self, call: Call, token_id: str) -> PaymentMethod:
        token = self._records.confirmation_tokens.get(call.owner, token_id)
        if token is None:
            raise no_such("confirmation_token", token_id, "confirmation_token")
        now = self._clock.now().timestamp()
        payment_method = self._records.payment_methods.get(call.owner, token["_card"])
        if now >= token["expires_at"] or payment_method is None:
            raise invalid_parameter("The confirmation token has expired.", "confirmation_token")
        return payment_method

    def _new(self, call: Call, data: Params) -> PaymentMethod:
        if data.required("type") != "card":
            raise invalid_parameter("The sandbox's accounts have no payment method type but card.", "type")
        card_params = data.nested("card") or Params({}, "card")
        card_params.allow("number", "exp_month", "exp_year", "cvc", "token", "networks")
        card = _read_card(card_params)
        expiry = self._read_expiry(card_params) if "token" not in card_params else (12, 2034)
        payment_method = PaymentMethod(
            id=new_id("pm"),
            owner=call.owner,
            card_name=card.name,
            created=int(self._clock.now().timestamp()),
            exp_month=expiry[0],
            exp_year=expiry[1],
            billing_details=_read_billing(data),
            metadata=data.metadata(),
        )
        return self._keep(payment_method)

    def _read_expiry(self, card: Params) -> tuple[int, int]:
        card.required("exp_month")
        card.required("exp_year")
        month, year = card.integer("exp_month") or 0, card.integer("exp_year") or 0
        year += 2000 if year < 100 else 0
        now = self._clock.now()
        if not 1 <= month <= 12:
            raise _card_entry("invalid_expiry_month", "exp_month", "Your card's expiration month is invalid.")
        if not (now.year, now.month) <= (year, month) < (now.year + 51, 1):
            raise _card_entry("invalid_expiry_year", "exp_year", "Your card's expiration year is invalid.")
        return month, year

    def _keep(self, payment_method: PaymentMethod) -> PaymentMethod:
        self._records.payment_methods.put(payment_method.owner, payment_method.id, payment_method)
        return payment_method


def _read_card(params: Params) -> Card:
    """The test card that a number or a token (`tok_visa`) names."""
    token = params.text("token")
    if token is not None:
        card = card_by_test_id(token, "tok_")
        if card is None:
            raise no_such("token", token, "card[token]")
        return card
    found = card_by_number(params.required("number"))
    if not isinstance(found, Card):
        raise card_error(found)
    cvc = params.text("cvc")
    if cvc is not None and not (cvc.isascii() and cvc.isdigit() and len(cvc) in (3, 4)):
        raise _card_entry("invalid_cvc", "cvc", "Your card's security code is invalid.")
    return found


def _card_entry(code: str, param: str, message: str) -> StripeError:
    return StripeError(402, message, kind="card_error", code=code, param=param, saved=True)


def _read_billing(data: Params) -> Body:
    given = data.nested("billing_details") or Params({})
    contact = {name: given.clearable(name) for name in ("email", "name", "phone")}
    return {**contact, "address": _read_address(given)}


def _read_address(params: Params) -> dict[str, str | None]:
    given = params.nested("address")
    if given is None:
        return {}
    return {part: given.clearable(part) for part in ADDRESS_PARTS}
