"""A database that is gone for a while: no order without a record, and no recorded order called failed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

import checkout.app
from checkout.database import Database, open_database
from checkout.database.tables import orders
from checkout.database.transactions import Work
from checkout.errors import DatabaseUnavailable
from tests.placing_world import World, running_world
from tests.service import key
from tests.upstreams import Forward, after

T = TypeVar("T")


class Fragile:
    """A database that a test takes away and gives back."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.is_exclusive = inner.is_exclusive
        self.gone = False
        self.lies = False

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def write(self, work: Work[T]) -> T:
        self._fail_if_gone()
        result = await self._inner.write(work)
        if self.lies:  # The connection broke between the commit and its answer.
            self.lies = False
            raise DatabaseUnavailable
        return result

    async def read(self, work: Work[T]) -> T:
        self._fail_if_gone()
        return await self._inner.read(work)

    def _fail_if_gone(self) -> None:
        if self.gone:
            raise DatabaseUnavailable


@pytest.fixture
async def fragile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[tuple[World, Fragile]]:
    made: list[Fragile] = []

    def open_fragile(url: str) -> Fragile:
        made.append(Fragile(open_database(url)))
        return made[0]

    monkeypatch.setattr(checkout.app, "open_database", open_fragile)
    async with running_world("sqlite", tmp_path, lease="0.3") as world:
        yield world, made[0]
        made[0].gone = False


async def test_no_order_without_a_record(fragile: tuple[World, Fragile]) -> None:
    world, database = fragile
    checkout, card = await world.ready()
    database.gone = True
    refused = await world.place(checkout, card)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"]
    assert await world.calls() == (0, 0)
    database.gone = False
    assert (await world.place(checkout, card)).status_code == 200


async def test_no_validate_without_its_mark(fragile: tuple[World, Fragile]) -> None:
    world, database = fragile
    checkout, card = await world.ready()
    using = key()

    async def vanish() -> None:
        database.gone = True

    world.upstreams.on("stripe/setup_intents", after(vanish))
    refused = await world.place(checkout, card, using=using)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert await world.calls() == (0, 0)
    database.gone = False
    assert (await world.settled(checkout))["status"] == "placed"
    assert (await world.place(checkout, card, using=using)).status_code == 200
    assert await world.calls() == (1, 1)


async def commit_and_lose_the_database(world: World, database: Fragile, seconds: float) -> asyncio.Task[None]:
    """The next commit is carried out, and the database is gone for so long when its answer comes."""

    async def come_back() -> None:
        while not database.gone:  # noqa: ASYNC110  The database goes within a call of the service.
            await asyncio.sleep(0.005)
        await asyncio.sleep(seconds)
        database.gone = False

    async def commit(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        database.gone = True
        return answer

    world.upstreams.on("cart/commit", commit)
    return asyncio.create_task(come_back())


async def test_answer_is_written_once_the_database_is_back(fragile: tuple[World, Fragile]) -> None:
    world, database = fragile
    checkout, card = await world.ready()
    back = await commit_and_lose_the_database(world, database, 0.15)
    placed = await world.place(checkout, card)
    await back
    assert placed.status_code == 200
    assert await world.calls() == (1, 1)


async def test_order_that_cannot_be_recorded_yet_is_not_called_failed(fragile: tuple[World, Fragile]) -> None:
    world, database = fragile
    checkout, card = await world.ready()
    using = key()
    back = await commit_and_lose_the_database(world, database, 1.3)
    told = await world.place(checkout, card, using=using, wait=1)
    assert (told.status_code, told.json()["status"]) == (202, "placing")
    await back
    assert (await world.settled(checkout))["status"] == "placed"
    assert (await world.place(checkout, card, using=using)).status_code == 200
    assert [row["cart_hash"] for row in await world.rows(orders)] == await world.orders()


@pytest.mark.parametrize("call", ["cart/validate", "cart/commit"])
async def test_write_that_was_done_and_called_lost_holds_nothing_up(fragile: tuple[World, Fragile], call: str) -> None:
    world, database = fragile
    checkout, card = await world.ready()

    async def answer_then_lie(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        database.lies = True
        return answer

    world.upstreams.on(call, answer_then_lie)
    placed = await world.place(checkout, card)
    assert (placed.status_code, placed.json()["status"]) == (200, "placed")
    assert await world.calls() == (1, 1)
    assert world.upstreams.count("v2/cart") == 1  # The order's totals are read all the same.


async def test_refusal_that_was_written_and_called_lost_is_told(fragile: tuple[World, Fragile]) -> None:
    world, database = fragile
    checkout, card = await world.ready("pm_card_chargeCustomerFail")

    async def answer_then_lie(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        database.lies = True
        return answer

    world.upstreams.on("cart/validate", answer_then_lie)
    refused = await world.place(checkout, card)
    assert (refused.status_code, refused.json()["code"]) == (402, "card_declined")
