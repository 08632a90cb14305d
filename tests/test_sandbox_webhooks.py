"""The sandbox's webhooks: each form and failure that a receiver has to live with, and forged ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import stripe

from checkout.sandbox import WEBHOOK_TOKEN
from tests.sandbox_mailbox import Mailbox, open_mailbox
from tests.sandbox_shopper import Json, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


@pytest.fixture
async def mailbox(shopper: Shopper) -> AsyncIterator[Mailbox]:
    async with open_mailbox(WEBHOOK_TOKEN) as box:
        await shopper.control("webhooks", {"locally_url": box.url})
        yield box


async def answered(shopper: Shopper, count: int) -> list[Json]:
    """The log of notices, once so many of them were answered."""
    async with asyncio.timeout(20):
        while True:
            sent: list[Json] = (await shopper.get("/_sandbox/webhooks"))["sent"]
            if sum(len(notice["answers"]) for notice in sent) >= count:
                return sent
            await asyncio.sleep(0.01)


async def test_webhook_of_four_keys_follows_each_change(shopper: Shopper, mailbox: Mailbox) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    url = f"https://www.locally.com/api/v2/cart/{cart_hash}"
    assert await mailbox.wait_for(2) == [
        {"upc": shopper.upcs[0], "order_id": cart_hash, "status": status, "order_url": url}
        for status in ("ordered", "confirmed")
    ]
    mail = mailbox.received[0]
    assert (mail.method, mail.headers["locally-webhook-token"]) == ("POST", WEBHOOK_TOKEN)


async def test_every_item_has_webhooks_of_its_own(shopper: Shopper, mailbox: Mailbox) -> None:
    cart_hash = await shopper.order(1, 1)
    await shopper.move(cart_hash, shopper.upcs[1], status="confirmed")
    told = [(body["upc"], body["status"]) for body in await mailbox.wait_for(3)]
    assert told == [*((upc, "ordered") for upc in shopper.upcs[:2]), (shopper.upcs[1], "confirmed")]


async def test_ship_to_store_webhook_tells_sts_status(shopper: Shopper, mailbox: Mailbox) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await shopper.move(cart_hash, sts_status="confirm-brand")
    assert await mailbox.words(2) == ["confirm-store", "confirm-brand"]
    assert not any("status" in body for body in await mailbox.wait_for(2))


async def test_webhook_may_be_put_with_another_token(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"locally_token": "other", "method": "PUT"})
    await shopper.order(1)
    await mailbox.wait_for(1)
    mail = mailbox.received[0]
    assert (mail.method, mail.headers["locally-webhook-token"]) == ("PUT", "other")


async def test_long_form_is_the_whole_cart(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"form": "cart"})
    cart_hash = await shopper.order(1, 1)
    first, _ = await mailbox.wait_for(2)
    await shopper.move(cart_hash, status="rejected", reason="Damaged", message="Sorry")
    last = (await mailbox.wait_for(3))[2]
    shown = await shopper.get(f"/api/v2/cart/{cart_hash}")
    assert (first["properties"]["hash"], [item["status"] for item in first["items"]]) == (cart_hash, ["Ordered"] * 2)
    assert (last["items"], last["properties"]["updated_at"]) == (shown["items"], shown["properties"]["updated_at"])


@pytest.mark.parametrize(
    ("kind", "header"), [("json", "application/json"), ("form", "application/x-www-form-urlencoded"), ("none", None)]
)
async def test_content_type_is_what_is_wanted(
    shopper: Shopper, mailbox: Mailbox, kind: str, header: str | None
) -> None:
    await shopper.control("webhooks", {"content_type": kind})
    cart_hash = await shopper.order(1)
    (body,) = await mailbox.wait_for(1)
    assert (mailbox.received[0].headers.get("content-type"), body["order_id"]) == (header, cart_hash)


async def test_copies_are_alike(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"copies": 3})
    await shopper.order(1)
    first, *others = await mailbox.wait_for(3)
    assert others == [first, first]
    assert [notice["answers"] for notice in await answered(shopper, 3)] == [[204] * 3]


async def test_every_nth_webhook_is_lost(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"lose_every": 2})
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    await shopper.move(cart_hash, status="fulfilled")
    assert await mailbox.words(2) == ["ordered", "fulfilled"]
    lost = [(notice["status"], notice["lost"]) for notice in await answered(shopper, 2)]
    assert lost == [("ordered", False), ("confirmed", True), ("fulfilled", False)]


async def test_all_webhooks_may_be_lost(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"lose_every": 1})
    await shopper.move(await shopper.order(1), status="confirmed")
    await shopper.control("webhooks", {"lose_every": 0})
    await shopper.order(1)
    assert await mailbox.words(1) == ["ordered"]
    assert [notice["lost"] for notice in await answered(shopper, 1)] == [True, True, False]


async def test_later_webhook_overtakes_the_earlier(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"reorder": True})
    cart_hash = await shopper.order(1)
    for status in ("confirmed", "fulfilled", "refund"):
        await shopper.move(cart_hash, status=status)
    assert await mailbox.words(4) == ["confirmed", "ordered", "refunded", "fulfilled"]


async def test_overtaken_webhook_comes_without_a_later_one(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks", {"reorder": True})
    await shopper.order(1)
    assert await mailbox.words(1) == ["ordered"]


async def test_delayed_webhook_comes_later(shopper: Shopper, mailbox: Mailbox) -> None:
    loop = asyncio.get_running_loop()
    await shopper.control("webhooks", {"delay": 0.3})
    began = loop.time()
    await shopper.order(1)
    assert mailbox.received == []
    await mailbox.wait_for(1)
    assert loop.time() - began >= 0.3


async def test_unanswered_webhook_is_told_as_such(shopper: Shopper) -> None:
    await shopper.control("webhooks", {"locally_url": "http://127.0.0.1:9/hook"})
    await shopper.order(1)
    assert [notice["answers"] for notice in await answered(shopper, 1)] == [[None]]


@pytest.mark.parametrize("knob", [{"delay": 0.2}, {"reorder": True}], ids=["delayed", "overtaken"])
async def test_fresh_start_sends_nothing_of_what_waited(shopper: Shopper, mailbox: Mailbox, knob: Json) -> None:
    await shopper.control("webhooks", knob)
    await shopper.order(1)
    await shopper.client.delete("/_sandbox")
    await shopper.control("webhooks", knob)
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    assert [body["order_id"] for body in await mailbox.wait_for(2)] == [cart_hash] * 2
    assert len((await shopper.get("/_sandbox/webhooks"))["sent"]) == 2


Drive = Callable[[Shopper, str], Awaitable[object]]


async def say(shopper: Shopper, cart_hash: str) -> object:
    return await shopper.control(f"orders/{cart_hash}/items/{shopper.upcs[0]}", {"action": "message", "text": "Hello"})


async def wait_out(shopper: Shopper, _: str) -> object:
    return await shopper.control("clock", {"advance": "P3D"})


@pytest.mark.parametrize(
    ("drive", "word"),
    [
        (lambda shopper, cart_hash: shopper.move(cart_hash, status="received"), "received"),
        (lambda shopper, cart_hash: shopper.move(cart_hash, status="rejected", reason="None left"), "canceled"),
        (say, "ordered"),
        (wait_out, "canceled"),
    ],
    ids=["received", "rejected", "message", "timer"],
)
async def test_each_happening_is_told(shopper: Shopper, mailbox: Mailbox, drive: Drive, word: str) -> None:
    await drive(shopper, await shopper.order(1))
    assert await mailbox.words(2) == ["ordered", word]


@pytest.mark.parametrize(
    ("paid", "word"), [(None, "refunded"), ("10.00", "partially_refunded")], ids=["in full", "in part"]
)
async def test_refund_is_told(shopper: Shopper, mailbox: Mailbox, paid: str | None, word: str) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    await shopper.move(cart_hash, status="refund", **({"refund_amount": paid} if paid else {}))
    assert await mailbox.words(3) == ["ordered", "confirmed", word]


async def test_stripe_webhooks_are_signed(shopper: Shopper) -> None:
    async with open_mailbox(None) as box:
        await shopper.control("webhooks", {"stripe_url": box.url, "stripe_secret": "whsec_sandbox"})
        card = await shopper.card()
        events = await box.wait_for(2)
        assert [event["type"] for event in events] == ["setup_intent.created", "setup_intent.succeeded"]
        assert {event["data"]["object"]["id"] for event in events} == {card}
        for mail in box.received:
            signature = mail.headers["stripe-signature"]
            stripe.WebhookSignature.verify_header(mail.raw.decode(), signature, "whsec_sandbox", tolerance=300)


async def test_forged_token_is_never_the_right_one(shopper: Shopper, mailbox: Mailbox) -> None:
    told = await shopper.control("webhooks/forge", {"kind": "token", "count": 5})
    assert (told["sent"], told["answers"]) == (5, {"401": 5})
    assert len({mail.headers["locally-webhook-token"] for mail in mailbox.received} - {WEBHOOK_TOKEN}) == 5


async def test_forged_order_url_is_a_foreign_host(shopper: Shopper, mailbox: Mailbox) -> None:
    cart_hash = await shopper.order(1)
    await mailbox.wait_for(1)
    await shopper.control("webhooks/forge", {"kind": "order_url", "count": 1})
    await shopper.control("webhooks/forge", {"kind": "order_url", "count": 1, "order_url": "http://127.0.0.1:9/x"})
    _, foreign, named = await mailbox.wait_for(3)
    assert (foreign["order_id"], foreign["order_url"]) == (cart_hash, f"http://forged.invalid/api/v2/cart/{cart_hash}")
    assert named["order_url"] == "http://127.0.0.1:9/x"


async def test_forged_hash_belongs_to_no_order(shopper: Shopper, mailbox: Mailbox) -> None:
    cart_hash = await shopper.order(1)
    await mailbox.wait_for(1)
    told = await shopper.control("webhooks/forge", {"kind": "hash", "count": 3})
    forged = {body["order_id"] for body in (await mailbox.wait_for(4))[1:]}
    assert (told["answers"], len(forged), cart_hash in forged) == ({"204": 3}, 3, False)


async def test_forged_status_is_a_lie_about_the_order(shopper: Shopper, mailbox: Mailbox) -> None:
    cart_hash = await shopper.order(1)
    await mailbox.wait_for(1)
    await shopper.control("webhooks/forge", {"kind": "status", "count": 4, "hash": cart_hash})
    lies = (await mailbox.wait_for(5))[1:]
    assert {body["order_id"] for body in lies} == {cart_hash}
    assert "ordered" not in {body["status"] for body in lies}
    assert (await shopper.item(cart_hash))["status"] == "Ordered"


async def test_all_kinds_are_forged_in_turn(shopper: Shopper, mailbox: Mailbox) -> None:
    told = await shopper.control("webhooks/forge", {"count": 10})
    assert (told["sent"], told["answers"], len(mailbox.received)) == (10, {"401": 2, "204": 8}, 10)


async def test_forged_webhooks_may_carry_a_given_token(shopper: Shopper, mailbox: Mailbox) -> None:
    await shopper.control("webhooks/forge", {"count": 5, "token": "guessed"})
    assert {mail.headers["locally-webhook-token"] for mail in mailbox.received} == {"guessed"}


async def test_forging_needs_somewhere_to_send(shopper: Shopper) -> None:
    answer = await shopper.client.post("/_sandbox/webhooks/forge", json={})
    assert (answer.status_code, "locally_url" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("webhooks", {"form": "long"}, "form"),
        ("webhooks", {"content_type": "xml"}, "content_type"),
        ("webhooks", {"copies": 0}, "copies"),
        ("webhooks", {"copies": 2.0}, "copies"),
        ("webhooks", {"delay": -1}, "delay"),
        ("webhooks", {"delay": True}, "delay"),
        ("webhooks", {"lose_every": "all"}, "lose_every"),
        ("webhooks", {"reorder": 1}, "reorder"),
        ("webhooks", {"speed": 1}, "speed"),
        ("settings", {"webhook_copies": 99}, "webhook_copies"),
        ("webhooks/forge", {"kind": "moon"}, "kind"),
        ("webhooks/forge", {"kind": ["hash"]}, "kind"),
        ("webhooks/forge", {"count": 0}, "count"),
        ("webhooks/forge", {"count": True}, "count"),
        ("webhooks/forge", {"hash": 5}, "hash"),
        ("webhooks/forge", {"token": "a\nb"}, "token"),
        ("webhooks/forge", {"order_url": "ftp://x"}, "order_url"),
        ("webhooks/forge", {"often": 1}, "often"),
    ],
)
async def test_senseless_knob_is_named(shopper: Shopper, path: str, body: Json, named: str) -> None:
    answer = await shopper.client.post(f"/_sandbox/{path}", json=body)
    assert (answer.status_code, named in answer.json()["error"]) == (400, True)


async def test_refused_change_changes_nothing(shopper: Shopper) -> None:
    before = await shopper.get("/_sandbox/webhooks")
    wrong = {"locally_url": "http://127.0.0.1:9/", "form": "cart", "copies": 0}
    assert (await shopper.client.post("/_sandbox/webhooks", json=wrong)).status_code == 400
    assert await shopper.get("/_sandbox/webhooks") == before
