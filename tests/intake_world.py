"""Locally's carts made up, page by page, and the intake that reads them into a real database."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, select

from checkout.database import Database, Transaction
from checkout.database.tables import orders, outbox, timeline
from checkout.errors import UpstreamUnavailable
from checkout.intake import Intake
from checkout.keyring import Keyring
from checkout.locally_client import CartDetail, CartList
from checkout.orders import Order
from tests.inbox_world import StillClock
from tests.service import make_settings
from tests.tracked import told

PAGE = 50
OPENED = datetime(2026, 11, 1, 9, tzinfo=UTC)


@dataclass
class Pages:
    """Locally as the intake sees it: carts in the order in which they came, each a minute after the one before."""

    carts: dict[str, dict[str, Any]] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    lists: list[int] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    fails_at: int | None = None
    before_page: Callable[[int], None] = lambda _page: None

    def put(self, *hashes: str, status: str = "Ordered", ordered: bool = True) -> None:
        for cart_hash in hashes:
            ordered_at = OPENED + timedelta(minutes=len(self.carts))
            times = {"updated_at": _wire(ordered_at), "ordered_at": _wire(ordered_at) if ordered else ""}
            self.carts[cart_hash] = {"times": times, "items": [told(status if ordered else "")]}

    async def list_carts(self, page: int = 0) -> CartList:
        self.lists.append(page)
        self.before_page(page)
        if page == self.fails_at:
            raise UpstreamUnavailable
        hashes = list(reversed(self.carts))
        shown = [
            {"hash": each, **self.carts[each]["times"], "items": self.carts[each]["items"]}
            for each in hashes[page * PAGE : (page + 1) * PAGE]
        ]
        properties = {"current_page": page, "total_pages": -(-len(hashes) // PAGE)}
        return CartList.model_validate({"properties": properties, "carts": shown})

    async def read_cart(self, cart_hash: str) -> CartDetail | None:
        self.reads[cart_hash] += 1
        if cart_hash in self.broken:
            raise UpstreamUnavailable
        cart = self.carts.get(cart_hash)
        if cart is None:
            return None
        properties = {"hash": cart_hash, "type": "ORDER", **cart["times"]}
        return CartDetail.model_validate({"properties": properties, "items": cart["items"]})


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class Retailer:
    """A database, made-up pages, and a clock that only a test moves."""

    database: Database
    pages: Pages = field(default_factory=Pages)
    clock: StillClock = field(default_factory=StillClock)

    def intake(self) -> Intake:
        """As one process has it."""
        settings = make_settings(role="retailer", brand="main-street")
        locally: Any = self.pages
        return Intake(self.database, locally, Keyring(settings.encryption_key), settings, clock=self.clock)

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in await tx.execute(select(table))]

        return await self.database.read(work)

    async def orders(self) -> dict[str, Order]:
        """By the hashes of their carts."""
        found = [Order.model_validate_json(row["document"]) for row in await self.rows(orders)]
        by_cart = {order.cart_hash: order for order in found}
        assert len(by_cart) == len(found)
        return by_cart

    async def told(self) -> Counter[str]:
        """How often the retailer's system is told of which order."""
        return Counter(row["subject"] for row in await self.rows(outbox))

    async def events(self) -> list[tuple[str | None, str]]:
        return [(row["order_id"], row["event"]) for row in await self.rows(timeline)]
