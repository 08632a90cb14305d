"""The smaller calls: accounts, setup attempts, events, payment method domains; and the answer to any other path."""

import re

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.stripe_answers import expanded, page
from checkout.sandbox.stripe_errors import Body, StripeError, invalid_parameter, no_such
from checkout.sandbox.stripe_gate import Call, Operation
from checkout.sandbox.stripe_objects import new_id
from checkout.sandbox.stripe_records import Records

_PAGING = ("created", "ending_before", "expand", "limit", "starting_after")


class OtherCalls:
    """Handlers."""

    def __init__(self, clock: SandboxClock, records: Records) -> None:
        self._clock = clock
        self._records = records

    def operations(self) -> list[Operation]:
        unknown = [
            Operation(method, "/v1/{rest:path}", refuse_unknown_path, publishable=True)
            for method in ("GET", "POST", "DELETE")
        ]
        return [
            Operation("GET", "/v1/account", self.retrieve_own_account),
            Operation("GET", "/v1/accounts/{id}", self.retrieve_account),
            Operation("GET", "/v1/setup_attempts", self.list_attempts),
            Operation("GET", "/v1/events", self.list_events),
            Operation("GET", "/v1/events/{id}", self.retrieve_event),
            Operation("POST", "/v1/payment_method_domains", self.create_domain),
            Operation("GET", "/v1/payment_method_domains", self.list_domains),
            Operation("GET", "/v1/payment_method_domains/{id}", self.retrieve_domain),
            *unknown,
        ]

    def retrieve_own_account(self, call: Call) -> Body:
        return account_body(call.owner)

    def retrieve_account(self, call: Call) -> Body:
        """Any account can be looked at: the sandbox takes each well-formed id for an account connected to the key's."""
        if re.fullmatch(r"acct_[A-Za-z0-9_]+", call.path["id"]) is None:
            message = f"The key does not have access to account '{call.path['id']}' (or that account does not exist)."
            raise StripeError(403, message, code="account_invalid")
        return account_body(call.path["id"])

    def list_attempts(self, call: Call) -> Body:
        call.params.allow(*_PAGING, "setup_intent")
        setup_intent = call.params.required("setup_intent")
        attempts = self._records.setup_attempts.newest_first(call.owner)
        wanted = (attempt for attempt in attempts if attempt["setup_intent"] == setup_intent)
        return expanded(page(wanted, call.params, "/v1/setup_attempts"), call, self._records)

    def list_events(self, call: Call) -> Body:
        call.params.allow(*_PAGING, "type", "types", "delivery_success")
        named = call.params.text("type")
        types = call.params.items("types") or ([named] if named else None)
        month_ago = self._clock.now().timestamp() - 30 * 24 * 60 * 60
        events = self._records.events.newest_first(call.owner)
        wanted = (event for event in events if event["created"] >= month_ago and _is_one_of(event["type"], types))
        return page(wanted, call.params, "/v1/events")

    def retrieve_event(self, call: Call) -> Body:
        event = self._records.events.get(call.owner, call.path["id"])
        if event is None:
            raise no_such("event", call.path["id"], "id", 404)
        return event

    def create_domain(self, call: Call) -> Body:
        call.params.allow("domain_name", "enabled", "expand")
        name = call.params.required("domain_name")
        if re.fullmatch(r"([a-z0-9-]+\.)+[a-z0-9-]+", name.lower()) is None:
            raise invalid_parameter("The domain name is not valid.", "domain_name")
        # A domain is registered once; asking again gives the same object.
        for kept in self._records.domains.newest_first(call.owner):
            if kept["domain_name"] == name.lower():
                return kept
        wallets = ("amazon_pay", "apple_pay", "google_pay", "klarna", "link", "paypal")
        domain: Body = {
            "id": new_id("pmd"),
            "object": "payment_method_domain",
            "created": int(self._clock.now().timestamp()),
            "domain_name": name.lower(),
            "enabled": "enabled" not in call.params or call.params.flag("enabled"),
            "livemode": False,
            **{wallet: {"status": "active"} for wallet in wallets},
        }
        self._records.domains.put(call.owner, domain["id"], domain)
        return domain

    def list_domains(self, call: Call) -> Body:
        call.params.allow(*_PAGING, "domain_name", "enabled")
        name = call.params.text("domain_name")
        domains = self._records.domains.newest_first(call.owner)
        wanted = (domain for domain in domains if name in (None, domain["domain_name"]))
        return page(wanted, call.params, "/v1/payment_method_domains")

    def retrieve_domain(self, call: Call) -> Body:
        domain = self._records.domains.get(call.owner, call.path["id"])
        if domain is None:
            raise no_such("payment_method_domain", call.path["id"], "payment_method_domain", 404)
        return domain


def account_body(account_id: str) -> Body:
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {"name": "Sandbox account", "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "settings": None,
        "type": "standard",
    }


def refuse_unknown_path(call: Call) -> Body:
    raise StripeError(404, f"Unrecognized request URL (/v1/{call.path['rest']}).")


def _is_one_of(event_type: str, types: list[str] | None) -> bool:
    """Whether an event's type is wanted; `setup_intent.*` stands for a whole family."""
    if types is None:
        return True
    return any(event_type == kind or (kind.endswith(".*") and event_type.startswith(kind[:-1])) for kind in types)
