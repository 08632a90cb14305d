"""Orders in a real database, Locally's carts made up, and the parts that keep the two in step."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, select

from checkout.database import Database, OrderTokens, Transaction, insert_order
from checkout.database.tables import attempts, checkouts, orders, outbox, timeline
from checkout.locally_client import CartDetail, CartList
from checkout.orders import Order
from checkout.tracking import Tracking
from checkout.tracking.applying import with_cart
from checkout.tracking.sweeping import Sweeper
from tests.databases import put
from tests.inbox_world import StillClock
from tests.service import make_settings
from tests.tracked import order_of, told

PAGE = 50


class Carts:
    """Locally as the sweep sees it: carts by hash, the newest last."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._carts: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, datetime] = {}
        self.reads: Counter[str] = Counter()
        self.lists: list[int] = []
        self.broken: dict[str, Exception] = {}
        self.pages_fail: Exception | None = None

    def put(self, cart_hash: str, status: str = "Ordered", **more: Any) -> None:
        """Make a cart, or change its item."""
        self._carts[cart_hash] = told(status, **more)
        self._changed[cart_hash] = self._clock()

    async def read_cart(self, cart_hash: str) -> CartDetail | None:
        self.reads[cart_hash] += 1
        if cart_hash in self.broken:
            raise self.broken[cart_hash]
        return self.detail(cart_hash) if cart_hash in self._carts else None

    def detail(self, cart_hash: str) -> CartDetail:
        times = {"date_time": _wire(self._clock()), "updated_at": _wire(self._changed[cart_hash])}
        shown = {"properties": {"hash": cart_hash, **times}, "items": [self._carts[cart_hash]]}
        return CartDetail.model_validate(shown)

    async def list_carts(self, page: int = 0) -> CartList:
        self.lists.append(page)
        if self.pages_fail is not None:
            raise self.pages_fail
        hashes = list(reversed(self._carts))
        shown = [self._listed(cart_hash) for cart_hash in hashes[page * PAGE : (page + 1) * PAGE]]
        properties = {"current_page": page, "total_pages": -(-len(hashes) // PAGE)}
        return CartList.model_validate({"properties": properties, "carts": shown})

    def _listed(self, cart_hash: str) -> dict[str, Any]:
        """As the list writes it: other cases, other types."""
        cart = self._carts[cart_hash]
        item = {**cart, "status": cart["status"].upper(), "sts_status": "N/A", "messages": []}
        return {"hash": cart_hash, "updated_at": _wire(self._changed[cart_hash]), "items": [item]}


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class Shop:
    """A database with orders, their carts, and a clock that only a test moves."""

    database: Database
    clock: StillClock = field(default_factory=StillClock)
    looked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.carts = Carts(self.clock)

    def sweeper(self, **changes: str) -> Sweeper:
        async def look(cart_hash: str) -> bool:
            self.looked.append(cart_hash)
            return True

        settings = make_settings(**changes)
        locally: Any = self.carts
        tracking = Tracking(self.database, locally, clock=self.clock, every=settings.sweep_interval)
        return Sweeper(self.database, locally, tracking, settings, clock=self.clock, look=look)

    async def order(self, cart_hash: str, *, due: timedelta = timedelta(0), warn: timedelta | None = None) -> Order:
        """An order as its cart was read when it was placed, to be looked at after a while."""
        now = self.clock()
        self.carts.put(cart_hash)
        order = order_of(id=f"ord_{cart_hash}", checkout_id=f"chk_{cart_hash}", cart_hash=cart_hash, placed_at=now)
        order = with_cart(order.changed(answer_by=now + timedelta(hours=8)), self.carts.detail(cart_hash))

        async def work(tx: Transaction) -> None:
            await put(tx, checkouts, id=order.checkout_id, token_hash=f"hash of {order.checkout_id}")
            await put(tx, attempts, id=f"att_{cart_hash}", checkout_id=order.checkout_id, status="placed")
            tokens = OrderTokens(token=f"token of {order.id}", link=f"link of {order.id}")
            times = {"next_look_at": now + due, "warn_at": now + warn if warn is not None else None}
            await insert_order(tx, order, f"att_{cart_hash}", tokens, **times)

        await self.database.write(work)
        return order

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        async def work(tx: Transaction) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in await tx.execute(select(table).order_by(*table.primary_key))]

        return await self.database.read(work)

    async def statuses(self) -> dict[str, str]:
        """The item's status of each order, by the hash of its cart."""
        found = [Order.model_validate_json(row["document"]) for row in await self.rows(orders)]
        return {order.cart_hash: order.items[0].status for order in found}

    async def row(self, cart_hash: str) -> dict[str, Any]:
        return next(row for row in await self.rows(orders) if row["cart_hash"] == cart_hash)

    async def told(self) -> list[tuple[str, str]]:
        """What the brand is to be told, and of what."""
        return [(row["topic"], row["subject"]) for row in await self.rows(outbox)]

    async def events(self) -> list[str]:
        return [row["event"] for row in await self.rows(timeline)]

    async def sweep_after(self, sweeper: Sweeper, **span: float) -> None:
        self.clock.advance(**span)
        await sweeper.sweep()
