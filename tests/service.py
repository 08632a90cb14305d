"""The whole service in this process, over the sandbox: what the tests of the API and of placing stand on."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from checkout.app import create_app
from checkout.clocks import machine_clock
from checkout.sandbox import BRAND_TOKEN, create_sandbox
from checkout.settings import Settings, load_settings

SANDBOX_URL = "http://sandbox.test"
SERVICE_URL = "http://service.test"
PUBLISHABLE_KEY = "cpk_test_tests"
SECRET_KEY = "csk_test_tests"
UPC = "068648100001"
STORE_ID = 37175

SHOPPER = {
    "email": "june.harper@example.com",
    "phone": "+13125550142",
    "first_name": "June",
    "last_name": "Harper",
    "address": "1201 S Prairie Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": "60605",
    "country": "US",
}

ENVIRON = {
    "CHECKOUT_LOCALLY_API_TOKEN": BRAND_TOKEN,
    "CHECKOUT_LOCALLY_COMPANY_ID": "1",
    "CHECKOUT_LOCALLY_BASE_URL": SANDBOX_URL,
    "CHECKOUT_STRIPE_SECRET_KEY": "sk_test_tests",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY": "pk_test_tests",
    "CHECKOUT_STRIPE_API_BASE": SANDBOX_URL,
    "CHECKOUT_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
    "CHECKOUT_SECRET_KEY": SECRET_KEY,
    "CHECKOUT_ENCRYPTION_KEY": base64.b64encode(b"k" * 32).decode(),
    "CHECKOUT_PUBLIC_URL": SERVICE_URL,
    "CHECKOUT_ORIGINS": "https://www.brand.example",
    "CHECKOUT_DATABASE_URL": "sqlite:///:memory:",
    "CHECKOUT_PATHS": "bopis,ropis",
    "CHECKOUT_BRAND": "acme",
    # Minutes in earnest; a test cannot wait for them.
    "CHECKOUT_READBACK_DELAYS": "0.05,0.05,0.05",
    "CHECKOUT_READBACK_INTERVAL": "0.05",
    "CHECKOUT_READBACK_UNTIL": "3",
    "CHECKOUT_NOT_PLACED_AFTER": "0.2",
    "CHECKOUT_NOT_PLACED_AFTER_REFUSAL": "0.1",
    "CHECKOUT_RECOVERY_INTERVAL": "0.2",
    # Seconds, as in earnest, are too few for a machine that runs all tests at once.
    "CHECKOUT_PLACE_WAIT": "20",
}


def make_settings(**changes: str) -> Settings:
    """The settings of the tests; `changes` are named without their prefix, in lower case."""
    return load_settings({**ENVIRON, **{f"CHECKOUT_{name.upper()}": value for name, value in changes.items()}})


class TestClock:
    """The machine's clock, as far ahead as a test says."""

    __test__ = False

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return machine_clock() + self.ahead

    def advance(self, **span: float) -> None:
        self.ahead += timedelta(**span)


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[ASGIApp]:
    """Run the lifespan of an application, as a server would; gives the application with its state."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    state: dict[str, Any] = {}
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    task = asyncio.create_task(_live(app, scope, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    started = await outbox.get()
    if started["type"] != "lifespan.startup.complete":
        await task

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": state.copy()}, receive, send)

    try:
        yield with_state
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await outbox.get()
        await task


async def _live(app: ASGIApp, scope: Scope, receive: Any, send: Any) -> None:
    await app(scope, receive, send)


def key() -> str:
    """A fresh Idempotency-Key."""
    return str(uuid.uuid4())


@dataclass
class Service:
    """A running service with a client for it, and the sandbox's controls."""

    client: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    settings: Settings
    clock: TestClock
    app: ASGIApp
    token: str = ""
    checkout_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, body: Any = None, *, with_: str = PUBLISHABLE_KEY, **headers: str
    ) -> httpx.Response:
        """One call with a credential; header names are written with underscores."""
        sent = {
            "Authorization": f"Bearer {with_}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.client.request(method, path, json=body, headers=sent)

    async def create(self, **changes: Any) -> dict[str, Any]:
        """A checkout of one item at one store, complete unless changed."""
        body = {
            "store_id": STORE_ID,
            "path_to_purchase": "bopis",
            "items": [{"upc": UPC, "quantity": 1}],
            "shopper": SHOPPER,
            **changes,
        }
        created = await self.call("POST", "/v1/checkouts", body, Idempotency_Key=key())
        assert created.status_code == 201, created.text
        return dict(created.json())

    async def take_card(self, checkout: dict[str, Any], card: str = "pm_card_visa") -> str:
        """A SetupIntent of the checkout, confirmed with a card as the browser would do it; gives its id."""
        path = f"/v1/checkouts/{checkout['id']}/setup-intent"
        intent = (await self.call("POST", path, {}, with_=checkout["token"])).json()
        sent = {"client_secret": intent["client_secret"], "payment_method": card}
        headers = {"Authorization": f"Bearer {intent['publishable_key']}"}
        if intent["account"]:
            headers["Stripe-Account"] = intent["account"]
        await self.sandbox.post(f"/v1/setup_intents/{intent['id']}/confirm", data=sent, headers=headers)
        return str(intent["id"])

    async def place(
        self, checkout: dict[str, Any], setup_intent_id: str | None, *, using: str | None = None, **changes: Any
    ) -> httpx.Response:
        """Place the checkout for the total that it showed."""
        body = {"expected_total": checkout["totals"]["total"], **changes}
        if setup_intent_id is not None:
            body["setup_intent_id"] = setup_intent_id
        path = f"/v1/checkouts/{checkout['id']}/place"
        return await self.call("POST", path, body, with_=checkout["token"], Idempotency_Key=using or key())

    async def read(self, checkout: dict[str, Any]) -> dict[str, Any]:
        answer = await self.call("GET", f"/v1/checkouts/{checkout['id']}", with_=checkout["token"])
        return dict(answer.json())

    async def ledger(self) -> dict[str, Any]:
        return dict((await self.sandbox.get("/_sandbox/ledger")).json())

    async def fault(self, call: str, kind: str, **more: Any) -> None:
        answer = await self.sandbox.post("/_sandbox/faults", json={"call": call, "kind": kind, **more})
        assert answer.status_code < 300, answer.text

    async def stock(self, upc: str = UPC, store_id: int = STORE_ID, **values: int) -> None:
        body = {"store_id": store_id, "upc": upc, **values}
        answer = await self.sandbox.post("/_sandbox/stock", json=body)
        assert answer.status_code < 300, answer.text


@asynccontextmanager
async def running_service(
    upstreams: httpx.AsyncBaseTransport | None = None, sandbox: ASGIApp | None = None, **changes: str
) -> AsyncIterator[Service]:
    """The service over a sandbox of its own, in this process; `upstreams` stands between the two where given."""
    settings, clock = make_settings(**changes), TestClock()
    world = sandbox or create_sandbox()
    transport = upstreams or httpx.ASGITransport(world)
    async with (
        running(create_app(settings, upstreams=transport, clock=clock)) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SERVICE_URL) as client,
        httpx.AsyncClient(transport=httpx.ASGITransport(world), base_url=SANDBOX_URL) as controls,
    ):
        yield Service(client=client, sandbox=controls, settings=settings, clock=clock, app=app)
