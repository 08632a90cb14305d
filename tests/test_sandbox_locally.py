"""The sandbox's headless API: finding places and stores, and carts built item by item."""

from collections.abc import AsyncIterator

import httpx
import pytest

from checkout.sandbox import RETAILER_TOKEN
from tests.sandbox_shopper import HEADLESS, OTHER_STORE, STORE, Json, Shopper, fresh_shopper

NEAR_CHICAGO = {
    "company_id": 1,
    "map_distance_unit": "mi",
    "map_distance_diag": 71,
    "map_center_lat": "41.88",
    "map_center_lng": "-87.63",
}
ITEM = {"store_id": STORE, "host_domain": "www.ridgeline.test"}


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def find(shopper: Shopper, path: str, **params: object) -> Json:
    return await shopper.get(HEADLESS + path, **params)


async def markers(shopper: Shopper, **params: object) -> dict[int, Json]:
    answer = await find(shopper, "/conversion/store_data", **{**NEAR_CHICAGO, "upc": shopper.upcs[0]} | params)
    return {marker["id"]: marker for marker in answer["data"]["markers"]}


@pytest.mark.parametrize("token", ["", "wrong", "test_"])
async def test_unknown_token_is_refused_without_items(shopper: Shopper, token: str) -> None:
    answer = await shopper.client.get(f"{HEADLESS}/cart", headers={"Locally-Api-Token": token})
    assert answer.status_code == 401
    assert answer.json() == {"success": False, "msg": "Not authorized", "error_code": 1102}


async def test_retailer_token_has_no_headless_access(shopper: Shopper) -> None:
    answer = await shopper.client.get(f"{HEADLESS}/cart", headers={"Locally-Api-Token": RETAILER_TOKEN})
    assert (answer.status_code, answer.json()["error_code"]) == (403, 1101)


async def test_unknown_headless_path_is_refused(shopper: Shopper) -> None:
    answer = await shopper.client.get(f"{HEADLESS}/no/such")
    assert (answer.status_code, answer.json()["success"]) == (404, False)


async def test_suggest_gives_numbers_and_a_session(shopper: Shopper) -> None:
    data = (await find(shopper, "/location/suggest", query="60605"))["data"]
    suggestion = data["suggestions"][0]
    assert (suggestion["postcode"], data["query"]) == ("60605", "60605")
    assert suggestion["data"] == {"lat": 41.8676, "lng": -87.6232, "relevance": 1.0}
    assert data["session"]["id"]


@pytest.mark.parametrize(("query", "city"), [("chi", "Chicago"), ("60699", "Chicago"), ("m5v 9z9", "Toronto")])
async def test_suggest_knows_cities_and_postal_areas(shopper: Shopper, query: str, city: str) -> None:
    data = (await find(shopper, "/location/suggest", query=query))["data"]
    assert city in data["suggestions"][0]["value"]


async def test_suggest_knows_nothing_of_nowhere(shopper: Shopper) -> None:
    assert (await find(shopper, "/location/suggest", query="zzzzz"))["data"]["suggestions"] == []


async def test_switched_location_stays_with_session(shopper: Shopper) -> None:
    switched = (await find(shopper, "/location/switch/43.65/-79.4"))["data"]
    assert (switched["lat"], switched["country"], switched["distance_unit"]) == ("43.65000000", "CA", "km")
    shopper.client.headers["Locally-Api-Session-Id"] = switched["session"]["id"]
    started = (await find(shopper, "/conversion/start", company_id=1, upc=shopper.upcs[0]))["data"]
    assert started["user_geo"]["city_label"] == "Toronto, ON"
    assert 41510 <= started["initial_store_id"] <= 41512


async def test_marker_has_documented_types(shopper: Shopper) -> None:
    marker = (await markers(shopper))[STORE]
    assert (marker["lat"], marker["vendor_id"], marker["stock_status"]) == ("41.9137", "500", 3)
    assert marker["acquisition_options"] == {"bopis": 1, "ropis": 1, "sdd": 1, "sts": 1}
    assert {marker[flag] for flag in ("stocking_product", "stocking_variant", "hours_known")} == {1}
    assert [day["day_index"] for day in marker["display_dow"]] == list(range(7))
    assert "price" not in marker


async def test_five_chicago_stores_are_in_the_box(shopper: Shopper) -> None:
    found = await markers(shopper)
    assert len(found) >= 5
    assert 38210 not in found


async def test_box_has_the_diagonal_asked_for(shopper: Shopper) -> None:
    assert set(await markers(shopper, map_distance_diag=1)) == {OTHER_STORE}
    assert await markers(shopper, map_distance_diag=1, map_center_lat="40.0") == {}


async def test_only_stocking_stores_are_listed(shopper: Shopper) -> None:
    await shopper.control(f"stores/{STORE}", {"sts_approved": False})
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 0})
    assert STORE not in await markers(shopper)


async def test_store_that_is_shipped_to_is_listed(shopper: Shopper) -> None:
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 0})
    marker = (await markers(shopper))[STORE]
    assert (marker["qoh"], marker["stocking_variant"], list(marker["acquisition_options"])) == (0, 0, ["sts"])
    await shopper.control("settings", {"sts_stores_listed": False})
    assert STORE not in await markers(shopper)


async def test_single_store_mode_shows_an_empty_shelf(shopper: Shopper) -> None:
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 0})
    marker = (await markers(shopper, only_store_id=STORE))[STORE]
    assert (marker["qoh"], marker["stocking_variant"], marker["stocking_product"]) == (0, 0, 1)
    assert marker["acquisition_options"] == {"sts": 1}


async def test_unknown_store_gives_no_marker(shopper: Shopper) -> None:
    assert await markers(shopper, only_store_id=99999) == {}


async def test_other_company_gives_no_markers(shopper: Shopper) -> None:
    assert await markers(shopper, company_id=2) == {}


async def test_upc_without_leading_zero_is_found(shopper: Shopper) -> None:
    assert STORE in await markers(shopper, upc=shopper.upcs[0].lstrip("0"))


async def test_statuses_filter_stores_by_path(shopper: Shopper) -> None:
    assert set(await markers(shopper, statuses="IN_STOCK,PTP_SDD")) == {STORE}


async def test_store_data_needs_its_map(shopper: Shopper) -> None:
    answer = await shopper.client.get(f"{HEADLESS}/conversion/store_data", params={"company_id": 1, "upc": "1"})
    assert answer.status_code == 400


async def test_locate_gives_the_nearest_three(shopper: Shopper) -> None:
    params = {"company_id": 1, "style": "RL100", "lat": "41.88", "lng": "-87.63"}
    data = (await find(shopper, "/product/locate", **params))["data"]
    assert [store["id"] for store in data["stores"]] == [OTHER_STORE, 37177, STORE]
    assert set(data["upcs"]) == set(shopper.upcs[:4])


async def test_added_item_carries_price_and_tax(shopper: Shopper) -> None:
    data = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    cart = data["cart_content"]["cart"]
    assert (cart["subtotal"], cart["tax_total"], cart["grand_total"]) == (89, 9.12, 98.12)
    assert (cart["hash"], cart["for_hold"], cart["origin"]) == (data["cart_hash"], 0, "www.ridgeline.test")
    assert data["cart_content"]["user"]["email"].startswith("anon-")


async def test_reserved_item_is_for_hold_and_untaxed(shopper: Shopper) -> None:
    data = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], hold="true", **ITEM))["data"]
    cart = data["cart_content"]["cart"]
    assert (cart["for_hold"], cart["tax_total"], cart["grand_total"]) == (1, 0, 89)


async def test_same_session_keeps_the_same_cart(shopper: Shopper) -> None:
    first = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = first["session"]["id"]
    second = (await find(shopper, "/cart/items/add", upc=shopper.upcs[1], **ITEM))["data"]
    assert second["cart_hash"] == first["cart_hash"]
    assert (await find(shopper, "/cart"))["data"]["n_in_cart"] == 2


async def test_unknown_session_silently_begins_a_new_cart(shopper: Shopper) -> None:
    first = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = "expired"
    second = await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM)
    assert second["success"] is True
    assert second["data"]["cart_hash"] != first["cart_hash"]
    assert second["data"]["cart_content"]["user"]["id"] != first["cart_content"]["user"]["id"]


async def test_sold_out_item_cannot_be_added(shopper: Shopper) -> None:
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 0})
    answer = await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM)
    assert (answer["success"], answer["error_code"]) == (False, 1327)


async def test_unknown_store_cannot_be_added_to(shopper: Shopper) -> None:
    answer = await find(shopper, "/cart/items/add", upc=shopper.upcs[0], store_id=1, host_domain="x.test")
    assert (answer["success"], answer["error_code"]) == (False, 1329)


async def test_cart_is_adjusted_by_query_parameters(shopper: Shopper) -> None:
    first = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = first["session"]["id"]
    params = {"items[0][upc]": shopper.upcs[0], "items[0][qty]": "3"}
    data = (await shopper.client.post(f"{HEADLESS}/cart", params=params)).json()["data"]
    assert (data["n_in_cart"], data["cart_content"]["cart"]["grand_total"]) == (3, 294.36)


async def test_quantity_of_none_removes_the_item(shopper: Shopper) -> None:
    first = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = first["session"]["id"]
    answer = await shopper.client.post(f"{HEADLESS}/cart", json={"upc": shopper.upcs[0], "qty": 0})
    assert answer.json()["data"]["n_in_cart"] == 0


async def test_emptied_cart_forgets_its_store(shopper: Shopper) -> None:
    first = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = first["session"]["id"]
    await shopper.client.post(f"{HEADLESS}/cart", json={"upc": shopper.upcs[0], "qty": 0})
    there = await find(shopper, "/cart/items/add", **{**ITEM, "upc": shopper.upcs[0], "store_id": OTHER_STORE})
    assert there["data"]["cart_content"]["cart"]["items"][0]["store_id"] == OTHER_STORE


async def test_unauthorized_cart_says_why(shopper: Shopper) -> None:
    added = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = added["session"]["id"]
    refused = await shopper.client.post(f"{HEADLESS}/cart/auth", json={"card_token": "seti_none"})
    assert (refused.status_code, refused.json()["error_code"]) == (402, 1328)
    assert refused.json()["data"]["items"][0]["auth"] == "FAILED"


async def test_start_answers_a_style_with_its_commonest_local_upc(shopper: Shopper) -> None:
    catalogue = await shopper.get("/_sandbox/catalogue")
    style = catalogue["products"][0]["style"]
    rare, common = [product["upc"] for product in catalogue["products"] if product["style"] == style][:2]
    for store in catalogue["stores"]:
        await shopper.control("stock", {"store_id": store["id"], "upc": rare, "quantity": 0})
    assert (await find(shopper, "/conversion/start", company_id=1, style=style))["data"]["upc"] == common


@pytest.mark.parametrize("mismatch", [{"style": "RL190"}, {"product_id": 1}])
async def test_start_refuses_what_does_not_belong_together(shopper: Shopper, mismatch: Json) -> None:
    asked: Json = {"company_id": 1, "upc": shopper.upcs[0]} | mismatch
    answer = await shopper.client.get(f"{HEADLESS}/conversion/start", params=asked)
    assert (answer.status_code, answer.json()["success"]) == (404, False)


async def test_cart_is_authorized_and_committed_in_two_steps(shopper: Shopper) -> None:
    added = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    shopper.client.headers["Locally-Api-Session-Id"] = added["session"]["id"]
    authorized = await shopper.client.post(f"{HEADLESS}/cart/auth", json={"card_token": await shopper.card()})
    assert authorized.json()["data"]["items"][0]["auth"] == "SUCCESS"
    assert (await shopper.client.post(f"{HEADLESS}/cart/commit")).json()["success"] is True
    assert [order["hash"] for order in (await shopper.ledger())["orders"]] == [added["cart_hash"]]


async def test_cart_is_ordered_in_one_step(shopper: Shopper) -> None:
    added = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    order = {"hash": added["cart_hash"], "full_name": "Ada Byron", "email": "ada@example.com"}
    answer = await shopper.client.post(f"{HEADLESS}/cart/order", json=order | {"card_token": await shopper.card()})
    assert answer.json()["data"]["target_uri"].startswith(f"/order/{added['cart_hash']}/")
    assert (await shopper.ledger())["orders"][0]["shopper"] == {"email": "ada@example.com"}


async def test_billing_is_read_whatever_the_content_type(shopper: Shopper) -> None:
    added = (await find(shopper, "/cart/items/add", upc=shopper.upcs[0], **ITEM))["data"]
    headers = {"Locally-Api-Session-Id": added["session"]["id"], "Content-Type": "application/x-www-form-urlencoded"}
    billing = (
        '{"firstName":"Ada","lastName":"B","address":"1 Elm","city":"C","zip":"1","country":"US","email":"a@b.co"}'
    )
    answer = await shopper.client.post(f"{HEADLESS}/cart/billing", content=billing, headers=headers)
    assert answer.json()["data"]["cart_content"]["cart"]["first_name"] == "Ada"


async def test_pages_of_any_origin_are_answered(shopper: Shopper) -> None:
    asked = {"Origin": "https://shop.test", "Access-Control-Request-Headers": "locally-api-token"}
    preflight = await shopper.client.request("OPTIONS", f"{HEADLESS}/cart", headers=asked)
    answer = await shopper.client.get(f"{HEADLESS}/cart", headers={"Origin": "https://shop.test"})
    assert preflight.headers["access-control-allow-headers"] == "locally-api-token"
    for reply in (preflight, answer):
        assert reply.headers["access-control-allow-origin"] == "https://shop.test"
        assert reply.headers["access-control-allow-credentials"] == "true"


async def test_catalogue_holds_a_believable_brand(shopper: Shopper) -> None:
    catalogue = await shopper.get("/_sandbox/catalogue")
    products, stores = catalogue["products"], catalogue["stores"]
    assert (len(products), len({product["style"] for product in products})) == (40, 10)
    assert all(sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(upc)) % 10 == 0 for upc in shopper.upcs)
    assert any(upc.startswith("0") for upc in shopper.upcs)
    assert {path for store in stores for path in store["paths"]} == {"bopis", "ropis", "sdd", "sts"}
    assert {store["currency"] for store in stores} == {"USD", "CAD"}
    assert len({store["price"][shopper.upcs[0]] for store in stores}) > 3
    assert any(quantity == 0 for store in stores for quantity in store["stock"].values())


async def test_picture_of_a_style_is_drawn(shopper: Shopper) -> None:
    product = (await shopper.get("/_sandbox/catalogue"))["products"][0]
    answer: httpx.Response = await shopper.client.get(product["image_url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
