"""All that touches Stripe's SDK; imported when a client is opened, because the SDK takes its time."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import stripe
import structlog

from checkout.errors import CheckoutError, RefusedUpstream, UpstreamBusy, UpstreamUnavailable
from checkout.transport import FAILURES, Exchange, fetch

# Raising it is a decision: since 2026-09-30 a SetupIntent takes no `payment_method_types`.
API_VERSION = "2026-10-28.endive"
WEBHOOK_TOLERANCE = 300  # Seconds.
RETRIES = 2  # A StripeClient that is not told so makes none.

Sleep = Callable[[float], Awaitable[None]]

_log = structlog.get_logger("checkout.stripe")


class StripeTransport(stripe.HTTPClient):
    """The SDK's way to our pool. It repeats what failed, with the call's idempotency key; blocking calls fail."""

    name = "httpx"

    def __init__(self, client: httpx.AsyncClient, within: float, sleep: Sleep) -> None:
        super().__init__()
        self._client = client
        self._within = within
        self._sleep = sleep

    async def sleep_async(self, secs: float) -> None:
        await self._sleep(secs)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            answer = await fetch(
                self._client, method, url, within=self._within, headers=dict(headers), content=post_data or None
            )
        except FAILURES as failure:
            name = type(failure).__name__
            raise stripe.APIConnectionError(name, should_retry=True) from failure  # type: ignore[no-untyped-call]  # Stripe's.
        return answer.body if _is_readable(answer) else b"", answer.status, answer.headers

    async def close_async(self) -> None:
        await self._client.aclose()


def make_sdk(
    client: httpx.AsyncClient, api_key: str, api_base: str, within: float, sleep: Sleep
) -> stripe.StripeClient:
    """The SDK over our pool, each attempt within so many seconds; it tells nothing about us and logs no body."""
    stripe.enable_telemetry = False
    # At DEBUG the SDK's logger prints whole answers, client secrets among them.
    logging.getLogger("stripe").setLevel(logging.WARNING)
    return stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base},
        max_network_retries=RETRIES,
        http_client=StripeTransport(client, within, sleep),
    )


async def send(
    call: str, request: Awaitable[stripe.SetupIntent], *, harmless: frozenset[str] = frozenset()
) -> dict[str, Any] | None:
    """The SetupIntent that a call answers with; None for a refusal with one of the `harmless` codes.

    Raises our errors for all else.
    """
    try:
        answer = await request
    except stripe.StripeError as error:
        _log.info("stripe_call", call=call, status=error.http_status, code=error.code, request_id=error.request_id)
        if error.code in harmless:
            return None
        raise _translate(error) from error
    response = answer.last_response
    request_id = response.request_id if response else None
    _log.info("stripe_call", call=call, status=200, request_id=request_id)
    return {**answer.to_dict(), "request_id": request_id}


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether this secret signed a webhook's body, and not too long ago for it to be a repeated one."""
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret, WEBHOOK_TOLERANCE))
    except (stripe.SignatureVerificationError, ValueError, TypeError):  # Also what is no UTF-8 or no ASCII.
        return False


def _is_readable(answer: Exchange) -> bool:
    """Whether the SDK can read the body. JSON of another shape, such as a gateway's, it would trip over; an empty
    body it calls an APIError.
    """
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and (answer.status < 300 or isinstance(body.get("error"), dict))


def _translate(error: stripe.StripeError) -> CheckoutError:
    """Our name for Stripe's error. The SDK's plain APIError is a 5xx, a conflict that lasts, or garbage."""
    if isinstance(error, stripe.RateLimitError):
        return UpstreamBusy()
    if isinstance(error, stripe.APIConnectionError) or type(error) is stripe.APIError:
        return UpstreamUnavailable()
    return RefusedUpstream()
