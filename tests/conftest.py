"""Fixtures that several files use."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import checkout.app
from checkout.placing import Placing
from tests.databases import KINDS, SERVER, kept_databases
from tests.placing_world import World, running_world
from tests.quick_tables import quick_tables, tables_of_the_history
from tests.service import Service, running_service

# What only PostgreSQL does can be asked only where there is one; .ci/run demands it.
collect_ignore = (
    []
    if SERVER
    else [
        "test_database_failures_postgres.py",
        "test_database_postgres.py",
        "test_notifying_instances.py",
        "test_placing_instances.py",
        "test_webhooks_instances.py",
    ]
)


# How the names of the longest files begin, the longest first.
_LONG = ("test_proof_", "test_demo", "test_placing_", "test_serving", "test_database_", "test_webhooks", "test_api_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first, so that the many short ones fill up all workers to the end."""

    def place(item: pytest.Item) -> int:
        return next((number for number, name in enumerate(_LONG) if item.path.name.startswith(name)), len(_LONG))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def quick_databases() -> Iterator[None]:
    """What only prepares a test takes no longer than it must."""
    with quick_tables(), kept_databases():
        yield


@pytest.fixture
def real_history() -> Iterator[None]:
    """For tests whose subject is how a new database gets its tables."""
    with tables_of_the_history():
        yield


@pytest.fixture
def placings(monkeypatch: pytest.MonkeyPatch) -> list[Placing]:
    """The part of each service that webhooks call, in the order in which they began."""
    made: list[Placing] = []

    class Noted(Placing):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            made.append(self)

    monkeypatch.setattr(checkout.app, "Placing", Noted)
    return made


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    """The service over a fresh sandbox, with the settings of the tests."""
    async with running_service() as running:
        yield running


@pytest_asyncio.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """The service on each kind of database, with a look into its tables and a hand on its upstreams."""
    async with running_world(request.param, tmp_path) as running:
        yield running
