"""Stripe's own Python client and its webhook checks judge the sandbox, over a real port."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue

import httpx
import pytest
import stripe
import uvicorn
from starlette.applications import Starlette

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stripe import StripeWorld

VERSION = "2026-10-28.endive"
WEBHOOK_SECRET = "whsec_sandbox"

# Stripe's own transport hands its body to httpx in a way that httpx calls outdated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def world() -> StripeWorld:
    return StripeWorld(SandboxClock(), Shelf(None))


@pytest.fixture
async def address(world: StripeWorld) -> AsyncIterator[str]:
    app = Starlette(routes=[*world.routes(), *world.control_routes()])
    config = uvicorn.Config(app, log_level=logging.WARNING, lifespan="off", timeout_graceful_shutdown=1)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    # The socket listens already, so that a call made before the server runs waits in its backlog.
    serving = asyncio.create_task(server.serve([listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def client(address: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[stripe.StripeClient]:
    # Telemetry would write a file into the home of whoever runs the tests.
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    transport = stripe.HTTPXClient(timeout=httpx.Timeout(10))
    yield client_of(address, transport)
    await transport.close_async()  # type: ignore[no-untyped-call]  # Stripe left it untyped.


def client_of(address: str, transport: stripe.HTTPXClient) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_brand",
        stripe_version=VERSION,
        base_addresses={"api": address},
        http_client=transport,
        max_network_retries=0,
    )


class Inbox(HTTPServer):
    """An endpoint for webhooks that answers with the statuses it was given, then 200."""

    def __init__(self, statuses: list[int]) -> None:
        self.statuses = statuses
        self.received: SimpleQueue[tuple[bytes, str]] = SimpleQueue()
        super().__init__(("127.0.0.1", 0), _InboxHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhooks/stripe"

    def next(self) -> tuple[bytes, str]:
        """Body and signature of the next webhook."""
        return self.received.get(timeout=5)


class _InboxHandler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.put((body, self.headers["Stripe-Signature"]))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to log in a test."""


@contextmanager
def inbox(*statuses: int) -> Iterator[Inbox]:
    server = Inbox(list(statuses))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_official_client_creates_and_confirms(client: stripe.StripeClient) -> None:
    made = await client.v1.setup_intents.create_async(
        {"allowed_payment_method_types": ["card"], "usage": "off_session", "metadata": {"checkout_id": "chk_1"}}
    )
    done = await client.v1.setup_intents.confirm_async(made.id, {"payment_method": "pm_card_visa"})
    kept = await client.v1.setup_intents.retrieve_async(made.id, {"expand": ["payment_method", "latest_attempt"]})
    assert (done.status, kept.status, kept.livemode) == ("succeeded", "succeeded", False)
    assert isinstance(kept.payment_method, stripe.PaymentMethod)
    assert kept.payment_method.card is not None
    assert kept.payment_method.card.last4 == "4242"
    assert isinstance(kept.latest_attempt, stripe.SetupAttempt)
    assert kept.metadata is not None
    assert kept.metadata["checkout_id"] == "chk_1"


async def test_answers_hold_every_declared_field(client: stripe.StripeClient) -> None:
    made = await client.v1.setup_intents.create_async({"allowed_payment_method_types": ["card"]})
    declared = {name for name in stripe.SetupIntent.__annotations__ if name.islower()}
    assert declared - set(made.to_dict()) == set()


async def test_official_client_reads_a_decline(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.setup_intents.create_async({"confirm": True, "payment_method": "pm_card_chargeDeclined"})
    assert (refused.value.code, refused.value.http_status) == ("card_declined", 402)
    assert refused.value.error is not None
    assert refused.value.error.setup_intent is not None
    assert refused.value.error.setup_intent.status == "requires_payment_method"
    assert refused.value.request_id is not None


async def test_official_client_finishes_authentication(client: stripe.StripeClient, address: str) -> None:
    made = await client.v1.setup_intents.create_async(
        {"confirm": True, "payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.test/"}
    )
    assert made.next_action is not None
    assert made.next_action.redirect_to_url is not None
    async with httpx.AsyncClient() as browser:
        await browser.post(str(made.next_action.redirect_to_url.url), data={"outcome": "succeed"})
    assert (await client.v1.setup_intents.retrieve_async(made.id)).status == "succeeded"


async def test_official_client_meets_idempotency(client: stripe.StripeClient) -> None:
    key: stripe.RequestOptions = {"idempotency_key": "si-chk_1-1"}
    first = await client.v1.setup_intents.create_async({"usage": "off_session"}, key)
    again = await client.v1.setup_intents.create_async({"usage": "off_session"}, key)
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.setup_intents.create_async({"usage": "on_session"}, key)


async def test_official_client_keeps_accounts_apart(client: stripe.StripeClient) -> None:
    account: stripe.RequestOptions = {"stripe_account": "acct_store37175"}
    made = await client.v1.setup_intents.create_async({}, account)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.setup_intents.retrieve_async(made.id)
    assert refused.value.code == "resource_missing"
    assert (await client.v1.setup_intents.retrieve_async(made.id, {}, account)).id == made.id
    assert (await client.v1.accounts.retrieve_async("acct_store37175")).charges_enabled is True


async def test_official_client_lists_pages(client: stripe.StripeClient) -> None:
    made = [(await client.v1.setup_intents.create_async({})).id for _ in range(5)]
    pages = await client.v1.setup_intents.list_async({"limit": 2})
    assert [item.id async for item in pages.auto_paging_iter()] == made[::-1]


async def test_webhooks_pass_the_official_check(client: stripe.StripeClient, world: StripeWorld) -> None:
    with inbox() as endpoint:
        world.set_webhook(endpoint.url, WEBHOOK_SECRET)
        made = await client.v1.setup_intents.create_async({"confirm": True, "payment_method": "pm_card_visa"})
        messages = [await asyncio.to_thread(endpoint.next) for _ in range(2)]
    events = [client.construct_event(body, signature, WEBHOOK_SECRET) for body, signature in messages]
    assert [event.type for event in events] == ["setup_intent.created", "setup_intent.succeeded"]
    assert events[1].data.object["id"] == made.id
    assert events[1].api_version == VERSION
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(messages[0][0], messages[0][1], "whsec_other")


async def test_a_refused_webhook_is_sent_again(client: stripe.StripeClient, world: StripeWorld) -> None:
    with inbox(500) as endpoint:
        world.set_webhook(endpoint.url, WEBHOOK_SECRET)
        await client.v1.setup_intents.create_async({})
        first, second = [await asyncio.to_thread(endpoint.next) for _ in range(2)]
    assert first[0] == second[0]


async def test_reset_stops_waiting_webhooks(client: stripe.StripeClient, world: StripeWorld) -> None:
    with inbox(500) as endpoint:
        world.set_webhook(endpoint.url, WEBHOOK_SECRET)
        await client.v1.setup_intents.create_async({})
        await asyncio.to_thread(endpoint.next)
        world.reset()
        # The second try would come after half a second.
        await asyncio.sleep(0.8)
        assert endpoint.received.empty()


async def test_thin_webhooks_name_the_setup_intent_only(client: stripe.StripeClient, world: StripeWorld) -> None:
    with inbox() as endpoint:
        world.set_webhook(endpoint.url, WEBHOOK_SECRET, thin=True)
        made = await client.v1.setup_intents.create_async({}, {"stripe_account": "acct_store37175"})
        body, signature = await asyncio.to_thread(endpoint.next)
    notice = client.parse_event_notification(body, signature, WEBHOOK_SECRET)
    assert notice.type == "v1.setup_intent.created"
    assert json.loads(body)["related_object"]["id"] == made.id
    assert "client_secret" not in body.decode()


async def test_no_endpoint_means_no_webhook(client: stripe.StripeClient, world: StripeWorld) -> None:
    with inbox() as endpoint:
        world.set_webhook(endpoint.url, WEBHOOK_SECRET)
        world.set_webhook(None, None)
        await client.v1.setup_intents.create_async({})
        world.set_webhook(endpoint.url, WEBHOOK_SECRET)
        marker = await client.v1.setup_intents.create_async({"metadata": {"marker": "yes"}})
        body, _ = await asyncio.to_thread(endpoint.next)
    assert json.loads(body)["data"]["object"]["id"] == marker.id


def test_webhook_address_must_be_http(world: StripeWorld) -> None:
    with pytest.raises(ValueError, match="http"):
        world.set_webhook("file:///etc/hosts", WEBHOOK_SECRET)
