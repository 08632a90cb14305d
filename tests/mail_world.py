"""Mail on a real database with orders in it, and what takes it made up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select

from checkout.database import Database, OrderTokens, Transaction, insert_checkout, insert_order, put_mail, save_order
from checkout.database.tables import attempts, mails
from checkout.keyring import Keyring, token_hash
from checkout.mailing import Mailing, MailKind, queue_mails
from checkout.money import Money
from checkout.orders import (
    Address,
    Location,
    OpeningHours,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    Store,
)
from tests.databases import NOW, put
from tests.records import JANE, checkout_of, usd
from tests.service import TestClock, make_settings

KEYRING = Keyring(b"k" * 32)
FROM = "Acme Outdoors <orders@acme.example>"
HOURS = (
    *(OpeningHours(day=day, opens="09:00", closes="19:00") for day in range(5)),
    OpeningHours(day=5, opens="10:00", closes="16:00"),
    OpeningHours(day=6, opens=None, closes=None),
)
STORE = Store(
    id=37175,
    name="Kirkwood Outfitters",
    address=Address(address="2535 W Logan Blvd", city="Chicago", state="IL", zip="60647", country="US"),
    location=Location(lat=41.92, lng=-87.69),
    phone="(312) 555-0188",
    time_zone="America/Chicago",
    hours=HOURS,
)

Send = Callable[[EmailMessage], Awaitable[None]]


def order_of(
    *statuses: str,
    name: str = "1",
    path: PathToPurchase = PathToPurchase.BOPIS,
    charged: int = 0,
    refunded: int = 0,
    **changes: Any,
) -> Order:
    """An order of one item per status, each at 100 dollars."""
    items = tuple(
        OrderItem(upc=f"06864810000{index}", name=f"Trail Shoe {index}", quantity=1, status=status, total=usd(10000))
        for index, status in enumerate(statuses or ("ordered",))
    )
    total = usd(10000 * len(items))
    held = Money.zero("USD") if path is PathToPurchase.ROPIS else total
    return Order(
        id=f"ord_{name}",
        checkout_id=f"chk_{name}",
        brand="acme",
        path_to_purchase=path,
        cart_hash=f"HASH{name}",
        locally_order_url=None,
        placed_at=NOW,
        answer_by=NOW + timedelta(hours=4),
        store=STORE,
        items=items,
        shopper=JANE,
        totals=OrderTotals(total=total, authorized=held, charged=usd(charged), refunded=usd(refunded)),
    ).changed(**changes)


@dataclass
class MailWorld:
    """A database, what has been sent from it, and how the next sending goes."""

    database: Database
    clock: TestClock = field(default_factory=TestClock)
    sent: list[EmailMessage] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    async def send(self, message: EmailMessage) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(message)

    def made(self, send: Send | None = None, database: Database | None = None, **changes: str) -> Mailing:
        settings = make_settings(**MAIL, **{"recovery_interval": "0.02", **changes})
        return Mailing(database or self.database, KEYRING, settings, clock=self.clock, send=send or self.send)

    @asynccontextmanager
    async def running(self, send: Send | None = None, **how: Any) -> AsyncIterator[Mailing]:
        mailing = self.made(send, **how)
        await mailing.start()
        try:
            yield mailing
        finally:
            await mailing.stop()

    async def keep(self, order: Order, locale: str | None = None) -> Order:
        """Write an order and what it belongs to."""
        email = KEYRING.email_hash(order.shopper.email) if order.shopper.email else None
        tokens = OrderTokens(
            token=token_hash(KEYRING.token("ot", order.id)), link=token_hash(KEYRING.token("ol", order.id)), email=email
        )

        async def work(tx: Transaction) -> None:
            await insert_checkout(tx, checkout_of(order, locale), f"token of {order.checkout_id}")
            names = {"id": f"att of {order.id}", "checkout_id": order.checkout_id}
            await put(tx, attempts, **names, status="placed", cart_hash=None)
            await insert_order(tx, order, names["id"], tokens)

        await self.database.write(work)
        return order

    async def change(self, was: Order, order: Order, **settings: str) -> None:
        """Write what became of an order, as whoever reads carts does."""

        async def work(tx: Transaction) -> None:
            await save_order(tx, order, self.clock())
            await queue_mails(tx, was, order, self.clock(), make_settings(**{**MAIL, **settings}))

        await self.database.write(work)

    async def put(self, kind: MailKind, order: Order, reference: str = "one") -> None:
        await self.database.write(lambda tx: put_mail(tx, order.id, kind, reference, self.clock()))

    async def rows(self) -> list[dict[str, Any]]:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in await tx.execute(select(mails).order_by(mails.c.id))]

        return await self.database.read(work)

    async def until(self, holds: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
        """The rows once a condition holds for them."""
        ends = time.monotonic() + 20
        while not holds(found := await self.rows()):
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.01)
        return found

    async def ended(self) -> list[str]:
        """What became of every mail, once nothing waits."""
        found = await self.until(lambda rows: all(row["ended_at"] for row in rows))
        return [row["state"] for row in found]


MAIL = {"smtp_url": "smtp://127.0.0.1:2525", "mail_from": FROM, "mute_comms": "true"}


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())
