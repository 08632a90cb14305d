"""Placing over real sockets: the sandbox listens on a port, and its faults break the connections of real clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from checkout.app import create_app
from checkout.database.tables import attempts, holds
from checkout.sandbox import create_sandbox
from checkout.sandbox.listener import Listener
from tests.placing_world import World, problem
from tests.service import SERVICE_URL, Service, TestClock, key, make_settings, running
from tests.upstreams import Upstreams


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """A sandbox on a port of its own; gives its URL."""
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    sandbox = create_sandbox()
    listener = Listener(sandbox, "127.0.0.1", 0, bound.set_result)
    serving = asyncio.create_task(listener.serve())
    try:
        yield f"http://127.0.0.1:{await bound}"
    finally:
        listener.should_exit = True
        await serving


@asynccontextmanager
async def over_sockets(folder: Path, **changes: str) -> AsyncIterator[World]:
    """The service with its own clients and pools; nothing stands between it and the sandbox's port."""
    url = f"sqlite:///{folder / 'checkout.db'}"
    async with listening() as sandbox_url, httpx.AsyncClient(base_url=sandbox_url, trust_env=False) as controls:
        at = {"locally_base_url": sandbox_url, "stripe_api_base": sandbox_url, "database_url": url}
        settings, clock = make_settings(**{**at, "write_timeout": "0.6", **changes}), TestClock()
        async with (
            running(create_app(settings, clock=clock)) as app,
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SERVICE_URL) as client,
        ):
            service = Service(client=client, sandbox=controls, settings=settings, clock=clock, app=app)
            yield World(service, Upstreams(create_sandbox()), url)


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[World]:
    async with over_sockets(tmp_path) as world:
        yield world


async def test_order_is_placed_over_sockets(wired: World) -> None:
    checkout, card = await wired.ready()
    assert (await wired.place(checkout, card)).status_code == 200
    assert await wired.calls() == (1, 1)
    assert len(await wired.orders()) == 1


@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "reset", "hang", "status_500", "garbage"])
async def test_validate_that_broke_may_be_tried_once_more(wired: World, kind: str) -> None:
    checkout, card = await wired.ready()
    using = key()
    await wired.service.fault("cart/validate", kind)
    lost = await wired.place(checkout, card, using=using)
    assert problem(lost) == (503, "authorization_unknown", "retry", "ready")
    assert await wired.calls() == (1, 0)
    assert [hold["state"] for hold in await wired.rows(holds)] == ["possible"]
    assert (await wired.place(checkout, card, using=using)).status_code == 200
    assert await wired.calls() == (2, 1)
    assert len(await wired.orders()) == 1


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "hang", "garbage"])
async def test_commit_that_broke_after_the_order_is_placed(wired: World, kind: str) -> None:
    checkout, card = await wired.ready()
    await wired.service.fault("cart/commit", kind)
    placed = await wired.place(checkout, card)
    assert placed.status_code == 200, placed.text
    assert await wired.calls() == (1, 1)
    assert len(await wired.orders()) == 1


@pytest.mark.parametrize("kind", ["lost_request", "status_500"])
async def test_commit_that_broke_before_the_order_is_not_placed(wired: World, kind: str) -> None:
    checkout, card = await wired.ready()
    await wired.service.fault("cart/commit", kind)
    closed = await wired.place(checkout, card)
    assert problem(closed) == (409, "order_not_placed", "restart", "expired")
    assert await wired.calls() == (1, 1)
    assert await wired.orders() == []


@pytest.mark.parametrize("call", ["cart/validate", "cart/commit"])
async def test_slow_answer_is_waited_for(wired: World, call: str) -> None:
    checkout, card = await wired.ready()
    await wired.service.fault(call, "slow", seconds=0.3)
    assert (await wired.place(checkout, card)).status_code == 200
    assert await wired.calls() == (1, 1)


@pytest.mark.parametrize("call", ["cart/validate", "cart/commit"])
async def test_answer_slower_than_the_caller_waits_is_a_202(tmp_path: Path, call: str) -> None:
    async with over_sockets(tmp_path, write_timeout="20") as patient:
        checkout, card = await patient.ready()
        await patient.service.fault(call, "slow", seconds=1.4)
        early = await patient.place(checkout, card, wait=1)
        assert (early.status_code, early.headers["retry-after"]) == (202, "2")
        assert (await patient.settled(checkout))["status"] == "placed"
        assert await patient.calls() == (1, 1)


async def test_answer_that_comes_after_its_timeout_makes_no_second_order(wired: World) -> None:
    checkout, card = await wired.ready()
    await wired.service.fault("cart/commit", "slow", seconds=1)
    assert (await wired.place(checkout, card)).status_code == 200
    await asyncio.sleep(0.6)
    assert await wired.calls() == (1, 1)
    assert len(await wired.orders()) == 1


async def test_sandbox_that_is_gone_takes_no_order(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    async with over_sockets(tmp_path) as world:
        checkout, card = await world.ready()
    changes = {"locally_base_url": "http://127.0.0.1:1", "stripe_api_base": "http://127.0.0.1:1"}
    settings = make_settings(database_url=url, read_timeout="0.5", **changes)
    async with (
        running(create_app(settings)) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SERVICE_URL) as client,
    ):
        service = Service(client=client, sandbox=client, settings=settings, clock=TestClock(), app=app)
        alone = World(service, Upstreams(app), url)
        refused = await alone.place(checkout, card)
        assert problem(refused) == (503, "upstream_unavailable", "retry", "ready")
        assert [row["status"] for row in await alone.rows(attempts)] == ["rejected"]
