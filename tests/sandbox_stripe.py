"""What the tests of the sandbox's Stripe do all the time: reach it, make a SetupIntent, confirm it."""

from typing import Any

import httpx
from starlette.applications import Starlette

from checkout.sandbox.stripe import StripeWorld

SECRET = {"Authorization": "Bearer sk_test_brand"}
PUBLISHABLE = {"Authorization": "Bearer pk_test_brand"}
NEW = {"Stripe-Version": "2026-10-28.endive"}


def client_of(world: StripeWorld) -> httpx.AsyncClient:
    app = Starlette(routes=[*world.routes(), *world.control_routes()])
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://stripe.test", headers=SECRET | NEW)


async def create(stripe: httpx.AsyncClient, **params: str) -> dict[str, Any]:
    answer = await stripe.post("/v1/setup_intents", data=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def confirm(stripe: httpx.AsyncClient, setup_intent: dict[str, Any], **params: str) -> httpx.Response:
    return await stripe.post(f"/v1/setup_intents/{setup_intent['id']}/confirm", data=params)


async def authenticate(stripe: httpx.AsyncClient, setup_intent: dict[str, Any], outcome: str) -> httpx.Response:
    wish = {"setup_intent": setup_intent["id"], "outcome": outcome}
    return await stripe.post("/_sandbox/stripe/authenticate", json=wish)
