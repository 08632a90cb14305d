"""What can be read back from the sandbox's Stripe: lists, expanded objects, attempts, events."""

from collections.abc import AsyncIterator

import httpx
import pytest

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stripe import StripeWorld
from checkout.sandbox.stripe_answers import page
from checkout.sandbox.stripe_forms import Params
from tests.sandbox_stripe import PUBLISHABLE, authenticate, client_of, confirm, create


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock()


@pytest.fixture
def world(clock: SandboxClock) -> StripeWorld:
    return StripeWorld(clock, Shelf(None))


@pytest.fixture
async def stripe(world: StripeWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(world) as client:
        yield client


async def test_publishable_key_sees_the_reduced_fields(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, **{"metadata[a]": "b"})
    path = f"/v1/setup_intents/{made['id']}"
    shown = (await stripe.get(path, params={"client_secret": made["client_secret"]}, headers=PUBLISHABLE)).json()
    assert shown["status"] == "requires_payment_method"
    assert not {"metadata", "customer", "latest_attempt"} & set(shown)
    assert (await stripe.get(path, headers=PUBLISHABLE)).json()["error"]["code"] == "parameter_missing"
    wrong = {"client_secret": made["client_secret"] + "x"}
    assert (await stripe.get(path, params=wrong, headers=PUBLISHABLE)).status_code == 400


async def test_expand_puts_objects_in_place_of_ids(stripe: httpx.AsyncClient) -> None:
    wish = {"expand[0]": "latest_attempt.payment_method", "expand[1]": "payment_method"}
    made = await create(stripe, confirm="true", payment_method="pm_card_amex", **wish)
    assert made["payment_method"]["card"]["brand"] == "amex"
    assert made["latest_attempt"]["status"] == "succeeded"
    assert made["latest_attempt"]["payment_method"]["id"] == made["payment_method"]["id"]
    listed = (await stripe.get("/v1/setup_intents", params={"expand[]": "data.payment_method"})).json()
    assert listed["data"][0]["payment_method"]["object"] == "payment_method"
    refused = await stripe.get("/v1/setup_intents", params={"expand[]": "data.status"})
    assert refused.status_code == 400


async def test_lists_are_paged_newest_first(stripe: httpx.AsyncClient) -> None:
    ids = [(await create(stripe))["id"] for _ in range(5)][::-1]
    first = (await stripe.get("/v1/setup_intents", params={"limit": "2"})).json()
    assert ([item["id"] for item in first["data"]], first["has_more"]) == (ids[:2], True)
    rest = (await stripe.get("/v1/setup_intents", params={"starting_after": ids[1], "limit": "3"})).json()
    assert ([item["id"] for item in rest["data"]], rest["has_more"]) == (ids[2:], False)
    before = (await stripe.get("/v1/setup_intents", params={"ending_before": ids[3], "limit": "2"})).json()
    assert ([item["id"] for item in before["data"]], before["has_more"]) == (ids[1:3], True)
    future = {"created[gt]": str(first["data"][0]["created"] + 60)}
    assert (await stripe.get("/v1/setup_intents", params=future)).json()["data"] == []


async def test_each_confirmation_leaves_an_attempt(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    await confirm(stripe, made, payment_method="pm_card_chargeDeclined")
    await confirm(stripe, made, payment_method="pm_card_authenticationRequired")
    await confirm(stripe, made, payment_method="pm_card_visa")
    listed = (await stripe.get("/v1/setup_attempts", params={"setup_intent": made["id"]})).json()["data"]
    assert [attempt["status"] for attempt in listed] == ["succeeded", "abandoned", "failed"]
    assert listed[2]["setup_error"]["code"] == "card_declined"


async def test_metadata_is_merged_and_unset(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, **{"metadata[a]": "1", "metadata[b]": "2"})
    path = f"/v1/setup_intents/{made['id']}"
    changed = await stripe.post(path, data={"metadata[a]": "", "metadata[7]": "3"})
    assert changed.json()["metadata"] == {"b": "2", "7": "3"}
    assert (await stripe.post(path, data={"metadata": ""})).json()["metadata"] == {}


async def test_events_tell_the_story(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    await confirm(stripe, made, payment_method="pm_card_chargeDeclined")
    await confirm(stripe, made, payment_method="pm_card_authenticationRequired")
    await authenticate(stripe, made, "succeed")
    await stripe.post(f"/v1/setup_intents/{(await create(stripe))['id']}/cancel")
    events = (await stripe.get("/v1/events", params={"type": "setup_intent.*"})).json()["data"]
    story = ["created", "setup_failed", "requires_action", "succeeded", "created", "canceled"]
    assert [event["type"] for event in reversed(events)] == [f"setup_intent.{what}" for what in story]
    assert events[2]["data"]["object"]["status"] == "succeeded"


async def test_a_domain_is_registered_once(stripe: httpx.AsyncClient) -> None:
    first = (await stripe.post("/v1/payment_method_domains", data={"domain_name": "shop.example.com"})).json()
    again = (await stripe.post("/v1/payment_method_domains", data={"domain_name": "shop.example.com"})).json()
    assert first["apple_pay"] == {"status": "active"}
    assert first["id"] == again["id"]


def test_first_page_reads_no_more_than_it_shows() -> None:
    rows = iter([{"id": f"evt_{number}", "created": 1} for number in range(1000)])
    shown = page(rows, Params({"limit": "2"}), "/v1/events")
    assert ([row["id"] for row in shown["data"]], shown["has_more"]) == (["evt_0", "evt_1"], True)
    assert next(rows)["id"] == "evt_3"
