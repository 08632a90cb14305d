"""The sandbox's `cart/validate` and `cart/commit`: every documented answer, and what stands in the ledger after it."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox_shopper import HEADLESS, STORE, Json, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


def words(body: Json) -> list[tuple[str, int, int]]:
    return [(item["auth"], item["in_cart"], item["qty"]) for item in body["data"]["items"]]


async def states(shopper: Shopper) -> list[str]:
    return [hold["state"] for hold in (await shopper.ledger())["holds"]]


async def test_validate_places_one_hold_per_line(shopper: Shopper) -> None:
    answer = await shopper.validate(await shopper.draft(2, 1, card_token=await shopper.card()))
    assert (answer.status_code, answer.json()["success"], answer.json()["msg"]) == (200, True, "")
    assert words(answer.json()) == [("SUCCESS", 1, 2), ("SUCCESS", 1, 1)]
    holds = (await shopper.ledger())["holds"]
    assert [(hold["amount"], hold["currency"], hold["state"]) for hold in holds] == [
        (2 * (8900 + 912), "USD", "open"),
        (8900 + 912, "USD", "open"),
    ]
    assert {hold["cart_hash"] for hold in holds} == {answer.json()["data"]["cart_hash"]}


async def test_cart_jwt_carries_the_hash(shopper: Shopper) -> None:
    data = (await shopper.validate(await shopper.draft())).json()["data"]
    claims = data["cart_hash_jwt"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["cart_hash"] == data["cart_hash"]


async def test_validate_without_card_places_no_hold(shopper: Shopper) -> None:
    answer = await shopper.validate(await shopper.draft(1))
    assert words(answer.json()) == [("SKIPPED", 1, 1)]
    assert await states(shopper) == []


async def test_reservation_never_holds(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="ropis")
    ledger = await shopper.ledger()
    assert ledger["holds"] == []
    assert [(order["hash"], order["path"]) for order in ledger["orders"]] == [(cart_hash, "ropis")]


async def test_ship_to_store_takes_list_price(shopper: Shopper) -> None:
    draft = await shopper.draft(1, path="sts", card_token=await shopper.card())
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 0, "price": 9900})
    assert (await shopper.validate(draft)).json()["success"] is True


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"store_id": "37175"}, "store_id"),
        ({"store_id": True}, "store_id"),
        ({"path_to_purchase": "drone"}, "path_to_purchase"),
        ({"items": []}, "items"),
        ({"items": ["x"]}, "items[0]"),
        ({"items": [{"upc": "123", "qty": 1, "price_per_unit": 1}]}, "items[0].upc"),
        ({"items": [{"upc": "068648100001", "qty": 0, "price_per_unit": 1}]}, "items[0].qty"),
        ({"items": [{"upc": "068648100001", "qty": 1, "price_per_unit": "1"}]}, "items[0].price_per_unit"),
        ({"items": [{"upc": "068648100001", "qty": 1, "price_per_unit": 1}] * 2}, "items[1].upc"),
        ({"shopper": None}, "shopper"),
        ({"shopper": {"email": "ada@example.com"}}, "shopper.phone"),
        ({"card_token": 5}, "card_token"),
        ({"mute_comms": "loud"}, "mute_comms"),
    ],
)
async def test_schema_error_names_the_field(shopper: Shopper, change: dict[str, Any], named: str) -> None:
    answer = await shopper.validate(await shopper.draft() | change)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert answer.json()["msg"].startswith(f"{named} ")
    assert (await shopper.ledger())["carts"] == []


async def test_body_that_is_no_object_is_refused(shopper: Shopper) -> None:
    answer = await shopper.client.post(f"{HEADLESS}/cart/validate", content=b"[1")
    assert answer.status_code == 400


async def test_bad_item_skips_every_authorization(shopper: Shopper) -> None:
    draft = await shopper.draft(1, 1, card_token=await shopper.card())
    draft["items"][1]["price_per_unit"] += 1
    answer = await shopper.validate(draft)
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert words(answer.json()) == [("SKIPPED", 1, 1), ("SKIPPED", 0, 0)]
    assert await states(shopper) == []


async def test_short_stock_says_the_item_is_gone(shopper: Shopper) -> None:
    draft = await shopper.draft(3)
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 2})
    body = (await shopper.validate(draft)).json()
    assert (words(body), body["error_code"]) == ([("SKIPPED", 0, 0)], 1327)


async def test_path_not_offered_is_refused(shopper: Shopper) -> None:
    body = (await shopper.validate(await shopper.draft(store_id=37181))).json()
    assert (body["success"], words(body)) == (False, [("SKIPPED", 0, 0)])


async def test_unknown_store_is_refused(shopper: Shopper) -> None:
    body = (await shopper.validate(await shopper.draft() | {"store_id": 5})).json()
    assert (body["success"], body["error_code"]) == (False, 1329)


async def test_reasons_can_be_withheld(shopper: Shopper) -> None:
    await shopper.control("settings", {"error_codes": False})
    body = (await shopper.validate(await shopper.draft(99))).json()
    assert (body["success"], body["msg"], "error_code" in body) == (False, "", False)


async def test_higher_tax_override_is_held(shopper: Shopper) -> None:
    draft = await shopper.draft(2, card_token=await shopper.card())
    draft["items"][0]["tax_per_unit"] = 10.01
    assert (await shopper.validate(draft)).json()["success"] is True
    assert (await shopper.ledger())["holds"][0]["amount"] == 2 * (8900 + 1001)


async def test_tax_override_below_computed_is_refused(shopper: Shopper) -> None:
    draft = await shopper.draft(card_token=await shopper.card())
    draft["items"][0]["tax_per_unit"] = 9.11
    body = (await shopper.validate(draft)).json()
    assert (body["error_code"], "data" in body) == (1335, False)
    assert "9.11" in body["msg"]
    assert "9.12" in body["msg"]


async def test_declined_first_line_skips_the_rest(shopper: Shopper) -> None:
    card = await shopper.card("pm_card_chargeCustomerFail")
    answer = await shopper.validate(await shopper.draft(1, 1, card_token=card))
    assert (answer.status_code, answer.json()["success"]) == (401, False)
    assert words(answer.json()) == [("FAILED", 1, 1), ("SKIPPED", 1, 1)]
    assert await states(shopper) == []


async def test_declined_second_line_releases_the_first(shopper: Shopper) -> None:
    card = await shopper.card("pm_card_sandbox_second_line")
    answer = await shopper.validate(await shopper.draft(1, 1, 1, card_token=card))
    assert answer.status_code == 401
    assert words(answer.json()) == [("SUCCESS", 1, 1), ("FAILED", 1, 1), ("SKIPPED", 1, 1)]
    assert await states(shopper) == ["released"]


@pytest.mark.parametrize("payment_method", [None, "pm_card_chargeDeclined", "pm_card_authenticationRequired"])
async def test_unusable_setup_intent_fails_with_items(shopper: Shopper, payment_method: str | None) -> None:
    card = "seti_unknown"
    if payment_method is not None:
        created = await shopper.client.post("/v1/setup_intents", headers={"Authorization": "Bearer sk_test_brand"})
        card = created.json()["id"]
        await shopper.client.post(
            f"/v1/setup_intents/{card}/confirm",
            data={"payment_method": payment_method, "return_url": "https://shop.test/"},
            headers={"Authorization": "Bearer sk_test_brand"},
        )
    answer = await shopper.validate(await shopper.draft(1, 1, card_token=card))
    assert (answer.status_code, answer.json()["error_code"]) == (402, 1328)
    assert words(answer.json()) == [("FAILED", 1, 1), ("SKIPPED", 1, 1)]


async def test_store_may_require_its_own_account(shopper: Shopper) -> None:
    await shopper.control(f"stores/{STORE}", {"requires_account": "acct_store1"})
    platform = await shopper.validate(await shopper.draft(card_token=await shopper.card()))
    own = await shopper.validate(await shopper.draft(card_token=await shopper.card(account="acct_store1")))
    assert (platform.status_code, own.status_code) == (402, 200)


async def test_commit_makes_the_validated_cart_an_order(shopper: Shopper) -> None:
    draft = await shopper.draft(2, card_token=await shopper.card(), host_domain="www.ridgeline.test", mute_comms=1)
    data = (await shopper.validate(draft)).json()["data"]
    answer = (await shopper.commit(data["cart_hash_jwt"])).json()
    assert (answer["success"], answer["data"]["status_code"]) == (True, 200)
    assert answer["data"]["target_uri"].startswith(f"/order/{data['cart_hash']}/")
    ledger = await shopper.ledger()
    order = ledger["orders"][0]
    assert (order["hash"], order["store_id"], order["shopper"]) == (
        data["cart_hash"],
        STORE,
        {"email": "ada@example.com"},
    )
    assert order["items"] == [{"upc": shopper.upcs[0], "qty": 2, "status": "Ordered"}]
    assert ledger["carts"][0]["state"] == "committed"
    assert ledger["carts"][0]["mute_comms"] is True
    assert ledger["carts"][0]["source"] == "From www.ridgeline.test"
    assert ledger["charges"] == []


async def test_second_commit_makes_a_second_order(shopper: Shopper) -> None:
    jwt = (await shopper.validate(await shopper.draft(card_token=await shopper.card()))).json()["data"]["cart_hash_jwt"]
    first, second = (await shopper.commit(jwt)).json(), (await shopper.commit(jwt)).json()
    assert first["data"]["target_uri"] != second["data"]["target_uri"]
    orders = (await shopper.ledger())["orders"]
    assert len({order["hash"] for order in orders}) == len(orders) == 2
    assert await states(shopper) == ["open", "open"]


@pytest.mark.parametrize("jwt", ["", "nonsense", "a.b.c"])
async def test_unknown_jwt_commits_nothing(shopper: Shopper, jwt: str) -> None:
    answer = await shopper.commit(jwt)
    assert (answer.status_code, answer.json()["success"], answer.json()["error_code"]) == (400, False, 1206)


async def test_refused_cart_cannot_be_committed(shopper: Shopper) -> None:
    data = (await shopper.validate(await shopper.draft(99))).json()["data"]
    answer = await shopper.commit(data["cart_hash_jwt"])
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert (await shopper.ledger())["orders"] == []


async def test_cart_without_hold_cannot_be_committed(shopper: Shopper) -> None:
    data = (await shopper.validate(await shopper.draft())).json()["data"]
    assert (await shopper.commit(data["cart_hash_jwt"])).status_code == 402


async def test_expired_hold_cannot_be_committed(shopper: Shopper) -> None:
    data = (await shopper.validate(await shopper.draft(card_token=await shopper.card()))).json()["data"]
    await shopper.control("clock", {"advance": "P7D"})
    assert await states(shopper) == ["expired"]
    assert (await shopper.commit(data["cart_hash_jwt"])).status_code == 402


async def test_stock_moves_when_the_store_confirms(shopper: Shopper) -> None:
    cart_hash = await shopper.order(2)
    before = await stock(shopper)
    await shopper.move(cart_hash, status="confirmed")
    assert await stock(shopper) == before - 2


async def test_stock_may_move_with_the_order(shopper: Shopper) -> None:
    await shopper.control("settings", {"stock_moves_at": "ordered"})
    before = await stock(shopper)
    cart_hash = await shopper.order(2)
    await shopper.move(cart_hash, status="confirmed")
    assert await stock(shopper) == before - 2


async def test_test_mode_moves_no_stock() -> None:
    async with fresh_shopper(token="test_alpha") as shopper:
        before = await stock(shopper)
        await shopper.move(await shopper.order(2), status="confirmed")
        assert await stock(shopper) == before
        assert (await shopper.ledger())["orders"][0]["token"] == "test_alpha"


async def stock(shopper: Shopper) -> int:
    stores = (await shopper.get("/_sandbox/catalogue"))["stores"]
    return int(next(store["stock"][shopper.upcs[0]] for store in stores if store["id"] == STORE))
