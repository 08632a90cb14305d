"""Calls whose outcome is lost: nothing is sent twice, nothing is forgotten, and no order is called failed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from checkout.database.tables import attempts, holds, idempotency_keys, intent_uses, orders, outbox, upstream_calls
from tests.placing_world import World, problem, running_world
from tests.service import SECRET_KEY, key
from tests.upstreams import Happening, after, answers, lost_answer, lost_request, not_sent

# What a broken or babbling upstream may say instead of an answer.
NONSENSE: dict[str, Happening] = {
    "timeout": lost_answer,
    "reset": lost_request,
    "500": answers(500, {"success": False, "msg": "App server error", "error_code": 1000}),
    "408": answers(408, {"success": False, "msg": "Request timeout"}),
    "502 page": answers(502, "<html>Bad gateway</html>", done=True),
    "html": answers(200, "<html>Hold on</html>", done=True),
    "half a body": answers(200, '{"success": true, "da', done=True),
    "a list": answers(200, [], done=True),
    "yes without data": answers(200, {"success": True}, done=True),
    "redirect": answers(302, "", done=True, Location="https://elsewhere.example/"),
}
LOST_VALIDATE = (503, "authorization_unknown", "retry", "ready")


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
async def test_lost_validate_is_told_and_booked(world: World, nonsense: Happening) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", nonsense)
    lost = await world.place(checkout, card)
    assert problem(lost) == LOST_VALIDATE
    assert lost.headers["retry-after"]
    assert (world.upstreams.count("cart/validate"), world.upstreams.count("cart/commit")) == (1, 0)
    (hold,) = await world.rows(holds)
    assert (hold["state"], hold["reason"], hold["setup_intent_id"]) == ("possible", "validate_lost", card)
    assert (hold["amount"], hold["currency"]) == (checkout["totals"]["total"]["amount"], "USD")
    assert timedelta(days=6) < hold["release_expected_at"] - hold["created_at"] <= timedelta(days=7)
    (attempt,) = await world.rows(attempts)
    assert (attempt["status"], attempt["cart_jwt"]) == ("hold_unknown", None)


async def test_same_key_goes_on_to_the_second_validate(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/validate", lost_answer)
    assert problem(await world.place(checkout, card, using=using)) == LOST_VALIDATE
    placed = await world.place(checkout, card, using=using)
    assert placed.status_code == 200
    assert "idempotent-replayed" not in placed.headers
    assert await world.calls() == (2, 1)
    assert len(await world.orders()) == 1
    # The first set of holds is still out there, and on our books.
    assert [state for _, state in await world.holds()] == ["open", "open"]
    assert [hold["reason"] for hold in await world.rows(holds)] == ["validate_lost"]


async def test_lost_validate_binds_its_key(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/validate", lost_answer)
    await world.place(checkout, card, using=using)
    generous = {"amount": 99999, "currency": "USD"}
    other = await world.place(checkout, card, using=using, expected_total=generous)
    assert problem(other) == (422, "idempotency_mismatch", "fix", "ready")
    assert world.upstreams.count("cart/validate") == 1


async def test_no_third_validate_with_one_setup_intent(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/validate", lost_answer, lost_answer)
    assert problem(await world.place(checkout, card, using=using)) == LOST_VALIDATE
    second = await world.place(checkout, card, using=using)
    assert problem(second) == (503, "authorization_unknown", "new_card", "ready")
    for again in (using, key()):
        third = await world.place(checkout, card, using=again)
        assert problem(third) == (409, "setup_intent_invalid", "new_card", "ready")
    assert world.upstreams.count("cart/validate") == 2
    assert len(await world.rows(holds)) == 2
    assert [use["validates"] for use in await world.rows(intent_uses)] == [2]
    assert (await world.place(checkout, await world.service.take_card(checkout))).status_code == 200


async def test_validate_that_never_left_is_sent_once_more(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", not_sent)
    assert (await world.place(checkout, card)).status_code == 200
    assert await world.calls() == (1, 1)
    assert [use["validates"] for use in await world.rows(intent_uses)] == [1]
    assert await world.rows(holds) == []


async def test_price_fall_costs_no_try_of_a_validate_that_never_left(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", after(lambda: world.service.stock(price=5000)), not_sent)
    assert (await world.place(checkout, card)).status_code == 200
    assert world.upstreams.count("cart/validate") == 3
    assert await world.calls() == (2, 1)


async def test_validate_that_never_left_twice_is_given_up(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/validate", not_sent, not_sent)
    refused = await world.place(checkout, card, using=using)
    assert problem(refused) == (503, "upstream_unavailable", "retry", "ready")
    assert world.upstreams.count("cart/validate") == 2
    assert await world.rows(holds) == []
    assert (await world.place(checkout, card, using=using)).status_code == 200


@pytest.mark.parametrize("name", [name for name, each in NONSENSE.items() if name not in {"reset", "500", "408"}])
async def test_lost_commit_is_found_by_reading_back(world: World, name: str) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/commit", NONSENSE[name])
    placed = await world.place(checkout, card, using=using)
    assert placed.status_code == 200, placed.text
    assert placed.json()["problems"] == []
    assert await world.calls() == (1, 1)
    assert [row["cart_hash"] for row in await world.rows(orders)] == await world.orders()
    assert await world.rows(holds) == []
    assert (await world.place(checkout, card, using=using)).content == placed.content
    order = (await world.service.call("GET", f"/v1/orders/{placed.json()['order']['id']}", with_=SECRET_KEY)).json()
    assert order["locally_order_url"] is None


async def test_unknown_order_is_a_202_until_it_is_found(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, readback_delays="0.05,4") as world:
        checkout, card = await world.ready()
        using = key()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.on("v2/cart", answers(500, "down"), answers(500, "down"))
        pending = await world.place(checkout, card, using=using, wait=1)
        assert (pending.status_code, pending.headers["retry-after"]) == (202, "2")
        assert pending.json()["status"] == "placing"
        (told,) = pending.json()["problems"]
        assert told["code"] == "order_unconfirmed"
        assert told["detail"] == "We are confirming your order. You will not be charged twice."
        replay = await world.place(checkout, card, using=using)
        assert (replay.status_code, replay.json()) == (202, pending.json())
        assert "idempotent-replayed" not in replay.headers
        assert problem(await world.place(checkout, card)) == (409, "placing", "wait", "placing")
        (hold,) = await world.rows(holds)
        assert (hold["state"], hold["reason"]) == ("open", "commit_unknown")
        assert (await world.settled(checkout))["status"] == "placed"
        final = await world.place(checkout, card, using=using)
        assert (final.status_code, final.headers["idempotent-replayed"]) == (200, "true")
        assert await world.calls() == (1, 1)
        assert await world.rows(holds) == []


@pytest.mark.parametrize("name", ["reset", "500", "408"])
async def test_commit_that_never_arrived_is_not_placed(world: World, name: str) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/commit", NONSENSE[name])
    closed = await world.place(checkout, card, using=using)
    assert problem(closed) == (409, "order_not_placed", "restart", "expired")
    assert world.upstreams.count("cart/commit") == 1
    assert world.upstreams.count("v2/cart") >= 3
    replay = await world.place(checkout, card, using=using)
    assert (replay.content, replay.headers["idempotent-replayed"]) == (closed.content, "true")
    assert problem(await world.place(checkout, card)) == (409, "order_not_placed", "restart", "expired")
    (attempt,) = await world.rows(attempts)
    assert (attempt["status"], attempt["cart_jwt"]) == ("not_placed", None)
    assert [(hold["state"], hold["cart_hash"]) for hold in await world.rows(holds)] == [("open", attempt["cart_hash"])]
    assert await world.orders() == []


async def test_closed_checkout_stays_closed(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", lost_request)
    await world.place(checkout, card)
    path = f"/v1/checkouts/{checkout['id']}"
    patched = await world.service.call("PATCH", path, {"locale": "en"}, with_=checkout["token"])
    assert (patched.status_code, patched.json()["code"]) == (409, "order_not_placed")
    more = await world.service.call("POST", f"{path}/setup-intent", {}, with_=checkout["token"])
    assert (more.status_code, more.json()["code"]) == (409, "order_not_placed")


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 422, 429])
async def test_refused_commit_is_read_back_before_it_is_called_not_placed(world: World, status: int) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", answers(status, {"success": False, "msg": "no"}))
    assert problem(await world.place(checkout, card)) == (409, "order_not_placed", "restart", "expired")
    (attempt,) = await world.rows(attempts)
    assert attempt["commit_refused"]
    assert attempt["healthy_reads"] >= 2  # And the one that decided.
    assert world.upstreams.count("cart/commit") == 1


async def test_refused_commit_that_made_an_order_is_placed(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", answers(400, {"success": False, "msg": "no"}, done=True))
    assert (await world.place(checkout, card)).status_code == 200
    assert len(await world.orders()) == 1


async def test_commit_that_never_left_is_sent_once_more(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", not_sent)
    assert (await world.place(checkout, card)).status_code == 200
    assert await world.calls() == (1, 1)
    commits = [row for row in await world.rows(upstream_calls) if row["call"] == "cart/commit"]
    assert [row["outcome"] for row in commits] == ["placed"]


async def test_commit_that_never_left_twice_lapses(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/commit", not_sent, not_sent)
    lapsed = await world.place(checkout, card, using=using)
    assert problem(lapsed) == (409, "authorization_lapsed", "retry", "ready")
    assert [(hold["state"], hold["reason"]) for hold in await world.rows(holds)] == [("open", "lapsed")]
    assert [row["bound"] for row in await world.rows(idempotency_keys) if row["operation"] == "place"] == [True]
    placed = await world.place(checkout, card, using=using)
    assert placed.status_code == 200
    assert len(await world.orders()) == 1
    assert await world.calls() == (2, 1)


async def test_unhealthy_reads_end_in_review(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, readback_until="0.5", place_wait="5") as world:
        checkout, card = await world.ready()
        using = key()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.always("v2/cart", answers(500, "down"))
        review = await world.place(checkout, card, using=using)
        assert (review.status_code, review.json()["status"]) == (202, "placing")
        (told,) = review.json()["problems"]
        assert told["code"] == "order_in_review"
        assert "checkout.review" in [row["topic"] for row in await world.rows(outbox)]
        replay = await world.place(checkout, card, using=using)
        assert (replay.status_code, replay.json()) == (202, review.json())
        assert problem(await world.place(checkout, card)) == (409, "placing", "wait", "placing")
        assert [hold["state"] for hold in await world.rows(holds)] == ["open"]
        assert await world.calls() == (1, 1)


async def test_read_of_another_cart_proves_nothing(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, readback_until="0.5") as world:
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", lost_answer)
        foreign = {"status": True, "properties": {"hash": "OTHER1"}, "items": []}
        world.upstreams.always("v2/cart", answers(200, foreign))
        answer = await world.place(checkout, card)
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (202, "order_in_review")


async def test_cart_of_another_order_is_never_two_orders(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path) as world:
        first, card = await world.ready()
        seen: list[Any] = []

        async def remember(request: Any, forward: Any) -> Any:
            answer = await forward()
            seen.append(await answer.aread())
            return answer

        world.upstreams.on("cart/validate", remember)
        assert (await world.place(first, card)).status_code == 200
        second, other = await world.ready()
        world.upstreams.on("cart/validate", answers(200, seen[0].decode()))
        world.upstreams.on("cart/commit", answers(200, {"success": True, "data": {"status_code": 200}}))
        assert problem(await world.place(second, other)) == LOST_VALIDATE
        assert world.upstreams.count("cart/commit") == 1
        assert len(await world.orders()) == len(await world.rows(orders)) == 1


async def test_cart_that_cannot_be_read_afterwards_is_no_failure(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.always("v2/cart", answers(500, "down"))
    placed = await world.place(checkout, card)
    assert placed.status_code == 200
    order = (await world.service.call("GET", f"/v1/orders/{placed.json()['order']['id']}", with_=SECRET_KEY)).json()
    assert order["totals"]["total"] == checkout["totals"]["total"]


async def test_lost_reservation_has_no_holds(world: World) -> None:
    checkout = await world.service.create(path_to_purchase="ropis")
    using = key()
    world.upstreams.on("cart/validate", lost_answer)
    assert problem(await world.place(checkout, None, using=using)) == LOST_VALIDATE
    assert await world.rows(holds) == []
    assert (await world.place(checkout, None, using=using)).status_code == 200
