"""A service that stops at any status, and the next one on the same database that goes on."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Update, create_engine, update
from sqlalchemy.pool import NullPool
from structlog.testing import capture_logs

from checkout.database.tables import attempts, holds, idempotency_keys, intent_uses, orders
from checkout.placing import Placing
from checkout.sandbox import create_sandbox
from tests.databases import KINDS, database_url
from tests.placing_world import PATIENCE, World, problem, read_rows, running_on
from tests.service import key
from tests.upstreams import Forward, Happening, answers, lost_answer

# A lease that outlives its process is waited for on PostgreSQL alone.
SHORT = {"lease": "0.3", "drain": "0.05"}


async def stuck(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """The process ends while this call is under way, before it was carried out."""
    await asyncio.Event().wait()
    raise AssertionError


async def stuck_when_done(request: httpx.Request, forward: Forward) -> httpx.Response:
    """The process ends after the call was carried out and before its answer came."""
    await (await forward()).aread()
    return await stuck(request, forward)


@dataclass
class Life:
    """One database and one sandbox through the lives of several services."""

    url: str
    sandbox: Any
    checkout: dict[str, Any]
    card: str
    using: str

    async def attempt(self) -> dict[str, Any]:
        return (await read_rows(self.url, attempts))[-1]

    @asynccontextmanager
    async def again(self, **changes: str) -> AsyncIterator[World]:
        """The next service on the same database."""
        async with running_on(self.url, self.sandbox, **{**SHORT, **changes}) as world:
            yield world

    async def replay(self, world: World) -> httpx.Response:
        return await world.place(self.checkout, self.card, using=self.using)


async def ended_at(url: str, call: str, happening: Happening, status: str, **changes: str) -> Life:
    """The first service's life: it placed a checkout and ended while its attempt had this status."""
    sandbox = create_sandbox()
    async with running_on(url, sandbox, **{**SHORT, **changes}) as world:
        checkout, card = await world.ready()
        life = Life(url, sandbox, checkout, card, key())
        world.upstreams.on(call, happening)
        request = asyncio.create_task(world.place(checkout, card, using=life.using, wait=0))
        await _until(lambda: world.upstreams.count(call), world)
        assert (await request).status_code == 202
        ends = time.monotonic() + PATIENCE
        while (await life.attempt())["status"] != status:
            assert time.monotonic() < ends, await life.attempt()
            await asyncio.sleep(0.01)
    assert (await life.attempt())["status"] == status
    return life


def by_hand(url: str, statement: Update) -> None:
    """Change the records of a service that has ended."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(statement)


async def _until(condition: Callable[[], Any], world: World) -> None:
    async with asyncio.timeout(PATIENCE):
        start = condition()
        while condition() == start:  # noqa: ASYNC110  The other side has no event to wait for.
            await asyncio.sleep(0.005)


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with database_url(request.param, tmp_path) as made:
        yield made


async def test_attempt_that_was_received_goes_on(url: str) -> None:
    life = await ended_at(url, "conversion/store_data", stuck, "received")
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert (await life.replay(world)).headers["idempotent-replayed"] == "true"
        assert await world.calls() == (1, 1)


@pytest.mark.parametrize("status", ["checked", "intent_verified"])
async def test_attempt_before_validate_goes_on(status: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    life = await ended_at(url, "conversion/store_data", stuck, "received")
    by_hand(url, update(attempts).values(status=status))
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert await world.calls() == (1, 1)


async def test_old_attempt_before_validate_lapses(url: str) -> None:
    life = await ended_at(url, "conversion/store_data", stuck, "received")
    async with life.again(attempt_young="0") as world:
        assert (await world.settled(life.checkout))["status"] == "ready"
        assert (await life.attempt())["status"] == "lapsed"
        assert await world.rows(holds) == []
        assert [row for row in await world.rows(idempotency_keys) if row["operation"] == "place"] == []
        assert await world.calls() == (0, 0)


@pytest.mark.parametrize(("happening", "arrived"), [(stuck, 0), (stuck_when_done, 1)], ids=["not done", "done"])
async def test_attempt_that_was_validating_is_told_to_try_again(url: str, happening: Happening, arrived: int) -> None:
    life = await ended_at(url, "cart/validate", happening, "validating")
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "ready"
        assert await world.calls() == (arrived, 0)
        assert (await life.attempt())["status"] == "hold_unknown"
        assert [(hold["state"], hold["reason"]) for hold in await world.rows(holds)] == [("possible", "validate_lost")]
        assert (await life.replay(world)).status_code == 200
        assert await world.calls() == (arrived + 1, 1)
        assert [use["validates"] for use in await world.rows(intent_uses)] == [2]


async def slow(_request: httpx.Request, forward: Forward) -> httpx.Response:
    await asyncio.sleep(0.6)  # Longer than it takes to begin the end of the service.
    return await forward()


async def ended_when_validated(url: str) -> Life:
    """The service was told to stop while validate was under way, and waited for its answer."""
    sandbox = create_sandbox()
    async with running_on(url, sandbox, lease="0.3") as world:
        checkout, card = await world.ready()
        life = Life(url, sandbox, checkout, card, key())
        world.upstreams.on("cart/validate", slow)
        await world.place(checkout, card, using=life.using, wait=0)
        await world.until(checkout, lambda _: world.upstreams.count("cart/validate"))
    attempt = await life.attempt()
    assert attempt["status"] == "validated"
    assert attempt["cart_jwt"] is not None
    assert b"eyJ" not in attempt["cart_jwt"]  # How every JWT begins.
    return life


async def test_shutdown_waits_for_validate_and_the_next_life_commits(url: str) -> None:
    life = await ended_when_validated(url)
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert (await life.replay(world)).headers["idempotent-replayed"] == "true"
        assert await world.calls() == (1, 1)
        assert (await life.attempt())["cart_jwt"] is None


async def test_shutdown_begins_no_validate(url: str) -> None:
    sandbox = create_sandbox()
    async with running_on(url, sandbox, lease="0.3") as world:
        checkout, card = await world.ready()
        life = Life(url, sandbox, checkout, card, key())
        world.upstreams.on("conversion/store_data", slow)
        request = asyncio.create_task(world.place(checkout, card, using=life.using, wait=0))
        await _until(lambda: world.upstreams.count("conversion/store_data"), world)
        await request
    assert (await life.attempt())["status"] == "received"
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert await world.calls() == (1, 1)


async def test_stopping_service_begins_nothing(tmp_path: Path, placings: list[Placing]) -> None:
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox()) as world:
        checkout, card = await world.ready()
        placings[0].park()
        refused = await world.place(checkout, card)
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
        assert refused.headers["retry-after"]
        assert await world.rows(attempts) == []


async def test_right_to_order_under_a_lost_key_lapses_with_its_hold(tmp_path: Path) -> None:
    life = await ended_when_validated(f"sqlite:///{tmp_path / 'checkout.db'}")
    async with life.again(encryption_key=base64.b64encode(b"other" + b"k" * 27).decode()) as world:
        assert (await world.settled(life.checkout))["status"] == "ready"
        assert (await life.attempt())["status"] == "lapsed"
        assert [(hold["state"], hold["reason"]) for hold in await world.rows(holds)] == [("open", "lapsed")]
        assert await world.calls() == (1, 0)


async def test_validated_too_long_ago_lapses(url: str) -> None:
    life = await ended_when_validated(url)
    async with life.again(commit_within="0") as world:
        assert (await world.settled(life.checkout))["status"] == "ready"
        attempt = await life.attempt()
        assert (attempt["status"], attempt["cart_jwt"]) == ("lapsed", None)
        assert [(hold["state"], hold["reason"]) for hold in await world.rows(holds)] == [("open", "lapsed")]
        assert await world.calls() == (1, 0)
    async with life.again() as world:
        assert (await life.replay(world)).status_code == 200
        assert await world.calls() == (2, 1)
        assert len(await world.orders()) == 1


async def test_attempt_that_was_committing_is_found(url: str) -> None:
    life = await ended_at(url, "cart/commit", stuck_when_done, "committing")
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert await world.calls() == (1, 1)
        assert [row["cart_hash"] for row in await world.rows(orders)] == await world.orders()
        assert (await life.replay(world)).headers["idempotent-replayed"] == "true"


async def test_attempt_that_never_committed_is_not_placed(url: str) -> None:
    life = await ended_at(url, "cart/commit", stuck, "committing")
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "expired"
        assert problem(await life.replay(world)) == (409, "order_not_placed", "restart", "expired")
        assert await world.calls() == (1, 0)
        assert [hold["state"] for hold in await world.rows(holds)] == ["open"]


async def test_key_of_a_lost_validate_is_not_in_progress(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    life = await ended_at(url, "cart/validate", stuck_when_done, "validating")
    by_hand(url, update(idempotency_keys).values(open_until=datetime.now(UTC) + timedelta(seconds=30)))
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "ready"
        assert (await life.replay(world)).status_code == 200
        assert await world.calls() == (2, 1)


async def test_key_of_a_dead_process_is_not_in_progress(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    life = await ended_at(url, "cart/commit", stuck_when_done, "committing")
    # What a killed process leaves behind: nobody told its key that the request is over.
    by_hand(url, update(idempotency_keys).values(open_until=datetime.now(UTC) + timedelta(seconds=30)))
    async with life.again(readback_delays="0.8") as world:
        await world.until(life.checkout, lambda now: now["problems"])
        told = await life.replay(world)
        assert (told.status_code, told.json()["problems"][0]["code"]) == (202, "order_unconfirmed")
        assert problem(await world.place(life.checkout, life.card)) == (409, "placing", "wait", "placing")
        assert (await world.settled(life.checkout))["status"] == "placed"


async def test_unknown_order_is_read_back_in_the_next_life(url: str) -> None:
    life = await ended_at(url, "cart/commit", lost_answer, "unknown", readback_delays="60")
    async with life.again() as world:
        world.service.clock.advance(minutes=2)
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert await world.calls() == (1, 1)


async def test_cart_that_is_another_checkouts_order_needs_a_person(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    life = await ended_at(url, "cart/commit", lost_answer, "unknown", readback_delays="3600")
    in_doubt = (await life.attempt())["cart_hash"]
    async with life.again(readback_delays="3600", readback_until="60") as world:
        other, card = await world.ready()
        assert (await world.place(other, card)).status_code == 200
        by_hand(url, update(orders).values(cart_hash=in_doubt))
        with capture_logs() as logged:
            world.service.clock.advance(minutes=61)
            now = await world.until(life.checkout, lambda now: now["problems"][0]["code"] == "order_in_review")
        assert now["status"] == "placing"
        assert "order_of_another_checkout" in [line["event"] for line in logged]
        assert [row["checkout_id"] for row in await world.rows(orders)] == [other["id"]]


async def test_review_goes_on_reading_after_a_restart(tmp_path: Path) -> None:
    url, sandbox = f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox()
    async with running_on(url, sandbox, readback_until="0.2") as world:
        checkout, card = await world.ready()
        life = Life(url, sandbox, checkout, card, key())
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.always("v2/cart", answers(500, "down"))
        assert (await life.replay(world)).json()["problems"][0]["code"] == "order_in_review"
    assert (await life.attempt())["status"] == "review"
    async with life.again() as world:
        assert (await world.settled(life.checkout))["status"] == "placed"
        assert (await life.replay(world)).headers["idempotent-replayed"] == "true"
        assert await world.calls() == (1, 1)


@pytest.mark.parametrize("pm", ["pm_card_visa", "pm_card_chargeCustomerFail"])
async def test_stored_answer_outlives_a_restart(pm: str, tmp_path: Path) -> None:
    url, sandbox = f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox()
    async with running_on(url, sandbox) as world:
        checkout, card = await world.ready(pm)
        life = Life(url, sandbox, checkout, card, key())
        first = await life.replay(world)
    async with life.again() as world:
        again = await life.replay(world)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotent-replayed"] == "true"


async def test_attempt_that_met_a_bug_is_taken_up_again(tmp_path: Path) -> None:
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox(), **SHORT) as world:
        checkout, card = await world.ready()

        async def broken(_request: httpx.Request, _forward: Forward) -> httpx.Response:
            raise ZeroDivisionError

        world.upstreams.on("cart/commit", broken)
        assert (await world.place(checkout, card)).status_code == 202
        assert (await world.settled(checkout))["status"] == "expired"
        assert world.upstreams.count("cart/commit") == 1
