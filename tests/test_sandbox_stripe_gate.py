"""Keys, versions, accounts, idempotency and refusals of the sandbox's Stripe."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stripe import StripeWorld

NEW = {"Stripe-Version": "2026-10-28.endive"}
PATH = "/v1/setup_intents"


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock()


def client_of(world: StripeWorld) -> httpx.AsyncClient:
    app = Starlette(routes=world.routes())
    headers = {"Authorization": "Bearer sk_test_brand"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stripe.test", headers=headers)


@pytest.fixture
async def stripe(clock: SandboxClock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(StripeWorld(clock, Shelf(None))) as client:
        yield client


@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer nonsense", "Bearer sk_live_brand", "Basic !!!", "Digest x"])
async def test_missing_unknown_and_live_keys_are_refused(stripe: httpx.AsyncClient, key: str) -> None:
    refused = await stripe.get("/v1/account", headers={"Authorization": key})
    assert refused.status_code == 401
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.headers["request-id"].startswith("req_")


async def test_basic_and_restricted_keys_work(stripe: httpx.AsyncClient) -> None:
    basic = "Basic " + base64.b64encode(b"sk_test_brand:").decode()
    by_basic = (await stripe.get("/v1/account", headers={"Authorization": basic})).json()
    by_restricted = (await stripe.get("/v1/account", headers={"Authorization": "Bearer rk_test_brand"})).json()
    assert by_basic["id"] == by_restricted["id"]
    assert by_basic["id"].startswith("acct_")


async def test_publishable_key_cannot_create(stripe: httpx.AsyncClient) -> None:
    refused = await stripe.post(PATH, headers={"Authorization": "Bearer pk_test_brand"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "secret_key_required")


async def test_keys_with_another_suffix_see_nothing(stripe: httpx.AsyncClient) -> None:
    made = (await stripe.post(PATH)).json()
    other = {"Authorization": "Bearer sk_test_other"}
    refused = await stripe.get(f"{PATH}/{made['id']}", headers=other)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "resource_missing")
    assert (await stripe.get(PATH, headers=other)).json()["data"] == []


async def test_connected_accounts_are_separate(stripe: httpx.AsyncClient) -> None:
    account = {"Stripe-Account": "acct_store37175"}
    answer = await stripe.post(PATH, headers=account)
    there = f"{PATH}/{answer.json()['id']}"
    assert answer.headers["stripe-account"] == "acct_store37175"
    assert (await stripe.get(there)).status_code == 404
    assert (await stripe.get(there, headers=account)).status_code == 200
    assert (await stripe.get("/v1/account", headers=account)).json()["id"] == "acct_store37175"
    assert (await stripe.get("/v1/account", headers={"Stripe-Account": "store"})).status_code == 403


async def test_naming_ones_own_account_is_the_platform(stripe: httpx.AsyncClient) -> None:
    own = (await stripe.get("/v1/account")).json()["id"]
    made = (await stripe.post(PATH, headers={"Stripe-Account": own})).json()
    assert (await stripe.get(f"{PATH}/{made['id']}")).status_code == 200


@pytest.mark.parametrize("version", ["2026-09-30.endive", "2026-10-28.endive"])
async def test_new_versions_refuse_payment_method_types(stripe: httpx.AsyncClient, version: str) -> None:
    data = {"payment_method_types[]": "card"}
    refused = await stripe.post(PATH, data=data, headers={"Stripe-Version": version})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "payment_method_types_no_longer_supported"


async def test_old_versions_take_payment_method_types(stripe: httpx.AsyncClient) -> None:
    data = {"payment_method_types[]": "card"}
    unversioned = await stripe.post(PATH, data=data)
    assert unversioned.json()["payment_method_types"] == ["card"]
    assert unversioned.headers["stripe-version"] < "2026-09-30"
    assert (await stripe.post(PATH, data=data, headers={"Stripe-Version": "2026-07-29.dahlia"})).status_code == 200


async def test_allowed_types_are_known_from_july(stripe: httpx.AsyncClient) -> None:
    data = {"allowed_payment_method_types[]": "card"}
    july, june = {"Stripe-Version": "2026-07-29.dahlia"}, {"Stripe-Version": "2026-06-24.dahlia"}
    assert (await stripe.post(PATH, data=data, headers=july)).status_code == 200
    refused = await stripe.post(PATH, data=data, headers=june)
    assert refused.json()["error"]["code"] == "parameter_unknown"


@pytest.mark.parametrize("version", ["yesterday", "2031-01-01.zinnia"])
async def test_unknown_versions_are_refused(stripe: httpx.AsyncClient, version: str) -> None:
    assert (await stripe.post(PATH, headers={"Stripe-Version": version})).status_code == 400


async def test_automatic_methods_are_echoed(stripe: httpx.AsyncClient) -> None:
    data = {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
    made = (await stripe.post(PATH, data=data, headers=NEW)).json()
    assert made["automatic_payment_methods"] == {"enabled": True, "allow_redirects": "never"}
    both = data | {"allowed_payment_method_types[]": "card"}
    assert (await stripe.post(PATH, data=both, headers=NEW)).status_code == 400


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"automatic_payment_methods[on]": "true"}, "parameter_unknown", "automatic_payment_methods[on]"),
        ({"usage": "never"}, None, "usage"),
        ({"confirm": "perhaps"}, None, "confirm"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"payment_method": ""}, "parameter_invalid_empty", "payment_method"),
        ({"return_url": "https://shop.test"}, None, "return_url"),
        ({"confirm": "true"}, None, "payment_method"),
        ({"allowed_payment_method_types": "card"}, None, "allowed_payment_method_types"),
        ({"metadata[a]": "x" * 501}, None, "metadata"),
        ({"metadata": "text"}, None, "metadata"),
        ({"usage[a]": "x"}, None, "usage"),
        ({"usage[a": "x"}, None, "usage[a"),
        (
            {
                "payment_method_data[type]": "card",
                "payment_method_data[card][token]": "tok_visa",
                "payment_method_data[billing_details][address]": "5 Main St",
            },
            None,
            "payment_method_data[billing_details][address]",
        ),
    ],
)
async def test_bad_parameters_are_named(
    stripe: httpx.AsyncClient, data: dict[str, str], code: str | None, param: str
) -> None:
    refused = await stripe.post(PATH, data=data, headers=NEW)
    error = refused.json()["error"]
    assert (refused.status_code, error.get("code"), error["param"]) == (400, code, param)
    assert refused.headers["request-id"] in error["request_log_url"]


async def test_json_bodies_are_refused(stripe: httpx.AsyncClient) -> None:
    assert (await stripe.post(PATH, json={"usage": "off_session"})).status_code == 400


async def test_unknown_paths_answer_as_stripe_does(stripe: httpx.AsyncClient) -> None:
    refused = await stripe.get("/v1/unicorns/1")
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "invalid_request_error")


async def test_same_key_same_call_is_replayed(stripe: httpx.AsyncClient) -> None:
    first = await stripe.post(PATH, data={"usage": "off_session"}, headers={"Idempotency-Key": "one"})
    again = await stripe.post(PATH, data={"usage": "off_session"}, headers={"Idempotency-Key": "one"})
    assert first.content == again.content
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert again.headers["original-request"] == first.headers["request-id"] != again.headers["request-id"]
    assert len((await stripe.get(PATH)).json()["data"]) == 1


async def test_replay_repeats_a_decline(stripe: httpx.AsyncClient) -> None:
    data = {"confirm": "true", "payment_method": "pm_card_chargeDeclined"}
    first = await stripe.post(PATH, data=data, headers={"Idempotency-Key": "one"})
    again = await stripe.post(PATH, data=data, headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (402, 402, "true")
    assert first.content == again.content


async def test_replay_shows_the_first_answer(stripe: httpx.AsyncClient) -> None:
    first = await stripe.post(PATH, headers={"Idempotency-Key": "one"})
    await stripe.post(f"{PATH}/{first.json()['id']}/cancel")
    again = await stripe.post(PATH, headers={"Idempotency-Key": "one"})
    assert again.json()["status"] == "requires_payment_method"


async def test_same_key_other_call_is_refused(stripe: httpx.AsyncClient) -> None:
    made = await stripe.post(PATH, headers={"Idempotency-Key": "one"})
    other_body = await stripe.post(PATH, data={"usage": "on_session"}, headers={"Idempotency-Key": "one"})
    other_path = await stripe.post(f"{PATH}/{made.json()['id']}/cancel", headers={"Idempotency-Key": "one"})
    for refused in (other_body, other_path):
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")


async def test_keys_of_other_accounts_do_not_meet(stripe: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "one"}
    here = (await stripe.post(PATH, headers=key)).json()["id"]
    there = (await stripe.post(PATH, headers=key | {"Stripe-Account": "acct_a"})).json()["id"]
    assert here != there


async def test_refused_parameters_leave_the_key_free(stripe: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "one"}
    assert (await stripe.post(PATH, data={"usage": "never"}, headers=key)).status_code == 400
    assert (await stripe.post(PATH, data={"usage": "off_session"}, headers=key)).status_code == 200


async def test_keys_are_forgotten_after_a_day(stripe: httpx.AsyncClient, clock: SandboxClock) -> None:
    key = {"Idempotency-Key": "one"}
    first = (await stripe.post(PATH, headers=key)).json()["id"]
    clock.advance(timedelta(hours=23))
    assert (await stripe.post(PATH, headers=key)).json()["id"] == first
    clock.advance(timedelta(hours=2))
    assert (await stripe.post(PATH, headers=key)).json()["id"] != first


async def test_overlong_keys_are_refused(stripe: httpx.AsyncClient) -> None:
    assert (await stripe.post(PATH, headers={"Idempotency-Key": "k" * 256})).status_code == 400


async def test_concurrent_use_of_a_key_conflicts(stripe: httpx.AsyncClient) -> None:
    arrived, rival_answered = asyncio.Event(), asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        yield b"usage="
        arrived.set()
        await rival_answered.wait()
        yield b"off_session"

    key = {"Idempotency-Key": "one"}
    first = asyncio.create_task(stripe.post(PATH, content=slow_body(), headers=key))
    await arrived.wait()
    rival = await stripe.post(PATH, data={"usage": "off_session"}, headers=key)
    rival_answered.set()
    assert (rival.status_code, rival.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await first).status_code == 200
    after = await stripe.post(PATH, data={"usage": "off_session"}, headers=key)
    assert after.headers["idempotent-replayed"] == "true"


async def test_a_restart_keeps_idempotency_keys(clock: SandboxClock, tmp_path: Path) -> None:
    key = {"Idempotency-Key": "one"}
    shelf = Shelf(tmp_path / "state.db")
    async with client_of(StripeWorld(clock, shelf)) as stripe:
        first = await stripe.post(PATH, headers=key)
    shelf.close()
    reopened = Shelf(tmp_path / "state.db")
    async with client_of(StripeWorld(clock, reopened)) as stripe:
        again = await stripe.post(PATH, headers=key)
    reopened.close()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.content == first.content
