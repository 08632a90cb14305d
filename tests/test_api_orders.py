"""Reading and listing orders."""

import base64
import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.service import SECRET_KEY, SHOPPER, UPC, Service

ORDER_KEYS = [
    *("id", "object", "status", "brand", "path_to_purchase", "cart_hash", "locally_order_url", "placed_at"),
    *("answer_by", "store", "items", "shopper", "totals", "messages", "invoice_url", "rescues", "rescued_by"),
    "cancel_requested",
]
ITEM_KEYS = [
    *("upc", "name", "quantity", "status", "reason", "total", "refunded", "order_resolution", "resolution_notes"),
]


async def buy(service: Service, **changes: Any) -> dict[str, Any]:
    """The order as its checkout tells it: id, status, url and token."""
    checkout = await service.create(**changes)
    placed = await service.place(checkout, await service.take_card(checkout))
    assert placed.status_code == 200, placed.text
    return dict(placed.json()["order"])


async def read(service: Service, order: dict[str, Any], *, with_: str | None = None) -> dict[str, Any]:
    answer = await service.call("GET", f"/v1/orders/{order['id']}", with_=with_ or order["token"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def listed(service: Service, **query: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    return await service.client.get("/v1/orders", params=query, headers=headers)


async def test_order_has_the_documented_shape(service: Service) -> None:
    bought = await buy(service)
    order = await read(service, bought)
    assert list(order) == ORDER_KEYS
    assert list(order["items"][0]) == ITEM_KEYS
    assert (order["id"], order["object"], order["status"]) == (bought["id"], "order", "open")
    assert (order["brand"], order["path_to_purchase"]) == ("acme", "bopis")
    assert set(order["totals"]) == {"total", "authorized", "charged", "refunded"}
    assert order["totals"]["total"] == {"amount": 9812, "currency": "USD"}
    assert order["placed_at"].endswith("Z")
    assert set(order["store"]) == {"id", "name", "address", "phone", "open_now"}
    (ordered,) = (await service.ledger())["orders"]
    assert order["cart_hash"] == ordered["hash"]
    assert (order["items"][0]["upc"], order["items"][0]["status"]) == (UPC, "ordered")


async def test_shopper_is_masked_without_the_secret_key(service: Service) -> None:
    bought = await buy(service)
    masked, full = await read(service, bought), await read(service, bought, with_=SECRET_KEY)
    assert full["shopper"] == {
        **SHOPPER,
        "address_2": None,
        "is_opt_in_consent": False,
        "is_opt_in_consent_brand": False,
    }
    for name in ("email", "phone", "last_name", "address", "zip"):
        assert SHOPPER[name] not in str(masked), name
    assert set(masked["shopper"]) == set(full["shopper"])


async def test_accounting_takes_the_secret_key(service: Service) -> None:
    bought = await buy(service)
    masked, full = await read(service, bought), await read(service, bought, with_=SECRET_KEY)
    assert set(full["items"][0]) - set(masked["items"][0]) == {"product", "accounting"}
    assert set(full) - set(masked) == {"cancel_reason", "fulfillment_url"}
    told_alike = set(masked) - {"items", "shopper"}
    assert {name: full[name] for name in told_alike} == {name: masked[name] for name in told_alike}


async def test_reservation_charges_nothing(service: Service) -> None:
    checkout = await service.create(path_to_purchase="ropis")
    placed = await service.place(checkout, None)
    order = await read(service, placed.json()["order"])
    assert order["path_to_purchase"] == "ropis"
    assert order["totals"]["authorized"] == order["totals"]["charged"] == {"amount": 0, "currency": "USD"}
    assert (await service.ledger())["holds"] == []


async def test_timeline_tells_what_happened_when(service: Service) -> None:
    bought = await buy(service)
    path = f"/v1/orders/{bought['id']}/timeline"
    masked = (await service.call("GET", path, with_=bought["token"])).json()
    full = (await service.call("GET", path, with_=SECRET_KEY)).json()
    assert set(full) == {"data", "next_cursor"}
    events = [entry["event"] for entry in full["data"]]
    assert events[0] == "checkout.created"
    assert "attempt.holds_placed" in events
    assert [entry["event"] for entry in masked["data"]] == ["checkout.created", "order.placed"]
    times = [entry["at"] for entry in full["data"]]
    assert times == sorted(times)
    assert all(re.fullmatch(r"[\d-]{10}T[\d:.]{8,15}Z", time) for time in times)
    assert [entry["facts"] for entry in masked["data"]] == [{"status": "ready"}, {}]
    assert SHOPPER["email"] not in str(full)


async def test_list_is_paged_newest_first(service: Service) -> None:
    ids = []
    for _ in range(3):
        ids.append((await buy(service))["id"])
        service.clock.advance(minutes=1)
    first = (await listed(service, limit=2)).json()
    assert set(first) == {"data", "next_cursor"}
    second = (await listed(service, limit=2, cursor=first["next_cursor"])).json()
    assert [order["id"] for order in first["data"] + second["data"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert first["data"][0] == await read(service, {"id": ids[2]}, with_=SECRET_KEY)


async def test_list_of_nothing_is_empty(service: Service) -> None:
    assert (await listed(service)).json() == {"data": [], "next_cursor": None}


async def test_list_keeps_the_status_asked_for(service: Service) -> None:
    order = await buy(service)
    assert [each["id"] for each in (await listed(service, status="open")).json()["data"]] == [order["id"]]
    assert (await listed(service, status="completed")).json()["data"] == []


async def test_list_begins_at_the_time_asked_for(service: Service) -> None:
    await buy(service)
    service.clock.advance(hours=1)
    later = await buy(service)
    placed_at = (await read(service, later))["placed_at"]
    assert [each["id"] for each in (await listed(service, since=placed_at)).json()["data"]] == [later["id"]]
    after = datetime.fromisoformat(placed_at).replace(year=2100).isoformat()
    assert (await listed(service, since=after)).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"status": "lost"}, "/query/status"),
        ({"since": "yesterday"}, "/query/since"),
        ({"since": "2026-11-22T00:00:00"}, "/query/since"),
        ({"cursor": "x"}, "/query/cursor"),
        ({"cursor": "\u00fc"}, "/query/cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"2026-11-22T00:00:00 ord_1").decode()}, "/query/cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"2026-11-22T00:00:00+00:00 \x00").decode()}, "/query/cursor"),
        ({"limit": "0"}, "/query/limit"),
        ({"limit": "101"}, "/query/limit"),
        ({"page": "2"}, "/query/page"),
    ],
)
async def test_bad_parameters_are_pointed_at(service: Service, query: dict[str, str], pointer: str) -> None:
    answer = await listed(service, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
