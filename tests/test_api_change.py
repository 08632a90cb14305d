"""Changing a checkout: JSON Merge Patch, versions, and what a change of store does to the card."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.service import SECRET_KEY, SHOPPER, STORE_ID, UPC, Service, running_service

OTHER = "068648100117"
OTHER_STORE = 37177


async def patch(service: Service, checkout: dict[str, Any], change: Any, **headers: str) -> httpx.Response:
    return await service.call("PATCH", f"/v1/checkouts/{checkout['id']}", change, with_=checkout["token"], **headers)


async def setup_intent(service: Service, checkout: dict[str, Any]) -> httpx.Response:
    return await service.call("POST", f"/v1/checkouts/{checkout['id']}/setup-intent", {}, with_=checkout["token"])


async def status_at_stripe(service: Service, intent: dict[str, Any], **headers: str) -> str:
    sent = {"Authorization": "Bearer sk_test_tests", **headers}
    answer = await service.sandbox.get(f"/v1/setup_intents/{intent['id']}", headers=sent)
    return str(answer.json()["status"])


def codes(checkout: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in checkout["problems"]]


async def test_objects_are_merged_and_null_clears(service: Service) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, {"shopper": {"first_name": "May", "address_2": "Unit 5", "email": None}})
    changed = answer.json()
    assert answer.status_code == 200
    assert (changed["version"], answer.headers["ETag"]) == (2, '"2"')
    expected = {**checkout["shopper"], "first_name": "May", "address_2": "Unit 5", "email": None}
    assert changed["shopper"] == expected
    assert changed["status"] == "incomplete"
    assert changed["problems"][0]["pointer"] == "/shopper/email"
    assert await service.read(checkout) == changed


async def test_missing_part_makes_the_checkout_ready(service: Service) -> None:
    checkout = await service.create(shopper={**SHOPPER, "email": None})
    assert checkout["status"] == "incomplete"
    changed = (await patch(service, checkout, {"shopper": {"email": "june@example.com"}})).json()
    assert (changed["status"], changed["problems"]) == ("ready", [])


async def test_null_shopper_is_cleared_whole(service: Service) -> None:
    checkout = await service.create(shopper={**SHOPPER, "is_opt_in_consent": True})
    shopper = (await patch(service, checkout, {"shopper": None})).json()["shopper"]
    assert {value for value in shopper.values() if value is not False} == {None}
    assert shopper["is_opt_in_consent"] is False


async def test_items_are_replaced_whole(service: Service) -> None:
    checkout = await service.create(items=[{"upc": UPC, "quantity": 1, "message": "Blue, please"}])
    changed = await patch(service, checkout, {"items": [{"upc": OTHER, "quantity": 2}, {"upc": UPC, "quantity": 1}]})
    lines = changed.json()["items"]
    assert [(line["upc"], line["quantity"], line["message"]) for line in lines] == [(OTHER, 2, None), (UPC, 1, None)]
    assert all(line["unit_price"] for line in lines)
    assert changed.json()["totals"]["subtotal"]["amount"] == sum(line["subtotal"]["amount"] for line in lines)


async def test_empty_patch_changes_nothing_but_the_version(service: Service) -> None:
    checkout = await service.create()
    changed = (await patch(service, checkout, {})).json()
    told = {name: value for name, value in checkout.items() if name not in {"version", "expires_at", "token"}}
    assert {name: changed[name] for name in told} == told


@pytest.mark.parametrize("name", ["store_id", "path_to_purchase", "items"])
async def test_cart_cannot_be_cleared(service: Service, name: str) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, {name: None})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]
    assert answer.json()["checkout"] == await service.read(checkout)


@pytest.mark.parametrize("change", [[], "x", None, {"status": "placed"}, {"totals": {}}, {"id": "chk_1"}])
async def test_other_parts_cannot_be_changed(service: Service, change: Any) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, change)
    assert answer.status_code in {415, 422}
    assert (await service.read(checkout))["version"] == 1


async def test_merge_patch_media_type_is_taken(service: Service) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, {"locale": "fr-CA"}, Content_Type="application/merge-patch+json")
    assert answer.status_code == 200


@pytest.mark.parametrize("if_match", ['"1"', "*", '"7", "1"'])
async def test_change_of_the_read_version_is_taken(service: Service, if_match: str) -> None:
    checkout = await service.create()
    assert (await patch(service, checkout, {"locale": "en-US"}, If_Match=if_match)).status_code == 200


@pytest.mark.parametrize("if_match", ['"2"', '"0"', '"chk"', '"7", "8"', '""'])
async def test_change_of_another_version_is_412(service: Service, if_match: str) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, {"locale": "en-US"}, If_Match=if_match)
    assert (answer.status_code, answer.json()["code"]) == (412, "version_mismatch")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["checkout"]["version"] == 1


async def test_simultaneous_changes_all_count(service: Service) -> None:
    checkout = await service.create(shopper={})
    parts = [{"first_name": "June"}, {"last_name": "Harper"}, *({"city": "Chicago"} for _ in range(8))]
    answers = await asyncio.gather(*(patch(service, checkout, {"shopper": part}) for part in parts))
    assert {answer.status_code for answer in answers} == {200}
    shopper = (await service.read(checkout))["shopper"]
    assert (shopper["first_name"], shopper["last_name"]) == ("June", "Harper")


async def test_only_one_of_two_conditional_changes_counts(service: Service) -> None:
    checkout = await service.create()
    changes = ({"shopper": {"first_name": name}} for name in ("May", "Ada"))
    answers = await asyncio.gather(*(patch(service, checkout, change, If_Match='"1"') for change in changes))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert (await service.read(checkout))["version"] == 2


async def test_kept_postal_code_must_fit_the_new_country(service: Service) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, {"shopper": {"country": "CA"}})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/shopper/zip")
    both = await patch(service, checkout, {"shopper": {"country": "CA", "zip": "m5v2t6"}})
    assert both.json()["shopper"]["zip"] == "M5V 2T6"


async def test_store_change_reads_the_cart_there(service: Service) -> None:
    await service.stock(store_id=OTHER_STORE, quantity=0)
    checkout = await service.create()
    changed = (await patch(service, checkout, {"store_id": OTHER_STORE})).json()
    assert changed["store"]["id"] == OTHER_STORE
    assert (changed["status"], codes(changed)) == ("incomplete", ["item_unavailable"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"store_id": 99}, "store_unknown"),
        ({"path_to_purchase": "sdd"}, "path_unavailable"),
        ({"store_id": 37181}, "path_unavailable"),
    ],
)
async def test_impossible_change_leaves_the_checkout(service: Service, change: dict[str, Any], code: str) -> None:
    checkout = await service.create()
    answer = await patch(service, checkout, change)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await service.read(checkout))["version"] == 1


async def test_change_while_locally_is_down_is_503(service: Service) -> None:
    checkout = await service.create()
    await service.fault("conversion/store_data", "status_500", times=50)
    answer = await patch(service, checkout, {"store_id": OTHER_STORE})
    assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
    assert answer.json()["checkout"]["version"] == 1
    assert (await patch(service, checkout, {"shopper": {"first_name": "May"}})).status_code == 200


async def test_price_given_for_one_store_is_none_for_another(service: Service) -> None:
    price = {"amount": 5000, "currency": "USD"}
    checkout = await service.create()
    line = {"upc": UPC, "quantity": 1, "unit_price": price, "tax_per_unit": price}
    path = f"/v1/checkouts/{checkout['id']}"
    given = await service.call("PATCH", path, {"items": [line]}, with_=SECRET_KEY)
    assert given.json()["items"][0]["unit_price"] == price
    kept = await patch(service, checkout, {"path_to_purchase": "ropis"})
    assert kept.json()["items"][0]["unit_price"] == price
    moved = await patch(service, checkout, {"store_id": OTHER_STORE})
    assert moved.json()["items"][0]["unit_price"] != price


async def test_store_change_cancels_the_live_setup_intent(service: Service) -> None:
    checkout = await service.create()
    intent = (await setup_intent(service, checkout)).json()
    changed = (await patch(service, checkout, {"store_id": OTHER_STORE})).json()
    assert await status_at_stripe(service, intent) == "canceled"
    assert changed["payment"] == checkout["payment"]
    assert "card_needed" not in codes(changed)
    again = await setup_intent(service, checkout)
    assert (again.status_code, again.json()["id"] != intent["id"]) == (201, True)


async def test_other_account_needs_the_card_again() -> None:
    own = f'{{"{OTHER_STORE}": {{"account": "acct_1Store", "publishable_key": "pk_test_store"}}}}'
    async with running_service(stripe_accounts=own) as service:
        checkout = await service.create()
        await service.take_card(checkout)
        changed = (await patch(service, checkout, {"store_id": OTHER_STORE})).json()
        assert changed["payment"]["account"] == "acct_1Store"
        assert codes(changed) == ["card_needed"]
        assert changed["status"] == "ready"
        again = (await setup_intent(service, checkout)).json()
        assert (again["account"], again["publishable_key"]) == ("acct_1Store", "pk_test_store")
        assert codes(await service.read(checkout)) == []


async def test_path_change_cancels_the_live_setup_intent(service: Service) -> None:
    checkout = await service.create()
    intent = (await setup_intent(service, checkout)).json()
    reserved = (await patch(service, checkout, {"path_to_purchase": "ropis"})).json()
    assert await status_at_stripe(service, intent) == "canceled"
    assert (reserved["payment"], codes(reserved)) == (None, [])
    back = (await patch(service, checkout, {"path_to_purchase": "bopis"})).json()
    assert (back["payment"], codes(back)) == (checkout["payment"], ["card_needed"])


async def test_same_store_again_keeps_the_setup_intent(service: Service) -> None:
    checkout = await service.create()
    intent = (await setup_intent(service, checkout)).json()
    await patch(service, checkout, {"store_id": STORE_ID, "items": [{"upc": UPC, "quantity": 2}]})
    assert await status_at_stripe(service, intent) == "requires_payment_method"
    assert (await setup_intent(service, checkout)).status_code == 200
