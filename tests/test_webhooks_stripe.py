"""Stripe's webhooks: signed or refused, and in either case only a reason to ask Stripe."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from checkout.database.tables import inbox, timeline
from checkout.webhooks import find_setup_intent
from tests.placing_world import World, running_world
from tests.service import running_service
from tests.test_contracts import canonical
from tests.test_webhooks import PATIENT
from tests.upstreams import answers

NEW, OLD = "whsec_new", "whsec_old"
QUICK = {"stripe_webhook_secrets": f"{NEW},{OLD}", "recovery_interval": "0.05", **PATIENT}
PLENTY_SECONDS = 30


def event(setup_intent_id: str, what: str = "succeeded", **changes: Any) -> dict[str, Any]:
    """A snapshot event as Stripe sends it."""
    shown = {"id": setup_intent_id, "object": "setup_intent", "status": what}
    return {"id": "evt_1", "object": "event", "type": f"setup_intent.{what}", "data": {"object": shown}, **changes}


def signed(body: bytes, secret: str = NEW, age: int = 0) -> str:
    """The signature that Stripe's own library makes."""
    text = body.decode("utf-8", "replace")
    header = stripe.WebhookSignature.generate_signature_header(text, secret, int(time.time()) - age)
    return str(header)


async def send(world: World, body: Any, signature: str | None = None, method: str = "POST") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Stripe-Signature": signed(content) if signature is None else signature}
    return await world.service.client.request(method, "/webhooks/stripe", content=content, headers=headers)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world("sqlite", tmp_path, **QUICK) as running:
        yield running


async def until(world: World, holds: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
    """The rows of the inbox once a condition holds for them."""
    ends = time.monotonic() + PLENTY_SECONDS
    while not holds(found := await world.rows(inbox)):
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.02)
    return found


async def outcomes(world: World) -> list[str]:
    found = await until(world, lambda rows: rows and all(row["applied_at"] for row in rows))
    return [row["outcome"] for row in found]


async def story(world: World, checkout: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What the timeline tells of SetupIntents once they were made."""
    rows = [(row["event"], json.loads(row["facts"])) for row in await world.timeline(checkout)]
    return [row for row in rows if row[0].startswith("setup_intent.") and row[0] != "setup_intent.created"]


async def test_card_that_was_taken_is_noted_once(world: World) -> None:
    checkout, card = await world.ready()
    for _ in range(3):
        assert (await send(world, event(card))).json() == {"status": True}
    assert await outcomes(world) == ["card_read"]
    assert (await send(world, event(card))).status_code == 200
    world.service.clock.advance(seconds=5)
    assert await outcomes(world) == ["card_read"] * 2
    ((what, facts),) = await story(world, checkout)
    assert (what, facts["setup_intent"], facts["source"]) == ("setup_intent.succeeded", card, "webhook")
    assert facts["request_id"].startswith("req_")


async def test_what_stripe_says_counts_and_not_the_event(world: World) -> None:
    checkout, card = await world.ready()
    await send(world, event(card, "canceled"))
    assert await outcomes(world) == ["card_read"]
    assert [what for what, _ in await story(world, checkout)] == ["setup_intent.succeeded"]


async def test_card_that_was_refused_is_noted(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeDeclined")
    await send(world, event(card, "setup_failed"))
    assert await outcomes(world) == ["card_read"]
    ((what, facts),) = await story(world, checkout)
    assert (what, facts["status"], facts["code"]) == ("setup_intent.failed", "requires_payment_method", "card_declined")


async def test_card_entry_that_goes_on_is_not_noted(world: World) -> None:
    checkout = await world.service.create()
    path = f"/v1/checkouts/{checkout['id']}/setup-intent"
    made = (await world.service.call("POST", path, {}, with_=checkout["token"])).json()
    await send(world, event(made["id"], "created"))
    assert await outcomes(world) == ["card_read"]
    assert await story(world, checkout) == []


async def test_read_that_fails_is_tried_again(world: World) -> None:
    _, card = await world.ready()
    world.upstreams.on("stripe/setup_intents", *[answers(500, "down")] * 3)
    await send(world, event(card))
    await until(world, lambda rows: rows[0]["tries"])
    world.service.clock.advance(seconds=10)
    assert await outcomes(world) == ["card_read"]


async def test_card_of_somebody_else_is_never_asked_for(world: World) -> None:
    asked = len(world.upstreams.sent)
    await send(world, event("seti_1Somebody"))
    await until(world, lambda rows: rows[0]["tries"])
    world.service.clock.advance(minutes=16)
    assert await outcomes(world) == ["unknown"]
    assert len(world.upstreams.sent) == asked


NAMES = ("", "seti_", "seti_../x", "seti_" + "a" * 60, "pi_1", "seti_\x00")
ODD_DATA: list[Any] = [None, [], {"object": None}, {"object": {"id": 7}}]


@pytest.mark.parametrize(
    "body",
    [
        event("seti_1", type="charge.succeeded", data={"object": {"id": "ch_1"}}),
        *({"type": "setup_intent.succeeded", "data": data} for data in ODD_DATA),
        *(event(name) for name in NAMES),
        *([], None, 7, "seti_1", {}),
    ],
)
async def test_other_news_is_taken_and_ignored(world: World, body: Any) -> None:
    assert (await send(world, body)).status_code == 200
    assert await world.rows(inbox) == []


def test_both_forms_of_an_event_name_the_setup_intent() -> None:
    thin = {"object": "v2.core.event", "type": "v1.setup_intent.succeeded"}
    assert find_setup_intent(event("seti_1Abc")) == "seti_1Abc"
    assert find_setup_intent({**thin, "related_object": {"id": "seti_1Abc", "type": "setup_intent"}}) == "seti_1Abc"


async def test_both_secrets_are_taken_while_one_replaces_the_other(world: World) -> None:
    body = json.dumps(event("seti_1")).encode()
    for secret in (NEW, OLD):
        assert (await send(world, body, signed(body, secret))).status_code == 200


async def test_signature_may_be_five_minutes_old(world: World) -> None:
    body = json.dumps(event("seti_1")).encode()
    assert (await send(world, body, signed(body, age=280))).status_code == 200
    assert canonical(await send(world, body, signed(body, age=320))).code == "unauthenticated"


FRESH = int(time.time())


@pytest.mark.parametrize(
    "signature",
    [
        *("", "t=1,v1=00", "v1=00", f"t={FRESH}", f"t={FRESH},v1=", "t=x,v1=y", "t=\u00e9,v1=\u00e9", ",", "=", "t,v1"),
        *(signed(b"{}", "whsec_other"), signed(b'{"other": 1}'), signed(b"{}").replace("v1=", "v0=")),
        f"t={10**30},v1=00",
    ],
)
async def test_wrong_signature_leaves_nothing(world: World, signature: str) -> None:
    headers = {b"Stripe-Signature": signature.encode("latin-1")}
    answer = await world.service.client.post("/webhooks/stripe", content=b"{}", headers=headers)
    problem = canonical(answer)
    assert (problem.status, problem.code) == (401, "unauthenticated")
    assert await world.rows(inbox) == []


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"", b"[" * 100_000])
async def test_signed_nonsense_is_refused(world: World, body: bytes) -> None:
    answer = await send(world, body)
    assert canonical(answer).status in {400, 401}
    assert await world.rows(inbox) == []


async def test_without_a_secret_there_is_no_such_path() -> None:
    async with running_service() as service:
        answer = await service.client.post("/webhooks/stripe", json=event("seti_1"))
        assert canonical(answer).code == "not_found"


async def test_other_methods_are_refused(world: World) -> None:
    assert canonical(await send(world, event("seti_1"), method="PUT")).status == 405


async def test_nothing_of_the_card_is_kept(world: World) -> None:
    _, card = await world.ready()
    await send(world, event(card))
    await outcomes(world)
    facts = " ".join(row["facts"] for row in await world.rows(timeline))
    assert "_secret_" not in facts
    assert "pm_" not in facts
