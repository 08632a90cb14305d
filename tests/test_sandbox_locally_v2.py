"""The sandbox's Cart API v2: what a store and a brand do with an order, and the money behind it."""

from collections.abc import AsyncIterator

import pytest

from checkout.sandbox import RETAILER_TOKEN
from tests.sandbox_shopper import STORE, Json, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def hold_and_charge(shopper: Shopper) -> tuple[str, list[Json]]:
    ledger = await shopper.ledger()
    return ledger["holds"][0]["state"], ledger["charges"]


async def test_detail_writes_money_as_grouped_text(shopper: Shopper) -> None:
    price = await shopper.price(STORE, shopper.upcs[20])
    draft = await shopper.draft(card_token=await shopper.card())
    draft["items"] = [{"upc": shopper.upcs[20], "qty": 1, "price_per_unit": price / 100, "message": "Ring me"}]
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[20], "quantity": 5})
    data = (await shopper.validate(draft)).json()["data"]
    await shopper.commit(data["cart_hash_jwt"])
    item = await shopper.item(data["cart_hash"])
    assert (item["msrp"], item["tax"], item["total"]) == ("2,099.99", "215.25", "2,315.24")
    assert (item["status"], item["sts_status"], item["tax_remitted"]) == ("Ordered", False, True)
    assert item["messages"][0]["description"] == "Ring me"


async def test_list_writes_money_as_numbers(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    listed = await shopper.get("/api/v2/carts")
    cart = listed["carts"][0]
    assert (cart["hash"], cart["type"], listed["properties"]["total_pages"]) == (cart_hash, "ORDER", 1)
    assert (cart["items"][0]["total"], cart["items"][0]["status"], cart["items"][0]["sts_status"]) == (
        98.12,
        "ORDERED",
        "N/A",
    )


async def test_list_is_newest_first_in_pages_of_fifty(shopper: Shopper) -> None:
    hashes = [await shopper.order(1, path="ropis") for _ in range(52)]
    first, second, beyond = [await shopper.get(f"/api/v2/carts/{page}") for page in range(3)]
    assert [cart["hash"] for cart in first["carts"] + second["carts"]] == hashes[::-1]
    assert (len(first["carts"]), first["properties"]["total_pages"], beyond["carts"]) == (50, 2, [])


async def test_uncommitted_cart_is_not_shown(shopper: Shopper) -> None:
    data = (await shopper.validate(await shopper.draft())).json()["data"]
    answer = await shopper.client.get(f"/api/v2/cart/{data['cart_hash']}")
    assert (answer.status_code, answer.json()["status"]) == (404, False)
    await shopper.control("settings", {"v2_shows_uncommitted": True})
    assert (await shopper.get(f"/api/v2/cart/{data['cart_hash']}"))["status"] is True


async def test_errors_may_come_as_200(shopper: Shopper) -> None:
    await shopper.control("settings", {"v2_errors_as_200": True})
    answer = await shopper.client.get("/api/v2/cart/NONE")
    assert (answer.status_code, answer.json()) == (200, {"status": False, "message": "The cart was not found"})


async def test_missing_token_is_refused(shopper: Shopper) -> None:
    answer = await shopper.client.get("/api/v2/carts", headers={"Locally-Api-Token": ""})
    assert (answer.status_code, answer.json()["status"]) == (401, False)


async def test_test_order_is_seen_by_its_token_alone(shopper: Shopper) -> None:
    live = await shopper.order(1)
    shopper.client.headers["Locally-Api-Token"] = "test_alpha"
    tried = await shopper.order(1)
    seen = {}
    for token in ("test_alpha", "test_beta", RETAILER_TOKEN):
        shopper.client.headers["Locally-Api-Token"] = token
        seen[token] = [cart["hash"] for cart in (await shopper.get("/api/v2/carts"))["carts"]]
    assert seen == {"test_alpha": [tried], "test_beta": [], RETAILER_TOKEN: [live]}
    assert (await shopper.client.get(f"/api/v2/cart/{tried}")).status_code == 404


async def test_confirming_captures_the_hold(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert (await shopper.move(cart_hash, status="confirmed", message="On the shelf")).json() == {"status": True}
    item = await shopper.item(cart_hash)
    assert (item["status"], item["order_resolution"]) == ("Confirmed", "SUCCESS")
    assert item["messages"][0]["description"] == "On the shelf"
    state, charges = await hold_and_charge(shopper)
    assert (state, charges[0]["amount"], charges[0]["refunded"]) == ("captured", 9812, 0)


async def test_rejecting_needs_a_reason_and_releases(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert (await shopper.move(cart_hash, status="rejected")).status_code == 400
    await shopper.move(cart_hash, status="rejected", reason="Damaged")
    item = await shopper.item(cart_hash)
    assert (item["status"], item["order_resolution"], item["resolution_notes"]) == ("Canceled", "DECLINED", "Damaged")
    assert await hold_and_charge(shopper) == ("released", [])


async def test_failed_capture_is_left_to_the_store(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.control("settings", {"captures_fail": True})
    await shopper.move(cart_hash, status="confirmed")
    assert (await shopper.item(cart_hash))["status"] == "Charge_Failed"
    assert await hold_and_charge(shopper) == ("released", [])


async def test_confirmed_item_is_fulfilled(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert (await shopper.move(cart_hash, status="fulfilled")).status_code == 400
    await shopper.move(cart_hash, status="received", fulfillment_url="https://pos.test/1")
    assert (await shopper.ledger())["carts"][0]["fulfillment_url"] == "https://pos.test/1"
    await shopper.move(cart_hash, status="confirmed")
    await shopper.move(cart_hash, status="fulfilled")
    assert (await shopper.item(cart_hash))["status"] == "Fulfilled"


async def test_partial_refund_leaves_the_rest_refundable(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    await shopper.move(cart_hash, status="refund", refund_amount="50.00")
    assert (await shopper.item(cart_hash))["status"] == "Partially_Refunded"
    too_much = await shopper.move(cart_hash, status="refund", refund_amount=48.13)
    assert (too_much.status_code, too_much.json()["status"]) == (400, False)
    await shopper.move(cart_hash, status="refund")
    assert (await shopper.item(cart_hash))["status"] == "Refunded"
    _, charges = await hold_and_charge(shopper)
    assert charges[0]["refunded"] == charges[0]["amount"] == 9812


async def test_items_of_an_order_move_alone(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, 1)
    await shopper.move(cart_hash, shopper.upcs[1], status="confirmed")
    assert [(await shopper.item(cart_hash, index))["status"] for index in (0, 1)] == ["Ordered", "Confirmed"]


@pytest.mark.parametrize("fields", [{}, {"status": "lost"}, {"status": ["confirmed"]}, {"sts_status": "confirm-brand"}])
async def test_senseless_update_is_refused(shopper: Shopper, fields: Json) -> None:
    answer = await shopper.move(await shopper.order(1), **fields)
    assert (answer.status_code, answer.json()["status"]) == (400, False)


async def test_unknown_item_is_refused(shopper: Shopper) -> None:
    assert (await shopper.move(await shopper.order(1), "000000000000", status="confirmed")).status_code == 404


async def test_brand_may_be_kept_from_answering(shopper: Shopper) -> None:
    await shopper.control("settings", {"brand_answers_for_stores": False})
    cart_hash = await shopper.order(1)
    assert (await shopper.move(cart_hash, status="confirmed")).status_code == 403
    shopper.client.headers["Locally-Api-Token"] = RETAILER_TOKEN
    assert (await shopper.move(cart_hash, status="confirmed")).status_code == 200


async def test_refused_rejection_leaves_no_message(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    late = await shopper.move(cart_hash, status="rejected", reason="None left", message="Sorry")
    assert (late.status_code, (await shopper.item(cart_hash))["messages"]) == (400, [])


@pytest.mark.parametrize("fields", [{"status": "received"}, {"status": "confirmed"}])
async def test_fulfillment_url_comes_with_any_answer(shopper: Shopper, fields: Json) -> None:
    await shopper.move(await shopper.order(1), fulfillment_url="https://pos.test/1", **fields)
    assert (await shopper.ledger())["carts"][0]["fulfillment_url"] == "https://pos.test/1"


async def test_test_mode_takes_no_commission(shopper: Shopper) -> None:
    live = await shopper.item(await shopper.order(1))
    shopper.client.headers["Locally-Api-Token"] = "test_alpha"
    tried = await shopper.item(await shopper.order(1))
    assert (live["commission"], live["tax_remitted"]) == ("3.12", True)
    assert (tried["commission"], tried["tax_remitted"]) == ("0.00", False)


@pytest.mark.parametrize("path", ["no/such", "carts/-1", "carts/x", "brand/x/stores"])
async def test_unknown_v2_path_has_the_v2_envelope(shopper: Shopper, path: str) -> None:
    answer = await shopper.client.get(f"/api/v2/{path}")
    assert (answer.status_code, answer.json()["status"]) == (404, False)


async def test_buyer_cancels_on_the_order_screen(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert (await shopper.move(cart_hash, status="buyer-canceled")).status_code == 403
    await shopper.control(f"orders/{cart_hash}/{shopper.upcs[0]}", {"status": "buyer-canceled"})
    item = await shopper.item(cart_hash)
    assert (item["status"], item["order_resolution"]) == ("Canceled", "BUYER_DECLINED")
    assert (await hold_and_charge(shopper))[0] == "released"


async def test_silent_store_cancels_after_eight_business_hours(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.control("clock", {"advance": "PT7H"})
    assert (await shopper.item(cart_hash))["status"] == "Ordered"
    await shopper.control("clock", {"advance": "P2D"})
    item = await shopper.item(cart_hash)
    assert (item["status"], item["order_resolution"]) == ("Canceled", "AUTO_CANCELED")
    assert await hold_and_charge(shopper) == ("released", [])


async def test_test_mode_has_no_timers() -> None:
    async with fresh_shopper(token="test_alpha") as shopper:
        cart_hash = await shopper.order(1)
        await shopper.control("clock", {"advance": "P3D"})
        assert (await shopper.item(cart_hash))["status"] == "Ordered"


async def test_brand_stores_are_paged(shopper: Shopper) -> None:
    page = await shopper.get("/api/v2/brand/1/stores", offset=10)
    assert (page["total"], page["offset"], len(page["results"])) == (21, 10, 10)
    upcs = f"{shopper.upcs[0]}|{shopper.upcs[1]}"
    held = await shopper.get(f"/api/v2/brand/1/upc/{upcs}/stores", limit=500)
    assert [one["upc"] for one in held["results"][0]["in_stock_upcs"]] == shopper.upcs[:2]
