"""Places, stores and quotes, over the whole service and the sandbox."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.service import SECRET_KEY, STORE_ID, UPC, Service, running_service

LOOP = "41.8781,-87.6298"
OTHER = "068648100117"
TORONTO = 41510
STORE_KEYS = {
    "id",
    "name",
    "address",
    "location",
    "distance",
    "phone",
    "time_zone",
    "open_now",
    "today_hours",
    "hours",
    "paths",
    "has_all",
    "items",
}


async def search(service: Service, **query: Any) -> httpx.Response:
    values = {"items": f"{UPC}:1", "near": LOOP, **query}
    return await service.client.get("/v1/stores", params=values, headers={"Authorization": "Bearer cpk_test_tests"})


async def calls_of(service: Service, call: str) -> int:
    return sum(each["call"] == call for each in (await service.ledger())["calls"])


async def quote(service: Service, *, with_: str = "cpk_test_tests", **changes: Any) -> httpx.Response:
    body = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 2}], **changes}
    return await service.call("POST", "/v1/quotes", body, with_=with_)


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_places_are_found_by_postal_code(service: Service) -> None:
    answer = await service.call("GET", "/v1/places?q=60605")
    assert answer.status_code == 200
    (place,) = answer.json()["places"]
    assert set(place) == {"label", "lat", "lng", "postal_code", "country"}
    assert (place["postal_code"], place["country"]) == ("60605", "US")
    assert abs(place["lat"] - 41.87) < 0.1


async def test_place_nobody_knows_is_an_empty_list(service: Service) -> None:
    answer = await service.call("GET", "/v1/places?q=zzzzzz")
    assert (answer.status_code, answer.json()) == (200, {"places": []})


async def test_stores_have_the_documented_shape(service: Service) -> None:
    answer = (await search(service)).json()
    assert set(answer) == {"stores", "near", "radius", "as_of", "stale", "widen"}
    assert answer["near"] == {"lat": 41.8781, "lng": -87.6298}
    assert answer["radius"] == {"value": 25, "unit": "mi"}
    assert answer["widen"] == {"radius": 50, "unit": "mi"}
    assert answer["stale"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", answer["as_of"])
    for store in answer["stores"]:
        assert set(store) == STORE_KEYS
        assert set(store["address"]) == {"address", "city", "state", "zip", "country"}
        assert set(store["items"][0]) == {"upc", "quantity", "in_stock", "quantity_on_hand", "missing"}
        assert store["distance"]["unit"] == "mi"
        assert {day["day"] for day in store["hours"]} <= set(range(7))
        assert store["time_zone"] == "America/Chicago"


async def test_whole_carts_stand_first_then_distance(service: Service) -> None:
    nearest = (await search(service)).json()["stores"][0]["id"]
    await service.stock(OTHER, nearest, quantity=1)
    stores = (await search(service, items=f"{UPC}:2,{OTHER}:2")).json()["stores"]
    assert nearest in {store["id"] for store in stores if not store["has_all"]}
    order = [(not store["has_all"], store["distance"]["value"]) for store in stores]
    assert order == sorted(order)
    assert {store["has_all"] for store in stores} == {True, False}


async def test_missing_tells_how_many_are_lacking(service: Service) -> None:
    await service.stock(quantity=3)
    stores = (await search(service, items=f"{UPC}:5")).json()["stores"]
    (store,) = [store for store in stores if store["id"] == STORE_ID]
    assert store["items"] == [{"upc": UPC, "quantity": 5, "in_stock": True, "quantity_on_hand": 3, "missing": 2}]
    assert store["has_all"] is False


async def test_path_keeps_the_stores_that_offer_it(service: Service) -> None:
    every = (await search(service)).json()["stores"]
    selling = (await search(service, path="bopis")).json()["stores"]
    assert [store["id"] for store in selling] == [store["id"] for store in every if "bopis" in store["paths"]]
    assert 0 < len(selling) < len(every)


@pytest.mark.parametrize("path", ["sdd", "sts", "teleport"])
async def test_path_that_is_not_offered_is_told(service: Service, path: str) -> None:
    answers = {
        "/query/path": await search(service, path=path),
        "/path_to_purchase": await quote(service, path_to_purchase=path),
    }
    for pointer, answer in answers.items():
        assert (answer.status_code, answer.json()["code"]) == (422, "path_unavailable")
        assert answer.json()["next"] == "choose_store"
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_distances_come_in_the_unit_asked_for(service: Service) -> None:
    miles = (await search(service, radius=10)).json()["stores"]
    kilometres = (await search(service, radius=16, unit="km")).json()["stores"]
    assert kilometres[0]["distance"]["unit"] == "km"
    assert kilometres[0]["id"] == miles[0]["id"]
    assert all(store["distance"]["value"] <= 16 for store in kilometres)


async def test_widest_search_has_nothing_wider(service: Service) -> None:
    assert (await search(service, radius=250)).json()["widen"] is None


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"near": ""}, "/query/near"),
        ({"near": "91,0"}, "/query/near"),
        ({"items": UPC}, "/query/items"),
        ({"items": f"{UPC}:0"}, "/query/items"),
        ({"items": f"{UPC}:100"}, "/query/items"),
        ({"items": f"{UPC}:1,0{UPC}:1"}, "/query/items"),
        ({"radius": "0"}, "/query/radius"),
        ({"unit": "feet"}, "/query/unit"),
        ({"api_key": "x"}, "/query/api_key"),
    ],
)
async def test_bad_parameters_are_pointed_at(service: Service, query: dict[str, str], pointer: str) -> None:
    answer = await search(service, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert pointers(answer) == [pointer]


async def test_near_is_required(service: Service) -> None:
    answer = await service.call("GET", f"/v1/stores?items={UPC}:1")
    assert (answer.status_code, pointers(answer)) == (422, ["/query/near"])


async def test_equal_reads_share_one_upstream_call(service: Service) -> None:
    answers = await asyncio.gather(*(search(service) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert await calls_of(service, "conversion/store_data") == 1
    quotes = await asyncio.gather(*(quote(service) for _ in range(20)))
    assert {answer.status_code for answer in quotes} == {200}
    assert await calls_of(service, "cart/items/add") == 1


async def test_one_upstream_call_for_each_upc(service: Service) -> None:
    await search(service, items=f"{UPC}:1,{OTHER}:1")
    assert await calls_of(service, "conversion/store_data") == 2


async def test_no_cache_reads_through(service: Service) -> None:
    await search(service)
    await service.stock(quantity=77)
    headers = {"Authorization": "Bearer cpk_test_tests", "Cache-Control": "no-cache"}
    query = {"items": f"{UPC}:1", "near": LOOP}
    fresh = await service.client.get("/v1/stores", params=query, headers=headers)
    (store,) = [store for store in fresh.json()["stores"] if store["id"] == STORE_ID]
    assert store["items"][0]["quantity_on_hand"] == 77
    assert await calls_of(service, "conversion/store_data") == 2


async def test_kept_answers_bridge_an_outage() -> None:
    async with running_service(stock_fresh="0", stock_renew="0") as service:
        warm = (await search(service)).json()
        await service.fault("conversion/store_data", "status_500", times=100)
        kept = await search(service)
        assert kept.status_code == 200
        assert kept.json()["stale"] is True
        assert kept.json()["as_of"] == warm["as_of"]
        assert kept.json()["stores"] == warm["stores"]


@pytest.mark.parametrize("kind", ["status_500", "garbage"])
async def test_locally_down_is_503(service: Service, kind: str) -> None:
    for call in ("location/suggest", "conversion/store_data"):
        await service.fault(call, kind, times=100)
    for answer in (await service.call("GET", "/v1/places?q=60605"), await search(service), await quote(service)):
        assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
        assert answer.json()["next"] == "retry"
        assert int(answer.headers["Retry-After"]) > 0


async def test_quote_multiplies_the_unit(service: Service) -> None:
    one = (await quote(service, items=[{"upc": UPC, "quantity": 1}])).json()
    three = (await quote(service, items=[{"upc": UPC, "quantity": 3}])).json()
    assert set(three) == {"store_id", "path_to_purchase", "items", "totals", "price_source", "as_of"}
    assert three["price_source"] == "locally"
    price, tax = (one["items"][0][name]["amount"] for name in ("unit_price", "tax_per_unit"))
    assert (price, tax) == (8900, 912)
    assert three["items"][0]["subtotal"] == {"amount": 3 * price, "currency": "USD"}
    assert three["totals"] == {
        "subtotal": {"amount": 3 * price, "currency": "USD"},
        "tax": {"amount": 3 * tax, "currency": "USD"},
        "shipping": {"amount": 0, "currency": "USD"},
        "total": {"amount": 3 * (price + tax), "currency": "USD"},
        "tax_estimated": True,
    }


async def test_quotes_hold_nothing_and_are_no_orders(service: Service) -> None:
    await quote(service, items=[{"upc": UPC, "quantity": 1}, {"upc": OTHER, "quantity": 2}])
    ledger = await service.ledger()
    assert (ledger["orders"], ledger["holds"]) == ([], [])
    assert {cart["state"] for cart in ledger["carts"]} == {"open"}
    assert len(ledger["carts"]) == 2  # Never two items in one cart.


async def test_quote_speaks_the_currency_of_the_store(service: Service) -> None:
    upc = await stocked(service, TORONTO)
    totals = (await quote(service, store_id=TORONTO, items=[{"upc": upc, "quantity": 1}])).json()["totals"]
    assert totals["total"]["currency"] == "CAD"


async def stocked(service: Service, store_id: int) -> str:
    stores = (await service.sandbox.get("/_sandbox/catalogue")).json()["stores"]
    (stock,) = [store["stock"] for store in stores if store["id"] == store_id]
    return next(str(upc) for upc, quantity in stock.items() if quantity > 2)


async def test_quoted_tax_is_no_estimate() -> None:
    async with running_service(tax="quoted") as service:
        assert (await quote(service)).json()["totals"]["tax_estimated"] is False


async def test_quote_without_a_price_says_so(service: Service) -> None:
    await service.fault("cart/items/add", "status_500", times=10)
    answer = (await quote(service)).json()
    assert (answer["totals"], answer["price_source"]) == (None, None)
    assert answer["items"][0]["unit_price"] is None


async def test_quote_of_unknown_store_is_422(service: Service) -> None:
    answer = await quote(service, store_id=99)
    assert (answer.status_code, answer.json()["code"]) == (422, "store_unknown")


async def test_servers_may_give_prices(service: Service) -> None:
    line = {
        "upc": UPC,
        "quantity": 2,
        "unit_price": {"amount": 8000, "currency": "USD"},
        "tax_per_unit": {"amount": 700, "currency": "USD"},
    }
    answer = (await quote(service, with_=SECRET_KEY, items=[line])).json()
    assert answer["totals"]["total"] == {"amount": 17400, "currency": "USD"}
    assert answer["price_source"] == "given"


async def test_price_given_without_tax_takes_the_stores(service: Service) -> None:
    price = {"amount": 8900, "currency": "USD"}
    own = (await quote(service, with_=SECRET_KEY, items=[{"upc": UPC, "quantity": 1, "unit_price": price}])).json()
    assert own["items"][0]["tax_per_unit"] == {"amount": 912, "currency": "USD"}
    price["amount"] = 100
    other = (await quote(service, with_=SECRET_KEY, items=[{"upc": UPC, "quantity": 1, "unit_price": price}])).json()
    assert other["items"][0]["tax_per_unit"] is None


async def test_tax_given_alone_is_kept(service: Service) -> None:
    line = {"upc": UPC, "quantity": 1, "tax_per_unit": {"amount": 5, "currency": "USD"}}
    answer = (await quote(service, with_=SECRET_KEY, items=[line])).json()
    assert answer["items"][0]["unit_price"] == {"amount": 8900, "currency": "USD"}
    assert answer["items"][0]["tax_per_unit"] == {"amount": 5, "currency": "USD"}


@pytest.mark.parametrize(
    ("price", "pointer"),
    [
        ({"amount": 100, "currency": "EUR"}, "/items/0/unit_price/currency"),
        ({"amount": 10**12, "currency": "USD"}, "/items/0/unit_price"),
        ({"amount": -1, "currency": "USD"}, "/items/0/unit_price/amount"),
        ({"amount": 89.0, "currency": "USD"}, "/items/0/unit_price/amount"),
        ({"amount": "8900", "currency": "USD"}, "/items/0/unit_price/amount"),
        ({"amount": 8900, "currency": "usd"}, "/items/0/unit_price/currency"),
        ({"amount": 8900}, "/items/0/unit_price/currency"),
    ],
)
async def test_bad_prices_are_pointed_at(service: Service, price: dict[str, Any], pointer: str) -> None:
    answer = await quote(service, with_=SECRET_KEY, items=[{"upc": UPC, "quantity": 99, "unit_price": price}])
    assert (answer.status_code, pointers(answer)) == (422, [pointer])


async def test_dearest_cart_can_be_added_up(service: Service) -> None:
    dear = {"amount": 150_000_000, "currency": "USD"}
    items = [{"upc": f"{number:012}", "quantity": 99, "unit_price": dear, "tax_per_unit": dear} for number in range(19)]
    items.append({"upc": UPC, "quantity": 99, "unit_price": dear, "tax_per_unit": dear})
    answer = await quote(service, with_=SECRET_KEY, items=items)
    assert answer.json()["totals"]["total"]["amount"] == 20 * 99 * 300_000_000
