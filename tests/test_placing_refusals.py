"""Placing that is refused: what each no is called, what it leaves behind, and what may be done next."""

from typing import Any

import pytest

from checkout.database.tables import attempts, holds, idempotency_keys, intent_uses
from tests.placing_world import SECOND_UPC, World, problem
from tests.service import STORE_ID, UPC, key
from tests.upstreams import after, answers, changed

TOO_LOW = {"amount": 1, "currency": "USD"}


async def nothing_left(world: World) -> None:
    """Neither an order, nor a live attempt, nor a right to order, nor a bound key."""
    assert await world.orders() == []
    for attempt in await world.rows(attempts):
        assert (attempt["status"], attempt["cart_jwt"]) == ("rejected", None)
    assert [row for row in await world.rows(idempotency_keys) if row["operation"] == "place"] == []


async def test_declined_card_is_a_402(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeCustomerFail")
    declined = await world.place(checkout, card)
    assert problem(declined) == (402, "card_declined", "new_card", "ready")
    assert "retry-after" not in declined.headers
    assert await world.orders() == []
    assert await world.calls() == (1, 0)
    assert await world.rows(holds) == []
    assert [use["spent"] for use in await world.rows(intent_uses)] == [True]


async def test_decline_on_the_second_line_holds_nothing(world: World) -> None:
    items = [{"upc": UPC, "quantity": 1}, {"upc": SECOND_UPC, "quantity": 1}]
    checkout, card = await world.ready("pm_card_sandbox_second_line", items=items)
    assert problem(await world.place(checkout, card)) == (402, "card_declined", "new_card", "ready")
    assert {state for _, state in await world.holds()} == {"released"}
    assert await world.rows(holds) == []


async def test_decline_is_replayed_to_the_same_key(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeCustomerFail")
    using = key()
    first = await world.place(checkout, card, using=using)
    again = await world.place(checkout, card, using=using)
    assert (again.status_code, again.content) == (402, first.content)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/problem+json"
    assert await world.calls() == (1, 0)


async def test_declined_setup_intent_is_never_used_again(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeCustomerFail")
    await world.place(checkout, card)
    again = await world.place(checkout, card)
    assert problem(again) == (409, "setup_intent_invalid", "new_card", "ready")
    assert await world.calls() == (1, 0)


async def test_new_card_after_a_decline_places_the_order(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeCustomerFail")
    await world.place(checkout, card)
    placed = await world.place(checkout, await world.service.take_card(checkout))
    assert placed.status_code == 200
    assert len(await world.orders()) == 1


async def test_risen_price_is_told_with_the_new_total(world: World) -> None:
    checkout, card = await world.ready()
    await world.service.stock(price=9999)
    using = key()
    refused = await world.place(checkout, card, using=using)
    assert problem(refused) == (409, "price_changed", "accept_total", "ready")
    total = refused.json()["checkout"]["totals"]["total"]
    assert total["amount"] > checkout["totals"]["total"]["amount"]
    assert (await world.service.read(checkout))["totals"]["total"] == total
    assert await world.calls() == (0, 0)
    await nothing_left(world)
    placed = await world.place(checkout, card, using=using, expected_total=total)
    assert placed.status_code == 200
    assert await world.holds() == [(total["amount"], "open")]


async def test_total_below_the_known_one_is_refused(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    refused = await world.place(checkout, card, using=using, expected_total=TOO_LOW)
    assert problem(refused) == (409, "price_changed", "accept_total", "ready")
    assert refused.json()["checkout"]["totals"] == checkout["totals"]
    assert await world.rows(attempts) == []
    assert (await world.place(checkout, card, using=using)).status_code == 200


async def test_total_in_another_currency_is_invalid(world: World) -> None:
    checkout, card = await world.ready()
    total = {**checkout["totals"]["total"], "currency": "CAD"}
    refused = await world.place(checkout, card, expected_total=total)
    assert problem(refused) == (422, "invalid_field", "fix", "ready")
    assert refused.json()["errors"][0]["pointer"] == "/expected_total/currency"


async def test_sold_out_item_is_unavailable(world: World) -> None:
    checkout, card = await world.ready(items=[{"upc": UPC, "quantity": 1}, {"upc": SECOND_UPC, "quantity": 1}])
    await world.service.stock(upc=SECOND_UPC, quantity=0)
    refused = await world.place(checkout, card)
    assert problem(refused) == (409, "item_unavailable", "choose_store", "incomplete")
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [
        ("/items/1", "item_unavailable")
    ]
    problems = refused.json()["checkout"]["problems"]
    assert [(each["code"], each["pointer"]) for each in problems] == [("item_unavailable", "/items/1")]
    assert await world.calls() == (0, 0)
    await nothing_left(world)


async def test_part_of_the_quantity_is_not_enough(world: World) -> None:
    checkout, card = await world.ready(items=[{"upc": UPC, "quantity": 3}])
    await world.service.stock(quantity=2)
    assert problem(await world.place(checkout, card)) == (409, "item_unavailable", "choose_store", "incomplete")
    await nothing_left(world)


async def test_path_that_is_gone_is_unavailable(world: World) -> None:
    checkout, card = await world.ready()
    await world.store(STORE_ID, paths=["ropis"])
    refused = await world.place(checkout, card)
    assert problem(refused) == (409, "path_unavailable", "choose_store", "incomplete")
    assert refused.json()["errors"][0]["pointer"] == "/path_to_purchase"
    await nothing_left(world)


async def test_refused_checkout_can_be_mended_and_placed(world: World) -> None:
    checkout, card = await world.ready()
    await world.service.stock(quantity=0)
    await world.place(checkout, card)
    path = f"/v1/checkouts/{checkout['id']}"
    moved = await world.service.call("PATCH", path, {"store_id": 37176}, with_=checkout["token"])
    assert moved.json()["status"] == "ready", moved.text
    token = {**moved.json(), "token": checkout["token"]}
    assert (await world.place(token, await world.service.take_card(token))).status_code == 200


async def test_price_that_fell_while_validating_is_validated_again(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", after(lambda: world.service.stock(price=5000)))
    placed = await world.place(checkout, card)
    assert placed.status_code == 200, placed.text
    assert [state for _, state in await world.holds()] == ["open"]
    assert placed.json()["totals"]["total"]["amount"] == (await world.holds())[0][0]
    assert await world.calls() == (2, 1)
    assert [use["validates"] for use in await world.rows(intent_uses)] == [1]


async def test_price_that_rose_while_validating_is_told(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", after(lambda: world.service.stock(price=9999)))
    refused = await world.place(checkout, card)
    assert problem(refused) == (409, "price_changed", "accept_total", "ready")
    assert refused.json()["checkout"]["totals"]["total"]["amount"] > checkout["totals"]["total"]["amount"]
    assert [use["validates"] for use in await world.rows(intent_uses)] == [0]
    await nothing_left(world)


async def test_stock_that_went_while_validating_is_told(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", after(lambda: world.service.stock(quantity=0)))
    assert problem(await world.place(checkout, card)) == (409, "item_unavailable", "choose_store", "incomplete")
    await nothing_left(world)


async def test_path_that_went_while_validating_is_told(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", after(lambda: world.store(STORE_ID, paths=["ropis"])))
    assert problem(await world.place(checkout, card)) == (409, "path_unavailable", "choose_store", "incomplete")
    await nothing_left(world)


def refusal(*in_cart: int, **more: Any) -> dict[str, Any]:
    """Locally's 200 that is a no, for the lines of the cart."""
    upcs = (UPC, SECOND_UPC)[: len(in_cart)]
    items = [
        {"upc": upc, "auth": "SKIPPED", "in_cart": told, "qty": told} for upc, told in zip(upcs, in_cart, strict=True)
    ]
    return {"success": False, "data": {"items": items}, "msg": "", **more}


async def test_no_without_a_reason_refuses_the_item(world: World) -> None:
    checkout, card = await world.ready(items=[{"upc": UPC, "quantity": 1}, {"upc": SECOND_UPC, "quantity": 1}])
    world.upstreams.on("cart/validate", answers(200, refusal(1, 0)))
    refused = await world.place(checkout, card)
    assert problem(refused) == (409, "item_refused", "choose_store", "incomplete")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/items/1"]
    assert [each["code"] for each in refused.json()["checkout"]["problems"]] == ["item_refused"]
    assert world.upstreams.count("cart/validate") == 1
    await nothing_left(world)


async def test_tax_that_was_too_low_is_quoted_again(world: World) -> None:
    checkout, card = await world.ready()
    body = {"success": False, "msg": "requested 1.00, calculated 2.00", "error_code": 1335}

    async def lower_price() -> None:
        await world.service.stock(price=5000)

    world.upstreams.on("cart/validate", after(lower_price, answers(400, body)))
    assert (await world.place(checkout, card)).status_code == 200
    assert world.upstreams.count("cart/validate") == 2


async def test_store_that_is_gone_offers_no_path(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", answers(200, refusal(0, error_code=1329)))
    refused = await world.place(checkout, card)
    assert problem(refused) == (409, "path_unavailable", "choose_store", "incomplete")
    await nothing_left(world)


async def test_fewer_pieces_than_asked_are_not_committed(world: World) -> None:
    checkout, card = await world.ready(items=[{"upc": UPC, "quantity": 3}])

    def shorten(body: Any) -> None:
        body["data"]["items"][0]["qty"] = 2

    world.upstreams.on("cart/validate", changed(shorten))
    refused = await world.place(checkout, card)
    assert problem(refused) == (409, "item_unavailable", "choose_store", "incomplete")
    assert await world.calls() == (1, 0)
    (hold,) = await world.rows(holds)
    assert (hold["state"], hold["reason"], hold["currency"]) == ("open", "short_quantity", "USD")
    assert hold["amount"] == checkout["totals"]["total"]["amount"]
    assert hold["cart_hash"]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_no_without_items_is_ours_to_mend(world: World, status: int) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", answers(status, {"success": False, "msg": "no", "error_code": 1102}))
    refused = await world.place(checkout, card)
    assert problem(refused) == (503, "refused_upstream", "contact", "ready")
    assert [use["validates"] for use in await world.rows(intent_uses)] == [0]
    await nothing_left(world)


async def test_wrong_token_raises_an_alarm(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    checkout, card = await world.ready()
    body = {"success": False, "msg": "Access denied", "error_code": 1101}
    for call in ("conversion/store_data", "cart/items/add", "cart/validate"):
        world.upstreams.on(call, answers(401, body))
    assert problem(await world.place(checkout, card)) == (503, "refused_upstream", "contact", "ready")
    assert "[error" in capsys.readouterr().out
    await nothing_left(world)


async def test_busy_upstream_passes_its_retry_after_on(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    body = {"success": False, "msg": "Too many requests"}
    world.upstreams.on("cart/validate", answers(429, body, Retry_After="17"))
    busy = await world.place(checkout, card, using=using)
    assert problem(busy) == (503, "upstream_busy", "retry", "ready")
    assert busy.headers["retry-after"] == "17"
    await nothing_left(world)
    assert (await world.place(checkout, card, using=using)).status_code == 200


async def test_upstream_down_before_validate_leaves_nothing(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.always("conversion/store_data", answers(500, "down"))
    using = key()
    refused = await world.place(checkout, card, using=using)
    assert problem(refused) == (503, "upstream_unavailable", "retry", "ready")
    assert refused.headers["retry-after"]
    assert await world.calls() == (0, 0)
    await nothing_left(world)
    world.upstreams.clear()
    assert (await world.place(checkout, card, using=using)).status_code == 200
