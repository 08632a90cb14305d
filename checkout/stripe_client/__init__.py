"""Stripe: the few calls that we make with its SDK, over a pool of our own.

The SDK is imported when the client is opened, in the lifespan, so that nothing else pays for it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import AliasPath, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from checkout.errors import UpstreamUnavailable
from checkout.settings import Settings
from checkout.transport import open_client

if TYPE_CHECKING:
    import stripe

ATTEMPT_WITHIN = 10.0  # Seconds for one attempt; the SDK's own limit is 80.

_MISSING = frozenset({"resource_missing"})
_OVER = frozenset({"setup_intent_unexpected_state"})
_ID = re.compile(r"seti_[A-Za-z0-9_]{1,120}")


class SetupIntent(BaseModel):
    """A card entry: `succeeded` once the shopper's card is saved. `client_secret` is for her browser alone.

    `failure` is Stripe's code for why her last card was refused. `request_id` is what Stripe calls the request that was
    answered with it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: str
    status: str
    client_secret: SecretStr | None = None
    livemode: bool
    metadata: dict[str, str] = {}
    payment_method_types: tuple[str, ...] = ()
    payment_method: str | None = None
    failure: str | None = Field(None, validation_alias=AliasPath("last_setup_error", "code"))
    request_id: str | None = None


class StripeClient:
    """Stripe as we use it. Every call is safe to repeat; creating is, because it carries its key.

    Each raises UpstreamUnavailable, UpstreamBusy, or RefusedUpstream where our key or request is at fault.
    """

    def __init__(self, sdk: "stripe.StripeClient") -> None:
        self._setup_intents = sdk.v1.setup_intents

    async def create_setup_intent(
        self, *, checkout_id: str, brand: str, store_id: int, account: str | None, idempotency_key: str
    ) -> SetupIntent:
        """A new card entry on a connected account, or on our own. A repeat needs the same key.

        `off_session`: Locally places the hold without the shopper's browser, so 3-D Secure must happen now. Only
        cards, for those are all that Locally can place a hold on. Metadata holds ids and nothing about the shopper.
        """
        metadata = {"checkout_id": checkout_id, "brand": brand, "store_id": str(store_id)}
        options: stripe.RequestOptions = {"stripe_account": account, "idempotency_key": idempotency_key}
        created = self._setup_intents.create_async(
            {"allowed_payment_method_types": ["card"], "usage": "off_session", "metadata": metadata}, options
        )
        return _parse(await self._send("create", created))

    async def read_setup_intent(self, setup_intent_id: str, account: str | None) -> SetupIntent | None:
        """The card entry as it stands; None if this account has none of that id."""
        if not _ID.fullmatch(setup_intent_id):
            return None
        found = self._setup_intents.retrieve_async(setup_intent_id, None, {"stripe_account": account})
        values = await self._send("retrieve", found, harmless=_MISSING)
        return _parse(values) if values is not None else None

    async def cancel_setup_intent(self, setup_intent_id: str, account: str | None) -> None:
        """Give a card entry up. One that is over already, or unknown, is no error."""
        if not _ID.fullmatch(setup_intent_id):
            return
        canceled = self._setup_intents.cancel_async(
            setup_intent_id, {"cancellation_reason": "abandoned"}, {"stripe_account": account}
        )
        await self._send("cancel", canceled, harmless=_MISSING | _OVER)

    async def _send(
        self, call: str, request: "Awaitable[stripe.SetupIntent]", *, harmless: frozenset[str] = frozenset()
    ) -> dict[str, Any] | None:
        from checkout.stripe_client.sdk import send

        return await send(f"setup_intents/{call}", request, harmless=harmless)


@asynccontextmanager
async def open_stripe(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[StripeClient]:
    """A StripeClient over a pool of its own, closed at the end; `transport` and `sleep` are for tests."""
    from checkout.stripe_client.sdk import make_sdk

    key = settings.stripe_secret_key.get_secret_value()
    async with open_client(settings.stripe_api_base, timeout=ATTEMPT_WITHIN, transport=transport) as pool:
        yield StripeClient(make_sdk(pool, key, settings.stripe_api_base, ATTEMPT_WITHIN, sleep))


def is_signed_by_stripe(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether one of our endpoint's secrets signed a webhook, five minutes ago at most."""
    from checkout.stripe_client.sdk import is_signed

    # A list, so that the time does not tell which of them was right.
    return any([is_signed(body, signature, secret) for secret in secrets])  # noqa: C419


def _parse(values: dict[str, Any] | None) -> SetupIntent:
    try:
        return SetupIntent.model_validate(values)
    except ValidationError:
        raise UpstreamUnavailable from None
