"""Several instances on one PostgreSQL database: each message is sent once, and those of a purchase in order."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from checkout.database import Database
from tests.databases import database_url, running_database
from tests.notifying_world import Outbox, endpoint

SHOP, POST = endpoint("shop.example"), endpoint("post.example")


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Outbox, Database]]:
    """One instance's outbox, and the other instance's connections to the same database."""
    async with (
        database_url("postgresql", tmp_path) as url,
        running_database(url) as one,
        running_database(url) as two,
    ):
        yield Outbox(one), two


async def test_two_instances_send_each_message_once_and_in_order(pair: tuple[Outbox, Database]) -> None:
    box, other = pair
    arrived: defaultdict[str, list[str]] = defaultdict(list)

    async def noted(request: httpx.Request) -> httpx.Response:
        arrived[request.headers["webhook-id"]].append(request.url.host)
        await asyncio.sleep(0.005)
        return httpx.Response(204)

    box.receivers.by_name = {"shop": noted, "post": noted}
    names = [str(number) for number in range(1, 9)]
    topics = ["checkout.placed", "order.updated", "order.answer_due", "order.updated", "order.cancel_requested"]
    for name in names:
        await box.purchase(name)
    async with box.running(SHOP, POST), box.running(SHOP, POST, database=other):
        databases = [box.database, other]
        for number, topic in enumerate(topics):
            await asyncio.gather(*(box.happen(topic, name=name, database=databases[number % 2]) for name in names))
        await box.until_states(*["delivered"] * len(names) * len(topics) * 2)
    assert Counter(len(hosts) for hosts in arrived.values()) == {2: len(names) * len(topics)}
    for host in ("shop", "post"):
        told = defaultdict(list)
        for request in box.receivers.got[host]:
            message = json.loads(request.content)
            told[message["data"]["id"].partition("_")[2]].append(message["type"])
        assert sorted(told) == names
        assert list(told.values()) == [topics] * len(names)


async def test_lease_of_an_instance_that_died_runs_out(pair: tuple[Outbox, Database]) -> None:
    box, other = pair
    under_way, free = asyncio.Event(), asyncio.Event()

    async def hangs(_: httpx.Request) -> httpx.Response:
        under_way.set()
        await free.wait()
        return httpx.Response(500)

    await box.purchase()
    box.receivers.by_name["shop"] = hangs
    one = box.made(SHOP)
    await one.start()
    await box.happen("order.updated")
    await asyncio.wait_for(under_way.wait(), 10)
    del box.receivers.by_name["shop"]
    async with box.running(SHOP, database=other):
        await asyncio.sleep(0.2)
        assert len(box.receivers.got["shop"]) == 1
        box.clock.advance(minutes=1)
        await box.until_states("delivered")
    free.set()
    await one.stop()
    assert await box.states() == ["delivered"]
    first, second = box.receivers.got["shop"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
