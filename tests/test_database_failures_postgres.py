"""PostgreSQL gone, silent, locked or cut off in mid-commit, under shoppers; collected where a server is named."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url

from checkout.database.tables import orders
from checkout.sandbox import create_sandbox
from tests.databases import database_url, on_server
from tests.placing_world import World, running_on
from tests.proxies import Proxy, proxy_of
from tests.service import key
from tests.upstreams import after

Shopper = tuple[dict[str, Any], str, str]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds in earnest: how long a connection, and a statement, may take."""
    monkeypatch.setattr("checkout.database.postgres._CONNECT_SECONDS", 0.5)
    monkeypatch.setattr("checkout.database.postgres._STATEMENT_SECONDS", 1)


@asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[tuple[World, Proxy]]:
    """A service whose way to the database is a proxy; the world itself reads past it."""
    async with database_url("postgresql", folder) as url:
        server = make_url(url)
        async with proxy_of(server.host or "127.0.0.1", server.port or 5432) as proxy:
            through = server.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
            async with running_on(through, create_sandbox(), lease="1") as world:
                world.url = url
                yield world, proxy


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[World, Proxy]]:
    async with proxied(tmp_path) as pair:
        yield pair


async def shoppers(world: World, number: int) -> list[Shopper]:
    """Checkouts that could be placed, with their cards and keys."""
    return [(*(await world.ready()), key()) for _ in range(number)]


async def insist(world: World, shopper: Shopper) -> list[httpx.Response]:
    """Ask with one key until it is placed, as a page does; gives every answer."""
    checkout, card, using = shopper
    told: list[httpx.Response] = []
    async with asyncio.timeout(40):
        while not told or told[-1].status_code != 200:
            told.append(await world.place(checkout, card, using=using, wait=1))
            await asyncio.sleep(0.05)
    return told


async def require_records(world: World, number: int) -> None:
    """So many orders, each with its record, and no commit beyond."""
    made = await world.orders()
    assert len(made) == number
    assert sorted(row["cart_hash"] for row in await world.rows(orders)) == sorted(made)
    assert (await world.calls())[1] == number


def require_kind(answers: list[httpx.Response]) -> None:
    """Nobody was told that it failed: only to wait, to come back, or that it is placed."""
    for told in answers:
        code = told.json().get("code")
        assert told.status_code in {200, 202} or code in {"database_unavailable", "request_in_progress", "placing"}
        assert told.status_code in {200} or told.headers["retry-after"]


async def readiness(world: World) -> int:
    return (await world.service.client.get("/readyz")).status_code


async def test_database_that_goes_under_load_costs_no_order(pair: tuple[World, Proxy]) -> None:
    world, proxy = pair
    waiting = await shoppers(world, 12)
    asking = [asyncio.create_task(insist(world, each)) for each in waiting]
    for pause in (0.05, 0.15, 0.3):
        await asyncio.sleep(pause)
        await proxy.vanish()
        assert await readiness(world) == 503
        await proxy.listen()
    answers = [answer for task in asking for answer in await task]
    require_kind(answers)
    assert "database_unavailable" in {answer.json().get("code") for answer in answers}
    assert await readiness(world) == 200
    await require_records(world, 12)


async def test_database_that_takes_nobody_is_unavailable(pair: tuple[World, Proxy]) -> None:
    world, _ = pair
    (shopper,) = await shoppers(world, 1)
    name = make_url(world.url).database
    await on_server(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await on_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", str(name))
    refused = await world.place(*shopper[:2], using=shopper[2])
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"]
    assert await readiness(world) == 503
    assert await world.calls() == (0, 0)
    await on_server(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    require_kind(await insist(world, shopper))
    await require_records(world, 1)


async def test_answer_waits_for_a_database_that_went_meanwhile(pair: tuple[World, Proxy]) -> None:
    world, proxy = pair
    (shopper,) = await shoppers(world, 1)
    world.upstreams.on("cart/commit", after(proxy.vanish))
    told = await world.place(*shopper[:2], using=shopper[2], wait=1)
    assert (told.status_code, told.json()["status"]) == (202, "placing")
    await proxy.listen()
    require_kind(await insist(world, shopper))
    await require_records(world, 1)


async def test_silent_database_answers_within_seconds(pair: tuple[World, Proxy]) -> None:
    world, proxy = pair
    (shopper,) = await shoppers(world, 1)
    proxy.fall_silent()
    began = time.monotonic()
    refused = await world.place(*shopper[:2], using=shopper[2])
    assert time.monotonic() - began < 20
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert await world.calls() == (0, 0)
    proxy.speak()
    require_kind(await insist(world, shopper))
    await require_records(world, 1)


async def test_exhausted_pool_refuses_and_recovers(pair: tuple[World, Proxy]) -> None:
    """More requests than connections, and each connection waits for a lock that somebody else has."""
    world, _ = pair
    waiting = await shoppers(world, 2)
    blocker = await asyncpg.connect(world.url)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE idempotency_keys, quote_carts IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        asked = [world.place(*waiting[number % 2][:2], using=key()) for number in range(30)]
        refused = await asyncio.gather(*asked, *(world.service.client.get("/readyz") for _ in range(5)))
        assert time.monotonic() - began < 30
        assert {(each.status_code, each.json()["code"]) for each in refused} == {(503, "database_unavailable")}
        assert all(each.headers["retry-after"] for each in refused)
        assert await world.calls() == (0, 0)
    await blocker.close()
    for shopper in waiting:
        await insist(world, shopper)
    assert await readiness(world) == 200
    await require_records(world, 2)


@pytest.mark.parametrize("number", range(2, 14, 2))
async def test_commit_cut_off_from_its_answer_makes_one_order_at_most(pair: tuple[World, Proxy], number: int) -> None:
    """The server carries the COMMIT out; we learn of a broken connection only."""
    world, proxy = pair
    (shopper,) = await shoppers(world, 1)
    proxy.commits_until_cut = number
    told = await world.place(*shopper[:2], using=shopper[2], wait=3)
    now = await world.settled(shopper[0])
    assert proxy.commits_until_cut <= 0
    made = await world.orders()
    assert (now["status"] == "placed") == bool(made), told.text
    assert told.status_code in {200, 202} or not made or told.json()["code"] == "database_unavailable"
    await require_records(world, len(made))
    assert len(made) <= 1
