"""One scenario over the real placing code: a shopper who places, tries again, and a process that ends in between."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import structlog
from sqlalchemy import Table

from checkout.answers import Answers
from checkout.assessing import Assessor
from checkout.availability import Availability
from checkout.caching import Spans
from checkout.catalogue import Catalogue
from checkout.checkouts import Checkouts, NewCheckout
from checkout.database import Database, KeyName, record_quote_cart
from checkout.database.tables import metadata
from checkout.errors import CheckoutError
from checkout.idempotency import Answer, Claim
from checkout.keyring import Keyring
from checkout.locally_client import LocallyClient, open_locally
from checkout.orders import Checkout, CheckoutStatus, LineItem, PathToPurchase, PriceSource, Shopper
from checkout.placing import PlaceOrder, Placing
from checkout.quoting import Quoting
from checkout.sandbox import create_sandbox
from checkout.settings import Settings
from checkout.stripe_client import StripeClient, open_stripe
from checkout.tracking import Tracking
from tests.proof.crashes import (
    COMMIT,
    READ,
    UNTIL_HEALED,
    VALIDATE,
    WRITE_TIMEOUT,
    CrashingDatabase,
    InlineSqlite,
    Life,
    Wire,
)
from tests.proof.judging import Told, judge_end, judge_told
from tests.proof.scenarios import PATHS, Scenario
from tests.service import SANDBOX_URL, SHOPPER, STORE_ID, UPC, make_settings

T = TypeVar("T")

_BEGAN = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
_SETTLED_WITHIN = 90.0  # Seconds of the run's own time; reading back ends after 30.
_LOOKS_EVERY = 5.0
_KEYS = ("k1" * 10, "k2" * 10)
_SPANS = {
    "write_timeout": str(WRITE_TIMEOUT),
    "readback_delays": "1,2",
    "readback_interval": "5",
    "readback_until": "30",
    "not_placed_after": "12",
    "not_placed_after_refusal": "6",
    # Whoever finds nothing to do writes all the same, which would be most of a run.
    "recovery_interval": "10",
    "lease": "60",
}


@dataclass(frozen=True)
class Makers:
    """What a run is made of; a sabotage puts something else in its place."""

    placing: type[Placing] = Placing
    locally: Callable[[LocallyClient], Any] = lambda client: client


@dataclass
class Prepared:
    """A checkout that could be placed, and the tables as they stood then."""

    checkout: Checkout
    setup_intent_id: str | None
    tables: dict[Table, list[dict[str, Any]]]


@dataclass
class Process:
    """The parts of the service that a run needs, put together as `create_app` does, for one life."""

    life: Life
    placing: Placing
    checkouts: Checkouts
    answers: Answers


class World:
    """What outlives a process: the database, the sandbox and the time; and what every process shares."""

    def __init__(
        self, database: InlineSqlite, sandbox: Any, wire: Wire, locally: LocallyClient, stripe: StripeClient, makers: Makers
    ) -> None:
        self.database = database
        self.books = sandbox.state.parts.books
        self.wire = wire
        self.settings = make_settings(**_SPANS)
        self._sandbox = sandbox
        self._locally = locally
        self._stripe = stripe
        self._makers = makers
        self._keyring = Keyring(self.settings.encryption_key)
        self._catalogue = Catalogue.load(None)
        self._loop = asyncio.get_running_loop()
        self._began = 0.0
        self.prepared: dict[str, Prepared] = {}

    def now(self) -> datetime:
        return _BEGAN + timedelta(seconds=self._loop.time() - self._began)

    def reset(self, path: str) -> Prepared:
        """The database and the sandbox as they were when the checkout was ready, at the same time of day."""
        parts = self._sandbox.state.parts
        for kept in (parts.books, parts.ledger, parts.timers):
            kept.clear()
        parts.payments.forget()
        self.wire.reset()
        self._began = self._loop.time()
        self.database.restore(self.prepared[path].tables)
        return self.prepared[path]

    def process(self, life: Life) -> Process:
        """A process that begins now; nothing of an earlier one is left in it."""
        self.wire.life = life
        database: Database = CrashingDatabase(self.database, life)
        assessor = self._assessor(database)
        answers = Answers(self._keyring, self.settings.public_url)
        placing = self._makers.placing(
            database,
            assessor,
            self._makers.locally(self._locally),
            self._stripe,
            self._keyring,
            self.settings,
            clock=self.now,
            render=answers.outcome,
            on_placed=Tracking(database, self._locally, clock=self.now).refresh,
        )
        checkouts = Checkouts(
            database,
            assessor,
            self._stripe,
            self._keyring,
            self.settings,
            clock=self.now,
            render_created=answers.created,
        )
        return Process(life, placing, checkouts, answers)

    def _assessor(self, database: Database) -> Assessor:
        async def record_cart(cart_hash: str) -> None:
            await database.write(lambda tx: record_quote_cart(tx, cart_hash, self.now()))

        settings, spans = self.settings, Spans(30, 60, 600)
        paths = frozenset(PathToPurchase(path) for path in settings.paths)
        availability = Availability(
            self._locally, paths=paths, stock=spans, places=spans, now=self._loop.time, clock=self.now
        )
        quoting = Quoting(
            self._locally,
            self._catalogue,
            record_cart=record_cart,
            host_domain="service.test",
            fresh=300,
            now=self._loop.time,
            clock=self.now,
        )
        return Assessor(availability, quoting, self._catalogue, paths=paths, currencies=settings.currencies)

    async def prepare(self, path: str) -> Prepared:
        """Open a checkout and take its card. With a card, the brand's server has given the price: no quote is asked."""
        process = self.process(Life(None))
        lines = (LineItem(upc=UPC, quantity=1),)
        if path == "bopis":
            quoted = await self._create(process, path, lines)
            lines = tuple(
                LineItem(
                    upc=UPC,
                    quantity=1,
                    unit_price=line.unit_price,
                    tax_per_unit=line.tax_per_unit,
                    price_source=PriceSource.GIVEN,
                )
                for line in quoted.items
            )
        checkout = await self._create(process, path, lines)
        assert checkout.status is CheckoutStatus.READY, checkout
        card = await self._take_card(process, checkout) if path == "bopis" else None
        tables = {table: rows for table in metadata.sorted_tables if (rows := self.database.rows(table))}
        return Prepared(checkout, card, tables)

    async def _create(self, process: Process, path: str, lines: tuple[LineItem, ...]) -> Checkout:
        new = NewCheckout(
            store_id=STORE_ID,
            path_to_purchase=PathToPurchase(path),
            items=lines,
            shopper=lambda _country: Shopper(**SHOPPER),
            extras={},
        )
        claim = Claim(KeyName(self.settings.brand, "create", "", random.randbytes(10).hex()), "f", "req_0")  # noqa: S311  No secret.
        answer = await process.checkouts.create(new, claim)
        return (await process.checkouts.find(json.loads(answer.body)["id"])).checkout

    async def _take_card(self, process: Process, checkout: Checkout) -> str:
        handed = await process.checkouts.hand_out_setup_intent(checkout.id)
        secret = handed.setup_intent.client_secret
        assert secret is not None
        sent = {"client_secret": secret.get_secret_value(), "payment_method": "pm_card_visa"}
        headers = {"Authorization": f"Bearer {handed.payment.publishable_key}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._sandbox), base_url=SANDBOX_URL) as shopper:
            path = f"/v1/setup_intents/{handed.setup_intent.id}/confirm"
            assert (await shopper.post(path, data=sent, headers=headers)).status_code == 200
        return handed.setup_intent.id


@asynccontextmanager
async def open_world(folder: Path | None, makers: Makers | None = None) -> AsyncIterator[World]:
    """A world on a database file in a folder, or in memory."""
    database = InlineSqlite(str(folder / "proof.db") if folder else ":memory:")
    await database.open()
    sandbox = create_sandbox()
    wire = Wire(sandbox)
    settings: Settings = make_settings(**_SPANS)
    try:
        async with open_locally(settings, transport=wire) as locally, open_stripe(settings, transport=wire) as stripe:
            with _no_log():
                world = World(database, sandbox, wire, locally, stripe, makers or Makers())
                for path in PATHS:
                    world.prepared[path] = await world.prepare(path)
                yield world
    finally:
        await database.close()


@contextmanager
def _no_log() -> Iterator[None]:
    """Thousands of runs that are meant to fail would fill the log."""
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    try:
        yield
    finally:
        structlog.configure(**kept)


@dataclass
class Run:
    """One scenario from the first request to the last replay. `violations` says what was wrong."""

    world: World
    scenario: Scenario
    violations: list[str] = field(default_factory=list)
    crashes: int = 0
    final: str = ""

    async def go(self) -> None:
        random.seed(str(self.scenario))
        self._prepared = self.world.reset(self.scenario.path)
        self._ends = list(self.scenario.ends)
        self._told: list[Told] = []
        self._fail()
        await self._begin()
        await self._shop()
        await self._restart()
        await self._settle()
        await self._ask_with_both_keys()
        self.final = (await self._status()).status
        self.violations += judge_end(self.world.database, self.world.books, self.world.wire.commits, self.final)
        await self._drop(everything=True)

    async def _shop(self) -> None:
        """She places, again where the connection broke, and then from another tab; the upstreams heal at last."""
        before = self.crashes
        await self._place(_KEYS[0])
        if self.crashes > before:
            await self._place(_KEYS[0])
        await self._ask_with_both_keys()
        await self._settle()
        self.world.wire.heal()
        await self._ask_with_both_keys()
        await self._settle()

    def _fail(self) -> None:
        wire, scenario = self.world.wire, self.scenario
        wire.on("cart/validate", VALIDATE[scenario.validate])
        wire.on("cart/commit", COMMIT[scenario.commit])
        if scenario.read in UNTIL_HEALED:
            wire.until_healed("v2/cart", READ[scenario.read][0])
        else:
            wire.on("v2/cart", READ[scenario.read])

    async def _ask_with_both_keys(self) -> None:
        for key in _KEYS:
            await self._place(key)

    async def _place(self, key: str) -> None:
        """One request to place; what she is told is judged at once."""
        existed = bool(self.world.books.orders)
        told = await self._during(lambda process: self._ask(process, key))
        if told is not None:
            self.violations += judge_told(told, self._told, existed=existed)
            self._told.append(told)

    async def _ask(self, process: Process, key: str) -> Told:
        checkout = self._prepared.checkout
        totals = checkout.totals
        assert totals is not None
        name = KeyName(checkout.brand, "place", checkout.id, key)
        order = PlaceOrder(
            checkout_id=checkout.id,
            setup_intent_id=self._prepared.setup_intent_id,
            external=False,
            expected_total=totals.total,
            claim=Claim(name, "f", f"req_{len(self._told)}"),
            wait=8,
        )
        try:
            placed = await process.placing.place(order)
        except CheckoutError as error:
            return Told(key, error.code, None)
        if isinstance(placed, Answer):
            return Told(key, json.loads(placed.body).get("code") or str(placed.status), placed.body)
        answer = process.answers.outcome(placed, order.claim.request_id)
        return Told(key, json.loads(answer.body).get("code") or str(answer.status), None)

    async def _status(self) -> Checkout:
        while True:
            existed = bool(self.world.books.orders)
            found = await self._during(lambda process: process.checkouts.find(self._prepared.checkout.id))
            if found is not None:
                break
        if existed and found.checkout.status not in {CheckoutStatus.PLACING, CheckoutStatus.PLACED}:
            self.violations.append(f"there is an order, and the checkout is {found.checkout.status}")
        return found.checkout

    async def _settle(self) -> None:
        """Until nothing is under way, or a person has to decide."""
        ends = self.world.now() + timedelta(seconds=_SETTLED_WITHIN)
        while (checkout := await self._status()).status is CheckoutStatus.PLACING:
            if checkout.notice is not None and checkout.notice.code == "order_in_review":
                return
            if self.world.now() > ends:
                self.violations.append("it is still being placed")
                return
            await self._during(lambda _process: asyncio.sleep(_LOOKS_EVERY))

    async def _during(self, ask: Callable[[Process], Awaitable[T]]) -> T | None:
        """What a call to the process gives; None where the process ended first, and the next one has begun."""
        life = self._process.life
        task = asyncio.ensure_future(ask(self._process))
        end = asyncio.create_task(life.ended.wait())
        await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
        if life.ended.is_set():
            self.crashes += 1
            await self._restart()
            return None
        end.cancel()
        return await task

    async def _begin(self) -> None:
        life = Life(self._ends.pop(0) if self._ends else None)
        self._process = self.world.process(life)
        await self._during(lambda process: process.placing.start())

    async def _restart(self) -> None:
        await self._drop()
        await self._begin()

    async def _drop(self, *, everything: bool = False) -> None:
        """The process is gone: its tasks end without another write or call."""
        self._process.life.ended.set()
        kept = {asyncio.current_task(), *(() if everything else self.world.wire.late)}
        while tasks := [task for task in asyncio.all_tasks() if task not in kept]:
            for task in tasks:
                task.cancel()
            with suppress(Exception):
                await asyncio.gather(*tasks, return_exceptions=True)
        if everything:
            self.world.wire.late.clear()
