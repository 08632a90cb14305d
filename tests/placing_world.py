"""A service, its sandbox, what stands between them, and a look into the service's own tables."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Table, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from checkout.database.tables import timeline
from checkout.sandbox import create_sandbox
from tests.databases import database_url
from tests.service import Service, key, running_service
from tests.upstreams import Upstreams

SECOND_UPC = "068648100117"
PATIENCE = 30  # Seconds until a test gives up: a machine that runs all tests at once is slow, its disk above all.
ENDED = {"ready", "incomplete", "placed", "expired"}


async def read_rows(url: str, table: Table) -> list[dict[str, Any]]:
    """A table as it stands in the service's database, in the order in which it was written."""
    order = [table.c.created_at] if table.name == "attempts" else table.primary_key
    statement = select(table).order_by(*order)
    if url.startswith("sqlite"):
        return await asyncio.to_thread(_read_sqlite, url, statement)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(statement)).mappings()]


def _read_sqlite(url: str, statement: Any) -> list[dict[str, Any]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


@dataclass
class World:
    """Everything a test of placing looks at and turns."""

    service: Service
    upstreams: Upstreams
    url: str

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        return await read_rows(self.url, table)

    async def ready(self, card: str = "pm_card_visa", **changes: Any) -> tuple[dict[str, Any], str]:
        """A checkout that could be placed, and its confirmed SetupIntent."""
        checkout = await self.service.create(**changes)
        return checkout, await self.service.take_card(checkout, card)

    async def place(
        self,
        checkout: dict[str, Any],
        setup_intent_id: str | None,
        *,
        using: str | None = None,
        wait: float | None = None,
        with_: str | None = None,
        **body: Any,
    ) -> httpx.Response:
        """Like `Service.place`, with `Prefer: wait` and another credential where a test wants them."""
        sent = {"expected_total": checkout["totals"]["total"], **body}
        if setup_intent_id is not None:
            sent["setup_intent_id"] = setup_intent_id
        headers = {"Idempotency_Key": using or key()}
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        path = f"/v1/checkouts/{checkout['id']}/place"
        return await self.service.call("POST", path, sent, with_=with_ or checkout["token"], **headers)

    async def settled(self, checkout: dict[str, Any], within: float = PATIENCE) -> dict[str, Any]:
        """The checkout once nothing is under way any more."""
        return await self.until(checkout, lambda now: now["status"] in ENDED, within)

    async def until(self, checkout: dict[str, Any], holds: Any, within: float = PATIENCE) -> dict[str, Any]:
        """The checkout once a condition holds for it."""
        ends = time.monotonic() + within
        while not holds(now := await self.service.read(checkout)):
            assert time.monotonic() < ends, now
            await asyncio.sleep(0.02)
        return now

    async def calls(self) -> tuple[int, int]:
        """How many validates and commits arrived at the sandbox."""
        names = [call["call"] for call in (await self.service.ledger())["calls"]]
        return names.count("cart/validate"), names.count("cart/commit")

    async def orders(self) -> list[str]:
        """The hashes of the orders that stand at the sandbox."""
        return [order["hash"] for order in (await self.service.ledger())["orders"]]

    async def holds(self) -> list[tuple[int, str]]:
        """Amount and state of each hold on a card."""
        return [(hold["amount"], hold["state"]) for hold in (await self.service.ledger())["holds"]]

    async def timeline(self, checkout: dict[str, Any]) -> list[dict[str, Any]]:
        return [row for row in await self.rows(timeline) if row["checkout_id"] == checkout["id"]]

    async def settings_of_sandbox(self, **switches: Any) -> None:
        answer = await self.service.sandbox.post("/_sandbox/settings", json=switches)
        assert answer.status_code == 200, answer.text

    async def store(self, store_id: int, **changes: Any) -> None:
        answer = await self.service.sandbox.post(f"/_sandbox/stores/{store_id}", json=changes)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def running_world(kind: str, folder: Path, **changes: str) -> AsyncIterator[World]:
    """The service on a database of a kind, over a sandbox of its own, with `Upstreams` between them."""
    # Where a PostgreSQL service keeps it by default, worlds that run at the same time would share it.
    journal = {"emergency_journal": str(folder / "checkout.db.emergency")}
    async with database_url(kind, folder) as url, running_on(url, create_sandbox(), **{**journal, **changes}) as world:
        yield world


@asynccontextmanager
async def running_on(url: str, sandbox: Any, **changes: str) -> AsyncIterator[World]:
    """The service on a database and a sandbox that outlive it."""
    upstreams = Upstreams(sandbox)
    async with running_service(upstreams, sandbox, **{"database_url": url, **changes}) as service:
        yield World(service, upstreams, url)


def problem(answer: httpx.Response) -> tuple[int, str, str, str]:
    """Status, code, next and the status of the checkout inside: what a problem tells at a glance."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"], body["next"], body["checkout"]["status"]


def tally(answers: list[httpx.Response]) -> Counter[tuple[int, str]]:
    """How often each answer was given: status, and code or the checkout's status."""
    return Counter((each.status_code, each.json().get("code") or each.json()["status"]) for each in answers)
