"""A commit whose answer is lost: the work is done, and whoever asked for it is told that the database failed.

Each write of placing meets it once, in each way that an attempt can take.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

import checkout.app
from checkout.database import Database, open_database
from checkout.database.tables import attempts, holds, orders
from checkout.database.transactions import Work
from checkout.errors import DatabaseUnavailable
from tests.placing_world import World, running_world
from tests.service import key
from tests.upstreams import Happening, lost_answer, lost_request, not_sent

T = TypeVar("T")

# The process's own routine, whose writes come whenever they come.
_ROUTINE = ("placing-keeper", "inbox")


class Doubtful:
    """Carries out a chosen write, and tells its caller that the database failed."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.is_exclusive = inner.is_exclusive
        self._until_doubt = 0
        self.hit = False

    def arm(self, number: int) -> None:
        """The write of this number (1 is the next) is the one."""
        self._until_doubt, self.hit = number, False

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def read(self, work: Work[T]) -> T:
        return await self._inner.read(work)

    async def write(self, work: Work[T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        if task.get_name().startswith(_ROUTINE):
            return await self._inner.write(work)
        self._until_doubt -= 1
        is_doubtful = self._until_doubt == 0
        result = await self._inner.write(work)
        if is_doubtful:
            self.hit = True
            raise DatabaseUnavailable
        return result


@asynccontextmanager
async def doubtful_world(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[World, Doubtful]]:
    made: list[Doubtful] = []

    def open_doubtful(url: str) -> Doubtful:
        made.append(Doubtful(open_database(url)))
        return made[0]

    monkeypatch.setattr(checkout.app, "open_database", open_doubtful)
    async with running_world(kind, folder, lease="0.3") as world:
        yield world, made[0]


# What happens to a call, the card, and what becomes of the checkout where no write is in doubt.
WAYS: dict[str, tuple[dict[str, list[Happening]], str, str]] = {
    "all is well": ({}, "pm_card_visa", "placed"),
    "validate not sent": ({"cart/validate": [not_sent]}, "pm_card_visa", "placed"),
    "validate lost": ({"cart/validate": [lost_answer]}, "pm_card_visa", "ready"),
    "card declined": ({}, "pm_card_chargeCustomerFail", "ready"),
    "commit not sent": ({"cart/commit": [not_sent]}, "pm_card_visa", "placed"),
    "commit lost, order there": ({"cart/commit": [lost_answer]}, "pm_card_visa", "placed"),
    "commit lost, no order": ({"cart/commit": [lost_request]}, "pm_card_visa", "expired"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_write_in_doubt_keeps_the_promise(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doubtful_world("sqlite", tmp_path, monkeypatch) as (world, database):
        writes = 0
        while True:
            writes += 1
            if not await keeps_promise(world, database, way, writes):
                break
        assert writes > 4


async def keeps_promise(world: World, database: Doubtful, way: str, number: int) -> bool:
    """Place one checkout with the write of a number in doubt; False if there was no write of that number."""
    happenings, card, expected = WAYS[way]
    checkout, intent = await world.ready(card)
    made, commits = set(await world.orders()), (await world.calls())[1]
    world.upstreams.clear()
    for call, each in happenings.items():
        world.upstreams.on(call, *each)
    using = key()
    database.arm(number)
    told = await world.place(checkout, intent, using=using)
    ordered_when_told = set(await world.orders()) - made
    now = await world.settled(checkout)
    was_hit = database.hit
    database.arm(0)
    where = f"{way}, write {number}: told {told.status_code} {told.text[:200]}, became {now['status']}"
    ordered = set(await world.orders()) - made
    assert len(ordered) <= 1, where
    assert (await world.calls())[1] - commits <= 1, where
    assert (now["status"] == "placed") == bool(ordered), where
    # What was said at once: an order that was there is not called failed.
    if ordered_when_told:
        assert told.status_code in {200, 202}, where
    rows = [row for row in await world.rows(attempts) if row["checkout_id"] == checkout["id"]]
    booked = {row["attempt_id"] for row in await world.rows(holds)}
    for row in rows:
        if row["status"] in {"hold_unknown", "lapsed", "not_placed"} and row["validate_tries"]:
            assert row["id"] in booked, where
    recorded = {row["cart_hash"] for row in await world.rows(orders) if row["checkout_id"] == checkout["id"]}
    assert recorded == ordered, where
    if was_hit:
        # A doubt may cost the shopper a new try, but an undoubted way ends as it should.
        assert now["status"] in {expected, "ready", "expired", "placed"}, where
    else:
        assert now["status"] == expected, where
    again = [await world.place(checkout, intent, using=using) for _ in range(2)] if now["status"] != "ready" else []
    assert len({(each.status_code, each.content) for each in again}) <= 1, where
    if now["status"] == "placed":
        assert again[0].status_code == 200, where
    return was_hit
