"""Clocks that jump: no wait becomes longer, and none that is over goes on."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, type_coerce, update

from checkout.database.tables import UtcTime, attempts, holds
from checkout.placing.sleeping import Sleeper
from checkout.sandbox import create_sandbox
from tests.placing_world import running_on
from tests.service import TestClock, key
from tests.test_placing_recovery import Life, by_hand, ended_at, ended_when_validated, stuck, stuck_when_done
from tests.upstreams import after, answers, lost_answer


async def test_clock_that_was_set_back_lengthens_no_sleep() -> None:
    clock = TestClock()
    at = clock() + timedelta(seconds=0.1)
    clock.advance(hours=-1)
    async with asyncio.timeout(20):
        assert await Sleeper(clock).sleep("att_1", at, 0.1)


async def test_clock_that_was_moved_on_ends_a_sleep() -> None:
    clock = TestClock()
    sleep = asyncio.create_task(Sleeper(clock).sleep("att_1", clock() + timedelta(minutes=30), 3600))
    await asyncio.sleep(0)
    clock.advance(hours=1)
    async with asyncio.timeout(20):
        assert await sleep


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("until", ["60", "0.2"], ids=["unknown", "review"])
async def test_jump_of_the_clock_hides_no_order(hours: int, until: str, tmp_path: Path) -> None:
    """Recovery, leases and waits go on, whichever way the clock jumps."""
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    async with running_on(url, create_sandbox(), readback_until=until) as world:
        checkout, card = await world.ready()
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.on("v2/cart", *[answers(500, "down")] * 20)
        await world.place(checkout, card, wait=0)
        await world.until(checkout, lambda now: now["problems"])
        world.service.clock.advance(hours=hours)
        assert (await world.settled(checkout, 20))["status"] == "placed"
        assert await world.calls() == (1, 1)


async def ended_while(status: str, url: str) -> Life:
    """A service that ended while its attempt had this status."""
    match status:
        case "received":
            return await ended_at(url, "conversion/store_data", stuck, status)
        case "validating":
            return await ended_at(url, "cart/validate", stuck_when_done, status)
        case "validated":
            return await ended_when_validated(url)
        case "committing":
            return await ended_at(url, "cart/commit", stuck_when_done, status)
        case "unknown":
            return await ended_at(url, "cart/commit", lost_answer, status, readback_delays="60")
    return await ended_in_vain(url, status)


async def ended_in_vain(url: str, status: str) -> Life:
    """The order is there, and reading back has not shown it."""
    seen = answers(404, {"status": False, "message": "Cart not found"}) if status == "not_placed" else answers(500)
    async with running_on(url, sandbox := create_sandbox(), readback_until="0.5") as world:
        checkout, card = await world.ready()
        life = Life(url, sandbox, checkout, card, key())
        world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.always("v2/cart", seen)
        await world.place(checkout, card, using=life.using)
    assert (await life.attempt())["status"] == status
    return life


def move_clock(url: str, hours: int) -> None:
    """What another clock means for records: all of their times are farther away."""
    times = [column for column in attempts.c if isinstance(column.type, UtcTime)]
    span = hours * 3600 * 1_000_000
    by_hand(url, update(attempts).values({column: type_coerce(column, BigInteger) - span for column in times}))


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize(
    ("status", "ends", "booked"),
    [
        ("received", "lapsed", []),
        ("validating", "hold_unknown", ["possible"]),
        ("validated", "lapsed", ["open"]),
        ("committing", "placed", []),
        ("unknown", "placed", []),
        ("review", "placed", []),
        ("not_placed", "placed", []),
    ],
)
async def test_restart_with_another_clock_keeps_the_promise(
    hours: int, status: str, ends: str, booked: list[str], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'checkout.db'}"
    life = await ended_while(status, url)
    move_clock(url, hours)
    async with life.again(late_looks="0.5") as world:
        shown = "placed" if ends == "placed" else "ready"
        await world.until(life.checkout, lambda now: now["status"] == shown, 20)
        assert (await life.attempt())["status"] == ends
        assert [hold["state"] for hold in await world.rows(holds)] == booked
        validates, commits = await world.calls()
        assert (validates <= 1, commits) == (True, len(await world.orders()))


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize(
    "call", ["conversion/store_data", "stripe/setup_intents", "cart/validate", "cart/commit", "v2/cart"]
)
async def test_clock_that_jumps_during_a_call_makes_one_order(hours: int, call: str, tmp_path: Path) -> None:
    async with running_on(f"sqlite:///{tmp_path / 'checkout.db'}", create_sandbox()) as world:
        checkout, card = await world.ready()

        async def jump() -> None:
            world.service.clock.advance(hours=hours)

        if call == "v2/cart":
            world.upstreams.on("cart/commit", lost_answer)
        world.upstreams.on(call, after(jump))
        await world.place(checkout, card)
        assert (await world.until(checkout, lambda now: now["status"] == "placed", 20))["order"]
        assert await world.calls() == (1, 1)
