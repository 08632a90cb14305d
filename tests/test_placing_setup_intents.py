"""Which checkouts and which SetupIntents may be placed at all."""

import asyncio
import json
from pathlib import Path

import pytest

from checkout.database.tables import attempts
from tests.placing_world import World, problem, running_world
from tests.service import SHOPPER, key
from tests.upstreams import after, answers, changed

INVALID = (409, "setup_intent_invalid", "new_card", "ready")


async def test_setup_intent_of_another_checkout_is_invalid(world: World) -> None:
    checkout = await world.service.create()
    _, foreign = await world.ready()
    assert problem(await world.place(checkout, foreign)) == INVALID
    assert await world.rows(attempts) == []


async def test_unknown_setup_intent_is_invalid(world: World) -> None:
    checkout = await world.service.create()
    assert problem(await world.place(checkout, "seti_1AbCdEfGhIjKlMnO")) == INVALID
    assert await world.calls() == (0, 0)


async def test_unconfirmed_setup_intent_is_invalid(world: World) -> None:
    checkout = await world.service.create()
    path = f"/v1/checkouts/{checkout['id']}/setup-intent"
    intent = (await world.service.call("POST", path, {}, with_=checkout["token"])).json()
    assert problem(await world.place(checkout, intent["id"])) == INVALID
    assert await world.calls() == (0, 0)


async def test_setup_intent_that_failed_is_invalid(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeDeclined")
    assert problem(await world.place(checkout, card)) == INVALID


@pytest.mark.parametrize(
    "facts",
    [
        {"metadata": {"checkout_id": "chk_of_somebody_else"}},
        {"livemode": True},
        {"payment_method_types": ["us_bank_account"]},
        {"status": "processing"},
    ],
)
async def test_setup_intent_is_checked_at_stripe(world: World, facts: dict[str, object]) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("stripe/setup_intents", changed(lambda body: body.update(facts)))
    assert problem(await world.place(checkout, card)) == INVALID
    assert await world.calls() == (0, 0)


async def test_setup_intent_that_stripe_does_not_know_is_invalid(world: World) -> None:
    checkout, card = await world.ready()
    body = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "none"}}
    world.upstreams.on("stripe/setup_intents", answers(404, body))
    assert problem(await world.place(checkout, card)) == INVALID


async def test_stripe_down_leaves_nothing(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.always("stripe/setup_intents", answers(401, {"error": {"type": "invalid_request_error"}}))
    refused = await world.place(checkout, card, using=using)
    assert problem(refused) == (503, "refused_upstream", "contact", "ready")
    world.upstreams.clear()
    assert (await world.place(checkout, card, using=using)).status_code == 200


async def test_setup_intent_of_another_account_is_invalid(tmp_path: Path) -> None:
    accounts = json.dumps({"37176": {"account": "acct_other", "publishable_key": "pk_test_other"}})
    async with running_world("sqlite", tmp_path, stripe_accounts=accounts) as world:
        checkout, card = await world.ready()
        path = f"/v1/checkouts/{checkout['id']}"
        moved = (await world.service.call("PATCH", path, {"store_id": 37176}, with_=checkout["token"])).json()
        assert moved["payment"]["account"] == "acct_other"
        there = {**moved, "token": checkout["token"]}
        assert problem(await world.place(there, card)) == INVALID
        assert (await world.place(there, await world.service.take_card(there))).status_code == 200


async def test_missing_setup_intent_is_named(world: World) -> None:
    checkout = await world.service.create()
    refused = await world.place(checkout, None)
    assert problem(refused) == (422, "invalid_field", "fix", "ready")
    assert refused.json()["errors"][0]["pointer"] == "/setup_intent_id"


async def test_incomplete_checkout_names_what_is_missing(world: World) -> None:
    checkout = await world.service.create(shopper={**SHOPPER, "email": None, "city": None})
    refused = await world.place(checkout, await world.service.take_card(checkout))
    assert problem(refused) == (409, "checkout_incomplete", "fix", "incomplete")
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/shopper/email", "/shopper/city"}


async def test_expired_checkout_cannot_be_placed(world: World) -> None:
    checkout, card = await world.ready()
    world.service.clock.advance(minutes=61)
    assert problem(await world.place(checkout, card)) == (409, "checkout_expired", "restart", "expired")
    assert await world.calls() == (0, 0)


async def test_canceled_checkout_cannot_be_placed(world: World) -> None:
    checkout, card = await world.ready()
    await world.service.call("POST", f"/v1/checkouts/{checkout['id']}/cancel", {}, with_=checkout["token"])
    assert problem(await world.place(checkout, card)) == (409, "not_open", "stop", "canceled")


async def test_checkout_cannot_be_changed_or_given_up_while_placing(world: World) -> None:
    checkout, card = await world.ready()
    met = asyncio.Event()
    world.upstreams.on("cart/validate", after(met.wait))
    await world.place(checkout, card, wait=0)
    path = f"/v1/checkouts/{checkout['id']}"
    changed_ = await world.service.call("PATCH", path, {"locale": "en"}, with_=checkout["token"])
    assert (changed_.status_code, changed_.json()["code"]) == (409, "not_open")
    given_up = await world.service.call("POST", f"{path}/cancel", {}, with_=checkout["token"])
    assert (given_up.status_code, given_up.json()["code"]) == (409, "placing")
    met.set()
    assert (await world.settled(checkout))["status"] == "placed"
