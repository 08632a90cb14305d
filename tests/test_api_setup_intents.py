"""The SetupIntents that a checkout hands out."""

import asyncio
from typing import Any

import httpx

from tests.service import SANDBOX_URL, SECRET_KEY, SHOPPER, Service, running_service


async def ask(service: Service, checkout: dict[str, Any], **changes: Any) -> httpx.Response:
    path = f"/v1/checkouts/{checkout['id']}/setup-intent"
    return await service.call("POST", path, {}, with_=changes.pop("with_", checkout["token"]), **changes)


async def at_stripe(service: Service, intent_id: str) -> dict[str, Any]:
    headers = {"Authorization": "Bearer sk_test_tests"}
    return dict((await service.sandbox.get(f"/v1/setup_intents/{intent_id}", headers=headers)).json())


async def test_setup_intent_has_the_documented_shape(service: Service) -> None:
    checkout = await service.create()
    answer = await ask(service, checkout)
    assert answer.status_code == 201
    intent = answer.json()
    assert set(intent) == {"id", "client_secret", "publishable_key", "account", "api_base"}
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    assert (intent["publishable_key"], intent["account"]) == ("pk_test_tests", None)
    assert intent["api_base"] == SANDBOX_URL
    assert answer.headers["Cache-Control"] == "no-store"


async def test_setup_intent_is_for_cards_used_later(service: Service) -> None:
    checkout = await service.create()
    known = await at_stripe(service, (await ask(service, checkout)).json()["id"])
    assert (known["usage"], known["payment_method_types"]) == ("off_session", ["card"])
    assert known["metadata"] == {"checkout_id": checkout["id"], "brand": "acme", "store_id": "37175"}
    assert SHOPPER["email"] not in str(known)


async def test_live_setup_intent_is_handed_out_again(service: Service) -> None:
    checkout = await service.create()
    first = await ask(service, checkout)
    for with_ in (checkout["token"], SECRET_KEY):
        again = await ask(service, checkout, with_=with_)
        assert (again.status_code, again.json()) == (200, first.json())


async def test_simultaneous_requests_get_one_setup_intent(service: Service) -> None:
    checkout = await service.create()
    answers = await asyncio.gather(*(ask(service, checkout) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_used_setup_intent_is_followed_by_another(service: Service) -> None:
    checkout = await service.create()
    used = await service.take_card(checkout)
    answers = await asyncio.gather(*(ask(service, checkout) for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert {answer.json()["id"] for answer in answers}.isdisjoint({used})


async def test_declined_card_may_be_followed_in_the_same_setup_intent(service: Service) -> None:
    checkout = await service.create()
    declined = await service.take_card(checkout, "pm_card_chargeDeclined")
    again = await ask(service, checkout)
    assert (again.status_code, again.json()["id"]) == (200, declined)


async def test_sixth_card_is_too_many(service: Service) -> None:
    checkout = await service.create()
    cards = {await service.take_card(checkout) for _ in range(5)}
    assert len(cards) == 5
    answer = await ask(service, checkout)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["next"]) == (429, "too_many_cards", "restart")
    assert problem["checkout"]["id"] == checkout["id"]
    assert (await service.place(checkout, sorted(cards)[0])).status_code == 200


async def test_reservation_needs_no_setup_intent(service: Service) -> None:
    checkout = await service.create(path_to_purchase="ropis")
    answer = await ask(service, checkout)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_payment_needed")


async def test_incomplete_checkout_may_take_the_card_already(service: Service) -> None:
    checkout = await service.create(shopper={})
    assert (await ask(service, checkout)).status_code == 201


async def test_stripe_down_is_503_and_counts_no_card(service: Service) -> None:
    checkout = await service.create()
    await service.fault("stripe/setup_intents", "status_500", times=50)
    for _ in range(6):
        answer = await ask(service, checkout)
        assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    await service.sandbox.delete("/_sandbox/faults")
    assert (await ask(service, checkout)).status_code == 201


async def test_stores_own_account_makes_the_setup_intent() -> None:
    own = '{"37175": {"account": "acct_1Store", "publishable_key": "pk_test_store"}}'
    async with running_service(stripe_accounts=own) as service:
        checkout = await service.create()
        intent = (await ask(service, checkout)).json()
        assert (intent["account"], intent["publishable_key"]) == ("acct_1Store", "pk_test_store")
        assert "error" in await at_stripe(service, intent["id"])


async def test_client_secret_is_told_nowhere_else(service: Service) -> None:
    checkout = await service.create()
    secret = (await ask(service, checkout)).json()["client_secret"]
    assert secret not in str(await service.read(checkout))


async def test_canceling_the_checkout_cancels_the_setup_intent(service: Service) -> None:
    checkout = await service.create()
    intent = (await ask(service, checkout)).json()
    await service.call("POST", f"/v1/checkouts/{checkout['id']}/cancel", {}, with_=checkout["token"])
    assert (await at_stripe(service, intent["id"]))["status"] == "canceled"


async def test_real_stripe_needs_no_address() -> None:
    async with running_service(stripe_api_base="https://api.stripe.com") as service:
        assert (await ask(service, await service.create())).json()["api_base"] is None
