"""Webhooks out: signed, in order per purchase, repeated until they are taken, and no receiver holds up another."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

import checkout
from checkout.database import Database, Transaction, WatchedDatabase
from checkout.database.tables import delivery_tries, outbox
from checkout.errors import DatabaseUnavailable
from checkout.schemas import CheckoutBody, FullOrderBody
from checkout.schemas.order_views import FullOrderItemBody
from checkout.settings import TOPICS
from tests.databases import KINDS, database_url, running_database
from tests.notifying_world import OLD_SECRET, SECRET, Outbox, Receivers, answering, endpoint, takes

SHOP, POST = endpoint("shop.example"), endpoint("post.example")


@pytest_asyncio.fixture(params=KINDS)
async def box(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Outbox]:
    """An outbox with one purchase on each kind of database."""
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        box = Outbox(database)
        await box.purchase()
        yield box


@pytest_asyncio.fixture
async def small() -> AsyncIterator[Outbox]:
    """An outbox with one purchase in memory, where the kind of database does not matter."""
    async with running_database("sqlite:///:memory:") as database:
        box = Outbox(database)
        await box.purchase()
        yield box


async def test_every_endpoint_hears_what_it_wants(box: Outbox) -> None:
    picky = endpoint("post.example", events=["order.updated"])
    async with box.running(SHOP, picky):
        await box.happen("checkout.placed", "order.updated")
        await box.until_states("delivered", "delivered", "delivered")
    assert box.receivers.topics("shop") == ["checkout.placed", "order.updated"]
    assert box.receivers.topics("post") == ["order.updated"]
    assert box.receivers.ids("shop")[1:] == box.receivers.ids("post")
    assert re.fullmatch("msg_[0-9a-f]{32}", box.receivers.ids("post")[0])


async def test_message_is_verified_by_the_library(small: Outbox) -> None:
    small.clock.advance(hours=50)  # As in a demo whose clock was moved on: receivers go by their own.
    async with small.running(SHOP):
        await small.happen("checkout.placed")
        (request,) = await small.until_got("shop", 1)
    told = Webhook(SECRET).verify(request.content, dict(request.headers))
    assert (told["type"], told["data"]["id"], told["data"]["order"]["id"]) == ("checkout.placed", "chk_1", "ord_1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("local-checkout/")
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.content + b" ", dict(request.headers))


async def test_old_and_new_secret_both_verify(small: Outbox) -> None:
    async with small.running(endpoint("shop.example", SECRET, OLD_SECRET)):
        await small.happen("order.updated")
        (request,) = await small.until_got("shop", 1)
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(request.content, dict(request.headers))["type"] == "order.updated"
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "QUJD" * 8).verify(request.content, dict(request.headers))


@pytest.mark.parametrize("topic", TOPICS)
async def test_message_holds_nothing_personal_and_opens_nothing(small: Outbox, topic: str) -> None:
    async with small.running(SHOP):
        await small.happen(topic)
        (request,) = await small.until_got("shop", 1)
    said = request.content.decode()
    for secret in ("jane@", "Doe", "3125550142", "Michigan", "60605", "opens-it", "555", "called", "back door"):
        assert secret not in said
    assert not re.search(r"\b(ct|ot|ol|csk|cpk|whsec|seti)_", said)
    data = json.loads(said)["data"]
    assert (data["shopper"]["email"], data["shopper"]["last_name"]) == ("j***@e***.com", "D.")
    assert data["object"] == topic.partition(".")[0]


def test_every_field_of_a_message_was_judged() -> None:
    """A new field of a body goes to every receiver: is it personal, or does it open something? Then leave it out."""
    left_out = {"messages", "cancel_reason", "locally_order_url", "invoice_url", "fulfillment_url"}
    order = {"id", "object", "status", "brand", "path_to_purchase", "cart_hash", "placed_at", "answer_by", "store"}
    order |= {"items", "shopper", "totals", "rescues", "rescued_by", "cancel_requested"}
    item = {"upc", "name", "quantity", "status", "reason", "total", "refunded", "order_resolution", "resolution_notes"}
    told = {"id", "object", "version", "status", "brand", "store", "path_to_purchase", "items", "shopper", "totals"}
    told |= {"payment", "problems", "order", "rescues", "expires_at"}
    assert set(FullOrderBody.model_fields) == order | left_out
    assert set(FullOrderItemBody.model_fields) == item | {"product", "accounting"}
    assert set(CheckoutBody.model_fields) == told


async def test_later_message_waits_for_the_earlier(box: Outbox) -> None:
    await box.purchase("2")
    box.receivers.by_name["shop"] = answering(500)
    async with box.running(SHOP):
        await box.happen("checkout.placed", "order.updated", "order.answer_due")
        await box.until_got("shop", 1)
        box.receivers.by_name["shop"] = takes
        await box.happen("order.updated", name="2")
        await box.until_states("waiting", "waiting", "waiting", "delivered")
        assert box.receivers.topics("shop") == ["checkout.placed", "order.updated"]
        box.clock.advance(seconds=10)
        await box.until_states(*["delivered"] * 4)
    assert box.receivers.topics("shop")[2:] == ["checkout.placed", "order.updated", "order.answer_due"]
    assert box.receivers.ids("shop")[0] == box.receivers.ids("shop")[2]


async def test_many_events_of_one_purchase_keep_their_order(box: Outbox) -> None:
    topics = ["order.updated", "order.answer_due", "order.cancel_requested"] * 7
    async with box.running(SHOP):
        await box.happen(*topics)
        await box.until_states(*["delivered"] * len(topics))
    assert box.receivers.topics("shop") == topics


async def test_slow_receiver_holds_up_no_other(box: Outbox) -> None:
    free, most, now = asyncio.Event(), 0, 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await free.wait()
        now -= 1
        return httpx.Response(200)

    box.receivers.by_name["shop"] = slow
    for number in range(2, 22):
        await box.purchase(str(number))
    async with box.running(SHOP, POST):
        for number in range(1, 22):
            await box.happen("checkout.placed", name=str(number))
        await box.until_got("post", 21)
        await box.until_got("shop", 5)
        assert most <= 5
        free.set()
        await box.until_got("shop", 21)


async def test_receiver_that_comes_back_gets_everything(box: Outbox) -> None:
    async def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    box.receivers.by_name["shop"] = down
    async with box.running(SHOP):
        await box.happen("checkout.placed", "order.updated")
        await box.until_got("shop", 1)
        box.clock.advance(seconds=10)
        await box.until_got("shop", 2)
        box.receivers.by_name["shop"] = takes
        box.clock.advance(minutes=6)
        await box.until_states("delivered", "delivered")
    assert [(row["status"], row["fault"]) for row in await box.rows(delivery_tries)] == [
        (None, "unreachable"),
        (None, "unreachable"),
        (204, None),
        (204, None),
    ]


async def test_ten_tries_take_three_days(small: Outbox) -> None:
    small.receivers.by_name["shop"] = answering(500)
    begun, moments = small.clock(), []
    async with small.running(SHOP):
        await small.happen("order.updated")
        for number in range(1, 10):
            await small.until_got("shop", number)

            async def noted(number: int = number) -> bool:
                (row,) = await small.rows()
                return bool(row["tries"] == number)

            await small.until(noted)
            (row,) = await small.rows()
            moments.append(row["next_try_at"])
            small.clock.ahead += row["next_try_at"] - small.clock()
        await small.until_states("failed")
    assert len(set(small.receivers.ids("shop"))) == 1
    assert len({request.content for request in small.receivers.got["shop"]}) == 1
    assert len(small.receivers.got["shop"]) == 10
    assert timedelta(days=3) < moments[-1] - begun < timedelta(days=3.6)
    waits = [after - before for before, after in zip([begun, *moments], moments, strict=False)]
    assert waits == sorted(waits)


async def test_next_message_goes_out_once_one_is_given_up(small: Outbox) -> None:
    small.receivers.by_name["shop"] = answering(410)
    async with small.running(SHOP):
        with capture_logs() as logged:
            await small.happen("order.updated")
            await small.until_states("failed")
        small.receivers.by_name["shop"] = takes
        await small.happen("order.answer_due")
        await small.until_states("failed", "delivered")
    (line,) = [line for line in logged if line["event"] == "webhook_given_up"]
    assert (line["log_level"], line["host"], line["status"]) == ("error", "shop.example", 410)


async def test_log_names_only_the_host_of_an_endpoint(small: Outbox) -> None:
    small.receivers.by_name["shop"] = answering(500)
    with capture_logs() as logged:
        async with small.running(SHOP, POST):
            await small.happen("order.updated")
            await small.until_got("post", 1)
            await small.until_got("shop", 1)
            await small.until_states("waiting", "delivered")
    assert {"webhook_failed", "webhook_sent"} <= {line["event"] for line in logged}
    assert not re.search("path-is-a-secret|whsec|jane", repr(logged))


async def test_receiver_may_ask_for_a_pause(small: Outbox) -> None:
    small.receivers.by_name["shop"] = answering(429, Retry_After="3000")
    async with small.running(SHOP):
        await small.happen("order.updated")
        await small.until_got("shop", 1)

        async def noted() -> bool:
            return bool((await small.rows())[0]["tries"])

        await small.until(noted)
        (row,) = await small.rows()
    assert timedelta(seconds=2900) < row["next_try_at"] - small.clock() <= timedelta(seconds=3000)


class Forgetful(Receivers):
    """Takes a message; before that is noted, the service dies."""

    def __init__(self) -> None:
        super().__init__()
        self.has_taken = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if len(self.got["shop"]) == 1:
            self.has_taken.set()
            await asyncio.Event().wait()
        return answer


async def test_message_goes_again_after_a_crash_before_it_was_noted(box: Outbox) -> None:
    receivers = Forgetful()
    dying = box.made(SHOP, transport=receivers)
    await dying.start()
    await box.happen("order.updated")
    await asyncio.wait_for(receivers.has_taken.wait(), 10)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if "webhooks" in task.get_name() or "_deliver" in repr(task.get_coro()):
            task.cancel()  # As kill -9 would: nothing is given back.
    (row,) = await box.rows()
    assert row["lease_owner"]
    if not box.database.is_exclusive:
        box.clock.advance(minutes=1)  # Another instance waits until the lease has run out.
    async with box.running(SHOP, transport=receivers):
        await box.until_states("delivered")
    first, second = receivers.got["shop"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.content == second.content


class Failing:
    """A database that takes no more once it is told so."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_exclusive = database.is_exclusive
        self.is_down = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Any) -> Any:
        if self.is_down:
            raise DatabaseUnavailable
        return await self._database.write(work)


async def test_database_that_fails_is_waited_for(small: Outbox) -> None:
    failing = Failing(small.database)
    with capture_logs() as logged:
        async with small.running(SHOP, database=failing):
            failing.is_down = True
            await small.happen("order.updated")

            async def told() -> bool:
                return any(line["event"] == "webhooks_paused" for line in logged)

            await small.until(told)
            failing.is_down = False
            await small.until_states("delivered")
    assert {line["log_level"] for line in logged if line["event"] == "webhooks_paused"} == {"warning"}


async def test_nobody_to_tell_leaves_nothing_waiting(box: Outbox) -> None:
    async with box.running():
        await box.happen("checkout.placed", "order.updated")

        async def spread() -> bool:
            return all(row["spread_at"] for row in await box.rows(outbox))

        await box.until(spread)
    assert await box.rows() == []
    assert [row["body"] for row in await box.rows(outbox)] == [None, None]
    async with box.running(SHOP):  # Whoever comes later hears of what happens from then on.
        await box.happen("order.answer_due")
        await box.until_got("shop", 1)
    assert box.receivers.topics("shop") == ["order.answer_due"]


async def test_event_of_another_brand_is_left_alone(small: Outbox) -> None:
    async with small.running(SHOP, brand="other"):
        await small.happen("order.updated")
        await asyncio.sleep(0.1)
        assert [row["spread_at"] for row in await small.rows(outbox)] == [None]


async def test_event_goes_out_at_once_after_its_commit(small: Outbox) -> None:
    async with small.running(SHOP, recovery_interval="60") as notifying:
        await asyncio.sleep(0.05)  # It has looked, and found nothing.
        watched = WatchedDatabase(small.database, notifying.nudge)
        await small.happen("order.updated", database=watched)
        await small.until_states("delivered")


async def test_failed_transaction_tells_of_nothing(small: Outbox) -> None:
    told = []
    watched = WatchedDatabase(small.database, lambda: told.append(1))

    async def breaks(tx: Transaction) -> None:
        await tx.execute(outbox.delete())
        raise LookupError

    with pytest.raises(LookupError):
        await watched.write(breaks)
    await small.happen("order.updated", database=watched)
    assert told == [1]


async def test_endpoint_that_was_taken_away_is_given_up(box: Outbox) -> None:
    box.receivers.by_name["shop"] = answering(500)
    async with box.running(SHOP):
        await box.happen("order.updated")
        await box.until_got("shop", 1)
    async with box.running(POST):  # An instance with newer settings may know it.
        await asyncio.sleep(0.1)
        assert await box.states() == ["waiting"]
    box.clock.advance(hours=2)
    async with box.running(POST):
        await box.until_states("failed")
    assert (await box.rows(delivery_tries))[-1]["fault"] == "endpoint_removed"


async def test_old_deliveries_are_forgotten_and_waiting_ones_kept(box: Outbox) -> None:
    box.receivers.by_name["post"] = answering(500)
    async with box.running(SHOP, POST):
        await box.happen("order.updated")
        await box.until_states("delivered", "waiting")
    box.clock.advance(days=31)
    box.receivers.by_name["post"] = answering(500, Retry_After="5")
    async with box.running(SHOP, POST):
        await box.until_states("waiting")
    assert len(await box.rows(outbox)) == 1
    async with box.running():
        await box.until_states("failed")
    box.clock.advance(days=31)
    async with box.running():
        await box.until_states()

        async def forgotten() -> bool:
            return await box.rows(outbox) == []

        await box.until(forgotten)
    assert await box.rows(delivery_tries) == []


async def test_clock_set_back_holds_nothing_up(small: Outbox) -> None:
    small.receivers.by_name["shop"] = answering(500)
    small.clock.advance(days=40)
    async with small.running(SHOP):
        await small.happen("order.updated")
        await small.until_got("shop", 1)
        small.receivers.by_name["shop"] = takes
        small.clock.advance(days=-40)
        await small.until_states("delivered")


async def test_event_that_cannot_be_rendered_stops_no_other(small: Outbox) -> None:
    def render(topic: str, *_: Any) -> bytes:
        if topic == "checkout.review":
            raise LookupError
        return b"{}"

    with capture_logs() as logged:
        async with small.running(SHOP, render=render):
            await small.happen("checkout.review", "order.updated")
            await small.until_states("delivered")
    assert [line["topic"] for line in logged if line["event"] == "event_not_told"] == ["checkout.review"]


async def test_stop_lets_a_try_finish(small: Outbox) -> None:
    under_way, free = asyncio.Event(), asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        under_way.set()
        await free.wait()
        return httpx.Response(200)

    small.receivers.by_name["shop"] = slow
    notifying = small.made(SHOP)
    await notifying.start()
    await small.happen("order.updated")
    await asyncio.wait_for(under_way.wait(), 10)
    stopping = asyncio.create_task(notifying.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    free.set()
    await asyncio.wait_for(stopping, 10)
    assert await small.states() == ["delivered"]


async def test_try_under_way_is_not_made_twice_when_the_clock_leaps(small: Outbox) -> None:
    free = asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        await free.wait()
        return httpx.Response(200)

    small.receivers.by_name["shop"] = slow
    async with small.running(SHOP):
        await small.happen("order.updated")
        await small.until_got("shop", 1)
        small.clock.advance(hours=2)
        await asyncio.sleep(0.1)
        free.set()
        await small.until_states("delivered")
    assert len(small.receivers.got["shop"]) == 1


async def test_stop_does_not_wait_for_ever(small: Outbox) -> None:
    async def hangs(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    small.receivers.by_name["shop"] = hangs
    notifying = small.made(SHOP)
    await notifying.start()
    await small.happen("order.updated")
    await small.until_got("shop", 1)
    await notifying.stop(within=0.05)
    (row,) = await small.rows()
    assert (row["state"], row["lease_owner"], row["tries"]) == ("waiting", None, 0)


def test_every_topic_of_the_code_is_one_that_settings_know() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in Path(checkout.__file__).parent.rglob("*.py"))
    put = set(re.findall(r'put_event\([^)]*?"([a-z_]+\.[a-z_]+)"', code))
    assert "checkout.placed" in put
    assert put <= set(TOPICS)
