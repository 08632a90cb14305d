"""What the sandbox's order desk refuses: each no names what is wrong, and leaves the item as it was."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox_desk import act, done
from tests.sandbox_shopper import Json, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "action"),
        ({"action": "explode"}, "action"),
        ({"action": ["confirm"]}, "action"),
        ({"action": "confirm", "reason": "Damaged"}, "reason"),
        ({"action": "confirm", "message": 5}, "message"),
        ({"action": "confirm", "webhook": "no"}, "webhook"),
        ({"action": "confirm", "resolution": 5}, "resolution"),
        ({"action": "decline"}, "reason"),
        ({"action": "decline", "reason": "  "}, "reason"),
        ({"action": "decline", "reason": "x" * 2001}, "reason"),
        ({"action": "message"}, "text"),
        ({"action": "message", "text": "Hello", "sender": "brand"}, "sender"),
        ({"action": "resolve"}, "resolution or notes"),
    ],
)
async def test_senseless_action_is_named_and_does_nothing(shopper: Shopper, body: Json, named: str) -> None:
    cart_hash = await shopper.order(1)
    answer = await shopper.client.post(f"/_sandbox/orders/{cart_hash}/items/{shopper.upcs[0]}", json=body)
    assert (answer.status_code, named in answer.json()["error"]) == (400, True)
    item = await shopper.item(cart_hash)
    assert (item["status"], item["order_resolution"], item["messages"]) == ("Ordered", "", [])


@pytest.mark.parametrize("amount", [0, -1, 9813, 10.5, "10", True])
async def test_senseless_refund_is_refused(shopper: Shopper, amount: object) -> None:
    cart_hash = await shopper.order(1)
    await done(shopper, cart_hash, "confirm")
    answer = await act(shopper, cart_hash, "refund", amount=amount)
    assert (answer.status_code, "amount" in answer.json()["error"]) == (400, True)
    assert (await shopper.ledger())["charges"][0]["refunded"] == 0


@pytest.mark.parametrize("path", ["orders/NONE", "orders/NONE/items/068648100001", "orders/NONE/068648100001"])
async def test_unknown_order_is_not_found(shopper: Shopper, path: str) -> None:
    answer = await shopper.client.post(f"/_sandbox/{path}", json={"action": "confirm"})
    assert (answer.status_code, answer.json()["error"]) == (404, "there is no order of that hash")


async def test_cart_that_is_no_order_is_not_found(shopper: Shopper) -> None:
    cart_hash = (await shopper.validate(await shopper.draft())).json()["data"]["cart_hash"]
    assert (await act(shopper, cart_hash, "confirm")).status_code == 404


async def test_unknown_item_is_not_found(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert (await act(shopper, cart_hash, "confirm", shopper.upcs[1])).status_code == 404


@pytest.mark.parametrize("body", [{"capture_fails": "yes"}, {"captures": True}])
async def test_senseless_knob_of_an_order_is_refused(shopper: Shopper, body: Json) -> None:
    answer = await shopper.client.post(f"/_sandbox/orders/{await shopper.order(1)}", json=body)
    assert (answer.status_code, "capture" in answer.json()["error"]) == (400, True)
