"""Stripe's objects that the sandbox keeps, and how each looks in an answer of API 2026-10-28.endive."""

import hashlib
import secrets
import string
from dataclasses import dataclass, field
from typing import Any

from checkout.sandbox.stripe_cards import CARDS, Card

Body = dict[str, Any]

ADDRESS_PARTS = ("city", "country", "line1", "line2", "postal_code", "state")

_LETTERS = string.ascii_letters + string.digits
# What Stripe shows to a publishable key that comes with the client secret.
_FOR_BROWSERS = (
    "id",
    "object",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "cancellation_reason",
    "client_secret",
    "created",
    "description",
    "excluded_payment_method_types",
    "last_setup_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_configuration_details",
    "payment_method_types",
    "status",
    "usage",
)


def new_id(prefix: str) -> str:
    """A fresh id in Stripe's form. 24 random letters never come twice, also after a reset."""
    return f"{prefix}_{''.join(secrets.choice(_LETTERS) for _ in range(24))}"


@dataclass
class SetupIntent:
    """One SetupIntent. `owner` is the account that holds it; `account` is None where that is the platform itself."""

    id: str
    owner: str
    account: str | None
    created: int
    client_secret: str
    status: str = "requires_payment_method"
    usage: str = "off_session"
    metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    customer: str | None = None
    on_behalf_of: str | None = None
    payment_method: str | None = None
    payment_method_types: list[str] = field(default_factory=lambda: ["card"])
    allowed_payment_method_types: list[str] | None = None
    excluded_payment_method_types: list[str] | None = None
    automatic_payment_methods: Body | None = None
    request_three_d_secure: str = "automatic"
    flow_directions: list[str] | None = None
    attach_to_self: bool = False
    cancellation_reason: str | None = None
    last_setup_error: Body | None = None
    latest_attempt: str | None = None
    next_action: Body | None = None
    return_url: str | None = None
    authentication_source: str | None = None
    failed_confirmations: int = 0
    declined_line: int | None = None

    def declines_line(self, line_index: int) -> bool:
        """Whether the hold for this 0-based line of a cart is declined on the card that was set up."""
        return self.declined_line == line_index

    def body(self) -> Body:
        return {
            "id": self.id,
            "object": "setup_intent",
            "allowed_payment_method_types": self.allowed_payment_method_types,
            "application": None,
            "attach_to_self": self.attach_to_self,
            "automatic_payment_methods": self.automatic_payment_methods,
            "cancellation_reason": self.cancellation_reason,
            "client_secret": self.client_secret,
            "created": self.created,
            "customer": self.customer,
            "customer_account": None,
            "description": self.description,
            "excluded_payment_method_types": self.excluded_payment_method_types,
            "flow_directions": self.flow_directions,
            "last_setup_error": self.last_setup_error,
            "latest_attempt": self.latest_attempt,
            "livemode": False,
            "managed_payments": None,
            "mandate": None,
            "metadata": dict(self.metadata),
            "next_action": self.next_action,
            "on_behalf_of": self.on_behalf_of,
            "payment_method": self.payment_method,
            "payment_method_configuration_details": None,
            "payment_method_options": {
                "card": {
                    "mandate_options": None,
                    "network": None,
                    "request_three_d_secure": self.request_three_d_secure,
                }
            },
            "payment_method_types": list(self.payment_method_types),
            "single_use_mandate": None,
            "status": self.status,
            "usage": self.usage,
        }

    def browser_body(self) -> Body:
        """What a publishable key with the client secret may see."""
        body = self.body()
        return {name: body[name] for name in _FOR_BROWSERS}


@dataclass
class PaymentMethod:
    """A card that was given to an account. `spent` means set up once without a customer: it serves no second time."""

    id: str
    owner: str
    card_name: str
    created: int
    exp_month: int = 12
    exp_year: int = 2034
    customer: str | None = None
    billing_details: Body = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    spent: bool = False

    @property
    def card(self) -> Card:
        return CARDS[self.card_name]

    def body(self) -> Body:
        return {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(self.billing_details),
            "card": self._card_body(),
            "created": self.created,
            "customer": self.customer,
            "customer_account": None,
            "livemode": False,
            "metadata": dict(self.metadata),
            "type": "card",
        }

    def attempt_details(self, three_d_secure: Body | None) -> Body:
        """`payment_method_details` of a SetupAttempt with this card."""
        shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
        card = {name: value for name, value in self._card_body().items() if name in shown}
        card |= {"network": self.card.brand, "three_d_secure": three_d_secure, "wallet": None}
        return {"type": "card", "card": card}

    def _card_body(self) -> Body:
        card = self.card
        return {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            # The same number gives the same fingerprint within one account.
            "fingerprint": hashlib.sha256(f"{self.owner} {card.number}".encode()).hexdigest()[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }


def billing_details(given: Body) -> Body:
    """The full shape of billing details, null where nothing was given."""
    address = given.get("address", {})
    return {
        "address": {part: address.get(part) for part in ADDRESS_PARTS},
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": None,
    }
