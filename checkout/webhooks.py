"""Webhooks of upstreams: verify, keep, answer. What they announce is read from the upstream itself, later.

Locally signs nothing: a token in a header is all that tells its webhooks from forged ones. So nothing that a body says
is believed; only the hash of the cart is taken from it, and the cart is read from the configured host. Stripe signs,
and is treated alike: only the SetupIntent's id is taken.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkout.errors import FieldError, InvalidField, MalformedJson, Unauthenticated, UnknownResource
from checkout.inbox import STRIPE
from checkout.keyring import same_secret
from checkout.settings import Settings
from checkout.state import State
from checkout.stripe_client import is_signed_by_stripe

_TOKEN_HEADER = "locally-webhook-token"  # noqa: S105  The name of a header.
_SIGNATURE_HEADER = "stripe-signature"
_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SETUP_INTENT = re.compile(r"seti_[A-Za-z0-9_]{1,59}")


async def receive_from_locally(request: Request[State]) -> Response:
    """Locally has news of a cart.

    Raises UnknownResource (no token is set), Unauthenticated, BodyTooLarge, MalformedJson, InvalidField or
    DatabaseUnavailable.
    """
    _verify(request.headers.get(_TOKEN_HEADER, ""), request.state["settings"])
    # Their documents name no content type, and their own samples send JSON under that of a form.
    cart_hash = find_cart_hash(_parse(await request.body()))
    await request.state["inbox"].receive(cart_hash)
    return JSONResponse({"status": True}, headers={"Cache-Control": "no-store"})


async def receive_from_stripe(request: Request[State]) -> Response:
    """Stripe has news; what is about no SetupIntent is taken and ignored.

    Raises UnknownResource (no secret is set), Unauthenticated, BodyTooLarge, MalformedJson or DatabaseUnavailable.
    """
    secrets = _reveal(request.state["settings"].stripe_webhook_secrets)
    if not secrets:
        raise UnknownResource("No webhooks are taken here: CHECKOUT_STRIPE_WEBHOOK_SECRETS is not set.")
    body = await request.body()
    if not is_signed_by_stripe(body, request.headers.get(_SIGNATURE_HEADER, ""), secrets):
        raise Unauthenticated(f"The header {_SIGNATURE_HEADER} is missing, wrong or too old.")
    setup_intent_id = find_setup_intent(_parse(body))
    if setup_intent_id is not None:
        await request.state["inbox"].receive(setup_intent_id, STRIPE)
    return JSONResponse({"status": True}, headers={"Cache-Control": "no-store"})


routes = [
    Route("/webhooks/locally", receive_from_locally, methods=["POST", "PUT"]),
    Route("/webhooks/stripe", receive_from_stripe, methods=["POST"]),
]


def _reveal(secrets: tuple[SecretStr, ...]) -> list[str]:
    return [secret.get_secret_value() for secret in secrets]


def _verify(given: str, settings: Settings) -> None:
    """Two tokens are active while one takes over from the other."""
    tokens = _reveal(settings.locally_webhook_tokens)
    if not tokens:
        raise UnknownResource("No webhooks are taken here: CHECKOUT_LOCALLY_WEBHOOK_TOKENS is not set.")
    # A list, so that the time does not tell which of them was right.
    if not any([same_secret(given, token) for token in tokens]):  # noqa: C419
        raise Unauthenticated(f"The header {_TOKEN_HEADER} is missing, or is none of our tokens.")


def _parse(body: bytes) -> Any:
    """More lenient than with our own callers: a webhook that is refused is lost."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedJson from None


def find_cart_hash(body: Any) -> str:
    """The hash of the cart that a webhook is about: `order_id` of the short form, `hash` of a whole cart.

    Raises InvalidField.
    """
    for named in _named(body):
        if isinstance(named, str) and _HASH.fullmatch(named):
            return named
    raise InvalidField(fields=(FieldError("/order_id", "invalid", "The hash of a cart is needed."),))


def _named(body: Any) -> Iterator[Any]:
    """Where a cart's hash may stand; the Cart API puts that of a whole cart into its `properties`."""
    if not isinstance(body, dict):
        return
    yield body.get("order_id")
    for cart in (body, body.get("properties"), body.get("cart")):
        if isinstance(cart, dict):
            yield cart.get("hash")
            yield cart.get("cart_hash")


def find_setup_intent(event: Any) -> str | None:
    """The id of the SetupIntent that an event of Stripe's is about; None for any other event.

    A snapshot carries the whole object in `data`; a thin event names its `related_object`.
    """
    if not isinstance(event, dict):
        return None
    data = event.get("data")
    for named in (data.get("object") if isinstance(data, dict) else None, event.get("related_object")):
        known = named.get("id") if isinstance(named, dict) else None
        if isinstance(known, str) and _SETUP_INTENT.fullmatch(known):
            return known
    return None
