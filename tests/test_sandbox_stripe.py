"""The life of a SetupIntent in the sandbox's Stripe, over its API without a socket."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stripe import StripeWorld
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


async def read(stripe: httpx.AsyncClient, setup_intent: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = (await stripe.get(f"/v1/setup_intents/{setup_intent['id']}")).json()
    return body


async def test_a_new_setup_intent_waits_for_a_card(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, **{"allowed_payment_method_types[]": "card", "metadata[checkout_id]": "chk_1"})
    assert (made["status"], made["usage"], made["livemode"]) == ("requires_payment_method", "off_session", False)
    assert (made["payment_method"], made["last_setup_error"], made["next_action"]) == (None, None, None)
    assert made["payment_method_types"] == ["card"]
    assert made["metadata"] == {"checkout_id": "chk_1"}
    assert made["client_secret"].startswith(f"{made['id']}_secret_")


async def test_a_good_card_succeeds(stripe: httpx.AsyncClient, world: StripeWorld) -> None:
    made = await create(stripe)
    answer = await confirm(stripe, made, payment_method="pm_card_visa")
    assert answer.json()["status"] == "succeeded"
    assert answer.json()["payment_method"].startswith("pm_")
    kept = world.find_setup_intent(made["id"])
    assert kept is not None
    assert kept.status == "succeeded"
    assert not any(kept.declines_line(line) for line in range(3))


async def test_a_card_put_on_waits_for_confirmation(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    changed = await stripe.post(f"/v1/setup_intents/{made['id']}", data={"payment_method": "pm_card_mastercard"})
    assert changed.json()["status"] == "requires_confirmation"
    assert (await confirm(stripe, made)).json()["status"] == "succeeded"


@pytest.mark.parametrize("card", ["pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"])
async def test_a_declined_card_may_be_replaced(stripe: httpx.AsyncClient, card: str) -> None:
    made = await create(stripe)
    refused = await confirm(stripe, made, payment_method=card)
    error = refused.json()["error"]
    assert refused.status_code == 402
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", "generic_decline")
    assert error["setup_intent"]["status"] == "requires_payment_method"
    assert error["payment_method"]["card"]["last4"] == "0002"
    after = await read(stripe, made)
    assert after["last_setup_error"]["code"] == "card_declined"
    assert after["payment_method"] is None
    again = await confirm(stripe, made, payment_method="pm_card_visa")
    assert (again.json()["status"], again.json()["last_setup_error"]) == ("succeeded", None)


@pytest.mark.parametrize(("card", "line"), [("pm_card_chargeCustomerFail", 0), ("pm_card_sandbox_second_line", 1)])
async def test_hold_cards_decline_their_line(
    stripe: httpx.AsyncClient, world: StripeWorld, card: str, line: int
) -> None:
    made = await create(stripe, confirm="true", payment_method=card)
    kept = world.find_setup_intent(made["id"])
    assert made["status"] == "succeeded"
    assert kept is not None
    assert [kept.declines_line(place) for place in range(3)] == [place == line for place in range(3)]


@pytest.mark.parametrize("card", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"])
async def test_authentication_leads_to_success(stripe: httpx.AsyncClient, card: str) -> None:
    made = await create(stripe)
    asked = (await confirm(stripe, made, payment_method=card)).json()
    assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")
    done = await authenticate(stripe, made, "succeed")
    assert (done.json()["status"], done.json()["next_action"]) == ("succeeded", None)


async def test_failed_authentication_asks_for_another_card(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, confirm="true", payment_method="pm_card_authenticationRequired")
    failed = (await authenticate(stripe, made, "fail")).json()
    assert failed["status"] == "requires_payment_method"
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert (await authenticate(stripe, made, "succeed")).status_code == 400


async def test_redirect_page_brings_the_shopper_back(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    back = "https://shop.test/done?a=1#end"
    asked = (await confirm(stripe, made, payment_method="pm_card_authenticationRequired", return_url=back)).json()
    action = asked["next_action"]["redirect_to_url"]
    assert action["return_url"] == back
    page = await stripe.get(action["url"])
    assert "Complete authentication" in page.text
    sent_back = await stripe.post(action["url"], data={"outcome": "succeed"})
    location = httpx.URL(sent_back.headers["location"])
    assert sent_back.status_code == 303
    assert location.params["redirect_status"] == "succeeded"
    assert (location.params["setup_intent"], location.params["a"], location.fragment) == (made["id"], "1", "end")
    assert (await read(stripe, made))["status"] == "succeeded"
    assert (await stripe.get(action["url"])).status_code == 404


async def test_browser_finishes_authentication_with_its_key(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, confirm="true", payment_method="pm_card_threeDSecure2Required", use_stripe_sdk="true")
    source = made["next_action"]["use_stripe_sdk"]["three_d_secure_2_source"]
    wrong = {"setup_intent": made["id"], "source": "payatt_guess"}
    assert (await stripe.post("/v1/3ds2/authenticate", data=wrong, headers=PUBLISHABLE)).status_code == 404
    right = {"setup_intent": made["id"], "source": source}
    done = await stripe.post("/v1/3ds2/authenticate", data=right, headers=PUBLISHABLE)
    assert done.json()["state"] == "succeeded"
    assert (await read(stripe, made))["status"] == "succeeded"


async def test_card_may_be_declined_after_authentication(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, confirm="true", payment_method="pm_card_threeDSecureRequiredChargeDeclined")
    assert (await authenticate(stripe, made, "succeed")).json()["last_setup_error"]["code"] == "card_declined"


async def test_succeeded_setup_intent_cannot_be_confirmed_or_canceled(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe, confirm="true", payment_method="pm_card_visa")
    for verb in ("confirm", "cancel"):
        refused = await stripe.post(f"/v1/setup_intents/{made['id']}/{verb}")
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (400, "setup_intent_unexpected_state")
        assert error["setup_intent"]["id"] == made["id"]


async def test_canceled_setup_intent_stays_canceled(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    path = f"/v1/setup_intents/{made['id']}/cancel"
    assert (await stripe.post(path, data={"cancellation_reason": "boredom"})).status_code == 400
    canceled = (await stripe.post(path, data={"cancellation_reason": "abandoned"})).json()
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "abandoned")
    refused = await confirm(stripe, made, payment_method="pm_card_visa")
    assert refused.json()["error"]["code"] == "setup_intent_unexpected_state"
    assert (await stripe.post(path)).status_code == 400


async def test_confirming_without_a_card_is_refused(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    assert (await confirm(stripe, made)).json()["error"]["code"] == "setup_intent_unexpected_state"


async def test_ten_failures_cancel_the_setup_intent(stripe: httpx.AsyncClient) -> None:
    made = await create(stripe)
    for _ in range(9):
        assert (await confirm(stripe, made, payment_method="pm_card_chargeDeclined")).status_code == 402
    assert (await read(stripe, made))["status"] == "requires_payment_method"
    assert (await confirm(stripe, made, payment_method="pm_card_chargeDeclined")).status_code == 402
    assert (await read(stripe, made))["status"] == "canceled"


async def test_card_without_customer_serves_once(stripe: httpx.AsyncClient) -> None:
    first = await create(stripe, confirm="true", payment_method="pm_card_visa")
    refused = await stripe.post("/v1/setup_intents", data={"payment_method": first["payment_method"]})
    assert refused.status_code == 400
    assert "may not be used again" in refused.json()["error"]["message"]


async def test_card_of_a_customer_serves_again(stripe: httpx.AsyncClient) -> None:
    customer = (await stripe.post("/v1/customers", data={"email": "a@example.com"})).json()["id"]
    first = await create(stripe, confirm="true", payment_method="pm_card_visa", customer=customer)
    card = first["payment_method"]
    again = await create(stripe, confirm="true", payment_method=card, customer=customer)
    assert again["status"] == "succeeded"
    assert (await stripe.post("/v1/setup_intents", data={"payment_method": card})).status_code == 400
    cards = (await stripe.get("/v1/payment_methods", params={"customer": customer})).json()["data"]
    assert [item["id"] for item in cards] == [card]


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("4242 4242 4242 4242", "succeeded"),
        ("4000000000000002", "card_declined"),
        ("4000000000009995", "card_declined"),
        ("4000000000003220", "requires_action"),
        ("4000002500003155", "requires_action"),
        ("4000002760003184", "requires_action"),
        ("4000000000000341", "succeeded"),
    ],
)
async def test_browser_sets_up_test_numbers(stripe: httpx.AsyncClient, number: str, outcome: str) -> None:
    made = await create(stripe)
    card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}
    kept = await stripe.post("/v1/payment_methods", data={"type": "card", **card}, headers=PUBLISHABLE)
    given = {"payment_method": kept.json()["id"], "client_secret": made["client_secret"], "use_stripe_sdk": "true"}
    answer = await stripe.post(f"/v1/setup_intents/{made['id']}/confirm", data=given, headers=PUBLISHABLE)
    body = answer.json()
    assert outcome == (body["error"]["code"] if answer.status_code == 402 else body["status"])


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"number": "4539578763621486"}, "card_declined"),
        ({"exp_month": "13"}, "invalid_expiry_month"),
        ({"exp_year": "2019"}, "invalid_expiry_year"),
        ({"cvc": "12x"}, "invalid_cvc"),
    ],
)
async def test_wrong_card_entries_are_refused(stripe: httpx.AsyncClient, entry: dict[str, str], code: str) -> None:
    card = {"number": "4242424242424242", "exp_month": "12", "exp_year": "34", "cvc": "123"} | entry
    data = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
    refused = await stripe.post("/v1/payment_methods", data=data)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, code)


async def test_test_token_and_confirmation_token_give_cards(stripe: httpx.AsyncClient) -> None:
    data = {"payment_method_data[type]": "card", "payment_method_data[card][token]": "tok_visa"}
    token = (await stripe.post("/v1/confirmation_tokens", data=data)).json()
    assert token["payment_method_preview"]["card"]["last4"] == "4242"
    made = await create(stripe, confirm="true", confirmation_token=token["id"])
    assert made["status"] == "succeeded"


async def test_confirmation_token_carries_its_return_url(stripe: httpx.AsyncClient) -> None:
    data = {"payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.test/back"}
    token = (await stripe.post("/v1/test_helpers/confirmation_tokens", data=data)).json()
    made = await create(stripe, confirm="true", confirmation_token=token["id"])
    assert made["next_action"]["redirect_to_url"]["return_url"] == "https://shop.test/back"


async def test_expired_confirmation_token_is_refused(clock: SandboxClock, stripe: httpx.AsyncClient) -> None:
    data = {"payment_method": "pm_card_visa"}
    token = (await stripe.post("/v1/test_helpers/confirmation_tokens", data=data)).json()
    clock.advance(timedelta(hours=13))
    refused = await stripe.post("/v1/setup_intents", data={"confirm": "true", "confirmation_token": token["id"]})
    assert refused.status_code == 400


async def test_reset_forgets_everything(stripe: httpx.AsyncClient, world: StripeWorld) -> None:
    made = await create(stripe)
    world.reset()
    assert world.find_setup_intent(made["id"]) is None
    assert (await stripe.get("/v1/events")).json()["data"] == []


async def test_a_restart_keeps_the_objects(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "state.db")
    async with client_of(StripeWorld(SandboxClock(), shelf)) as stripe:
        made = await create(stripe, confirm="true", payment_method="pm_card_chargeCustomerFail")
    shelf.close()
    reopened = Shelf(tmp_path / "state.db")
    world = StripeWorld(SandboxClock(), reopened)
    async with client_of(world) as stripe:
        assert await read(stripe, made) == made
    kept = world.find_setup_intent(made["id"])
    reopened.close()
    assert kept is not None
    assert kept.declines_line(0)
