"""What operators read, and what becomes of an attempt in doubt once a person has decided."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from checkout.database.tables import attempts, holds, orders, outbox
from tests.databases import KINDS
from tests.placing_world import PATIENCE, World, problem, running_world
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, STORE_ID, Service, key
from tests.upstreams import Forward, Happening, answers, lost_answer, lost_request

BY = f"...{SECRET_KEY[-4:]}"
# After the second look nobody looks again while a test runs, so that what it sees stands still.
SOON_IN_REVIEW = {
    "readback_delays": "0.3",  # Later than `readback_until` at once: one look, and no other for a minute.
    "readback_interval": "60",
    "readback_until": "0.2",
    "place_wait": "10",
}
NOT_PLACED = {"not_placed": True}


@dataclass
class Doubt:
    """A checkout whose commit nobody answered."""

    world: World
    checkout: dict[str, Any]
    card: str
    using: str
    cart_hash: str

    async def settle(self, body: Any, **headers: str) -> httpx.Response:
        path = f"/v1/checkouts/{self.checkout['id']}/settle"
        return await self.world.service.call("POST", path, body, with_=SECRET_KEY, **headers)

    async def story(self) -> list[dict[str, Any]]:
        path = f"/v1/checkouts/{self.checkout['id']}/timeline"
        found = await read(self.world.service, path)
        return list(found["data"])

    async def decisions(self) -> list[dict[str, Any]]:
        return [entry["facts"] for entry in await self.story() if entry["event"] == "attempt.settled"]

    async def replay(self) -> httpx.Response:
        return await self.world.place(self.checkout, self.card, using=self.using)


async def read(service: Service, path: str) -> dict[str, Any]:
    answer = await service.call("GET", path, with_=SECRET_KEY)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@asynccontextmanager
async def in_doubt(
    kind: str, folder: Path, commit: Happening = lost_answer, *, reading_on: bool = False
) -> AsyncIterator[Doubt]:
    """A checkout in review; with `reading_on` one whose read-backs do not end within a test."""
    async with running_world(kind, folder, **({"readback_until": "60"} if reading_on else SOON_IN_REVIEW)) as world:
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", commit)
        world.upstreams.always("v2/cart", answers(500, "down"))
        using = key()
        placing = await world.place(checkout, card, using=using, wait=1 if reading_on else None)
        assert (placing.status_code, placing.json()["status"]) == (202, "placing"), placing.text
        (attempt,) = await world.rows(attempts)
        yield Doubt(world, checkout, card, using, attempt["cart_hash"])


@pytest.fixture(params=KINDS)
async def review(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Doubt]:
    """An attempt in review whose order does exist."""
    async with in_doubt(request.param, tmp_path) as doubt:
        yield doubt


async def test_review_shows_the_evidence(review: Doubt) -> None:
    listed = await read(review.world.service, "/v1/reviews")
    (attempt,) = await review.world.rows(attempts)
    (shown,) = listed["data"]
    assert listed["next_cursor"] is None
    assert (shown["checkout_id"], shown["attempt_id"]) == (review.checkout["id"], attempt["id"])
    assert (shown["cart_hash"], shown["setup_intent_id"]) == (review.cart_hash, review.card)
    assert shown["amount"] == review.checkout["totals"]["total"]
    assert (shown["store"]["id"], shown["path_to_purchase"]) == (STORE_ID, "bopis")
    assert (shown["commit_refused"], shown["healthy_reads"]) == (False, 0)
    assert 2 * shown["reads"] == review.world.upstreams.count("v2/cart")  # Each read is tried twice.
    assert shown["last_read"]["showed"] == "no_answer"
    assert shown["since"] < shown["last_read"]["at"] <= shown["in_review_since"]


async def test_reviews_are_listed_oldest_first(review: Doubt) -> None:
    world = review.world
    second, card = await world.ready()
    world.upstreams.on("cart/commit", answers(400, {"success": False, "error_code": 1328}))
    assert (await world.place(second, card)).status_code == 202
    listed = (await read(world.service, "/v1/reviews"))["data"]
    assert [each["checkout_id"] for each in listed] == [review.checkout["id"], second["id"]]
    assert [each["commit_refused"] for each in listed] == [False, True]


async def test_nothing_to_review_is_an_empty_list(service: Service) -> None:
    assert await read(service, "/v1/reviews") == {"data": [], "next_cursor": None}
    assert await read(service, "/v1/holds") == {"data": [], "totals": [], "next_cursor": None}


async def test_placed_decision_makes_the_order(review: Doubt) -> None:
    world = review.world
    world.upstreams.clear()
    settled = await review.settle({"placed": review.cart_hash})
    assert (settled.status_code, settled.json()["status"]) == (200, "placed"), settled.text
    assert settled.headers["etag"] == f'"{settled.json()["version"]}"'
    (order,) = await world.rows(orders)
    assert (order["id"], order["cart_hash"]) == (settled.json()["order"]["id"], review.cart_hash)
    assert await world.rows(holds) == []
    told = [row["topic"] for row in await world.rows(outbox)]
    assert told[:2] == ["checkout.review", "checkout.placed"]
    assert (await world.rows(attempts))[0]["cart_jwt"] is None
    assert await world.calls() == (1, 1)
    assert await review.decisions() == [
        {"attempt": order["attempt_id"], "decision": "placed", "cart_hash": review.cart_hash, "by": BY}
    ]
    assert (await read(world.service, "/v1/reviews"))["data"] == []


async def test_placed_decision_is_what_the_key_answers(review: Doubt) -> None:
    settled = await review.settle({"placed": review.cart_hash})
    first, second = await review.replay(), await review.replay()
    assert (first.status_code, first.headers["idempotent-replayed"]) == (200, "true")
    assert first.content == second.content
    assert first.json()["order"]["id"] == settled.json()["order"]["id"]
    assert (await review.world.place(review.checkout, review.card)).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
async def test_not_placed_decision_closes_the_checkout(kind: str, tmp_path: Path) -> None:
    async with in_doubt(kind, tmp_path, lost_request) as doubt:
        settled = await doubt.settle(NOT_PLACED)
        assert (settled.status_code, settled.json()["status"], settled.json()["problems"]) == (200, "expired", [])
        replay = await doubt.replay()
        assert problem(replay) == (409, "order_not_placed", "restart", "expired")
        assert replay.headers["idempotent-replayed"] == "true"
        assert [entry["decision"] for entry in await doubt.decisions()] == ["not_placed"]
        assert await doubt.world.rows(orders) == []
        listed = await read(doubt.world.service, "/v1/holds")
        assert [hold["checkout_id"] for hold in listed["data"]] == [doubt.checkout["id"]]


async def test_hash_of_another_cart_is_refused(review: Doubt) -> None:
    for wrong in ("ABCDE", review.cart_hash.lower() + "x"):
        answer = await review.settle({"placed": wrong})
        assert problem(answer) == (422, "invalid_field", "fix", "placing")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/placed"]
    assert await review.decisions() == []
    assert len((await read(review.world.service, "/v1/reviews"))["data"]) == 1


async def test_repeated_decision_changes_nothing(review: Doubt) -> None:
    first = await review.settle({"placed": review.cart_hash})
    second = await review.settle({"placed": review.cart_hash})
    assert (second.status_code, second.json()["version"]) == (200, first.json()["version"])
    assert len(await review.decisions()) == 1
    assert problem(await review.settle(NOT_PLACED)) == (409, "nothing_to_settle", "stop", "placed")
    assert problem(await review.settle({"placed": "ABCDE"})) == (409, "nothing_to_settle", "stop", "placed")


async def test_repeated_not_placed_decision_changes_nothing(tmp_path: Path) -> None:
    async with in_doubt("sqlite", tmp_path, lost_request) as doubt:
        answers_ = [await doubt.settle(NOT_PLACED) for _ in range(2)]
        assert [each.status_code for each in answers_] == [200, 200]
        assert len(await doubt.decisions()) == 1


async def test_order_may_be_told_of_after_a_no(tmp_path: Path) -> None:
    async with in_doubt("sqlite", tmp_path, lost_request) as doubt:
        await doubt.settle(NOT_PLACED)
        assert (await doubt.replay()).json()["code"] == "order_not_placed"
        settled = await doubt.settle({"placed": doubt.cart_hash})
        assert (settled.status_code, settled.json()["status"]) == (200, "placed")
        assert [entry["decision"] for entry in await doubt.decisions()] == ["not_placed", "placed"]
        replay = await doubt.replay()
        assert (replay.status_code, replay.json()["status"]) == (200, "placed")
        assert await doubt.world.rows(holds) == []


async def test_contrary_decisions_at_once_are_one_order(review: Doubt) -> None:
    """A no may be taken back, because an order that exists must be told; an order may not."""
    bodies = [{"placed": review.cart_hash}, NOT_PLACED] * 5
    statuses = [each.status_code for each in await asyncio.gather(*(review.settle(body) for body in bodies))]
    assert statuses[::2] == [200] * 5
    assert set(statuses[1::2]) <= {200, 409}
    assert [each["decision"] for each in await review.decisions()] in (["placed"], ["not_placed", "placed"])
    assert (await review.world.service.read(review.checkout))["status"] == "placed"
    assert len(await review.world.rows(orders)) == 1


@pytest.mark.parametrize("body", [NOT_PLACED, {"placed": "ABCDE"}])
async def test_checkout_without_doubt_is_not_settled(service: Service, body: Any) -> None:
    checkout = await service.create()
    path = f"/v1/checkouts/{checkout['id']}/settle"
    answer = await service.call("POST", path, body, with_=SECRET_KEY)
    assert problem(answer) == (409, "nothing_to_settle", "stop", "ready")


async def test_attempt_that_is_read_back_may_be_settled(tmp_path: Path) -> None:
    async with in_doubt("sqlite", tmp_path, reading_on=True) as doubt:
        (before,) = await doubt.world.rows(attempts)
        assert before["status"] == "unknown"
        settled = await doubt.settle({"placed": doubt.cart_hash})
        assert (settled.status_code, settled.json()["status"]) == (200, "placed")
        await asyncio.sleep(0.2)
        assert (await doubt.world.service.read(doubt.checkout))["status"] == "placed"
        assert len(await doubt.world.rows(orders)) == 1


async def test_order_found_after_a_no_is_told_to_the_log(tmp_path: Path) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def late(_request: httpx.Request, forward: Forward) -> httpx.Response:
        arrived.set()
        await go_on.wait()
        return await forward()

    async with in_doubt("sqlite", tmp_path, reading_on=True) as doubt:
        doubt.world.upstreams.clear()
        doubt.world.upstreams.on("v2/cart", late)
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        assert (await doubt.settle(NOT_PLACED)).status_code == 200
        with capture_logs() as logged:
            go_on.set()
            ends = time.monotonic() + PATIENCE
            while not any(line["event"] == "order_after_not_placed" for line in logged):
                assert time.monotonic() < ends, logged
                await asyncio.sleep(0.02)
        assert [line["log_level"] for line in logged if line["event"] == "order_after_not_placed"] == ["error"]
        assert [line for line in logged if line["event"] == "attempt_stopped"] == []
        assert (await doubt.world.service.read(doubt.checkout))["status"] == "placed"


@pytest.mark.parametrize(
    "body", [{}, {"placed": "ABCDE", "not_placed": True}, {"not_placed": False}, {"placed": None}, {"placed": ""}, []]
)
async def test_decision_that_is_none_is_refused(service: Service, body: Any) -> None:
    checkout = await service.create()
    answer = await service.call("POST", f"/v1/checkouts/{checkout['id']}/settle", body, with_=SECRET_KEY)
    assert problem(answer) == (422, "invalid_field", "fix", "ready")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/reviews"), ("GET", "/v1/holds"), ("GET", "{}/timeline"), ("POST", "{}/settle")],
)
async def test_operators_calls_take_the_secret_key_alone(service: Service, method: str, path: str) -> None:
    checkout = await service.create()
    path = path.format(f"/v1/checkouts/{checkout['id']}")
    for credential in (PUBLISHABLE_KEY, checkout["token"]):
        answer = await service.call(method, path, NOT_PLACED, with_=credential)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    from_page = await service.call(method, path, NOT_PLACED, with_=SECRET_KEY, Origin="https://www.brand.example")
    assert from_page.status_code == 403


@pytest.mark.parametrize("name", ["timeline", "settle"])
async def test_unknown_checkout_is_not_found(service: Service, name: str) -> None:
    method = "GET" if name == "timeline" else "POST"
    answer = await service.call(method, f"/v1/checkouts/chk_{'0' * 32}/{name}", NOT_PLACED, with_=SECRET_KEY)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_holds_are_listed_until_they_lapse(review: Doubt) -> None:
    world = review.world
    second, card = await world.ready()
    world.upstreams.on("cart/validate", lost_answer)
    assert problem(await world.place(second, card))[:2] == (503, "authorization_unknown")
    listed = await read(world.service, "/v1/holds")
    newest, oldest = listed["data"]
    total = review.checkout["totals"]["total"]
    assert (newest["state"], newest["checkout_id"], newest["cart_hash"]) == ("possible", second["id"], None)
    assert (oldest["state"], oldest["reason"], oldest["cart_hash"]) == ("open", "commit_unknown", review.cart_hash)
    assert (oldest["amount"], oldest["setup_intent_id"]) == (total, review.card)
    assert newest["id"] != oldest["id"]
    assert oldest["created_at"] < oldest["release_expected_at"]
    assert listed["totals"] == [{"amount": 2 * total["amount"], "currency": "USD"}]
    world.service.clock.advance(days=8)
    assert await read(world.service, "/v1/holds") == {"data": [], "totals": [], "next_cursor": None}


async def test_timeline_has_the_calls_in_their_place(review: Doubt) -> None:
    story = await review.story()
    events = [entry["event"] for entry in story]
    assert [entry["at"] for entry in story] == sorted(entry["at"] for entry in story)
    assert events[0] == "checkout.created"
    assert events.index("attempt.validate_begun") < events.index("call.cart/validate")
    assert events.index("call.cart/validate") < events.index("attempt.holds_placed")
    assert events.index("attempt.commit_begun") < events.index("call.cart/commit") < events.index("call.v2/cart")
    outcomes = {entry["event"]: entry["facts"]["outcome"] for entry in story if entry["event"].startswith("call.")}
    assert outcomes == {
        "call.stripe/setup_intents": "succeeded",
        "call.cart/validate": "holds_placed",
        "call.cart/commit": "unknown",
        "call.v2/cart": "no_answer",
    }
    (shown,) = (await read(review.world.service, "/v1/reviews"))["data"]
    assert events.count("call.v2/cart") == shown["reads"] >= 1
    assert all(entry["facts"]["milliseconds"] >= 0 for entry in story if entry["event"].startswith("call."))


async def test_timeline_names_the_request_that_began(service: Service) -> None:
    checkout = await service.create()
    placed = await service.place(checkout, await service.take_card(checkout))
    story = (await read(service, f"/v1/checkouts/{checkout['id']}/timeline"))["data"]
    (received,) = [entry for entry in story if entry["event"] == "attempt.received"]
    assert received["facts"]["request_id"] == placed.headers["request-id"]


async def test_timeline_of_an_order_names_its_checkout(service: Service) -> None:
    checkout = await service.create()
    order = (await service.place(checkout, await service.take_card(checkout))).json()["order"]
    timeline = (await read(service, f"/v1/orders/{order['id']}/timeline"))["data"]
    assert [entry["facts"]["checkout"] for entry in timeline if entry["event"] == "order.placed"] == [checkout["id"]]
    assert [entry["event"] for entry in timeline if entry["event"].startswith("call.")] == []


async def test_story_holds_no_secrets(review: Doubt) -> None:
    await review.settle({"placed": review.cart_hash})
    told = str(await review.story())
    assert SECRET_KEY not in told
    assert review.checkout["token"] not in told
    assert "june.harper" not in told
