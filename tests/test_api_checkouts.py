"""Creating, reading, expiring and canceling checkouts."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service import SECRET_KEY, SHOPPER, STORE_ID, UPC, Service, key, running_service

CART: dict[str, Any] = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 2}]}
RESERVING_ONLY = 37181


async def create(service: Service, *, with_: str = "cpk_test_tests", **changes: Any) -> httpx.Response:
    return await service.call("POST", "/v1/checkouts", {**CART, **changes}, with_=with_, Idempotency_Key=key())


def problems(answer: httpx.Response | dict[str, Any]) -> list[tuple[str, str]]:
    checkout = answer if isinstance(answer, dict) else answer.json()
    return [(problem["code"], problem["pointer"]) for problem in checkout["problems"]]


async def test_created_checkout_has_the_documented_shape(service: Service) -> None:
    answer = await create(service, shopper=SHOPPER)
    checkout = answer.json()
    assert answer.status_code == 201
    assert list(checkout) == [
        *("id", "object", "version", "status", "brand", "store", "path_to_purchase", "items", "shopper", "totals"),
        *("payment", "problems", "order", "rescues", "expires_at", "token"),
    ]
    assert (checkout["object"], checkout["version"], checkout["status"]) == ("checkout", 1, "ready")
    assert re.fullmatch(r"chk_\w+", checkout["id"])
    assert re.fullmatch(r"ct_[\w-]{43,}", checkout["token"])
    assert set(checkout["store"]) == {"id", "name", "address", "phone", "open_now"}
    assert checkout["payment"] == {
        "required": True,
        "provider": "stripe",
        "publishable_key": "pk_test_tests",
        "account": None,
        "currency": "USD",
        "methods": ["card"],
    }
    assert checkout["expires_at"].endswith("Z")
    assert answer.headers["Location"] == f"/v1/checkouts/{checkout['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Cache-Control"] == "no-store"


async def test_created_checkout_is_priced_per_unit(service: Service) -> None:
    checkout = (await create(service)).json()
    assert checkout["items"] == [
        {
            "upc": UPC,
            "quantity": 2,
            "name": None,
            "image_url": None,
            "unit_price": {"amount": 8900, "currency": "USD"},
            "tax_per_unit": {"amount": 912, "currency": "USD"},
            "subtotal": {"amount": 17800, "currency": "USD"},
            "message": None,
        }
    ]
    assert checkout["totals"]["total"] == {"amount": 2 * (8900 + 912), "currency": "USD"}


async def test_creating_calls_neither_validate_nor_stripe(service: Service) -> None:
    await create(service, shopper=SHOPPER)
    ledger = await service.ledger()
    assert {call["call"] for call in ledger["calls"]} == {"conversion/store_data", "cart/items/add"}
    assert ledger["holds"] == []


async def test_read_checkout_is_the_created_one_without_token(service: Service) -> None:
    created = await service.create()
    for token in (created["token"], SECRET_KEY):
        answer = await service.call("GET", f"/v1/checkouts/{created['id']}", with_=token)
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
        assert {**answer.json(), "token": created["token"]} == created


async def test_missing_parts_of_the_shopper_are_problems(service: Service) -> None:
    checkout = (await create(service, shopper={"email": SHOPPER["email"], "country": "US"})).json()
    assert checkout["status"] == "incomplete"
    names = ("phone", "first_name", "last_name", "address", "city", "state", "zip")
    assert problems(checkout) == [("missing", f"/shopper/{name}") for name in names]


async def test_checkout_without_shopper_is_incomplete(service: Service) -> None:
    for answer in (await create(service), await create(service, shopper={}), await create(service, shopper=None)):
        assert (answer.status_code, answer.json()["status"]) == (201, "incomplete")
        assert len(problems(answer)) == 9


async def test_too_little_stock_is_incomplete(service: Service) -> None:
    await service.stock(quantity=1)
    answer = await create(service, shopper=SHOPPER)
    assert (answer.status_code, answer.json()["status"]) == (201, "incomplete")
    assert problems(answer) == [("item_unavailable", "/items/0")]
    placed = await service.place({**answer.json(), "totals": {"total": {"amount": 1, "currency": "USD"}}}, "seti_1")
    assert (placed.status_code, placed.json()["code"]) == (409, "checkout_incomplete")


async def test_upc_that_the_store_never_had_is_incomplete(service: Service) -> None:
    answer = await create(service, items=[{"upc": "999999999993", "quantity": 1}], shopper=SHOPPER)
    assert (answer.status_code, answer.json()["status"]) == (201, "incomplete")
    assert problems(answer) == [("item_unavailable", "/items/0")]
    assert answer.json()["totals"] is None


async def test_missing_price_is_incomplete(service: Service) -> None:
    await service.fault("cart/items/add", "status_500", times=10)
    answer = await create(service, shopper=SHOPPER)
    assert (answer.status_code, answer.json()["totals"]) == (201, None)
    assert problems(answer) == [("no_price", "/items/0")]


async def test_catalogue_stands_in_for_a_missing_price(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text(f"upc,name,image_url,price\n{UPC},Trail jacket,https://img.example/1.png,95.00\n")
    async with running_service(catalogue=str(catalogue)) as service:
        await service.fault("cart/items/add", "status_500", times=10)
        checkout = (await create(service, shopper=SHOPPER)).json()
        line = checkout["items"][0]
        assert (line["name"], line["image_url"]) == ("Trail jacket", "https://img.example/1.png")
        assert (line["unit_price"], line["tax_per_unit"]) == ({"amount": 9500, "currency": "USD"}, None)
        assert checkout["status"] == "ready"
        assert checkout["totals"]["total"] == {"amount": 19000, "currency": "USD"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"store_id": 99}, "store_unknown"),
        ({"path_to_purchase": "sdd"}, "path_unavailable"),
        ({"path_to_purchase": "sts"}, "path_unavailable"),
        ({"path_to_purchase": "teleport"}, "path_unavailable"),
        ({"store_id": RESERVING_ONLY}, "path_unavailable"),
    ],
)
async def test_unknown_store_or_path_is_422(service: Service, changes: dict[str, Any], code: str) -> None:
    answer = await create(service, **changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["next"]) == (422, code, "choose_store")
    pointer = "/store_id" if code == "store_unknown" else "/path_to_purchase"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_delivery_is_unavailable_even_where_the_brand_allows_it() -> None:
    async with running_service(paths="bopis,sdd") as service:
        answer = await create(service, path_to_purchase="sdd")
        assert (answer.status_code, answer.json()["code"]) == (422, "path_unavailable")


async def test_reservation_needs_no_payment(service: Service) -> None:
    checkout = (await create(service, path_to_purchase="ropis", shopper=SHOPPER)).json()
    assert (checkout["status"], checkout["payment"]) == ("ready", None)


async def test_ship_to_store_takes_the_catalogues_price(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text(f"upc,name,price\n{UPC},Trail jacket,95.00\n")
    async with running_service(catalogue=str(catalogue), paths="bopis,sts") as service:
        checkout = (await create(service, path_to_purchase="sts", shopper=SHOPPER)).json()
        assert checkout["items"][0]["unit_price"] == {"amount": 9500, "currency": "USD"}
        assert checkout["totals"]["shipping"] == {"amount": 0, "currency": "USD"}
        assert "cart/items/add" not in {call["call"] for call in (await service.ledger())["calls"]}


async def test_stores_may_have_accounts_of_their_own() -> None:
    own = '{"37175": {"account": "acct_1Store", "publishable_key": "pk_test_store"}}'
    async with running_service(stripe_accounts=own) as service:
        payment = (await create(service)).json()["payment"]
        assert (payment["account"], payment["publishable_key"]) == ("acct_1Store", "pk_test_store")


async def test_servers_may_give_prices(service: Service) -> None:
    line = {
        "upc": UPC,
        "quantity": 2,
        "unit_price": {"amount": 8900, "currency": "USD"},
        "tax_per_unit": {"amount": 900, "currency": "USD"},
    }
    checkout = (await create(service, with_=SECRET_KEY, items=[line])).json()
    assert checkout["totals"]["total"] == {"amount": 19600, "currency": "USD"}


@pytest.mark.parametrize("kind", ["status_500", "garbage"])
async def test_locally_down_is_503_and_leaves_nothing(service: Service, kind: str) -> None:
    await service.fault("conversion/store_data", kind, times=50)
    sent = {"Idempotency_Key": key()}
    answer = await service.call("POST", "/v1/checkouts", CART, **sent)
    assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    await service.sandbox.delete("/_sandbox/faults")
    corrected = await service.call("POST", "/v1/checkouts", {**CART, "locale": "en-US"}, **sent)
    assert (corrected.status_code, corrected.headers.get("Idempotent-Replayed")) == (201, None)


async def test_stock_is_read_afresh_for_each_checkout(service: Service) -> None:
    assert (await create(service, shopper=SHOPPER)).json()["status"] == "ready"
    await service.stock(quantity=0)
    assert problems(await create(service, shopper=SHOPPER)) == [("item_unavailable", "/items/0")]


async def test_no_cache_opens_a_checkout_on_fresh_prices(service: Service) -> None:
    await create(service)
    await service.stock(price=9900)
    assert (await create(service)).json()["items"][0]["unit_price"]["amount"] == 8900
    fresh = await service.call("POST", "/v1/checkouts", CART, Idempotency_Key=key(), Cache_Control="no-cache")
    assert fresh.json()["items"][0]["unit_price"]["amount"] == 9900


async def test_untouched_checkout_expires_after_an_hour(service: Service) -> None:
    checkout = await service.create()
    service.clock.advance(minutes=59)
    assert (await service.read(checkout))["status"] == "ready"
    service.clock.advance(minutes=2)
    assert (await service.read(checkout))["status"] == "expired"
    path = f"/v1/checkouts/{checkout['id']}"
    answers = [
        await service.call("PATCH", path, {"locale": "en-US"}, with_=checkout["token"]),
        await service.place(checkout, "seti_1"),
        await service.call("POST", f"{path}/setup-intent", {}, with_=checkout["token"]),
        await service.call("POST", f"{path}/cancel", {}, with_=checkout["token"]),
    ]
    for answer in answers:
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["next"]) == (409, "checkout_expired", "restart")
        assert problem["checkout"]["status"] == "expired"
        assert "token" not in problem["checkout"]


async def test_change_prolongs_the_life(service: Service) -> None:
    checkout = await service.create()
    service.clock.advance(minutes=50)
    changed = await service.call(
        "PATCH", f"/v1/checkouts/{checkout['id']}", {"locale": "en-US"}, with_=checkout["token"]
    )
    assert changed.json()["expires_at"] > checkout["expires_at"]
    service.clock.advance(minutes=50)
    assert (await service.read(checkout))["status"] == "ready"


@pytest.mark.parametrize("end", ["cancel", "expire", "place"])
async def test_token_lives_a_day_longer_than_its_checkout(service: Service, end: str) -> None:
    checkout = await service.create()
    if end == "cancel":
        await service.call("POST", f"/v1/checkouts/{checkout['id']}/cancel", {}, with_=checkout["token"])
    elif end == "expire":
        service.clock.advance(minutes=60)
    else:
        assert (await service.place(checkout, await service.take_card(checkout))).status_code == 200
    service.clock.advance(hours=23, minutes=59)
    path = f"/v1/checkouts/{checkout['id']}"
    assert (await service.call("GET", path, with_=checkout["token"])).status_code == 200
    service.clock.advance(minutes=2)
    assert (await service.call("GET", path, with_=checkout["token"])).status_code == 404
    assert (await service.call("GET", path, with_=SECRET_KEY)).status_code == 200


async def test_canceled_checkout_is_closed(service: Service) -> None:
    checkout = await service.create()
    path = f"/v1/checkouts/{checkout['id']}"
    for _ in range(2):
        canceled = await service.call("POST", f"{path}/cancel", {}, with_=checkout["token"])
        assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
        assert (canceled.json()["version"], canceled.headers["ETag"]) == (2, '"2"')
    answers = [
        await service.call("PATCH", path, {"locale": "en-US"}, with_=checkout["token"]),
        await service.call("POST", f"{path}/setup-intent", {}, with_=checkout["token"]),
        await service.place(checkout, "seti_1"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (409, "not_open")
        assert answer.json()["checkout"]["status"] == "canceled"


async def test_placed_checkout_tells_its_order_and_closes(service: Service) -> None:
    checkout = await service.create()
    placed = await service.place(checkout, await service.take_card(checkout))
    path = f"/v1/checkouts/{checkout['id']}"
    for token in (checkout["token"], SECRET_KEY):
        answer = await service.call("GET", path, with_=token)
        assert answer.json() == placed.json()
        assert set(answer.json()["order"]) == {"id", "status", "url", "token"}
        assert answer.headers["ETag"] == placed.headers["ETag"]
    for method, part in (("PATCH", ""), ("POST", "/cancel"), ("POST", "/setup-intent")):
        answer = await service.call(method, f"{path}{part}", {}, with_=checkout["token"])
        assert (answer.status_code, answer.json()["code"]) == (409, "not_open")
        assert answer.json()["checkout"]["order"] == placed.json()["order"]
