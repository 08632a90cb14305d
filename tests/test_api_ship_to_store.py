"""The brand's part in ship-to-store over the whole service: each action once, whatever becomes of its answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import KINDS
from tests.placing_world import SECOND_UPC, World
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, STORE_ID, UPC, key
from tests.sts_world import Parcel, buy, selling_world
from tests.upstreams import Happening, answers, lost_answer, lost_request, not_sent

UPDATE = "v2/update"


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with selling_world(request.param, tmp_path) as running:
        yield running


@pytest.fixture
async def parcel(world: World) -> Parcel:
    return await buy(world)


async def test_order_waits_for_the_brand(parcel: Parcel) -> None:
    order = await parcel.read()
    assert (order["status"], order["items"][0]["status"], order["answer_by"]) == ("open", "pending_brand", None)


async def test_brand_ships_and_the_store_hands_over(parcel: Parcel) -> None:
    tracking = {"carrier": "UPS", "number": "1Z999AA10123456784", "url": "https://ups.example/1Z999AA10123456784"}
    seen = [(await parcel.do("confirm"))["status"], (await parcel.do("process"))["status"]]
    seen.append((await parcel.do("ship", tracking=tracking, message="On its way."))["status"])
    for step, shown in (("ready", "ready_for_pickup"), ("picked_up", "picked_up")):
        await parcel.at_store(step)
        await parcel.do("ship")  # A repeated action reads nothing and changes nothing.
        seen.append(shown)
    assert seen == ["confirmed", "processing", "shipped", "ready_for_pickup", "picked_up"]
    sent = parcel.world.upstreams.bodies(UPDATE)
    said = "On its way.\nUPS 1Z999AA10123456784 https://ups.example/1Z999AA10123456784"
    assert sent == [
        {"sts_status": "confirm-brand"},
        {"sts_status": "processing"},
        {"sts_status": "shipped", "message": said},
    ]
    assert said in [message["text"] for message in (await parcel.read())["messages"]]
    assert await parcel.story() == ["action.done"] * 3


async def test_confirming_charges_the_card_once(parcel: Parcel) -> None:
    await parcel.do("confirm")
    await parcel.do("confirm")
    assert parcel.world.upstreams.count(UPDATE) == 1
    order = await parcel.read()
    assert [amount for amount, _ in await parcel.charges()] == [order["totals"]["charged"]["amount"]]


async def test_processing_needs_no_confirmation(parcel: Parcel) -> None:
    assert (await parcel.do("process"))["status"] == "processing"
    assert len(await parcel.charges()) == 1


async def test_rejection_tells_its_reason(parcel: Parcel) -> None:
    item = await parcel.do("reject", reason="Damaged in the warehouse")
    assert (item["status"], item["reason"]) == ("rejected", "Damaged in the warehouse")
    assert (await parcel.read())["status"] == "canceled"
    assert await parcel.charges() == []


async def test_what_is_not_allowed_names_what_is(parcel: Parcel) -> None:
    refused = await parcel.ask("ship")
    assert (refused.status_code, refused.json()["code"]) == (409, "action_not_allowed")
    assert refused.json()["errors"] == [
        {"pointer": "/action", "code": "action_not_allowed", "detail": "Allowed now: confirm, reject, process."}
    ]
    assert parcel.world.upstreams.count(UPDATE) == 0


async def test_what_happened_elsewhere_is_read_first(parcel: Parcel) -> None:
    """The order is not in step yet: its cart says that the brand confirmed it on Locally's own screen."""
    await parcel.at_store("confirm")
    assert (await parcel.do("ship"))["status"] == "shipped"


async def test_locally_may_refuse(parcel: Parcel) -> None:
    no = answers(400, {"status": False, "message": "The item is on hold"})
    parcel.world.upstreams.on(UPDATE, no)
    refused = await parcel.ask("confirm")
    assert (refused.status_code, refused.json()["code"]) == (409, "action_refused")
    assert "The item is on hold" in refused.json()["detail"]
    assert (await parcel.do("confirm"))["status"] == "confirmed"
    assert await parcel.journal() == [("confirm", "refused"), ("confirm", "done")]


async def test_refusal_of_what_is_done_counts_as_done(parcel: Parcel) -> None:
    """The order does not know that somebody at the brand confirmed it on Locally's screen a moment ago."""
    await parcel.at_store("confirm")
    assert (await parcel.do("confirm"))["status"] == "confirmed"
    assert await parcel.journal() == [("confirm", "done")]


async def test_what_never_left_is_sent_once_more(parcel: Parcel) -> None:
    parcel.world.upstreams.on(UPDATE, not_sent)
    assert (await parcel.do("confirm"))["status"] == "confirmed"
    parcel.world.upstreams.on(UPDATE, not_sent, not_sent)
    assert (await parcel.ask("ship")).status_code == 503
    assert (await parcel.do("ship"))["status"] == "shipped"
    assert await parcel.journal() == [("confirm", "done"), ("ship", "not_sent"), ("ship", "done")]


async def test_busy_locally_is_told_as_such(parcel: Parcel) -> None:
    parcel.world.upstreams.on(UPDATE, answers(429, {"status": False}, Retry_After="7"))
    busy = await parcel.ask("confirm")
    assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "upstream_busy", "7")
    assert (await parcel.do("confirm"))["status"] == "confirmed"


async def test_lost_answer_is_read_back(parcel: Parcel) -> None:
    parcel.world.upstreams.on(UPDATE, lost_answer)
    first = await parcel.ask("confirm")
    assert (first.status_code, first.headers["retry-after"]) == (202, "2")
    await parcel.becomes("confirmed")
    await parcel.ended()
    assert (await parcel.do("confirm"))["status"] == "confirmed"
    assert parcel.world.upstreams.count(UPDATE) == 1
    assert await parcel.story() == ["action.unknown", "action.done"]


async def test_what_may_have_happened_is_never_sent_again(parcel: Parcel) -> None:
    parcel.world.upstreams.on(UPDATE, lost_answer)
    parcel.world.upstreams.always("v2/cart", answers(500, "garbage"))
    assert (await parcel.ask("confirm")).status_code == 202
    assert (await parcel.ask("confirm")).status_code == 202
    other = await parcel.ask("reject", reason="None left")
    assert (other.status_code, other.json()["code"]) == (409, "action_in_progress")
    await asyncio.sleep(0.5)  # Far longer than all healthy reads would have taken.
    assert await parcel.journal() == [("confirm", "unknown")]
    parcel.world.upstreams.clear()
    await parcel.ended()
    assert await parcel.status() == "confirmed"
    assert parcel.world.upstreams.count(UPDATE) == 1


async def test_what_did_not_happen_may_be_asked_again(parcel: Parcel) -> None:
    parcel.world.upstreams.on(UPDATE, lost_request)
    assert (await parcel.ask("confirm")).status_code == 202
    await parcel.ended()
    assert await parcel.journal() == [("confirm", "not_done")]
    assert (await parcel.do("confirm"))["status"] == "confirmed"


async def test_rivals_send_one_action(parcel: Parcel) -> None:
    answers_ = await asyncio.gather(*(parcel.ask("confirm") for _ in range(8)))
    assert {answer.status_code for answer in answers_} <= {200, 202, 409}
    assert parcel.world.upstreams.count(UPDATE) == 1
    assert (await parcel.do("confirm"))["status"] == "confirmed"


# Refunds.


async def test_refund_before_shipping_ends_the_order(parcel: Parcel) -> None:
    await parcel.do("confirm")
    total = (await parcel.read())["totals"]["charged"]["amount"]
    item = await parcel.do("refund")
    assert (item["status"], item["refunded"]["amount"]) == ("refunded", total)
    assert await parcel.charges() == [(total, total)]
    assert (await parcel.do("refund"))["status"] == "refunded"
    assert parcel.world.upstreams.count(UPDATE) == 2


async def test_part_of_a_refund_takes_a_key(parcel: Parcel) -> None:
    await parcel.do("confirm")
    part = {"amount": 1000, "currency": "USD"}
    refused = await parcel.ask("refund", refund_amount=part)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")
    using = key()
    for _ in range(3):
        assert (await parcel.do("refund", refund_amount=part, using=using))["refunded"]["amount"] == 1000
    assert (await parcel.do("refund", refund_amount=part, using=key()))["refunded"]["amount"] == 2000
    assert [refunded for _, refunded in await parcel.charges()] == [2000]
    other = await parcel.ask("refund", refund_amount={"amount": 1, "currency": "USD"}, using=using)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_no_more_is_refunded_than_is_left(parcel: Parcel) -> None:
    await parcel.do("confirm")
    total = (await parcel.read())["totals"]["charged"]["amount"]
    too_much = await parcel.ask("refund", refund_amount={"amount": total + 1, "currency": "USD"}, using=key())
    assert [fault["pointer"] for fault in too_much.json()["errors"]] == ["/refund_amount/amount"]
    foreign = await parcel.ask("refund", refund_amount={"amount": 1, "currency": "CAD"}, using=key())
    assert [fault["pointer"] for fault in foreign.json()["errors"]] == ["/refund_amount/currency"]
    assert parcel.world.upstreams.count(UPDATE) == 1


FAULTS: dict[str, Happening] = {
    "not_sent": not_sent,
    "lost_request": lost_request,
    "lost_answer": lost_answer,
    "busy": answers(429, {"status": False}),
    "refused": answers(400, {"status": False, "message": "No"}),
    "forbidden": answers(403, {"status": False, "message": "No"}),
    "error": answers(500, "oops"),
    "error_but_done": answers(500, "oops", done=True),
    "timeout_but_done": answers(408, {"status": False}, done=True),
    "garbage": answers(200, "<html>"),
    "garbage_but_done": answers(200, "<html>", done=True),
    "no_envelope_but_done": answers(200, {"ok": True}, done=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("part", [1000, None])
async def test_money_goes_back_once_whatever_happens(parcel: Parcel, fault: str, part: int | None) -> None:
    await parcel.do("confirm")
    total = (await parcel.read())["totals"]["charged"]["amount"]
    parcel.world.upstreams.on(UPDATE, FAULTS[fault], FAULTS[fault])
    fields: dict[str, Any] = {} if part is None else {"refund_amount": {"amount": part, "currency": "USD"}}
    using = key()

    async def is_done() -> bool:
        answer = await parcel.ask("refund", using=using, **fields)
        assert answer.status_code in {200, 202, 409, 503}, answer.text
        return answer.status_code == 200

    await parcel.until(is_done)
    assert await parcel.charges() == [(total, part or total)]
    assert (await parcel.read())["items"][0]["refunded"]["amount"] == (part or total)


async def test_lost_refund_is_never_made_twice(parcel: Parcel) -> None:
    await parcel.do("confirm")
    parcel.world.upstreams.on(UPDATE, lost_answer)
    using, part = key(), {"amount": 1000, "currency": "USD"}
    assert (await parcel.ask("refund", refund_amount=part, using=using)).status_code == 202
    again = await parcel.ask("refund", refund_amount=part, using=using)
    assert again.status_code in {200, 202}
    await parcel.ended()
    assert (await parcel.do("refund", refund_amount=part, using=using))["refunded"]["amount"] == 1000
    assert [refunded for _, refunded in await parcel.charges()] == [1000]


async def test_refused_refund_frees_its_key(parcel: Parcel) -> None:
    await parcel.do("confirm")
    parcel.world.upstreams.on(UPDATE, answers(400, {"status": False, "message": "Too late today"}))
    using = key()
    refused = await parcel.ask("refund", refund_amount={"amount": 9000, "currency": "USD"}, using=using)
    assert (refused.status_code, refused.json()["code"]) == (409, "action_refused")
    part = {"amount": 1000, "currency": "USD"}
    assert (await parcel.do("refund", refund_amount=part, using=using))["refunded"]["amount"] == 1000


async def test_refund_that_did_not_happen_keeps_its_key(parcel: Parcel) -> None:
    await parcel.do("confirm")
    parcel.world.upstreams.on(UPDATE, lost_request)
    using, part = key(), {"amount": 1000, "currency": "USD"}
    assert (await parcel.ask("refund", refund_amount=part, using=using)).status_code == 202
    await parcel.ended()
    assert (await parcel.do("refund", refund_amount=part, using=using))["refunded"]["amount"] == 1000


async def test_nothing_is_refunded_after_shipping(parcel: Parcel) -> None:
    """From then on it is the retailer's to refund."""
    await parcel.do("process")
    await parcel.do("ship")
    refused = await parcel.ask("refund")
    assert (refused.status_code, refused.json()["code"]) == (409, "action_not_allowed")


async def test_refund_reads_the_cart_before_it_pays(parcel: Parcel) -> None:
    await parcel.do("confirm")
    parcel.world.upstreams.always("v2/cart", answers(500, "garbage"))
    assert (await parcel.ask("refund")).status_code == 503
    assert parcel.world.upstreams.count(UPDATE) == 1


# Many at once.


async def test_each_of_many_has_its_own_result(world: World) -> None:
    first, second = await buy(world), await buy(world, UPC, SECOND_UPC)
    unknown = "ord_" + "0" * 32
    wanted = [
        {"order": first.order_id, "upc": UPC, "action": "confirm"},
        {"order": second.order_id, "upc": UPC, "action": "reject", "reason": "None left"},
        {"order": second.order_id, "upc": SECOND_UPC, "action": "ship"},
        {"order": unknown, "upc": UPC, "action": "confirm"},
    ]
    answer = await world.service.call("POST", "/v1/ship-to-store/actions", {"actions": wanted}, with_=SECRET_KEY)
    results = [(row["status"], row["code"], row["item_status"]) for row in answer.json()["data"]]
    assert results == [
        (200, None, "confirmed"),
        (200, None, "rejected"),
        (409, "action_not_allowed", None),
        (404, "not_found", None),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "reject"}, ""),
        ({"action": "steal"}, "/action"),
        ({"action": "confirm", "tracking": {}}, ""),
        ({"action": "ship", "tracking": {"url": "http://ups.example/1"}}, "/tracking/url"),
        ({"action": "ship", "tracking": {"number": "1\n2"}}, "/tracking/number"),
        ({"action": "refund", "refund_amount": 5}, "/refund_amount"),
    ],
)
async def test_unfit_fields_are_pointed_at(parcel: Parcel, body: dict[str, Any], pointer: str) -> None:
    answer = await parcel.ask(**body)
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [pointer])


async def test_one_list_names_each_item_once(world: World, parcel: Parcel) -> None:
    row = {"order": parcel.order_id, "upc": UPC, "action": "confirm"}
    answer = await world.service.call("POST", "/v1/ship-to-store/actions", {"actions": [row, row]}, with_=SECRET_KEY)
    assert answer.status_code == 422
    assert await parcel.status() == "pending_brand"


async def test_only_the_secret_key_acts(parcel: Parcel) -> None:
    path = f"/v1/orders/{parcel.order_id}/items/{UPC}/ship-to-store"
    answer = await parcel.world.service.call("POST", path, {"action": "confirm"}, with_=PUBLISHABLE_KEY)
    assert answer.status_code == 403
    assert await parcel.status() == "pending_brand"


async def test_other_orders_and_items_are_not_found(parcel: Parcel) -> None:
    assert (await parcel.ask("confirm", SECOND_UPC)).status_code == 404
    assert (await parcel.ask("confirm", "not-a-upc")).status_code == 404


# Selling.


async def test_shipping_cost_of_the_feed_is_in_the_total(world: World) -> None:
    feed = f"upc,qty,percent,shipping,country\n{UPC},10,60,12.95,US\n"
    answer = await world.service.client.put(
        "/v1/feeds/available-to-sell",
        content=feed,
        headers={"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "text/csv"},
    )
    assert answer.status_code == 200, answer.text
    items = [{"upc": UPC, "quantity": 2}]
    totals = (await world.service.create(path_to_purchase="sts", items=items))["totals"]
    assert (totals["shipping"]["amount"], totals["total"]["amount"]) == (2590, 2 * 8900 + 2590)
    wanted = {"store_id": STORE_ID, "path_to_purchase": "sts", "items": items}
    quote = (await world.service.call("POST", "/v1/quotes", wanted)).json()
    assert quote["totals"] == totals


async def test_card_is_taken_for_locallys_own_account(tmp_path: Path) -> None:
    accounts = '{"sts": {"account": "acct_1Locally", "publishable_key": "pk_test_locally"}}'
    async with selling_world("sqlite", tmp_path, stripe_accounts=accounts) as world:
        checkout = await world.service.create(path_to_purchase="sts")
        path = f"/v1/checkouts/{checkout['id']}/setup-intent"
        intent = await world.service.call("POST", path, {}, with_=checkout["token"])
        assert (intent.json()["account"], intent.json()["publishable_key"]) == ("acct_1Locally", "pk_test_locally")
        assert await (await buy(world)).status() == "pending_brand"
        assert (await world.service.create())["payment"]["account"] is None


async def test_stores_offer_ship_to_store_where_the_brand_does(world: World) -> None:
    answer = await world.service.call("GET", f"/v1/stores?items={UPC}:1&near=41.88,-87.63&path=sts")
    assert answer.json()["stores"]
    assert all("sts" in store["paths"] for store in answer.json()["stores"])


async def test_shopper_is_told_of_statement_and_store(world: World, parcel: Parcel) -> None:
    page = await world.service.client.get(f"/checkout?store_id={STORE_ID}&items={UPC}:1")
    order = await world.service.client.get(parcel.url)
    for text in (page.text, order.text):
        assert "Locally.com" in text
        assert "cannot be changed" in text
