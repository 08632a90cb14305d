"""Who may call what: credentials, origins, and answers that betray nothing."""

from pathlib import Path
from typing import Any

import pytest

from checkout.openapi import OPERATIONS, Operation
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, SERVICE_URL, STORE_ID, UPC, Service, key, running_service

BRAND_SITE = "https://www.brand.example"
CALLS = [operation for operation in OPERATIONS if operation.path.startswith("/v1/")]
CREDENTIALS = {
    "publishable_key": PUBLISHABLE_KEY,
    "secret_key": SECRET_KEY,
    "checkout_token": "ct_" + "x" * 43,
    "order_token": "ot_" + "x" * 43,
}
UNKNOWN = {"checkouts": "chk_" + "0" * 32, "orders": "ord_" + "0" * 32}
by_call = pytest.mark.parametrize("operation", CALLS, ids=lambda operation: operation.name)


def path_of(operation: Operation) -> str:
    return operation.path.replace("{id}", UNKNOWN["orders" if "orders" in operation.path else "checkouts"])


def without_instance(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "instance"}


MALFORMED = (
    None,
    "",
    "Bearer",
    "Bearer ",
    "Basic Y3BrOg==",
    f"Token {SECRET_KEY}",
    "Bearer cpk_test_unknown",
    "Bearer csk_test_unknown",
    "Bearer sk_test_123",
    "Bearer ct_a b",
)


@by_call
async def test_credentials_open_what_the_contract_says(service: Service, operation: Operation) -> None:
    for name, credential in CREDENTIALS.items():
        answer = await service.call(operation.method.upper(), path_of(operation), with_=credential)
        refused = (answer.status_code, answer.json().get("code")) == (403, "not_allowed")
        assert refused == (name not in operation.credentials), (name, answer.text)
        assert answer.status_code != 401


async def test_missing_or_malformed_credential_is_401(service: Service) -> None:
    for operation in CALLS:
        for header in MALFORMED:
            headers = {} if header is None else {"Authorization": header}
            answer = await service.client.request(operation.method, path_of(operation), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), (operation.name, header)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_bearer_is_read_in_any_case(service: Service) -> None:
    headers = {"Authorization": f"BEARER {PUBLISHABLE_KEY}"}
    assert (await service.client.get("/v1/places?q=60605", headers=headers)).status_code == 200


async def test_secret_key_is_refused_in_browsers(service: Service) -> None:
    for operation in CALLS:
        for origin in (BRAND_SITE, SERVICE_URL):
            answer = await service.call(operation.method, path_of(operation), with_=SECRET_KEY, Origin=origin)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), operation.name


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://www.brand.example.evil.example", ""])
async def test_foreign_origin_is_refused(service: Service, origin: str) -> None:
    for operation in CALLS:
        answer = await service.call(operation.method, path_of(operation), Origin=origin)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed"), operation.name
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [BRAND_SITE, SERVICE_URL])
async def test_known_origin_may_read_answers(service: Service, origin: str) -> None:
    for path in ("/v1/places?q=60605", "/v1/places", "/v1/nothing"):
        answer = await service.call("GET", path, Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert exposed == {"ETag", "Location", "Retry-After", "Request-Id", "Idempotent-Replayed"}
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


async def test_answers_without_origin_vary_by_it_too(service: Service) -> None:
    answer = await service.call("GET", "/v1/places?q=60605")
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in answer.headers


@by_call
async def test_preflight_of_known_origin_is_answered(service: Service, operation: Operation) -> None:
    asked = {
        "Origin": BRAND_SITE,
        "Access-Control-Request-Method": operation.method.upper(),
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,if-match,prefer",
    }
    answer = await service.client.options(path_of(operation), headers=asked)
    assert answer.status_code in {200, 204}
    assert answer.headers["Access-Control-Allow-Origin"] == BRAND_SITE
    assert operation.method.upper() in answer.headers["Access-Control-Allow-Methods"].split(", ")
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")}
    assert set(asked["Access-Control-Request-Headers"].split(",")) <= allowed
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


async def test_preflight_of_foreign_origin_is_refused(service: Service) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await service.client.options("/v1/checkouts", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("call", ["GET {}", "PATCH {}", "POST {}/setup-intent", "POST {}/place", "POST {}/cancel"])
async def test_unknown_and_foreign_checkouts_look_the_same(service: Service, call: str) -> None:
    mine, foreign = await service.create(), await service.create()
    method, path = call.split(" ")
    tried = [
        (mine["id"], foreign["token"]),
        (mine["id"], "ct_" + "A" * 43),
        (mine["id"], "ct_x"),
        (UNKNOWN["checkouts"], mine["token"]),
        (UNKNOWN["checkouts"], SECRET_KEY),
        ("chk_1", SECRET_KEY),
        ("%00", SECRET_KEY),
        ("%F0%9F%9A%B2", mine["token"]),
    ]
    answers = [
        await service.call(method, f"/v1/checkouts{path.format('/' + name)}", {}, with_=token, Idempotency_Key=key())
        for name, token in tried
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({str(without_instance(answer.json())) for answer in answers}) == 1


async def test_order_token_opens_its_order_alone(service: Service) -> None:
    orders = []
    for _ in range(2):
        checkout = await service.create()
        placed = await service.place(checkout, await service.take_card(checkout))
        orders.append(placed.json()["order"])
    for part in ("", "/timeline"):
        own = await service.call("GET", f"/v1/orders/{orders[0]['id']}{part}", with_=orders[0]["token"])
        foreign = await service.call("GET", f"/v1/orders/{orders[0]['id']}{part}", with_=orders[1]["token"])
        unknown = await service.call("GET", f"/v1/orders/{UNKNOWN['orders']}{part}", with_=orders[1]["token"])
        assert (own.status_code, foreign.status_code) == (200, 404)
        assert without_instance(foreign.json()) == without_instance(unknown.json())


@pytest.mark.parametrize("name", ["unit_price", "tax_per_unit"])
async def test_browsers_never_set_prices(service: Service, name: str) -> None:
    line = {"upc": UPC, "quantity": 1, name: {"amount": 1, "currency": "USD"}}
    cart = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": "068648100117", "quantity": 1}, line]}
    checkout = await service.create()
    answers = [
        await service.call("POST", "/v1/quotes", cart),
        await service.call("POST", "/v1/checkouts", cart, Idempotency_Key=key()),
        await service.call(
            "PATCH", f"/v1/checkouts/{checkout['id']}", {"items": cart["items"]}, with_=checkout["token"]
        ),
    ]
    for answer in answers:
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (403, "not_allowed")
        assert [error["pointer"] for error in problem["errors"]] == [f"/items/1/{name}"]


async def test_external_setup_intent_takes_the_secret_key(service: Service) -> None:
    checkout = await service.create()
    answer = await service.place(checkout, "seti_1", setup_intent_origin="external")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/setup_intent_origin"]


async def test_tokens_in_the_query_open_nothing(service: Service) -> None:
    checkout = await service.create()
    answer = await service.client.get(f"/v1/checkouts/{checkout['id']}", params={"token": checkout["token"]})
    assert answer.status_code == 401


async def test_records_of_another_brand_are_unknown(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/checkout.db"
    async with running_service(database_url=database) as service:
        checkout = await service.create()
        placed = (await service.place(checkout, await service.take_card(checkout))).json()
    paths = (f"/v1/checkouts/{checkout['id']}", f"/v1/orders/{placed['order']['id']}")
    for brand, status in (("acme", 200), ("other", 404)):
        async with running_service(database_url=database, brand=brand) as service:
            answers = [await service.call("GET", path, with_=SECRET_KEY) for path in paths]
            assert [answer.status_code for answer in answers] == [status, status]
            assert len((await service.call("GET", "/v1/orders", with_=SECRET_KEY)).json()["data"]) == (status == 200)
