"""Fixtures that several files use."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import checkout.app
from checkout.placing import Placing
from tests.databases import KINDS, SERVER
from tests.placing_world import World, running_world
from tests.service import Service, running_service

# What only PostgreSQL does can be asked only where there is one; .ci/run demands it.
collect_ignore = (
    []
    if SERVER
    else [
        "test_database_failures_postgres.py",
        "test_database_postgres.py",
        "test_placing_instances.py",
        "test_webhooks_instances.py",
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The proofs come first: they take longest, and the many short files then fill up all workers to the end."""
    items.sort(key=lambda item: not item.path.name.startswith("test_proof_"))


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
