"""Several instances on one PostgreSQL database: a notice is kept once and read once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from checkout.database import Database
from tests.databases import database_url, running_database
from tests.inbox_world import Place, nobody


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Place, Database]]:
    """One instance's place, and the other instance's connections to the same database."""
    async with (
        database_url("postgresql", tmp_path) as url,
        running_database(url) as one,
        running_database(url) as two,
    ):
        yield Place(one), two


async def test_two_instances_read_each_event_once(pair: tuple[Place, Database]) -> None:
    place, other = pair
    carts = [f"CART{number:02}" for number in range(40)]
    await place.know(*carts)
    sender = place.made(nobody)
    await asyncio.gather(*(sender.receive(cart) for cart in carts))
    async with place.running(), place.running(database=other):
        await place.applied()
    assert sorted(place.looked) == carts


async def test_notices_at_two_instances_are_one_row(pair: tuple[Place, Database]) -> None:
    place, other = pair
    both = place.made(nobody), place.made(nobody, other)
    await asyncio.gather(*(each.receive(f"CART{number % 3}") for number in range(300) for each in both))
    assert [row["notices"] for row in await place.rows()] == [200, 200, 200]


async def test_notice_is_read_by_an_instance_that_did_not_take_it(pair: tuple[Place, Database]) -> None:
    place, other = pair
    await place.know("CART1")
    async with place.running():
        await place.made(nobody, other).receive("CART1")
        await place.applied()
    assert place.looked == ["CART1"]
