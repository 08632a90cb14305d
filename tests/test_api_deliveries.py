"""Deliveries over the API: from an order that is placed to what was sent where, and sending it again."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from checkout.sandbox import create_sandbox
from tests.notifying_world import SECRET, Receivers, answering, endpoint, takes
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, Service, running_service


class World(httpx.AsyncBaseTransport):
    """The network: the sandbox, and everything else is the brand's endpoints."""

    def __init__(self, sandbox: Any) -> None:
        self._sandbox = httpx.ASGITransport(sandbox)
        self.receivers = Receivers()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        there = self._sandbox if request.url.host == "sandbox.test" else self.receivers
        return await there.handle_async_request(request)


class Told:
    """A running service whose brand is told of orders."""

    def __init__(self, service: Service, world: World) -> None:
        self.service = service
        self.receivers = world.receivers

    async def place(self) -> str:
        """Place an order; gives the checkout's id."""
        checkout = await self.service.create()
        placed = await self.service.place(checkout, await self.service.take_card(checkout))
        assert placed.status_code == 200, placed.text
        return str(checkout["id"])

    async def listed(self, query: str = "") -> list[dict[str, Any]]:
        answer = await self.service.call("GET", f"/v1/deliveries{query}", with_=SECRET_KEY)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def until(self, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        ends = time.monotonic() + 20
        while not holds(found := await self.listed()):
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.02)
        return found


def all_are(state: str, number: int) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda found: [each["state"] for each in found] == [state] * number


@pytest_asyncio.fixture
async def told() -> AsyncIterator[Told]:
    sandbox = create_sandbox()
    world = World(sandbox)
    webhooks = json.dumps([endpoint("shop.example", events=["checkout.placed"])])
    async with running_service(world, sandbox, webhooks=webhooks, recovery_interval="0.05") as service:
        yield Told(service, world)


async def test_placed_order_is_told_and_listed(told: Told) -> None:
    checkout_id = await told.place()
    (delivery,) = await told.until(all_are("delivered", 1))
    (request,) = told.receivers.got["shop"]
    message = Webhook(SECRET).verify(request.content, dict(request.headers))
    assert (message["type"], message["data"]["id"]) == ("checkout.placed", checkout_id)
    assert message["data"]["order"].keys() == {"id", "status"}
    assert (delivery["type"], delivery["subject"], delivery["checkout_id"]) == (
        "checkout.placed",
        checkout_id,
        checkout_id,
    )
    assert delivery["message_id"] == request.headers["webhook-id"]
    assert delivery["endpoint"]["host"] == "shop.example"
    assert delivery["next_try_at"] is None
    assert [(each["status"], each["fault"]) for each in delivery["tries"]] == [(204, None)]
    assert "path-is-a-secret" not in json.dumps(delivery)


async def test_given_up_message_goes_again_with_the_same_id(told: Told) -> None:
    told.receivers.by_name["shop"] = answering(410)
    await told.place()
    (failed,) = await told.until(all_are("failed", 1))
    told.receivers.by_name["shop"] = takes
    path = f"/v1/deliveries/{failed['id']}/redeliver"
    for number in (2, 3):  # Given up, and then delivered: both go again.
        answer = await told.service.call("POST", path, with_=SECRET_KEY)
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
        (delivery,) = await told.until(all_are("delivered", 1))
        assert [each["status"] for each in delivery["tries"]] == [410, 204, 204][:number]
    assert len(set(told.receivers.ids("shop"))) == 1
    assert len({request.content for request in told.receivers.got["shop"]}) == 1


async def test_list_is_filtered_and_paged(told: Told) -> None:
    first, second = await told.place(), await told.place()
    (newer, older) = await told.until(all_are("delivered", 2))
    assert [newer["checkout_id"], older["checkout_id"]] == [second, first]
    assert await told.listed("?state=failed") == []
    assert await told.listed("?state=delivered&limit=100") == [newer, older]
    assert await told.listed(f"?subject={first}") == [older]
    assert await told.listed("?subject=ord_unknown") == []
    page = (await told.service.call("GET", "/v1/deliveries?limit=1", with_=SECRET_KEY)).json()
    assert page["data"] == [newer]
    assert await told.listed(f"?cursor={page['next_cursor']}") == [older]


@pytest.mark.parametrize("query", ["state=lost", "subject=1", "cursor=1", "limit=0", "x=1"])
async def test_wrong_queries_are_refused(told: Told, query: str) -> None:
    answer = await told.service.call("GET", f"/v1/deliveries?{query}", with_=SECRET_KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")
    assert answer.json()["errors"][0]["pointer"] == f"/query/{query.partition('=')[0]}"


@pytest.mark.parametrize("name", ["dlv_1", "dlv_x", "1", f"dlv_{10**17}", "chk_1"])
async def test_unknown_delivery_is_not_found(told: Told, name: str) -> None:
    answer = await told.service.call("POST", f"/v1/deliveries/{name}/redeliver", with_=SECRET_KEY)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_only_the_secret_key_sees_deliveries(told: Told) -> None:
    for method, path in (("GET", "/v1/deliveries"), ("POST", "/v1/deliveries/dlv_1/redeliver")):
        assert (await told.service.call(method, path, with_=PUBLISHABLE_KEY)).status_code == 403
        assert (await told.service.client.request(method, path)).status_code == 401


async def test_order_is_placed_while_its_receiver_is_down(told: Told) -> None:
    told.receivers.by_name["shop"] = answering(500)
    await told.place()
    (waiting,) = await told.until(lambda found: bool(found and found[0]["tries"]))
    assert (waiting["state"], waiting["ended_at"]) == ("waiting", None)
    assert waiting["next_try_at"] > waiting["created_at"]
