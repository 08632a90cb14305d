"""The sweep: whatever no webhook told is found out, without asking more than it takes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from checkout.database import record_quote_cart
from checkout.database.tables import attempts, checkouts, outbox
from checkout.errors import RefusedUpstream, UpstreamUnavailable
from tests.databases import KINDS, database_url, put, running_database
from tests.sweeping_world import Shop


@pytest.fixture(params=KINDS)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        yield Shop(database)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Shop]:
    """On SQLite alone, for what does not depend on the database."""
    async with database_url("sqlite", tmp_path) as url, running_database(url) as database:
        yield Shop(database)


async def test_change_is_known_within_ten_minutes(shop: Shop) -> None:
    await shop.order("CART1", due=timedelta(minutes=10))
    sweeper = shop.sweeper()
    for word, status in [("Confirmed", "confirmed"), ("Fulfilled", "picked_up"), ("Refunded", "refunded")]:
        shop.carts.put("CART1", word)
        await shop.sweep_after(sweeper, minutes=10)
        assert await shop.statuses() == {"CART1": status}
    assert await shop.events() == ["item.confirmed", "item.picked_up", "item.refunded", "order.refunded"]
    assert await shop.told() == [("order.updated", "ord_CART1")] * 3


async def test_nothing_is_asked_before_it_is_time(small: Shop) -> None:
    await small.order("CART1", due=timedelta(minutes=10))
    sweeper = small.sweeper()
    await sweeper.start()
    await small.sweep_after(sweeper, minutes=9, seconds=59)
    assert small.carts.lists == []
    await sweeper.stop()


async def test_without_orders_nothing_is_asked(small: Shop) -> None:
    small.carts.put("CART1")
    sweeper = small.sweeper()
    await small.sweep_after(sweeper, hours=1)
    assert small.carts.lists == []


async def test_only_changed_carts_are_read(small: Shop) -> None:
    for number in range(30):
        await small.order(f"CART{number}")
    sweeper = small.sweeper()
    await small.sweep_after(sweeper, minutes=10)
    assert set(small.carts.reads.values()) == {1}
    small.carts.reads.clear()
    await small.sweep_after(sweeper, minutes=10)
    assert not small.carts.reads
    for number in (3, 17):
        small.carts.put(f"CART{number}", "Confirmed")
    await small.sweep_after(sweeper, minutes=10)
    assert small.carts.reads == {"CART3": 1, "CART17": 1}
    assert small.carts.lists == [0, 0, 0]


async def test_list_is_read_as_far_as_orders_are_due(small: Shop) -> None:
    for number in range(120):
        await small.order(f"CART{number}")
    for number in range(200):
        small.carts.put(f"OTHER{number}")
    sweeper = small.sweeper()
    await small.sweep_after(sweeper, minutes=10)
    assert small.carts.lists == list(range(7))
    assert set(small.carts.reads) == {f"CART{number}" for number in range(120)}


async def test_few_old_orders_are_read_singly(small: Shop) -> None:
    for number in range(5):
        await small.order(f"CART{number}")
    for number in range(100):
        small.carts.put(f"OTHER{number}")
    await small.sweep_after(small.sweeper(), minutes=10)
    assert small.carts.lists == [0]
    assert small.carts.reads == {f"CART{number}": 1 for number in range(5)}


async def test_change_in_the_same_second_is_not_overlooked(small: Shop) -> None:
    """The list tells neither messages nor fractions of seconds."""
    await small.order("CART1")
    sweeper = small.sweeper()
    await sweeper.sweep()
    said = {"sender": "retailer", "description": "On the shelf", "created_at": "2026-11-20 13:00:00"}
    small.carts.put("CART1", messages=[said])
    await small.sweep_after(sweeper, minutes=10)
    assert await small.events() == ["order.message"]


@pytest.mark.parametrize("failure", [UpstreamUnavailable, RefusedUpstream])
async def test_without_the_list_orders_are_read_singly(shop: Shop, failure: type[Exception]) -> None:
    for number in range(12):
        await shop.order(f"CART{number}")
        shop.carts.put(f"CART{number}", "Confirmed")
    shop.carts.pages_fail = failure()
    with capture_logs() as logged:
        await shop.sweep_after(shop.sweeper(), minutes=10)
    assert set((await shop.statuses()).values()) == {"confirmed"}
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == ["carts_not_listed"]


@pytest.mark.parametrize("failure", [UpstreamUnavailable, RuntimeError])
async def test_cart_that_cannot_be_read_holds_up_no_other(shop: Shop, failure: type[Exception]) -> None:
    for number in range(8):
        await shop.order(f"CART{number}")
        shop.carts.put(f"CART{number}", "Confirmed")
    shop.carts.broken["CART3"] = failure()
    sweeper = shop.sweeper()
    await shop.sweep_after(sweeper, minutes=10)
    assert [name for name, status in (await shop.statuses()).items() if status == "ordered"] == ["CART3"]
    shop.carts.broken.clear()
    await shop.sweep_after(sweeper, minutes=2)
    assert set((await shop.statuses()).values()) == {"confirmed"}


async def test_locally_that_is_down_is_not_asked_for_each_order(small: Shop) -> None:
    for number in range(40):
        await small.order(f"CART{number}")
        small.carts.broken[f"CART{number}"] = UpstreamUnavailable()
    small.carts.pages_fail = UpstreamUnavailable()
    sweeper = small.sweeper()
    await small.sweep_after(sweeper, minutes=10)
    assert sum(small.carts.reads.values()) == 5
    small.carts.broken.clear()
    small.carts.pages_fail = None
    await small.sweep_after(sweeper, minutes=2)
    assert set(small.carts.reads) == {f"CART{number}" for number in range(40)}


async def test_instances_share_the_work(shop: Shop) -> None:
    for number in range(60):
        await shop.order(f"CART{number}")
        shop.carts.put(f"CART{number}", "Confirmed")
    shop.carts.pages_fail = UpstreamUnavailable()
    shop.clock.advance(minutes=10)
    await asyncio.gather(*(sweeper.sweep() for sweeper in (shop.sweeper(), shop.sweeper(), shop.sweeper())))
    assert shop.carts.reads == {f"CART{number}": 1 for number in range(60)}
    assert len(await shop.told()) == 60


async def test_instances_that_read_alike_tell_once(shop: Shop) -> None:
    """Each sees the whole list: the same change is taken over by one of them."""
    for number in range(10):
        await shop.order(f"CART{number}")
        shop.carts.put(f"CART{number}", "Confirmed")
    shop.clock.advance(minutes=10)
    await asyncio.gather(*(shop.sweeper().sweep() for _ in range(3)))
    assert len(await shop.told()) == len(await shop.events()) == 10


async def test_process_that_died_leaves_its_orders_due(small: Shop) -> None:
    await small.order("CART1")
    small.carts.put("CART1", "Confirmed")
    waiting = asyncio.Event()

    async def silent(_: int = 0) -> None:
        waiting.set()
        await asyncio.Event().wait()

    kept = small.carts.list_carts
    small.carts.list_carts = silent  # type: ignore[assignment,method-assign]  # The process ends while it waits.
    dying = asyncio.create_task(small.sweeper().sweep())
    await waiting.wait()
    dying.cancel()
    small.carts.list_carts = kept  # type: ignore[method-assign]  # As it was.
    next_process = small.sweeper()
    await next_process.start()
    await small.sweep_after(next_process, seconds=119)
    assert await small.statuses() == {"CART1": "ordered"}
    await small.sweep_after(next_process, seconds=1)
    assert await small.statuses() == {"CART1": "confirmed"}
    await next_process.stop()


async def test_quiet_orders_are_looked_at_less_often(small: Shop) -> None:
    """Old and alone: others have filled the first page since."""
    await small.order("CART1")
    for number in range(60):
        small.carts.put(f"OTHER{number}")
    sweeper = small.sweeper(sweep_interval="21600")
    for _ in range(12):
        await small.sweep_after(sweeper, hours=6)
    assert small.carts.reads["CART1"] == 12
    assert (await small.row("CART1"))["quiet_looks"] == 12
    small.carts.put("CART1", "Confirmed")
    await small.sweep_after(sweeper, hours=6)
    row = await small.row("CART1")
    assert (row["quiet_looks"], row["next_look_at"] - small.clock()) == (0, timedelta(hours=6))


async def test_newest_carts_are_compared_whatever_is_due(small: Shop) -> None:
    await small.order("CART1", due=timedelta(hours=20))
    sweeper = small.sweeper()
    await small.sweep_after(sweeper, minutes=10)
    small.carts.put("CART1", "Refunded")
    await small.sweep_after(sweeper, minutes=10)
    assert await small.statuses() == {"CART1": "refunded"}


async def test_order_that_is_over_is_let_go_in_the_end(small: Shop) -> None:
    await small.order("CART1")
    small.carts.put("CART1", "Fulfilled")
    sweeper = small.sweeper()
    for _ in range(100):
        await small.sweep_after(sweeper, days=1)
    assert (await small.row("CART1"))["next_look_at"] is None
    lists = len(small.carts.lists)
    await small.sweep_after(sweeper, days=1)
    assert len(small.carts.lists) == lists


async def test_clock_that_was_set_back_keeps_nothing_waiting(small: Shop) -> None:
    small.clock.advance(days=30)
    await small.order("CART1", due=timedelta(minutes=10))
    sweeper = small.sweeper()
    await sweeper.start()
    small.carts.put("CART1", "Confirmed")
    await small.sweep_after(sweeper, days=-30)
    assert await small.statuses() == {"CART1": "confirmed"}
    await sweeper.stop()


async def test_carts_of_others_and_of_quotes_are_not_read(shop: Shop) -> None:
    await shop.order("CART1")
    await shop.database.write(lambda tx: record_quote_cart(tx, "QUOTE", shop.clock()))
    for cart_hash in ("QUOTE", "OTHER"):
        shop.carts.put(cart_hash, "Confirmed")
    await shop.sweep_after(shop.sweeper(), minutes=10)
    assert (set(shop.carts.reads), shop.looked) == ({"CART1"}, [])


async def test_listed_order_of_an_attempt_in_doubt_is_looked_for(shop: Shop) -> None:
    await shop.order("CART1")
    for cart_hash, status in [("LOST", "unknown"), ("LATE", "not_placed"), ("NEW", "received")]:
        shop.carts.put(cart_hash)
        checkout, attempt = f"chk_{cart_hash}", f"att_{cart_hash}"
        await shop.database.write(lambda tx, id_=checkout: put(tx, checkouts, id=id_, token_hash=id_))  # type: ignore[misc]  # Awaited at once.
        row = {"id": attempt, "checkout_id": checkout, "status": status, "cart_hash": cart_hash}
        await shop.database.write(lambda tx, row=row: put(tx, attempts, **row))  # type: ignore[misc]  # Likewise.
    await shop.sweep_after(shop.sweeper(), minutes=10)
    assert sorted(shop.looked) == ["LATE", "LOST"]


async def test_brand_is_warned_once_of_a_silent_store(shop: Shop) -> None:
    await shop.order("CART1", due=timedelta(days=1), warn=timedelta(hours=7))
    one, other = shop.sweeper(), shop.sweeper()
    await shop.sweep_after(one, hours=6, minutes=59)
    assert await shop.told() == []
    shop.clock.advance(minutes=1)
    await asyncio.gather(one.sweep(), other.sweep())
    await shop.sweep_after(one, minutes=10)
    assert await shop.told() == [("order.answer_due", "ord_CART1")]
    assert await shop.events() == ["order.answer_due"]


async def test_brand_is_warned_although_locally_is_down(small: Shop) -> None:
    await small.order("CART1", warn=timedelta(hours=7))
    small.carts.pages_fail = small.carts.broken["CART1"] = UpstreamUnavailable()
    await small.sweep_after(small.sweeper(), hours=7)
    assert await small.told() == [("order.answer_due", "ord_CART1")]


@pytest.mark.parametrize("word", ["Confirmed", "Canceled"])
async def test_store_that_answered_is_not_told_on(shop: Shop, word: str) -> None:
    """Even if nobody heard of its answer until then."""
    await shop.order("CART1", due=timedelta(days=1), warn=timedelta(hours=7))
    sweeper = shop.sweeper()
    await sweeper.start()
    shop.clock.advance(hours=6, minutes=55)
    await sweeper.sweep()
    shop.carts.put("CART1", word)
    await shop.sweep_after(sweeper, minutes=5)
    assert [row["topic"] for row in await shop.rows(outbox)] == ["order.updated"]
    assert (await shop.row("CART1"))["warn_at"] is None
    await sweeper.stop()
