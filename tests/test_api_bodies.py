"""Bodies: what is no JSON, too large, malformed or not valid is told in one shape, and nothing is ever a 500."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from checkout.sandbox import create_sandbox
from tests.service import SECRET_KEY, SHOPPER, STORE_ID, UPC, Service, key, running_service

CART: dict[str, Any] = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 1}]}


async def send(service: Service, content: bytes | str, media_type: str | None = "application/json") -> httpx.Response:
    headers = {"Authorization": "Bearer cpk_test_tests", "Idempotency-Key": key()}
    if media_type is not None:
        headers["Content-Type"] = media_type
    return await service.client.post("/v1/checkouts", content=content, headers=headers)


async def create(service: Service, *, with_: str = "cpk_test_tests", **changes: Any) -> httpx.Response:
    return await service.call("POST", "/v1/checkouts", {**CART, **changes}, with_=with_, Idempotency_Key=key())


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid_field"
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


@pytest.mark.parametrize("media_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "text/json"])
async def test_body_that_is_not_json_is_415(service: Service, media_type: str | None) -> None:
    answer = await send(service, json.dumps(CART), media_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_json_is_read_by_any_of_its_names(service: Service, media_type: str) -> None:
    assert (await send(service, json.dumps(CART), media_type)).status_code == 201


async def test_body_may_have_64_kib_and_no_more(service: Service) -> None:
    body = json.dumps(CART)
    assert (await send(service, body.ljust(64 * 1024))).status_code == 201
    answer = await send(service, body.ljust(64 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_body_without_length_is_limited_too(service: Service) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    headers = {
        "Authorization": "Bearer cpk_test_tests",
        "Idempotency-Key": key(),
        "Content-Type": "application/json",
    }
    answer = await service.client.post("/v1/checkouts", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_client_that_hangs_up_is_no_bug(service: Service) -> None:
    headers = {b"authorization": b"Bearer cpk_test_tests", b"idempotency-key": key().encode()}
    headers[b"content-type"] = b"application/json"
    scope = {"type": "http", "method": "POST", "path": "/v1/checkouts", "query_string": b""}

    async def hang_up() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def hear(_message: Any) -> None:
        return None

    with capture_logs() as logged:
        await service.app({**scope, "headers": list(headers.items())}, hang_up, hear)
    assert [line["event"] for line in logged] == ["request"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}}",
        b"{'store_id': 1}",
        b'{"store_id": NaN}',
        b'{"store_id": -Infinity}',
        b'{"store_id": 1e999}',
        b'{"store_id": 1, "store_id": 2}',
        b'{"shopper": {"email": "a@b.example", "email": "c@d.example"}}',
        b'{"locale": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"locale": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"store_id": ' + b"9" * 5000 + b"}",
        b'{"x": ' + b"[" * 32 + b"]" * 32 + b"}",
        b"[" * 30_000,
        b'{"a":' * 10_000,
    ],
    ids=lambda content: content[:24].decode("latin-1"),
)
async def test_malformed_json_is_400(service: Service, content: bytes) -> None:
    answer = await send(service, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_nesting_of_32_is_read(service: Service) -> None:
    answer = await send(service, b'{"x": ' + b"[" * 31 + b"]" * 31 + b"}")
    assert ("/x", "unknown_field") in faults(answer)


@pytest.mark.parametrize("content", ["[]", "null", '"text"', "1", "true"])
async def test_body_that_is_no_object_is_422(service: Service, content: str) -> None:
    assert faults(await send(service, content)) == [("", "invalid")]


async def test_every_fault_has_its_pointer(service: Service) -> None:
    answer = await create(
        service,
        store_id="37175",
        items=[{"upc": "12", "quantity": 0, "colour": "red"}, {"upc": UPC, "quantity": 1.5}],
        shopper={"email": "nobody", "name/full": "June"},
        coupon="X",
    )
    assert set(faults(answer)) == {
        ("/store_id", "invalid"),
        ("/items/0/upc", "invalid"),
        ("/items/0/quantity", "invalid"),
        ("/items/0/colour", "unknown_field"),
        ("/items/1/quantity", "invalid"),
        ("/shopper/email", "invalid"),
        ("/shopper/name~1full", "unknown_field"),
        ("/coupon", "unknown_field"),
    }


async def test_missing_parts_of_the_cart_are_told(service: Service) -> None:
    answer = await service.call("POST", "/v1/checkouts", {}, Idempotency_Key=key())
    assert set(faults(answer)) == {(f"/{name}", "missing") for name in ("store_id", "path_to_purchase", "items")}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], ("/items", "too_short")),
        ([{"upc": f"{number:012}", "quantity": 1} for number in range(21)], ("/items", "too_long")),
        ([{"upc": UPC, "quantity": 100}], ("/items/0/quantity", "invalid")),
        ([{"upc": UPC, "quantity": True}], ("/items/0/quantity", "invalid")),
        ([{"upc": UPC, "quantity": 10**30}], ("/items/0/quantity", "invalid")),
        ([{"upc": int(UPC), "quantity": 1}], ("/items/0/upc", "invalid")),
        ([{"upc": UPC, "quantity": 1}, {"upc": "0" + UPC, "quantity": 1}], ("/items/1/upc", "duplicate_item")),
        (
            [{"upc": "4006381333931", "quantity": 1}, {"upc": "04006381333931", "quantity": 1}],
            ("/items/1/upc", "duplicate_item"),
        ),
        ([{"upc": UPC, "quantity": 1, "message": "x" * 501}], ("/items/0/message", "too_long")),
    ],
)
async def test_lines_are_judged(service: Service, items: list[Any], expected: tuple[str, str]) -> None:
    assert faults(await create(service, items=items)) == [expected]


async def test_upc_is_echoed_as_twelve_digits(service: Service) -> None:
    for given in (UPC.lstrip("0"), UPC, "0" + UPC, "00" + UPC):
        created = (await create(service, items=[{"upc": given, "quantity": 1}])).json()
        assert [line["upc"] for line in created["items"]] == [UPC]
    wrong_check_digit = (await create(service, items=[{"upc": "068648100009", "quantity": 1}])).json()
    assert wrong_check_digit["items"][0]["upc"] == "068648100009"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "june@"),
        ("email", "june@example.com\u0000"),
        ("phone", "123"),
        ("phone", "+1 555"),
        ("phone", "call me"),
        ("first_name", "Ju\u0000ne"),
        ("first_name", "Ju\nne"),
        ("first_name", "\u202eenuJ"),
        ("last_name", "Har\u2066per"),
        ("last_name", ""),
        ("city", "x" * 101),
        ("address", "4242 4242 4242 4242"),
        ("zip", "9-9"),
        ("zip", "M5V 2T6"),
        ("country", "USA"),
        ("country", "XX"),
        ("is_opt_in_consent", "yes"),
        ("is_opt_in_consent", 1),
    ],
)
async def test_shopper_is_judged(service: Service, name: str, value: Any) -> None:
    answer = await create(service, shopper={**SHOPPER, name: value})
    assert [pointer for pointer, _ in faults(answer)] == [f"/shopper/{name}"]
    assert len(str(value)) < 5 or str(value) not in answer.text


async def test_shopper_is_kept_in_one_spelling(service: Service) -> None:
    told = {
        **SHOPPER,
        "email": " June.Harper@EXAMPLE.com ",
        "phone": "(312) 555-0142",
        "first_name": " Ju\u0301ne ",
        "zip": " 60605 ",
        "country": "us",
        "address_2": "",
    }
    shopper = (await create(service, shopper=told)).json()["shopper"]
    assert shopper == {
        **SHOPPER,
        "email": "June.Harper@example.com",
        "first_name": "J\u00fane",
        "address_2": None,
        "is_opt_in_consent": False,
        "is_opt_in_consent_brand": False,
    }


class Abroad(httpx.AsyncBaseTransport):
    """The sandbox, but its stores stand in Great Britain."""

    def __init__(self, world: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(world)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        body = (await answer.aread()).replace(b'"US"', b'"GB"')
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(answer.status_code, headers=headers, content=body)


async def test_phone_belongs_to_the_country_of_the_store() -> None:
    told = {"phone": "020 7946 0958"}
    world = create_sandbox()
    async with running_service(Abroad(world), world) as service:
        created = (await create(service, shopper=told)).json()
        assert created["store"]["address"]["country"] == "GB"
        assert created["shopper"]["phone"] == "+442079460958"
        path = f"/v1/checkouts/{created['id']}"
        changed = await service.call("PATCH", path, {"shopper": {"phone": "020 7946 0111"}}, with_=created["token"])
        assert changed.json()["shopper"]["phone"] == "+442079460111"
        american = await create(service, shopper={"phone": "020 7946 0958", "country": "US"})
        assert faults(american) == [("/shopper/phone", "invalid")]


async def test_refused_phone_leaves_no_checkout_and_no_key(service: Service) -> None:
    sent = {"Idempotency_Key": key()}
    body = {**CART, "shopper": {"phone": "020 7946 0958"}}
    assert faults(await service.call("POST", "/v1/checkouts", body, **sent)) == [("/shopper/phone", "invalid")]
    body["shopper"]["phone"] = "312 555 0142"
    corrected = await service.call("POST", "/v1/checkouts", body, **sent)
    assert (corrected.status_code, corrected.json()["shopper"]["phone"]) == (201, "+13125550142")
    assert "Idempotent-Replayed" not in corrected.headers


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("host_domain", "https://www.brand.example/", "invalid"),
        ("locale", "english", "invalid"),
        ("return_url", "https://evil.example/thanks", "not_allowed_origin"),
        ("return_url", "javascript:alert(1)", "invalid"),
        ("return_url", "https://www.brand.example@evil.example/", "invalid"),
    ],
)
async def test_other_fields_are_judged(service: Service, field: str, value: str, code: str) -> None:
    assert faults(await create(service, **{field: value})) == [(f"/{field}", code)]


async def test_other_fields_may_be_given(service: Service) -> None:
    given = {"host_domain": "www.brand.example", "locale": "en-US", "return_url": "https://www.brand.example/thanks"}
    assert (await create(service, **given)).status_code == 201


async def test_calls_without_a_wish_take_an_empty_object(service: Service) -> None:
    checkout = await service.create()
    for path in ("setup-intent", "cancel"):
        url = f"/v1/checkouts/{checkout['id']}/{path}"
        assert faults(await service.call("POST", url, {"force": True}, with_=SECRET_KEY)) == [
            ("/force", "unknown_field")
        ]
        headers = {"Authorization": f"Bearer {checkout['token']}"}
        assert (await service.client.post(url, content=b"{}", headers=headers)).status_code == 415
        assert (await service.client.post(url, headers=headers)).status_code in {200, 201}
