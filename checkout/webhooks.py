"""Webhooks of upstreams: verify, keep, answer. What they announce is read from the upstream itself, later.

Locally signs nothing: a token in a header is all that tells its webhooks from forged ones. So nothing that a body says
is believed; only the hash of the cart is taken from it, and the cart is read from the configured host.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkout.errors import FieldError, InvalidField, MalformedJson, Unauthenticated, UnknownResource
from checkout.keyring import same_secret
from checkout.settings import Settings
from checkout.state import State

_TOKEN_HEADER = "locally-webhook-token"  # noqa: S105  The name of a header.
_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")


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


routes = [Route("/webhooks/locally", receive_from_locally, methods=["POST", "PUT"])]


def _verify(given: str, settings: Settings) -> None:
    """Two tokens are active while one takes over from the other."""
    tokens = [token.get_secret_value() for token in settings.locally_webhook_tokens]
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
