"""A retailer runs the same service over the same Locally as the brand: it takes orders in and answers them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from checkout.fulfilment import PUSHCART_RULES, PUSHCART_STS_RULES, legal_actions, pushcart_wish
from checkout.openapi import OPERATIONS
from checkout.orders import ItemStatus
from tests.databases import KINDS, database_url
from tests.pushcart_world import Trade, trading, until
from tests.service import SECRET_KEY, SHOPPER, STORE_ID, UPC, key
from tests.tracked import item_of
from tests.upstreams import lost_answer, lost_request, not_sent

USD = {"currency": "USD"}
TOTAL = 9812


@pytest.fixture
async def trade() -> AsyncIterator[Trade]:
    async with trading() as running:
        yield running


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices.csv"
    file.write_text(f"upc,name,price\n{UPC},Helmet,89.00\n")
    return file


async def taken_in(trade: Trade, **changes: Any) -> dict[str, Any]:
    """An order that was just placed with the brand, as the retailer has it."""
    cart_hash = await trade.buy(**changes)
    assert (await trade.tell(cart_hash)).status_code == 200
    return await trade.order(cart_hash)


def totals(order: dict[str, Any]) -> tuple[int, int, int]:
    return tuple(order["totals"][name]["amount"] for name in ("total", "charged", "refunded"))


def at_locally(ledger: dict[str, Any], cart_hash: str) -> str:
    return str(next(order for order in ledger["orders"] if order["hash"] == cart_hash)["items"][0]["status"])


@pytest.mark.parametrize("kind", KINDS)
async def test_order_goes_from_brand_to_retailer_and_back(kind: str, tmp_path: Path) -> None:
    async with database_url(kind, tmp_path) as url, trading(database_url=url) as trade:
        await go_there_and_back(trade)


async def go_there_and_back(trade: Trade) -> None:
    order = await taken_in(trade)
    assert (order["status"], order["brand"], order["store"]["id"]) == ("open", "main-street", STORE_ID)
    assert order["shopper"] == {**SHOPPER, "address_2": None, "is_opt_in_consent": False} | {
        "is_opt_in_consent_brand": False
    }
    confirmed = (await trade.answer(order, "confirm")).json()
    assert (confirmed["status"], *totals(confirmed)) == ("confirmed", TOTAL, TOTAL, 0)
    picked_up = (await trade.answer(order, "fulfill")).json()
    assert picked_up["status"] == "completed"
    refunded = (await trade.answer(order, "refund", message="Sorry!")).json()
    assert (refunded["status"], *totals(refunded)) == ("refunded", TOTAL, TOTAL, TOTAL)
    (charge,) = (await trade.brand.ledger())["charges"]
    assert (charge["amount"], charge["refunded"]) == (TOTAL, TOTAL)
    assert await trade.events(order) == [
        "order.taken_in",
        "item.confirmed",
        "action.done",
        "item.picked_up",
        "action.done",
        "item.refunded",
        "order.refunded",
        "order.message",
        "action.done",
    ]


async def test_orders_from_before_are_taken_in_by_themselves() -> None:
    async with trading(before=3) as trade:
        told = await trade.intake_over()
        assert (told["is_first"], told["pages"], told["taken_in"], told["left"]) == (
            False,
            {"done": 1, "total": 1},
            3,
            0,
        )
        orders = {order["hash"]: order for order in (await trade.brand.ledger())["orders"]}
        found = {order["cart_hash"]: order for order in await trade.orders()}
        assert set(found) == set(orders)
        assert all(found[name]["placed_at"][:19] == orders[name]["ordered_at"][:19] for name in orders)


async def test_orders_that_no_webhook_told_are_found(trade: Trade) -> None:
    await trade.intake_over()
    cart_hash = await trade.buy()
    trade.retailer.clock.advance(minutes=10)
    assert (await trade.order(cart_hash))["status"] == "open"


async def test_intake_can_be_asked_for(trade: Trade) -> None:
    await trade.intake_over()
    cart_hash = await trade.buy()
    begun = await trade.ask("POST", "/v1/intake")
    assert (begun.status_code, begun.json()["status"]) == (202, "running")
    assert await trade.order(cart_hash)


async def test_intake_tells_what_holds_it_up(trade: Trade) -> None:
    await trade.intake_over()
    trade.upstreams.always("v2/carts", lost_request)
    await trade.ask("POST", "/v1/intake")

    async def look() -> str | None:
        told = await trade.intake()
        return told["fault"] if told["status"] == "paused" else None

    assert await until(look) == "upstream_unavailable"
    cart_hash = await trade.buy()
    trade.upstreams.clear()
    assert await trade.order(cart_hash)
    assert (await trade.intake_over())["fault"] is None


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("form", ["short", "cart"])
async def test_webhooks_of_both_forms_bring_one_order(trade: Trade, method: str, form: str) -> None:
    cart_hash = await trade.buy()
    headers = {"Locally-API-Token": trade.retailer.settings.locally_api_token.get_secret_value()}
    cart = (await trade.brand.sandbox.get(f"/api/v2/cart/{cart_hash}", headers=headers)).json()
    body = cart if form == "cart" else None
    answers = await asyncio.gather(*(trade.tell(cart_hash, method=method, body=body) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    await trade.order(cart_hash)
    assert len(await trade.orders()) == 1


async def test_changes_at_the_order_screen_arrive(trade: Trade) -> None:
    order = await taken_in(trade)
    path = f"/_sandbox/orders/{order['cart_hash']}/items/{UPC}"
    await trade.brand.sandbox.post(path, json={"action": "decline", "reason": "Damaged"})
    await trade.tell(order["cart_hash"])

    async def look() -> tuple[str, str] | None:
        now = await trade.order(order["cart_hash"])
        return (now["items"][0]["status"], now["items"][0]["reason"]) if now["status"] != "open" else None

    assert await until(look) == ("declined", "Damaged")


async def test_changes_that_no_webhook_told_arrive(trade: Trade) -> None:
    order = await taken_in(trade)
    path = f"/_sandbox/orders/{order['cart_hash']}/items/{UPC}"
    await trade.brand.sandbox.post(path, json={"action": "confirm"})
    trade.retailer.clock.advance(minutes=10)

    async def look() -> bool:
        now = await trade.order(order["cart_hash"])
        return bool(now["status"] == "confirmed")

    assert await until(look)


async def test_rejecting_takes_a_reason_and_charges_nothing(trade: Trade) -> None:
    order = await taken_in(trade)
    refused = await trade.answer(order, "reject")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_field")
    rejected = (await trade.answer(order, "reject", reason="Sold out this morning")).json()
    assert (rejected["status"], rejected["items"][0]["status"]) == ("canceled", "declined")
    assert rejected["items"][0]["reason"] == "Sold out this morning"
    assert (await trade.brand.ledger())["charges"] == []


async def test_refunds_never_exceed_what_was_paid(trade: Trade) -> None:
    order = await taken_in(trade)
    early = await trade.answer(order, "refund")
    assert (early.status_code, early.json()["code"]) == (409, "action_not_allowed")
    assert "receive, confirm, reject" in early.json()["detail"]
    await trade.answer(order, "confirm")
    too_much = await trade.answer(order, "refund", refund_amount={"amount": TOTAL + 1, **USD}, key=key())
    assert (too_much.status_code, too_much.json()["errors"][0]["pointer"]) == (422, "/refund_amount/amount")
    foreign = await trade.answer(order, "refund", refund_amount={"amount": 1, "currency": "CAD"}, key=key())
    assert foreign.status_code == 422
    part, same = {"amount": 5000, **USD}, key()
    for _ in range(2):
        answer = await trade.answer(order, "refund", refund_amount=part, key=same)
        assert totals(answer.json()) == (TOTAL, TOTAL, 5000)
    rest = await trade.answer(order, "refund", refund_amount=part, key=key())
    assert rest.status_code == 422
    assert totals((await trade.answer(order, "refund")).json()) == (TOTAL, TOTAL, TOTAL)
    assert totals((await trade.answer(order, "refund")).json()) == (TOTAL, TOTAL, TOTAL)
    (charge,) = (await trade.brand.ledger())["charges"]
    assert charge["refunded"] == TOTAL


async def test_part_of_a_refund_needs_a_key(trade: Trade) -> None:
    order = await taken_in(trade)
    await trade.answer(order, "confirm")
    answer = await trade.answer(order, "refund", refund_amount={"amount": 1, **USD})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_reservation_is_confirmed_and_never_refunded(trade: Trade) -> None:
    order = await taken_in(trade, path="ropis")
    assert order["path_to_purchase"] == "ropis"
    assert (await trade.answer(order, "confirm")).json()["totals"]["charged"]["amount"] == 0
    assert (await trade.answer(order, "refund")).json()["code"] == "action_not_allowed"
    assert (await trade.answer(order, "fulfill")).json()["status"] == "completed"


async def test_failed_charge_is_collected_in_the_store(trade: Trade) -> None:
    order = await taken_in(trade)
    await trade.brand.sandbox.post(f"/_sandbox/orders/{order['cart_hash']}", json={"capture_fails": True})
    failed = (await trade.answer(order, "confirm")).json()
    assert (failed["items"][0]["status"], *totals(failed)) == ("charge_failed", TOTAL, 0, 0)
    assert (await trade.answer(order, "refund")).status_code == 409
    assert (await trade.brand.ledger())["charges"] == []


async def test_ship_to_store_is_left_to_the_brand(prices: Path) -> None:
    async with trading(prices=prices) as trade:
        order = await taken_in(trade, path="sts")
        told = (order["path_to_purchase"], order["items"][0]["status"], order["answer_by"])
        assert told == ("sts", "pending_brand", None)
        answer = await trade.answer(order, "confirm")
        assert (answer.status_code, answer.json()["code"]) == (409, "action_not_allowed")
        brands = f"/v1/orders/{order['id']}/items/{UPC}/ship-to-store"
        assert (await trade.ask("POST", brands, {"action": "confirm"})).json()["code"] == "not_here"


async def test_retailer_refunds_what_was_shipped_to_it(prices: Path) -> None:
    async with trading(prices=prices) as trade:
        order = await taken_in(trade, path="sts")
        path = f"/_sandbox/orders/{order['cart_hash']}/items/{UPC}"
        for action in ("confirm", "ship", "ready", "picked_up"):
            assert (await trade.brand.sandbox.post(path, json={"action": action})).status_code == 200
        refunded = (await trade.answer(order, "refund")).json()
        assert (refunded["status"], refunded["totals"]["refunded"]) == ("refunded", refunded["totals"]["total"])


async def test_repeated_answers_change_nothing(trade: Trade) -> None:
    order = await taken_in(trade)
    for action in ("receive", "receive", "confirm", "confirm", "receive", "fulfill", "fulfill", "confirm"):
        answer = await trade.answer(order, action)
        assert answer.status_code == 200, (action, answer.text)
    assert trade.upstreams.count("v2/update") == 3


async def test_lost_answer_is_read_back_not_sent_again(trade: Trade) -> None:
    order = await taken_in(trade)
    trade.upstreams.on("v2/update", lost_answer)
    confirmed = await trade.answer(order, "confirm")
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")
    trade.upstreams.on("v2/update", lost_answer)
    refunded = await trade.answer(order, "refund", refund_amount={"amount": 1000, **USD}, key=key())
    assert (refunded.status_code, totals(refunded.json())) == (200, (TOTAL, TOTAL, 1000))
    assert trade.upstreams.count("v2/update") == 2


async def test_lost_request_may_be_sent_again_once_proven(trade: Trade) -> None:
    order = await taken_in(trade)
    trade.upstreams.on("v2/update", lost_request)
    lost = await trade.answer(order, "confirm")
    assert (lost.status_code, lost.json()["code"]) == (409, "action_refused")
    assert (await trade.answer(order, "confirm")).json()["status"] == "confirmed"


async def test_what_never_left_is_sent_once_more(trade: Trade) -> None:
    order = await taken_in(trade)
    trade.upstreams.on("v2/update", not_sent)
    assert (await trade.answer(order, "confirm")).json()["status"] == "confirmed"


async def test_unknown_outcome_is_a_202_for_the_impatient(trade: Trade) -> None:
    order = await taken_in(trade)
    trade.upstreams.on("v2/update", lost_answer)
    trade.upstreams.always("v2/cart", lost_request)
    path = f"/v1/orders/{order['id']}/items/{UPC}/answer"
    answer = await trade.ask("POST", path, {"action": "confirm"}, Prefer="wait=0")
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "2")
    other = await trade.ask("POST", path, {"action": "reject", "reason": "Sold out"})
    assert (other.status_code, other.json()["code"]) == (409, "action_in_progress")
    trade.upstreams.clear()

    async def look() -> Any:
        again = await trade.answer(order, "confirm")
        return again.json()["status"] if again.status_code == 200 else None

    assert await until(look) == "confirmed"
    assert trade.upstreams.count("v2/update") == 1


async def test_retailers_page_is_kept_with_the_order(trade: Trade) -> None:
    order = await taken_in(trade)
    page = "https://orders.main-street.example/7f3a"
    kept = (await trade.answer(order, "receive", fulfillment_url=page)).json()
    assert kept["fulfillment_url"] == page
    assert (await trade.order(order["cart_hash"]))["fulfillment_url"] == page
    assert trade.upstreams.bodies("v2/update") == [{"status": "received", "fulfillment_url": page}]
    assert await trade.events(order) == ["order.taken_in", "action.done", "order.handed_over"]
    assert page not in (await trade.ask("GET", f"/v1/orders/{order['id']}/timeline")).text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "ship"}, "/action"),
        ({"action": "confirm", "reason": "So"}, ""),
        ({"action": "confirm", "refund_amount": {"amount": 1, **USD}}, ""),
        ({"action": "fulfill", "fulfillment_url": "https://a.example"}, ""),
        ({"action": "receive", "fulfillment_url": "http://a.example"}, "/fulfillment_url"),
        ({"action": "receive", "fulfillment_url": "javascript:alert(1)"}, "/fulfillment_url"),
        ({"action": "receive", "tracking": {}}, "/tracking"),
    ],
)
async def test_senseless_answers_are_refused(trade: Trade, body: dict[str, Any], pointer: str) -> None:
    path = f"/v1/orders/ord_{'0' * 32}/items/{UPC}/answer"
    answer = await trade.ask("POST", path, body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_many_answers_have_results_of_their_own(trade: Trade) -> None:
    first, second = await taken_in(trade), await taken_in(trade)
    unknown = f"ord_{'0' * 32}"
    answers = [
        {"order": first["id"], "upc": UPC, "action": "confirm", "fulfillment_url": "https://a.example/1"},
        {"order": second["id"], "upc": UPC, "action": "refund"},
        {"order": unknown, "upc": UPC, "action": "confirm"},
    ]
    results = (await trade.ask("POST", "/v1/orders/answers", {"answers": answers})).json()["data"]
    assert [(row["status"], row["code"], row["item_status"]) for row in results] == [
        (200, None, "confirmed"),
        (409, "action_not_allowed", None),
        (404, "not_found", None),
    ]
    assert (await trade.order(first["cart_hash"]))["fulfillment_url"] == "https://a.example/1"


async def test_orders_whose_time_runs_out_come_first(trade: Trade) -> None:
    late = await taken_in(trade)
    await asyncio.sleep(1)  # Locally's times are whole seconds.
    early, answered = await taken_in(trade), await taken_in(trade)
    await trade.answer(answered, "confirm")
    query = "/v1/orders?sort=answer_by&limit=1"
    first = (await trade.ask("GET", query)).json()
    assert [order["id"] for order in first["data"]] == [late["id"]]
    second = (await trade.ask("GET", f"{query}&cursor={first['next_cursor']}")).json()
    assert ([order["id"] for order in second["data"]], second["next_cursor"]) == ([early["id"]], None)
    assert (await trade.ask("GET", "/v1/orders?sort=answer_by&status=canceled")).status_code == 422


async def test_retailer_is_warned_before_its_time_runs_out(trade: Trade) -> None:
    order = await taken_in(trade)
    trade.retailer.clock.advance(hours=7, minutes=1)

    async def look() -> bool:
        return "order.answer_due" in await trade.events(order)

    assert await until(look)


async def test_retailers_own_system_hears_of_its_orders() -> None:
    hooks = '[{"url": "https://retailer.example/hooks", "secrets": ["whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"]}]'
    async with trading(webhooks=hooks) as trade:
        order = await taken_in(trade)

        async def look() -> Any:
            found = (await trade.ask("GET", f"/v1/deliveries?subject={order['id']}")).json()["data"]
            return [each for each in found if each["tries"]]

        found = await until(look)
        assert (found[0]["type"], found[0]["subject"], found[0]["checkout_id"]) == ("order.updated", order["id"], None)
        sent = [request for _, request in trade.upstreams.sent if request.url.host == "retailer.example"]
        assert SHOPPER["email"] not in sent[0].content.decode()


async def test_retailer_sells_nothing(trade: Trade) -> None:
    for method, path in (
        ("GET", "/v1/stores"),
        ("POST", "/v1/checkouts"),
        ("GET", "/v1/reviews"),
        ("POST", "/v1/orders/lookup"),
        ("GET", "/checkout"),
        ("GET", "/o/ol_x"),
    ):
        answer = await trade.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_here"), path
    assert (await trade.retailer.client.get("/")).headers["location"] == "/console"
    assert (await trade.retailer.client.get("/readyz")).status_code == 200


async def test_brand_takes_nothing_in(trade: Trade) -> None:
    for method, path in (
        ("GET", "/v1/intake"),
        ("POST", "/v1/orders/answers"),
        ("POST", f"/v1/orders/ord_{'0' * 32}/items/{UPC}/answer"),
    ):
        answer = await trade.brand.call(method, path, {}, with_=SECRET_KEY)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_here"), path


async def test_documented_answers_are_understood(trade: Trade) -> None:
    order = await taken_in(trade)
    described = [each for each in OPERATIONS if each.tag == "pushcart" and each.request]
    assert len(described) == 3
    for operation in described:
        path = operation.path.replace("{id}", order["id"]).replace("{upc}", UPC)
        assert operation.request
        answer = await trade.ask(operation.method.upper(), path, operation.request.example)
        assert answer.status_code in {200, 202}, answer.text


async def test_answers_take_the_secret_key_alone(trade: Trade) -> None:
    for method, path in (("GET", "/v1/intake"), ("POST", "/v1/orders/answers")):
        answer = await trade.retailer.client.request(method, path, json={})
        assert answer.status_code == 401


# What a retailer may answer in each status, by the documents; `charged` is what of the item was paid online.
@pytest.mark.parametrize(
    ("status", "charged", "legal"),
    [
        ("ordered", 0, ("receive", "confirm", "reject")),
        ("confirmed", TOTAL, ("fulfill", "refund")),
        ("confirmed", 0, ("fulfill",)),
        ("charge_failed", 0, ("fulfill",)),
        ("picked_up", TOTAL, ("refund",)),
        ("picked_up", 0, ()),
        ("declined", 0, ()),
        ("auto_canceled", 0, ()),
        ("canceled", 0, ()),
        ("refunded", TOTAL, ()),
        ("something new", TOTAL, ()),
    ],
)
def test_only_documented_answers_are_allowed(status: str, charged: int, legal: tuple[str, ...]) -> None:
    item = item_of(status=status).changed(charged=item_of(total=charged).total)
    assert legal_actions(PUSHCART_RULES, item, TOTAL if status == "refunded" else 0) == legal


@pytest.mark.parametrize("status", list(ItemStatus))
def test_of_ship_to_store_only_what_was_shipped_is_refunded(status: str) -> None:
    item = item_of(status=status).changed(charged=item_of().total)
    shipped = {"shipped", "ready_for_pickup", "picked_up"}
    refunded = 1 if status == "partially_refunded" else 0
    allowed = ("refund",) if status in shipped | {"partially_refunded"} else ()
    assert legal_actions(PUSHCART_STS_RULES, item, refunded) == allowed


@pytest.mark.parametrize("action", list(PUSHCART_RULES))
def test_every_answer_has_locallys_word(action: str) -> None:
    words = {"receive": "received", "confirm": "confirmed", "reject": "rejected", "fulfill": "fulfilled"}
    assert pushcart_wish(action, reason="R").changes == {"status": words.get(action, "refund"), "reason": "R"}
