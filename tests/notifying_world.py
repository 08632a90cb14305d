"""An outbox on a real database with a checkout and its order in it, and receivers that are functions."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from sqlalchemy import Table, select

from checkout.clocks import machine_clock
from checkout.database import Database, OrderTokens, Transaction, insert_checkout, insert_order, put_event
from checkout.database.tables import attempts, deliveries
from checkout.money import Money
from checkout.notifying import Notifying
from checkout.orders import (
    Address,
    Checkout,
    CheckoutStatus,
    LineItem,
    Location,
    Order,
    OrderItem,
    OrderMessage,
    OrderTotals,
    PathToPurchase,
    Store,
)
from checkout.schemas import render_event
from tests.databases import NOW, put
from tests.records import JANE, usd
from tests.service import TestClock, make_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
Receive = Callable[[httpx.Request], Awaitable[httpx.Response]]


async def takes(_: httpx.Request) -> httpx.Response:
    return httpx.Response(204)


def answering(status: int, **headers: str) -> Receive:
    """The same answer to every message; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def receive(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=named)

    return receive


def endpoint(host: str, *secrets: str, **more: Any) -> dict[str, Any]:
    return {"url": f"https://{host}/hooks/path-is-a-secret", "secrets": secrets or (SECRET,), **more}


class Receivers(httpx.AsyncBaseTransport):
    """What stands behind each host; a message to a host that has no function is taken."""

    def __init__(self, **by_name: Receive) -> None:
        self.by_name = by_name
        self.got: defaultdict[str, list[httpx.Request]] = defaultdict(list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        name = request.url.host.partition(".")[0]
        self.got[name].append(request)
        return await self.by_name.get(name, takes)(request)

    def topics(self, name: str) -> list[str]:
        return [json.loads(request.content)["type"] for request in self.got[name]]

    def ids(self, name: str) -> list[str]:
        return [request.headers["webhook-id"] for request in self.got[name]]


def checkout_named(name: str) -> Checkout:
    """A placed checkout of everything that an event must not tell."""
    store = Store(
        id=37175, name="Lakeside", address=Address(city="Chicago", country="US"), location=Location(lat=41.9, lng=-87.6)
    )
    line = LineItem(upc="068648100001", quantity=1, name="Helmet", message="ring at the back door", unit_price=usd(100))
    return Checkout(
        id=f"chk_{name}",
        brand="acme",
        version=3,
        status=CheckoutStatus.PLACED,
        store=store,
        currency="USD",
        path_to_purchase=PathToPurchase.BOPIS,
        items=(line,),
        shopper=JANE,
        payment=None,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


def order_of(checkout: Checkout) -> Order:
    item = OrderItem(upc="068648100001", quantity=1, status="ordered", resolution_notes="Jane called", total=usd(100))
    none = Money(amount=0, currency="USD")
    return Order(
        id=checkout.id.replace("chk_", "ord_"),
        checkout_id=checkout.id,
        brand="acme",
        path_to_purchase=PathToPurchase.BOPIS,
        cart_hash=f"HASH{checkout.id[4:]}",
        locally_order_url="https://www.locally.com/order/HASH/opens-it",
        placed_at=NOW,
        store=checkout.store,
        items=(item,),
        shopper=checkout.shopper,
        totals=OrderTotals(total=usd(100), authorized=usd(100), charged=none, refunded=none),
        messages=(OrderMessage(sender="shopper", text="my number is 555", created_at=NOW),),
        invoice_url="https://www.locally.com/invoice/opens-it",
    )


@dataclass
class Outbox:
    """A database, and those who work through its outbox."""

    database: Database
    receivers: Receivers = field(default_factory=Receivers)
    clock: TestClock = field(default_factory=TestClock)

    def made(
        self,
        *endpoints: dict[str, Any],
        database: Database | None = None,
        render: Any = render_event,
        transport: httpx.AsyncBaseTransport | None = None,
        **changes: str,
    ) -> Notifying:
        settings = make_settings(webhooks=json.dumps(endpoints), **{"recovery_interval": "0.02", **changes})
        return Notifying(
            database or self.database,
            settings,
            clock=self.clock,
            wall=machine_clock,
            render=render,
            transport=transport or self.receivers,
        )

    @asynccontextmanager
    async def running(self, *endpoints: dict[str, Any], **how: Any) -> AsyncIterator[Notifying]:
        notifying = self.made(*endpoints, **how)
        await notifying.start()
        try:
            yield notifying
        finally:
            await notifying.stop()

    async def purchase(self, name: str = "1") -> None:
        """A checkout `chk_NAME` and its order `ord_NAME`."""
        checkout = checkout_named(name)
        order = order_of(checkout)

        async def work(tx: Transaction) -> None:
            await insert_checkout(tx, checkout, f"token of {checkout.id}")
            await put(tx, attempts, id=f"att_{name}", checkout_id=checkout.id, status="placed", cart_hash=None)
            tokens = OrderTokens(token=f"token of {order.id}", link=f"link of {order.id}")
            await insert_order(tx, order, f"att_{name}", tokens)

        await self.database.write(work)

    async def happen(self, *topics: str, name: str = "1", database: Database | None = None) -> None:
        """Put an event of each topic about one purchase."""
        for topic in topics:
            subject = f"ord_{name}" if topic.startswith("order.") else f"chk_{name}"
            work = partial(put_event, brand="acme", topic=topic, subject=subject, now=self.clock())
            await (database or self.database).write(work)

    async def rows(self, table: Table = deliveries) -> list[dict[str, Any]]:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in await tx.execute(select(table).order_by(table.c.id))]

        return await self.database.read(work)

    async def states(self) -> list[str]:
        return [str(row["state"]) for row in await self.rows()]

    async def until(self, holds: Callable[[], Awaitable[bool]], within: float = 20) -> None:
        ends = time.monotonic() + within
        while not await holds():
            assert time.monotonic() < ends, await self.rows()
            await asyncio.sleep(0.01)

    async def until_states(self, *states: str) -> None:
        async def there() -> bool:
            return await self.states() == list(states)

        await self.until(there)

    async def until_got(self, name: str, number: int) -> Sequence[httpx.Request]:
        async def there() -> bool:
            return len(self.receivers.got[name]) >= number

        await self.until(there)
        return self.receivers.got[name]
