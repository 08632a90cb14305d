"""What a crowd costs: rivals, and whoever asks again, are told from the read that every request begins with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.checkouts.turns import Turns
from checkout.database import SqliteDatabase
from checkout.errors import LostRace
from checkout.placing import Placing
from tests.databases import KINDS
from tests.placing_world import World, problem, running_world
from tests.service import key
from tests.upstreams import Forward


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(request.param, tmp_path) as world:
        yield world


def held_until(release: asyncio.Event) -> Callable[[httpx.Request, Forward], Awaitable[httpx.Response]]:
    async def happening(_request: httpx.Request, forward: Forward) -> httpx.Response:
        await release.wait()
        return await forward()

    return happening


def let_nobody_take_up(patch: pytest.MonkeyPatch) -> None:
    async def refuse(_self: Placing, _order: Any) -> Any:
        raise AssertionError("it was taken up")

    patch.setattr(Placing, "place", refuse)


async def test_rivals_of_an_attempt_are_told_without_a_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, card = await world.ready()
    release, using = asyncio.Event(), key()
    world.upstreams.on("cart/commit", held_until(release))
    first = asyncio.create_task(world.place(checkout, card, using=using))
    await world.until(checkout, lambda now: now["status"] == "placing")
    with monkeypatch.context() as patch:
        let_nobody_take_up(patch)
        rival, again = await world.place(checkout, card), await world.place(checkout, card, using=using)
    assert problem(rival) == (409, "placing", "wait", "placing")
    assert problem(again) == (409, "request_in_progress", "wait", "placing")
    assert (rival.headers["retry-after"], again.headers["retry-after"]) == ("2", "1")
    release.set()
    assert (await first).status_code == 200
    assert await world.calls() == (1, 1)


async def test_placed_order_is_told_without_a_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, card = await world.ready()
    using = key()
    first = await world.place(checkout, card, using=using)
    let_nobody_take_up(monkeypatch)
    replay, rival = await world.place(checkout, card, using=using), await world.place(checkout, card)
    assert (replay.status_code, replay.content) == (200, first.content)
    assert replay.headers["idempotent-replayed"] == "true"
    assert (rival.status_code, rival.json()["order"]) == (200, first.json()["order"])
    other = await world.place(checkout, card, using=using, expected_total={"amount": 1, "currency": "USD"})
    assert problem(other) == (422, "idempotency_mismatch", "fix", "placed")


async def test_stored_answer_is_for_whoever_has_the_token(world: World) -> None:
    checkout, card = await world.ready()
    using = key()
    await world.place(checkout, card, using=using)
    another, _ = await world.ready()
    stranger = await world.place(checkout, card, using=using, with_=another["token"])
    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")


async def test_price_that_is_too_low_is_told_without_a_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, card = await world.ready()
    let_nobody_take_up(monkeypatch)
    refused = await world.place(checkout, card, expected_total={"amount": 1, "currency": "USD"})
    assert problem(refused) == (409, "price_changed", "accept_total", "ready")


async def test_line_for_one_checkout_has_an_end() -> None:
    turns, release, served = Turns(), asyncio.Event(), []

    async def work() -> None:
        await release.wait()
        served.append(1)

    asked = [asyncio.create_task(turns.take("chk_1", work)) for _ in range(100)]
    other = asyncio.create_task(turns.take("chk_2", work))
    await asyncio.sleep(0)
    refused = [each for each in asked if each.done()]
    assert len(refused) == 80
    assert all(isinstance(each.exception(), LostRace) for each in refused)
    release.set()
    await asyncio.gather(*asked, other, return_exceptions=True)
    assert len(served) == 21
    await turns.take("chk_1", work)
    assert len(served) == 22


async def test_crowd_that_asks_for_readiness_is_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_world("sqlite", tmp_path) as world:
        read, looks = SqliteDatabase.read, []

        async def counted(self: SqliteDatabase, work: Any) -> Any:
            looks.append(work.__name__ == "count_placing")
            return await read(self, work)

        monkeypatch.setattr(SqliteDatabase, "read", counted)
        answers = await asyncio.gather(*(world.service.client.get("/readyz") for _ in range(50)))
        assert {each.status_code for each in answers} == {200}
        assert sum(looks) == 1
        await world.service.client.get("/readyz")
        assert sum(looks) == 2
