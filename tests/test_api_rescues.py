"""Buying at another store what a store declined, over the API."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from checkout.database.tables import outbox
from tests.placing_world import SECOND_UPC, World, problem, running_world
from tests.rescuing_world import (
    buy,
    declined,
    events,
    facts,
    offers,
    open_rescue,
    place,
    pointer,
    read,
    rescue,
    turn,
)
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, SHOPPER, STORE_ID, UPC, key
from tests.upstreams import Forward, lost_answer

NEXT, AFTER_NEXT = 37176, 37177
FULL = {**SHOPPER, "is_opt_in_consent": True, "is_opt_in_consent_brand": True}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """On one kind of database: what the other could do differently, test_rescuing_rivals.py asks."""
    async with running_world("sqlite", tmp_path) as running:
        yield running


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, body["code"], body["next"]


async def test_next_stores_are_offered(world: World) -> None:
    order = await declined(world, UPC, SECOND_UPC)
    found = await offers(world, order)
    assert list(found) == ["items", "stores", "near", "as_of"]
    assert [(item["upc"], item["quantity"]) for item in found["items"]] == [(UPC, 1), (SECOND_UPC, 1)]
    ranks = [(not store["has_all"], store["distance"]["value"]) for store in found["stores"]]
    assert ranks
    assert ranks == sorted(ranks)
    assert STORE_ID not in [store["id"] for store in found["stores"]]
    query = {"items": f"{UPC}:1", "near": "41.88,-87.63"}
    headers = {"Authorization": f"Bearer {PUBLISHABLE_KEY}"}
    searched = (await world.service.client.get("/v1/stores", params=query, headers=headers)).json()
    assert list(found["stores"][0]) == list(searched["stores"][0])


async def test_nothing_is_offered_for_what_was_not_declined(world: World) -> None:
    order = await buy(world)
    found = await offers(world, order)
    assert (found["items"], found["stores"], found["as_of"]) == ([], [], None)
    assert refusal(await open_rescue(world, order, NEXT)) == (409, "not_rescuable", "stop")


async def test_rescue_carries_over_all_but_the_price_and_the_card(world: World) -> None:
    extras = {"host_domain": "www.brand.example", "locale": "fr-CA", "return_url": "https://www.brand.example/bag"}
    order = await declined(world, UPC, SECOND_UPC, shopper=FULL, **extras)
    await world.service.stock(store_id=NEXT, price=4321)
    opened = await open_rescue(world, order, NEXT, with_=SECRET_KEY)
    checkout = opened.json()
    assert opened.status_code == 201, opened.text
    assert opened.headers["location"] == f"/v1/checkouts/{checkout['id']}"
    assert opened.headers["etag"] == '"1"'
    assert (checkout["status"], checkout["rescues"]) == ("ready", order["id"])
    assert checkout["token"].startswith("ct_")
    assert (checkout["store"]["id"], checkout["path_to_purchase"]) == (NEXT, "bopis")
    told = [(line["upc"], line["quantity"], line["message"]) for line in checkout["items"]]
    assert told == [(upc, 1, f"about {upc}") for upc in (UPC, SECOND_UPC)]
    assert checkout["items"][0]["unit_price"] == {"amount": 4321, "currency": "USD"}
    assert checkout["shopper"] == {**FULL, "address_2": None}
    unpaid = await world.place(checkout, None)
    assert (unpaid.status_code, unpaid.json()["errors"][0]["pointer"]) == (422, "/setup_intent_id")
    placed = await place(world, checkout)
    assert placed.status_code == 200, placed.text
    (sent,) = world.upstreams.bodies("cart/validate")[1:]
    assert sent["host_domain"] == "www.brand.example"


async def test_rescue_covers_just_what_was_declined(world: World) -> None:
    order = await buy(world, UPC, SECOND_UPC)
    await turn(world, order, "confirmed", SECOND_UPC)
    await turn(world, order, "auto_canceled", UPC)
    sibling = (await read(world, order))["items"][1]
    checkout = await rescue(world, order, NEXT)
    assert [line["upc"] for line in checkout["items"]] == [UPC]
    assert (await place(world, checkout)).status_code == 200
    assert (await read(world, order))["items"][1] == sibling


async def test_both_orders_tell_of_each_other(world: World) -> None:
    old = await declined(world)
    new = (await place(world, await rescue(world, old, NEXT))).json()["order"]
    assert (await read(world, old))["rescued_by"] == new["id"]
    assert (await read(world, new))["rescues"] == old["id"]
    assert [name for name in await events(world, old) if "rescue" in name] == ["rescue.opened", "order.rescued"]
    assert "order.rescues" in await events(world, new)
    assert await facts(world, "order.rescued") == [{"order": new["id"], "upcs": [UPC], "source": "placing"}]
    assert await facts(world, "order.rescues") == [{"order": old["id"], "upcs": [UPC], "source": "placing"}]
    told = [(row["topic"], row["subject"]) for row in await world.rows(outbox)]
    assert ("order.updated", old["id"]) in told
    assert SHOPPER["email"] not in json.dumps(await facts(world, "rescue.opened"))


async def test_rescued_order_is_not_rescued_again(world: World) -> None:
    old = await declined(world)
    assert (await place(world, await rescue(world, old, NEXT))).status_code == 200
    again = await open_rescue(world, old, AFTER_NEXT)
    assert refusal(again) == (409, "not_rescuable", "stop")
    assert "already rescued" in again.json()["detail"]
    assert (await offers(world, old))["items"] == []


async def test_rescue_that_is_declined_is_rescued_in_turn(world: World) -> None:
    first = await declined(world)
    second = (await place(world, await rescue(world, first, NEXT))).json()["order"]
    await turn(world, second, "declined")
    third = (await place(world, await rescue(world, second, AFTER_NEXT))).json()["order"]
    assert (await read(world, third))["rescues"] == second["id"]
    assert (await read(world, first))["rescued_by"] == second["id"]


async def test_some_of_the_declined_are_bought_here_and_some_there(world: World) -> None:
    old = await declined(world, UPC, SECOND_UPC)
    first = await rescue(world, old, NEXT, upcs=[SECOND_UPC])
    assert [line["upc"] for line in first["items"]] == [SECOND_UPC]
    assert (await place(world, first)).status_code == 200
    assert [item["upc"] for item in (await offers(world, old))["items"]] == [UPC]
    second = await rescue(world, old, AFTER_NEXT)
    assert [line["upc"] for line in second["items"]] == [UPC]
    assert (await place(world, second)).status_code == 200
    assert refusal(await open_rescue(world, old, NEXT))[:2] == (409, "not_rescuable")


async def test_reservation_is_rescued_without_a_card(world: World) -> None:
    checkout = await world.service.create(path_to_purchase="ropis")
    old = (await world.place(checkout, None)).json()["order"]
    await turn(world, old, "declined")
    rescued = await rescue(world, old, NEXT)
    assert (rescued["path_to_purchase"], rescued["payment"]) == ("ropis", None)
    assert (await place(world, rescued)).status_code == 200


async def test_path_of_a_rescue_may_be_another(world: World) -> None:
    old = await declined(world)
    assert (await rescue(world, old, NEXT, path_to_purchase="ropis"))["path_to_purchase"] == "ropis"


async def test_ship_to_store_order_is_told_why_not(world: World) -> None:
    old = await declined(world)
    # Ship-to-store is not switched on in these settings; what counts is the path of the order.
    await turn(world, old, "declined", path_to_purchase="sts")
    answer = await open_rescue(world, old, NEXT)
    assert refusal(answer) == (409, "not_rescuable", "stop")
    assert answer.json()["detail"] == "A ship-to-store order cannot change its store."


@pytest.mark.parametrize(
    ("body", "pointer_told"),
    [
        ({}, "/store_id"),
        ({"store_id": STORE_ID}, "/store_id"),
        ({"store_id": NEXT, "upcs": []}, "/upcs"),
        ({"store_id": NEXT, "upcs": [UPC, UPC]}, "/upcs"),
        ({"store_id": NEXT, "items": []}, "/items"),
        ({"store_id": 1}, "/store_id"),
        ({"store_id": NEXT, "path_to_purchase": "sdd"}, "/path_to_purchase"),
    ],
)
async def test_faults_of_a_rescue_are_pointed_at(world: World, body: dict[str, Any], pointer_told: str) -> None:
    old = await declined(world)
    path = f"/v1/orders/{old['id']}/rescues"
    answer = await world.service.call("POST", path, body, with_=old["token"], Idempotency_Key=key())
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [pointer_told])
    assert await pointer(world, old) is None


async def test_rescue_takes_the_orders_own_token(world: World) -> None:
    old, other = await declined(world), await buy(world)
    checkout = await rescue(world, old, NEXT)
    for wrong, status in ((PUBLISHABLE_KEY, 403), (checkout["token"], 403), (other["token"], 404), ("ot_x", 404)):
        assert (await open_rescue(world, old, NEXT, with_=wrong)).status_code == status
        path = f"/v1/orders/{old['id']}/rescues"
        assert (await world.service.call("GET", path, with_=wrong)).status_code == status


async def test_one_key_opens_one_rescue(world: World) -> None:
    old, using = await declined(world), key()
    first = await open_rescue(world, old, NEXT, using=using)
    again = await open_rescue(world, old, NEXT, using=using)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await open_rescue(world, old, AFTER_NEXT, using=using)
    assert refusal(other) == (422, "idempotency_mismatch", "fix")
    assert (await place(world, first.json())).status_code == 200
    assert (await open_rescue(world, old, NEXT, using=using)).content == first.content
    missing = await world.service.call(
        "POST", f"/v1/orders/{old['id']}/rescues", {"store_id": NEXT}, with_=old["token"]
    )
    assert refusal(missing) == (400, "idempotency_key_missing", "fix")


async def test_refused_rescue_leaves_its_key_free(world: World) -> None:
    old, using = await buy(world), key()
    assert (await open_rescue(world, old, NEXT, using=using)).status_code == 409
    await turn(world, old, "declined")
    assert (await open_rescue(world, old, AFTER_NEXT, using=using)).status_code == 201


async def test_another_rescue_gives_up_the_one_before(world: World) -> None:
    old = await declined(world)
    first = await rescue(world, old, NEXT)
    card = await world.service.take_card(first)
    path = f"/v1/checkouts/{first['id']}/setup-intent"
    waiting = (await world.service.call("POST", path, {}, with_=first["token"])).json()["id"]
    second = await rescue(world, old, AFTER_NEXT)
    assert (await world.service.read(first))["status"] == "canceled"
    assert await pointer(world, old) == second["id"]
    assert problem(await world.place(first, card)) == (409, "not_open", "stop", "canceled")
    gone = await world.service.sandbox.get(
        f"/v1/setup_intents/{waiting}", headers={"Authorization": "Bearer sk_test_tests"}
    )
    assert gone.json()["status"] == "canceled"
    assert (await place(world, second)).status_code == 200
    assert len(await world.orders()) == 2


async def test_rescue_that_expired_is_replaced(world: World) -> None:
    old = await declined(world)
    first = await rescue(world, old, NEXT)
    world.service.clock.advance(hours=2)
    second = await rescue(world, old, NEXT)
    assert (await world.service.read(first))["status"] == "expired"
    assert (await place(world, second)).status_code == 200


async def test_no_rescue_is_opened_while_one_is_placing(world: World) -> None:
    old = await declined(world)
    checkout = await rescue(world, old, NEXT)
    may_answer = asyncio.Event()

    async def held(_request: httpx.Request, forward: Forward) -> httpx.Response:
        await may_answer.wait()
        return await forward()

    world.upstreams.on("cart/commit", held)
    placing = asyncio.create_task(place(world, checkout))
    await world.until(checkout, lambda now: now["status"] == "placing")
    assert refusal(await open_rescue(world, old, AFTER_NEXT)) == (409, "placing", "wait")
    may_answer.set()
    assert (await placing).status_code == 200
    assert refusal(await open_rescue(world, old, AFTER_NEXT))[:2] == (409, "not_rescuable")


async def test_item_that_was_confirmed_meanwhile_is_not_ordered(world: World) -> None:
    old = await declined(world)
    checkout, using = await rescue(world, old, NEXT), key()
    card = await world.service.take_card(checkout)
    await turn(world, old, "confirmed")
    refused = await world.place(checkout, card, using=using)
    assert problem(refused) == (409, "not_rescuable", "stop", "ready")
    assert world.upstreams.count("cart/validate") == 1
    await turn(world, old, "declined")
    assert (await world.place(checkout, card, using=using)).status_code == 200


async def test_lost_commit_links_the_orders_all_the_same(world: World) -> None:
    old = await declined(world)
    checkout = await rescue(world, old, NEXT)
    world.upstreams.on("cart/commit", lost_answer)
    await place(world, checkout)
    placed = await world.until(checkout, lambda now: now["status"] == "placed")
    assert (await read(world, old))["rescued_by"] == placed["order"]["id"]
    assert "order.rescued" in await events(world, old)


async def test_items_of_a_rescue_stay_as_they_are(world: World) -> None:
    old = await declined(world)
    checkout = await rescue(world, old, NEXT)
    path = f"/v1/checkouts/{checkout['id']}"
    change = {"items": [{"upc": UPC, "quantity": 2}]}
    answer = await world.service.call("PATCH", path, change, with_=checkout["token"])
    assert problem(answer) == (422, "invalid_field", "fix", "ready")
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/items"]
    moved = await world.service.call("PATCH", path, {"store_id": AFTER_NEXT}, with_=checkout["token"])
    assert (moved.status_code, moved.json()["store"]["id"], moved.json()["rescues"]) == (200, AFTER_NEXT, old["id"])
    assert (await place(world, moved.json() | {"token": checkout["token"]})).status_code == 200


async def test_order_token_never_comes_to_see_the_shopper(world: World) -> None:
    old = await declined(world, shopper=FULL)
    opened = await open_rescue(world, old, NEXT)
    checkout, path = opened.json(), f"/v1/checkouts/{opened.json()['id']}"
    token = checkout["token"]
    card = await world.service.take_card(checkout)
    seen = [
        opened,
        await world.service.call("GET", path, with_=token),
        await world.service.call("PATCH", path, {"shopper": {"address_2": "Apartment 5"}}, with_=token),
        await world.service.call("PATCH", path, {"shopper": {"email": "no address"}}, with_=token),
        await world.service.call("PATCH", path, {"shopper": {"country": "CA"}}, with_=token),
        await world.place(checkout, "seti_made_up"),
        await world.place(checkout, card),
        await world.place(checkout, card),
        await world.service.call("GET", path, with_=token),
    ]
    assert [answer.status_code for answer in seen] == [201, 200, 200, 422, 422, 409, 200, 200, 200]
    for answer in seen:
        for name in ("email", "phone", "last_name", "address", "zip"):
            assert SHOPPER[name] not in answer.text, (name, answer.request.url)
    assert checkout["shopper"]["first_name"] == "June"
    full = (await world.service.call("GET", path, with_=SECRET_KEY)).json()
    assert full["shopper"] == {**FULL, "address_2": "Apartment 5"}
    assert world.upstreams.bodies("cart/validate")[1]["shopper"]["email"] == SHOPPER["email"]


async def test_brands_server_opens_a_rescue_in_full(world: World) -> None:
    old = await declined(world)
    checkout = await rescue(world, old, NEXT, with_=SECRET_KEY)
    assert checkout["shopper"]["email"] == SHOPPER["email"]
    assert (await world.service.read(checkout))["shopper"]["email"] == SHOPPER["email"]


async def test_checkout_of_its_own_rescues_nothing(world: World) -> None:
    assert (await world.service.create())["rescues"] is None


async def test_rescue_does_not_lead_back_to_a_store_that_declined(world: World) -> None:
    first = await declined(world)
    checkout = await rescue(world, first, NEXT)
    path, token = f"/v1/checkouts/{checkout['id']}", checkout["token"]
    refused = await world.service.call("PATCH", path, {"store_id": STORE_ID}, with_=token)
    assert refusal(refused)[:2] == (422, "invalid_field")
    assert refused.json()["errors"][0]["code"] == "same_store"
    moved = await world.service.call("PATCH", path, {"store_id": AFTER_NEXT}, with_=token)
    assert moved.json()["store"]["id"] == AFTER_NEXT
    second = (await place(world, moved.json() | {"token": token})).json()["order"]
    await turn(world, second, "declined")
    offered = {store["id"] for store in (await offers(world, second))["stores"]}
    assert offered
    assert not offered & {STORE_ID, AFTER_NEXT}
    for store_id in (STORE_ID, AFTER_NEXT):
        again = await open_rescue(world, second, store_id)
        assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "same_store")
