"""Placing through the API when all goes well: what the caller is told, and what stands on both sides afterwards."""

import asyncio
import json

import pytest

from checkout.database.tables import attempts, holds, idempotency_keys, intent_uses, outbox, upstream_calls
from tests.placing_world import SECOND_UPC, World, problem
from tests.service import ENVIRON, SECRET_KEY, UPC, Service, key
from tests.upstreams import after


async def test_placed_checkout_is_one_order(service: Service) -> None:
    checkout = await service.create()
    placed = await service.place(checkout, await service.take_card(checkout))
    assert placed.status_code == 200, placed.text
    assert placed.json()["status"] == "placed"
    ledger = await service.ledger()
    assert [order["store_id"] for order in ledger["orders"]] == [checkout["store"]["id"]]
    assert [hold["amount"] for hold in ledger["holds"]] == [checkout["totals"]["total"]["amount"]]


async def test_placed_checkout_names_its_order(world: World) -> None:
    checkout, card = await world.ready()
    placed = (await world.place(checkout, card)).json()
    assert set(placed["order"]) == {"id", "status", "url", "token"}
    assert placed["order"]["status"] == "open"
    assert (await world.service.read(checkout))["order"] == placed["order"]
    path = f"/v1/orders/{placed['order']['id']}"
    order = (await world.service.call("GET", path, with_=placed["order"]["token"])).json()
    assert order["cart_hash"] == (await world.orders())[0]
    assert order["totals"]["total"] == order["totals"]["authorized"] == checkout["totals"]["total"]
    assert order["totals"]["charged"]["amount"] == order["totals"]["refunded"]["amount"] == 0


async def test_locally_order_url_is_the_commits(world: World) -> None:
    checkout, card = await world.ready()
    placed = (await world.place(checkout, card)).json()
    order = (await world.service.call("GET", f"/v1/orders/{placed['order']['id']}", with_=SECRET_KEY)).json()
    start = f"{world.service.settings.locally_base_url}/order/{order['cart_hash']}/"
    assert order["locally_order_url"].startswith(start)
    assert len(order["locally_order_url"]) > len(start)


async def test_placing_makes_one_validate_and_one_commit(world: World) -> None:
    checkout, card = await world.ready()
    await world.place(checkout, card)
    assert await world.calls() == (1, 1)
    calls = [(row["call"], row["outcome"]) for row in await world.rows(upstream_calls)]
    looked = ("stripe/setup_intents", "succeeded")
    assert calls == [looked, ("cart/validate", "holds_placed"), ("cart/commit", "placed")]


async def test_placed_attempt_keeps_no_right_to_order(world: World) -> None:
    checkout, card = await world.ready()
    await world.place(checkout, card)
    (attempt,) = await world.rows(attempts)
    assert attempt["status"] == "placed"
    assert attempt["cart_jwt"] is None
    assert attempt["cart_hash"] == (await world.orders())[0]


async def test_hold_of_an_order_is_not_on_our_books(world: World) -> None:
    checkout, card = await world.ready()
    await world.place(checkout, card)
    assert await world.rows(holds) == []
    assert [use["validates"] for use in await world.rows(intent_uses)] == [1]


async def test_placing_leaves_answer_and_event(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    await world.place(checkout, card, using=using)
    stored = [row for row in await world.rows(idempotency_keys) if row["operation"] == "place"]
    assert [(row["key"], row["bound"], row["open_until"], row["status"]) for row in stored] == [
        (using, True, None, 200)
    ]
    assert [row["topic"] for row in await world.rows(outbox)] == ["checkout.placed", "order.updated"]


async def test_timeline_tells_each_step_in_order(world: World) -> None:
    checkout, card = await world.ready()
    await world.place(checkout, card)
    events = [row["event"] for row in await world.timeline(checkout)]
    assert [event for event in events if event.startswith(("attempt.", "order."))] == [
        "attempt.received",
        "attempt.cart_checked",
        "attempt.intent_verified",
        "attempt.validate_begun",
        "attempt.holds_placed",
        "attempt.commit_begun",
        "attempt.order_found",
        "order.placed",
    ]


async def test_every_line_is_validated_with_its_message(world: World) -> None:
    items = [{"upc": UPC, "quantity": 2, "message": "Gift, please"}, {"upc": SECOND_UPC, "quantity": 1}]
    checkout, card = await world.ready(items=items, host_domain="www.brand.example")
    assert (await world.place(checkout, card)).status_code == 200
    (sent,) = world.upstreams.bodies("cart/validate")
    assert [(line["upc"], line["qty"], line.get("message")) for line in sent["items"]] == [
        (UPC, 2, "Gift, please"),
        (SECOND_UPC, 1, None),
    ]
    assert sent["host_domain"] == "www.brand.example"
    assert sent["card_token"] == card
    assert sum(amount for amount, _ in await world.holds()) == checkout["totals"]["total"]["amount"]


async def test_total_below_the_agreed_one_passes(world: World) -> None:
    checkout, card = await world.ready()
    generous = {"amount": checkout["totals"]["total"]["amount"] + 5000, "currency": "USD"}
    assert (await world.place(checkout, card, expected_total=generous)).status_code == 200


async def test_price_that_fell_is_the_price_charged(world: World) -> None:
    checkout, card = await world.ready()
    await world.service.stock(price=5000)
    placed = await world.place(checkout, card)
    assert placed.status_code == 200
    total = placed.json()["totals"]["total"]["amount"]
    assert total < checkout["totals"]["total"]["amount"]
    assert await world.holds() == [(total, "open")]


async def test_reservation_is_placed_without_a_card(world: World) -> None:
    checkout = await world.service.create(path_to_purchase="ropis")
    assert checkout["payment"] is None
    placed = await world.place(checkout, None)
    assert placed.status_code == 200, placed.text
    assert await world.holds() == []
    assert "card_token" not in world.upstreams.bodies("cart/validate")[0]
    order = (await world.service.call("GET", f"/v1/orders/{placed.json()['order']['id']}", with_=SECRET_KEY)).json()
    assert order["totals"]["authorized"]["amount"] == 0


async def test_reservation_takes_no_card(world: World) -> None:
    checkout = await world.service.create(path_to_purchase="ropis")
    refused = await world.place(checkout, "seti_something_of_somebody")
    assert problem(refused) == (422, "invalid_field", "fix", "ready")
    assert refused.json()["errors"][0]["pointer"] == "/setup_intent_id"
    assert await world.calls() == (0, 0)


async def test_external_setup_intent_is_passed_on_unread(world: World) -> None:
    checkout = await world.service.create()
    created = await world.service.sandbox.post(
        "/v1/setup_intents",
        data={"confirm": "true", "payment_method": "pm_card_visa", "usage": "off_session"},
        headers={"Authorization": "Bearer sk_test_of_the_brands_server"},
    )
    intent = created.json()["id"]
    before = world.upstreams.count("stripe/setup_intents")
    placed = await world.place(checkout, intent, with_=SECRET_KEY, setup_intent_origin="external")
    assert placed.status_code == 200, placed.text
    assert world.upstreams.count("stripe/setup_intents") == before
    assert world.upstreams.bodies("cart/validate")[0]["card_token"] == intent


async def test_external_setup_intent_takes_the_secret_key(world: World) -> None:
    checkout, card = await world.ready()
    refused = await world.place(checkout, card, setup_intent_origin="external")
    assert refused.status_code == 403
    assert refused.json()["code"] == "not_allowed"
    assert refused.json()["errors"][0]["pointer"] == "/setup_intent_origin"


async def test_external_setup_intent_of_an_order_is_not_used_again(world: World) -> None:
    first, card = await world.ready()
    assert (await world.place(first, card, with_=SECRET_KEY, setup_intent_origin="external")).status_code == 200
    second = await world.service.create()
    again = await world.place(second, card, with_=SECRET_KEY, setup_intent_origin="external")
    assert problem(again) == (409, "setup_intent_invalid", "new_card", "ready")
    assert len(await world.orders()) == 1


async def test_order_takes_its_totals_from_the_cart(world: World) -> None:
    checkout, card = await world.ready()

    async def lower_tax() -> None:
        await world.store(checkout["store"]["id"], tax_rate="0.05")

    world.upstreams.on("cart/validate", after(lower_tax))
    placed = await world.place(checkout, card)
    order = (await world.service.call("GET", f"/v1/orders/{placed.json()['order']['id']}", with_=SECRET_KEY)).json()
    assert order["totals"]["total"]["amount"] == (await world.holds())[0][0] < checkout["totals"]["total"]["amount"]
    entry = next(row for row in await world.timeline(checkout) if row["event"] == "order.total_differs")
    assert json.loads(entry["facts"]) == {
        "ours": checkout["totals"]["total"]["amount"],
        "locally": order["totals"]["total"]["amount"],
        "source": "placing",
        "request_id": None,
    }


async def test_not_waiting_is_a_202_at_once(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    early = await world.place(checkout, card, using=using, wait=0)
    assert early.status_code == 202
    assert early.headers["retry-after"] == "2"
    assert early.json()["status"] == "placing"
    assert (await world.settled(checkout))["status"] == "placed"
    replay = await world.place(checkout, card, using=using)
    assert replay.status_code == 200
    assert replay.headers["idempotent-replayed"] == "true"
    assert await world.calls() == (1, 1)


async def test_client_that_hangs_up_still_gets_its_order(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    await world.service.fault("cart/validate", "slow", seconds=0.2)
    left = asyncio.create_task(world.place(checkout, card, using=using))
    await world.until(checkout, lambda now: now["status"] == "placing")
    left.cancel()
    assert (await world.settled(checkout))["status"] == "placed"
    assert (await world.place(checkout, card, using=using)).status_code == 200
    assert await world.calls() == (1, 1)


async def test_nothing_secret_is_logged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    checkout, card = await world.ready()
    placed = await world.place(checkout, card)
    order = (await world.service.call("GET", f"/v1/orders/{placed.json()['order']['id']}", with_=SECRET_KEY)).json()
    committed = next(request for call, request in world.upstreams.sent if call == "cart/commit")
    secret = [
        checkout["token"],
        placed.json()["order"]["token"],
        committed.headers["locally-pl-jwt"],
        committed.headers["locally-api-session-id"],
        order["locally_order_url"],
        "_secret_",
        checkout["shopper"]["email"],
        checkout["shopper"]["last_name"],
        ENVIRON["CHECKOUT_LOCALLY_API_TOKEN"],
        ENVIRON["CHECKOUT_STRIPE_SECRET_KEY"],
        SECRET_KEY,
    ]
    told = "".join(capsys.readouterr()) + json.dumps([row["facts"] for row in await world.timeline(checkout)])
    assert "locally_call" in told
    assert [text for text in secret if text in told] == []
