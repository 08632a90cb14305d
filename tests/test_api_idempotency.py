"""Idempotency keys on creating a checkout."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.service import SECRET_KEY, STORE_ID, UPC, Service, key

CART: dict[str, Any] = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [{"upc": UPC, "quantity": 1}]}
OTHER = {**CART, "items": [{"upc": UPC, "quantity": 2}]}


async def create(service: Service, used: str, body: Any = CART, **changes: str) -> httpx.Response:
    return await service.call("POST", "/v1/checkouts", body, Idempotency_Key=used, **changes)


@pytest.mark.parametrize(
    "used", [None, "", "short", "x" * 19, "x" * 256, "key with spaces in the middle", "ü" * 20, '""' + "x" * 20]
)
async def test_key_that_is_missing_or_malformed_is_400(service: Service, used: str | None) -> None:
    headers = [(b"Authorization", b"Bearer cpk_test_tests")]
    if used is not None:
        headers.append((b"Idempotency-Key", used.encode()))
    answer = await service.client.post("/v1/checkouts", json=CART, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("used", ["x" * 20, "x" * 255, '"' + "A-Za_z0-9" * 3 + '"'])
async def test_key_may_be_quoted_or_bare(service: Service, used: str) -> None:
    first = await create(service, used)
    again = await create(service, used.strip('"'))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


async def test_same_key_gives_the_same_answer_again(service: Service) -> None:
    used = key()
    first = await create(service, used)
    await service.call("PATCH", f"/v1/checkouts/{first.json()['id']}", {"locale": "en-US"}, with_=first.json()["token"])
    service.clock.advance(days=29)
    again = await create(service, used)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert [again.headers[name] for name in ("Location", "ETag")] == [
        first.headers[name] for name in ("Location", "ETag")
    ]


async def test_equal_body_in_other_words_is_the_same(service: Service) -> None:
    used = key()
    first = await create(service, used)
    headers = {"Authorization": f"Bearer {SECRET_KEY}", "Idempotency-Key": used, "Content-Type": "application/json"}
    spelled = (
        f'{{"items": [ {{"quantity":1,"upc":"{UPC}"}} ],\n"path_to_purchase":"b\\u006fpis","store_id":{STORE_ID}}}'
    )
    again = await service.client.post("/v1/checkouts", content=spelled, headers=headers)
    assert again.content == first.content


async def test_replay_asks_nobody(service: Service) -> None:
    used = key()
    await create(service, used)
    calls = len((await service.ledger())["calls"])
    await create(service, used, Cache_Control="no-cache")
    assert len((await service.ledger())["calls"]) == calls


async def test_bound_key_refuses_another_body(service: Service) -> None:
    used = key()
    await create(service, used)
    answer = await create(service, used, OTHER)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert (await create(service, used)).status_code == 201


@pytest.mark.parametrize(
    "refused",
    [
        {**CART, "store_id": 99},
        {**CART, "path_to_purchase": "sdd"},
        {**CART, "items": []},
        {**CART, "coupon": "X"},
        {**CART, "shopper": {"phone": "020 7946 0958"}},
    ],
)
async def test_refusal_binds_nothing(service: Service, refused: dict[str, Any]) -> None:
    used = key()
    assert (await create(service, used, refused)).status_code == 422
    corrected = await create(service, used, OTHER)
    assert (corrected.status_code, corrected.headers.get("Idempotent-Replayed")) == (201, None)


async def test_simultaneous_requests_open_one_checkout(service: Service) -> None:
    used = key()
    answers = await asyncio.gather(*(create(service, used) for _ in range(10)))
    opened = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len({answer.json()["id"] for answer in opened}) == 1
    assert len(opened) + len(waiting) == 10
    assert waiting
    for answer in waiting:
        assert (answer.json()["code"], answer.headers["Retry-After"]) == ("request_in_progress", "1")
    assert (await create(service, used)).json()["id"] == opened[0].json()["id"]


async def test_keys_of_creating_and_placing_are_apart(service: Service) -> None:
    used = key()
    checkout = (await create(service, used, {**CART, "path_to_purchase": "ropis"})).json()
    placed = await service.place(checkout, None, using=used)
    assert placed.json()["code"] == "checkout_incomplete"
