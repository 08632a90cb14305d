"""What an attempt's status means for whoever asked to place the order. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from checkout.attempts import Attempt, AttemptStatus
from checkout.errors import (
    AuthorizationLapsed,
    AuthorizationUnknown,
    CardDeclined,
    CheckoutError,
    FieldError,
    ItemRefused,
    ItemUnavailable,
    NotPlaced,
    PathUnavailable,
    PriceChanged,
    RefusedUpstream,
    SetupIntentInvalid,
    StoreUnknown,
    UpstreamBusy,
    UpstreamUnavailable,
)
from checkout.idempotency import Answer
from checkout.orders import Checkout, Order

UNCONFIRMED = FieldError("/order", "order_unconfirmed", "We are confirming your order. You will not be charged twice.")
IN_REVIEW = FieldError(
    "/order", "order_in_review", "A person is looking into this order. You will not be charged twice."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where placing stands: an order, an error, or neither yet (`is_pending`)."""

    checkout: Checkout
    order: Order | None = None
    error: CheckoutError | None = None

    @property
    def is_pending(self) -> bool:
        return self.order is None and self.error is None


# Renders an outcome for the caller; the id is that of the request whose answer it is.
Render = Callable[[Outcome, str], Answer]


def outcome_of(attempt: Attempt, checkout: Checkout, order: Order | None) -> Outcome:
    """The outcome that an attempt's status stands for."""
    if attempt.status is AttemptStatus.PLACED:
        return Outcome(checkout, order=order)
    if attempt.is_live:
        return Outcome(checkout)
    return Outcome(checkout, error=_error_of(attempt))


def _error_of(attempt: Attempt) -> CheckoutError:
    if attempt.status is AttemptStatus.NOT_PLACED:
        return NotPlaced()
    refusal = json.loads(attempt.refusal or "{}")
    if attempt.status is AttemptStatus.LAPSED:
        return AuthorizationLapsed(next_step=refusal.get("next_step"))
    if attempt.status is AttemptStatus.HOLD_UNKNOWN:
        return AuthorizationUnknown(next_step=refusal.get("next_step"))
    return read_refusal(attempt.refusal)


_REFUSALS: dict[str, type[CheckoutError]] = {
    kind.code: kind
    for kind in (
        CardDeclined,
        ItemRefused,
        ItemUnavailable,
        PathUnavailable,
        PriceChanged,
        RefusedUpstream,
        SetupIntentInvalid,
        StoreUnknown,
        UpstreamBusy,
        UpstreamUnavailable,
    )
}


def write_refusal(error: CheckoutError) -> str:
    """The error in a form that another process can tell again."""
    # Whatever kind of upstream failure it was, to the caller nothing happened and it may be tried again.
    code = error.code if error.code in _REFUSALS else UpstreamUnavailable.code
    facts = {
        "code": code,
        "detail": error.detail,
        "fields": [list(field) for field in error.fields],
        "retry_after": error.retry_after,
        "next_step": error.next_step,
    }
    return json.dumps(facts)


def read_refusal(text: str | None) -> CheckoutError:
    """The error that `write_refusal` wrote."""
    facts = json.loads(text or "{}")
    kind = _REFUSALS.get(facts.get("code", ""), RefusedUpstream)
    return kind(
        facts.get("detail"),
        fields=tuple(FieldError(*field) for field in facts.get("fields", ())),
        retry_after=facts.get("retry_after"),
        next_step=facts.get("next_step"),
    )
