"""An inbox on a real database, with what it calls made up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from checkout.clocks import machine_clock
from checkout.database import Database, Transaction, record_quote_cart
from checkout.database.tables import inbox as rows
from checkout.inbox import Inbox
from checkout.orders import Order
from tests.databases import NOW
from tests.service import TestClock, make_settings

Looking = Callable[[str], Awaitable[bool]]


class StillClock(TestClock):
    """Goes on only when it is told to, however long the machine takes."""

    def __init__(self) -> None:
        super().__init__()
        self._began = machine_clock()

    def __call__(self) -> datetime:
        return self._began + self.ahead


async def nobody(_: str) -> bool:
    """No attempt has this cart hash."""
    return False


async def doubtful(_: str) -> bool:
    """An attempt has it, and no order yet."""
    return True


@dataclass
class Place:
    """A database, and the inboxes that work on it."""

    database: Database
    clock: TestClock = field(default_factory=TestClock)
    looked: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def running(
        self, look: Looking = nobody, database: Database | None = None, **changes: str
    ) -> AsyncIterator[Inbox]:
        inbox = self.made(look, database, **changes)
        await inbox.start()
        try:
            yield inbox
        finally:
            await inbox.stop()

    def made(self, look: Looking, database: Database | None = None, **changes: str) -> Inbox:
        async def noted(cart_hash: str) -> bool:
            self.looked.append(cart_hash)
            return await look(cart_hash)

        async def refresh(order: Order) -> None:
            raise AssertionError(order.id)

        async def read_card(setup_intent_id: str) -> bool:
            self.cards.append(setup_intent_id)
            return setup_intent_id.startswith("seti_ours")

        settings = make_settings(**{"recovery_interval": "0.02", **changes})
        return Inbox(
            database or self.database, settings, clock=self.clock, look=noted, refresh=refresh, read_card=read_card
        )

    async def know(self, *hashes: str) -> None:
        """Carts of quotes, with which an event is over."""
        for cart_hash in hashes:
            await self.database.write(lambda tx: record_quote_cart(tx, cart_hash, NOW))  # noqa: B023  Awaited at once.

    async def rows(self) -> list[dict[str, Any]]:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in await tx.execute(select(rows).order_by(rows.c.id))]

        return await self.database.read(work)

    async def row(self) -> dict[str, Any]:
        (row,) = await self.rows()
        return row

    async def until(self, holds: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
        """The rows once a condition holds for them."""
        ends = time.monotonic() + 20
        while not holds(found := await self.rows()):
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.01)
        return found

    async def applied(self) -> list[dict[str, Any]]:
        return await self.until(lambda found: all(row["applied_at"] for row in found))

    async def tried(self, times: int) -> list[dict[str, Any]]:
        return await self.until(lambda found: all(row["tries"] >= times for row in found))

    async def write(self, work: Callable[[Transaction], Any]) -> None:
        await self.database.write(work)
