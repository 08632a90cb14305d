"""Fixtures that several files use."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.service import Service, running_service


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    """The service over a fresh sandbox, with the settings of the tests."""
    async with running_service() as running:
        yield running
