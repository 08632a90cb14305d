"""Idempotency-Key on placing, and many requests at once: one checkout is one order whoever asks how often."""

import asyncio
import time
from collections import Counter

import pytest

from checkout.database.tables import attempts, idempotency_keys
from tests.placing_world import PATIENCE, World, problem, tally
from tests.service import SECRET_KEY, key
from tests.upstreams import after, lost_answer

GENEROUS = {"amount": 99999, "currency": "USD"}


@pytest.mark.parametrize("using", ["", "too-short", "x" * 19, "x" * 256, "white space in a long key"])
async def test_key_is_required_in_its_form(world: World, using: str) -> None:
    checkout, card = await world.ready()
    path = f"/v1/checkouts/{checkout['id']}/place"
    body = {"setup_intent_id": card, "expected_total": checkout["totals"]["total"]}
    headers = {"Idempotency_Key": using} if using else {}
    refused = await world.service.call("POST", path, body, with_=checkout["token"], **headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")
    assert await world.rows(attempts) == []


async def test_replay_is_the_same_answer_byte_for_byte(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    first = await world.place(checkout, card, using=using)
    tried = len(world.upstreams.sent)
    for form in (using, f'"{using}"'):
        again = await world.place(checkout, card, using=form)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(world.upstreams.sent) == tried


async def test_order_of_a_bodys_fields_does_not_matter(world: World) -> None:
    checkout, card = await world.ready()
    total, using = checkout["totals"]["total"], key()
    path = f"/v1/checkouts/{checkout['id']}/place"
    headers = {"Authorization": f"Bearer {checkout['token']}", "Idempotency-Key": using}
    turned = {"currency": total["currency"], "amount": total["amount"]}
    await world.service.client.post(path, json={"setup_intent_id": card, "expected_total": total}, headers=headers)
    body = {"expected_total": turned, "setup_intent_id": card}
    assert (await world.service.client.post(path, json=body, headers=headers)).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("pm", ["pm_card_visa", "pm_card_chargeCustomerFail"])
async def test_bound_key_takes_no_other_body(world: World, pm: str) -> None:
    checkout, card = await world.ready(pm)
    using = key()
    await world.place(checkout, card, using=using)
    other = await world.place(checkout, card, using=using, expected_total=GENEROUS)
    assert problem(other)[:3] == (422, "idempotency_mismatch", "fix")


async def test_key_is_of_one_checkout(world: World) -> None:
    using = key()
    for _ in range(2):
        checkout, card = await world.ready()
        placed = await world.place(checkout, card, using=using)
        assert placed.status_code == 200
        assert "idempotent-replayed" not in placed.headers
    assert len(await world.orders()) == 2


async def test_invalid_body_leaves_the_key_free(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    refused = await world.place(checkout, card, using=using, nonsense=True)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_field")
    assert (await world.place(checkout, card, using=using)).status_code == 200


async def test_first_request_still_open_is_told(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    met = asyncio.Event()
    world.upstreams.on("cart/validate", after(met.wait))
    first = asyncio.create_task(world.place(checkout, card, using=using))
    await world.until(checkout, lambda now: now["status"] == "placing")
    second = await world.place(checkout, card, using=using)
    assert problem(second) == (409, "request_in_progress", "wait", "placing")
    assert second.headers["retry-after"] == "1"
    met.set()
    assert (await first).status_code == 200


async def test_another_key_while_placing_is_told(world: World) -> None:
    checkout, card = await world.ready()
    met = asyncio.Event()
    world.upstreams.on("cart/validate", after(met.wait))
    first = asyncio.create_task(world.place(checkout, card))
    await world.until(checkout, lambda now: now["status"] == "placing")
    second = await world.place(checkout, card)
    assert problem(second) == (409, "placing", "wait", "placing")
    met.set()
    assert (await first).status_code == 200
    assert await world.calls() == (1, 1)


async def test_another_key_after_placing_asks_nobody(world: World) -> None:
    checkout, card = await world.ready()
    placed = await world.place(checkout, card)
    tried = len(world.upstreams.sent)
    again = await world.place(checkout, "seti_another_one_entirely", expected_total=GENEROUS)
    assert (again.status_code, again.json()) == (200, placed.json())
    assert "idempotent-replayed" not in again.headers
    assert len(world.upstreams.sent) == tried


async def test_replay_of_a_202_does_not_wait(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    met = asyncio.Event()
    world.upstreams.on("cart/validate", after(met.wait))
    assert (await world.place(checkout, card, using=using, wait=0)).status_code == 202
    async with asyncio.timeout(20):
        replay = await world.place(checkout, card, using=using, wait=25)
    assert (replay.status_code, replay.json()["status"], replay.headers["retry-after"]) == (202, "placing", "2")
    met.set()
    assert (await world.settled(checkout))["status"] == "placed"


async def test_other_body_after_a_202_is_a_mismatch(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    world.upstreams.on("cart/commit", lost_answer)
    met = asyncio.Event()
    world.upstreams.on("v2/cart", after(met.wait))
    assert (await world.place(checkout, card, using=using, wait=0)).status_code == 202
    await world.until(checkout, lambda now: now["problems"])
    other = await world.place(checkout, card, using=using, expected_total=GENEROUS)
    assert problem(other) == (422, "idempotency_mismatch", "fix", "placing")
    met.set()
    assert (await world.settled(checkout))["status"] == "placed"


async def test_binding_is_kept_for_thirty_days(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    first = await world.place(checkout, card, using=using, with_=SECRET_KEY)
    world.service.clock.advance(days=29)
    again = await world.place(checkout, card, using=using, with_=SECRET_KEY)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    world.service.clock.advance(days=2)
    ends = time.monotonic() + PATIENCE
    while await world.rows(idempotency_keys):
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)
    late = await world.place(checkout, card, using=using, with_=SECRET_KEY)
    assert (late.status_code, late.json()["status"]) == (200, "placed")
    assert "idempotent-replayed" not in late.headers
    assert await world.calls() == (1, 1)


async def test_stored_answer_is_sealed(world: World) -> None:
    checkout, card = await world.ready()
    placed = await world.place(checkout, card)
    bodies = [row["body"] for row in await world.rows(idempotency_keys)]
    assert len(bodies) == 2
    assert not any(checkout["shopper"]["email"].encode() in body for body in bodies)
    assert not any(placed.json()["order"]["token"].encode() in body for body in bodies)


async def one_order(world: World, using: list[str]) -> Counter[tuple[int, str]]:
    """Place one checkout with all these keys at once; there must be one order, one validate, one commit."""
    checkout, card = await world.ready()
    told = await asyncio.gather(*(world.place(checkout, card, using=each) for each in using))
    assert (await world.settled(checkout))["status"] == "placed"
    assert await world.calls() == (1, 1)
    assert len(await world.orders()) == 1
    return tally(told)


async def test_twenty_identical_requests_are_one_order(world: World) -> None:
    told = await one_order(world, [key()] * 20)
    assert told[200, "placed"] >= 1
    assert set(told) <= {(200, "placed"), (409, "request_in_progress")}


async def test_twenty_keys_are_one_order(world: World) -> None:
    told = await one_order(world, [key() for _ in range(20)])
    assert told[200, "placed"] >= 1
    assert set(told) <= {(200, "placed"), (409, "placing")}


async def test_two_cards_at_once_are_one_order(world: World) -> None:
    checkout, first = await world.ready()
    second = await world.service.take_card(checkout)
    told = tally(await asyncio.gather(*(world.place(checkout, card) for card in (first, second) * 5)))
    assert set(told) <= {(200, "placed"), (409, "placing")}
    assert len(await world.orders()) == 1
