"""The sandbox's order desk: what store, brand and shopper do by `POST /_sandbox/orders/{hash}/items/{upc}`."""

import re
from collections.abc import AsyncIterator

import pytest

from checkout.sandbox import WEBHOOK_TOKEN
from tests.sandbox_desk import act, done, money
from tests.sandbox_mailbox import open_mailbox
from tests.sandbox_shopper import STORE, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def test_confirming_charges_the_card(shopper: Shopper) -> None:
    item = await done(shopper, await shopper.order(1), "confirm", message="On the shelf")
    assert (item["status"], item["resolution"], money(item)) == ("Confirmed", "SUCCESS", ("captured", 9812, 0))
    assert [(each["sender"], each["description"]) for each in item["messages"]] == [("retailer", "On the shelf")]


async def test_declining_releases_the_hold(shopper: Shopper) -> None:
    item = await done(shopper, await shopper.order(1), "decline", reason="Damaged")
    assert (item["status"], item["resolution"], item["notes"]) == ("Canceled", "DECLINED", "Damaged")
    assert money(item) == ("released", None, None)


async def test_shoppers_own_cancelling_releases_the_hold(shopper: Shopper) -> None:
    item = await done(shopper, await shopper.order(1), "cancel")
    assert (item["status"], item["resolution"], money(item)) == ("Canceled", "BUYER_DECLINED", ("released", None, None))


async def test_picking_up_leaves_the_charge(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await done(shopper, cart_hash, "confirm")
    item = await done(shopper, cart_hash, "picked_up")
    assert (item["status"], money(item)) == ("Fulfilled", ("captured", 9812, 0))


async def test_refund_goes_to_the_last_cent(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await done(shopper, cart_hash, "confirm")
    part = await done(shopper, cart_hash, "refund", amount=5000)
    too_much = await act(shopper, cart_hash, "refund", amount=4813)
    rest = await done(shopper, cart_hash, "refund")
    assert (part["status"], money(part)) == ("Partially_Refunded", ("captured", 9812, 5000))
    assert (too_much.status_code, "amount" in too_much.json()["error"]) == (400, True)
    assert (rest["status"], money(rest)) == ("Refunded", ("captured", 9812, 9812))
    assert (await act(shopper, cart_hash, "refund")).status_code == 409


async def test_reservation_touches_no_card(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="ropis")
    item = await done(shopper, cart_hash, "confirm")
    assert (item["status"], money(item), "refund" in item["legal"]) == ("Confirmed", (None, None, None), False)
    assert (await done(shopper, cart_hash, "picked_up"))["status"] == "Fulfilled"


@pytest.mark.parametrize("sender", ["retailer", "customer", "locally"])
async def test_message_says_who_wrote_it(shopper: Shopper, sender: str) -> None:
    cart_hash = await shopper.order(1)
    item = await done(shopper, cart_hash, "message", text="See you at 5", sender=sender)
    shown = (await shopper.item(cart_hash))["messages"]
    assert (item["status"], shown[0]["sender"], shown[0]["description"]) == ("Ordered", sender, "See you at 5")


async def test_message_is_the_stores_unless_said(shopper: Shopper) -> None:
    item = await done(shopper, await shopper.order(1), "message", text="Ready at noon")
    assert item["messages"][0]["sender"] == "retailer"


async def test_outcome_and_notes_are_set_with_any_action(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await done(shopper, cart_hash, "confirm", resolution="SUCCESS_LATER", notes="Behind the counter")
    item = await shopper.item(cart_hash)
    assert (item["order_resolution"], item["resolution_notes"]) == ("SUCCESS_LATER", "Behind the counter")
    resolved = await done(shopper, cart_hash, "resolve", resolution="NO_SHOW")
    assert (resolved["status"], resolved["resolution"], resolved["notes"]) == (
        "Confirmed",
        "NO_SHOW",
        "Behind the counter",
    )


async def test_receiving_changes_nothing(shopper: Shopper) -> None:
    item = await done(shopper, await shopper.order(1), "receive")
    assert (item["status"], money(item)) == ("Ordered", ("open", None, None))


async def test_ship_to_store_runs_from_brand_to_counter(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    states = [
        (item["sts_status"], item["hold"]["state"])
        for item in [await done(shopper, cart_hash, action) for action in ("confirm", "process", "ship", "ready")]
    ]
    assert states == [(state, "captured") for state in ("Confirmed", "Processing", "Shipped", "Ready for Pickup")]
    item = await done(shopper, cart_hash, "picked_up")
    assert (item["status"], item["sts_status"], money(item)) == ("Fulfilled", "Picked Up", ("captured", 9812, 0))


async def test_brand_declines_ship_to_store(shopper: Shopper) -> None:
    item = await done(shopper, await shopper.order(1, path="sts"), "decline", reason="Sold out")
    assert (item["status"], item["sts_status"], item["notes"]) == ("Canceled", "Rejected", "Sold out")
    assert money(item) == ("released", None, None)


async def test_ship_to_store_is_refunded(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await done(shopper, cart_hash, "process")
    part = await done(shopper, cart_hash, "refund", amount=812)
    assert (part["sts_status"], money(part)) == ("Processing", ("captured", 9812, 812))
    whole = await done(shopper, cart_hash, "refund")
    assert (whole["sts_status"], whole["legal"]) == ("Refunded", ["message", "resolve"])


LEGAL = {
    "bopis": ["receive", "confirm", "decline", "cancel", "message", "resolve"],
    "ropis": ["receive", "confirm", "decline", "cancel", "message", "resolve"],
    "sts": ["confirm", "decline", "process", "message", "resolve"],
}


@pytest.mark.parametrize("path", LEGAL)
async def test_new_order_tells_what_is_legal(shopper: Shopper, path: str) -> None:
    order = await shopper.get(f"/_sandbox/orders/{await shopper.order(1, path=path)}")
    assert (order["path"], order["items"][0]["legal"]) == (path, LEGAL[path])


REACHED = {
    "bopis": ("Ordered", "Confirmed", "Fulfilled", "Refunded", "Canceled"),
    "ropis": ("Ordered", "Confirmed", "Fulfilled", "Canceled"),
    "sts": (
        *("Pending Brand", "Confirmed", "Processing", "Shipped", "Ready for Pickup", "Picked Up"),
        *("Rejected", "Refunded"),
    ),
}


@pytest.mark.parametrize("path", LEGAL)
async def test_legal_actions_work_and_others_do_not(path: str) -> None:
    """Walks from a new item through every state that actions reach."""
    needs = {"decline": {"reason": "None left"}, "message": {"text": "Hello"}, "resolve": {"notes": "Seen"}}
    every = ("receive", "confirm", "decline", "picked_up", "refund", "cancel", "process", "ship", "ready", "message")
    async with fresh_shopper() as shopper:
        await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 10_000})
        trails: list[list[str]] = [[]]
        seen = set()
        while trails:
            trail = trails.pop()
            for action in (*every, "resolve"):
                cart_hash = await shopper.order(1, path=path)
                for step in trail:
                    await done(shopper, cart_hash, step, **needs.get(step, {}))
                before = (await shopper.get(f"/_sandbox/orders/{cart_hash}"))["items"][0]
                answer = await act(shopper, cart_hash, action, **needs.get(action, {}))
                assert answer.status_code == (200 if action in before["legal"] else 409)
                if answer.status_code == 409:
                    assert answer.json()["legal"] == before["legal"]
                    continue
                state = answer.json()["sts_status" if path == "sts" else "status"]
                if state not in seen:
                    seen.add(state)
                    trails.append([*trail, action])
    assert seen == set(REACHED[path])


async def test_charge_of_one_order_fails(shopper: Shopper) -> None:
    failing, other = await shopper.order(1), await shopper.order(1)
    assert (await shopper.control(f"orders/{failing}", {"capture_fails": True}))["capture_fails"] is True
    failed, charged = await done(shopper, failing, "confirm"), await done(shopper, other, "confirm")
    assert (failed["status"], money(failed)) == ("Charge_Failed", ("released", None, None))
    assert (charged["status"], money(charged)) == ("Confirmed", ("captured", 9812, 0))
    assert (await done(shopper, failing, "picked_up"))["status"] == "Fulfilled"


async def test_charge_may_be_let_succeed_again(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.control(f"orders/{cart_hash}", {"capture_fails": True})
    await shopper.control(f"orders/{cart_hash}", {"capture_fails": False})
    assert (await done(shopper, cart_hash, "confirm"))["status"] == "Confirmed"


async def test_ship_to_store_waits_for_a_charge(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await shopper.control(f"orders/{cart_hash}", {"capture_fails": True})
    answer = await act(shopper, cart_hash, "confirm")
    assert (answer.status_code, answer.json()["error"]) == (402, "The card could not be charged")
    assert (await shopper.item(cart_hash))["sts_status"] == "Pending Brand"


async def test_action_may_lose_its_webhook(shopper: Shopper) -> None:
    async with open_mailbox(WEBHOOK_TOKEN) as box:
        await shopper.control("webhooks", {"locally_url": box.url})
        cart_hash = await shopper.order(1)
        await done(shopper, cart_hash, "confirm", webhook=False)
        await shopper.move(cart_hash, status="fulfilled")
        assert await box.words(2) == ["ordered", "fulfilled"]
        assert (await shopper.item(cart_hash))["status"] == "Fulfilled"


async def test_refused_action_loses_no_later_webhook(shopper: Shopper) -> None:
    async with open_mailbox(WEBHOOK_TOKEN) as box:
        await shopper.control("webhooks", {"locally_url": box.url})
        cart_hash = await shopper.order(1)
        assert (await act(shopper, cart_hash, "decline", webhook=False)).status_code == 400
        await shopper.move(cart_hash, status="confirmed")
        assert await box.words(2) == ["ordered", "confirmed"]


async def test_answer_window_is_that_of_the_switch(shopper: Shopper) -> None:
    await shopper.control("settings", {"answer_hours": 2})
    cart_hash = await shopper.order(1, 1)
    await done(shopper, cart_hash, "confirm")
    # Two hours of a store's week, from wherever in it this runs, end within three days, closed days included.
    await shopper.control("clock", {"advance": "P3D"})
    kept, silent = (await shopper.get(f"/_sandbox/orders/{cart_hash}"))["items"]
    assert (kept["status"], money(kept)) == ("Confirmed", ("captured", 9812, 0))
    assert (silent["status"], silent["resolution"], money(silent)) == (
        "Canceled",
        "AUTO_CANCELED",
        ("released", None, None),
    )


async def test_timer_may_be_switched_off(shopper: Shopper) -> None:
    await shopper.control("settings", {"auto_cancel": False})
    cart_hash = await shopper.order(1)
    await shopper.control("clock", {"advance": "P3D"})
    assert (await shopper.item(cart_hash))["status"] == "Ordered"


async def answer_by(shopper: Shopper) -> list[str]:
    """When the store's orders have to be answered, as its screen tells it, newest order first."""
    page = (await shopper.client.get(f"/_sandbox/stores/{STORE}")).text
    return re.findall("answer by <b>(.+?)</b>", page)


async def test_window_of_an_order_stays_what_it_was(shopper: Shopper) -> None:
    await shopper.order(1)
    (eight_hours,) = await answer_by(shopper)
    await shopper.control("settings", {"answer_hours": 2})
    await shopper.order(1)
    two_hours, still = await answer_by(shopper)
    assert (still, two_hours != eight_hours) == (eight_hours, True)
