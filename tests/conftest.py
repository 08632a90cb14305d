"""Fixtures that several files use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.databases import KINDS, SERVER
from tests.placing_world import World, running_world
from tests.service import Service, running_service

# What only PostgreSQL does can be asked only where there is one; .ci/run demands it.
collect_ignore = [] if SERVER else ["test_database_postgres.py", "test_placing_instances.py"]


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
