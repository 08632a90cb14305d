"""The service as a process that is killed while an order is being placed, over a sandbox that outlives it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from checkout.sandbox import create_sandbox
from tests.placing_world import PATIENCE, World, problem
from tests.service import ENVIRON, Service, TestClock, key, make_settings
from tests.test_placing_sockets import listening
from tests.upstreams import Upstreams


@asynccontextmanager
async def serving(sandbox_url: str, folder: Path, **more: str) -> AsyncIterator[World]:
    """A service of its own process, killed at the end without a warning."""
    url = f"sqlite:///{folder / 'checkout.db'}"
    ours = {"CHECKOUT_DATABASE_URL": url, "CHECKOUT_LOCALLY_BASE_URL": sandbox_url}
    environ = {**os.environ, **ENVIRON, **ours, "CHECKOUT_STRIPE_API_BASE": sandbox_url, **more}
    command = [sys.executable, "-m", "checkout", "serve", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        while b"Serving on" not in (line := await process.stderr.readline()):
            assert line, "the service did not start"
        service_url = line.split(b"Serving on ")[1].split()[0].decode()
        async with (
            httpx.AsyncClient(base_url=service_url, trust_env=False) as client,
            httpx.AsyncClient(base_url=sandbox_url, trust_env=False) as controls,
        ):
            upstreams = Upstreams(create_sandbox())
            yield World(Service(client, controls, make_settings(), TestClock(), upstreams), upstreams, url)  # type: ignore[arg-type]  # Nobody calls the app here.
    finally:
        process.kill()
        await process.communicate()


async def killed_during(sandbox_url: str, folder: Path, call: str) -> tuple[dict[str, object], str, str]:
    """A checkout whose service was killed while a call hung that had been carried out."""
    async with serving(sandbox_url, folder) as world:
        checkout, card = await world.ready()
        using = key()
        await world.service.fault(call, "hang")
        assert (await world.place(checkout, card, using=using, wait=0)).status_code == 202
        async with asyncio.timeout(PATIENCE):
            while not any(each["call"] == call and each["done"] for each in (await world.service.ledger())["calls"]):  # noqa: ASYNC110  The ledger is asked over HTTP.
                await asyncio.sleep(0.02)
    return checkout, card, using


@pytest.mark.parametrize("call", ["cart/validate", "cart/commit"])
async def test_killed_service_makes_one_order(tmp_path: Path, call: str) -> None:
    async with listening() as sandbox_url:
        checkout, card, using = await killed_during(sandbox_url, tmp_path, call)
        async with serving(sandbox_url, tmp_path) as world:
            now = await world.settled(checkout)
            assert now["status"] == ("placed" if call == "cart/commit" else "ready")
            placed = await world.place(checkout, card, using=using)
            assert placed.status_code == 200, problem(placed)
            assert len(await world.orders()) == 1
            assert await world.calls() == ((1, 1) if call == "cart/commit" else (2, 1))
