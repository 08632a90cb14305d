"""What a process is made of for a proof, and what outlives it: the database, the sandbox and the time."""

import asyncio
import json
import pickle
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from checkout.answers import Answers
from checkout.assessing import Assessor
from checkout.availability import Availability
from checkout.caching import Spans
from checkout.catalogue import Catalogue
from checkout.checkouts import Checkouts, NewCheckout
from checkout.database import Database, KeyName, record_quote_cart
from checkout.idempotency import Claim
from checkout.keyring import Keyring
from checkout.locally_client import LocallyClient, open_locally
from checkout.orders import Checkout, CheckoutStatus, LineItem, PathToPurchase, PriceSource, Shopper
from checkout.placing import Placing
from checkout.quoting import Quoting
from checkout.sandbox import create_sandbox
from checkout.settings import Settings
from checkout.stripe_client import StripeClient, open_stripe
from checkout.tracking import Tracking
from tests.proof.crashes import CrashingDatabase, Life
from tests.proof.lean_client import make_lean
from tests.proof.memory import InlineSqlite, Kept, LeanSqlite, documents_parsed_once
from tests.proof.quiet import quiet
from tests.proof.scenarios import PATHS
from tests.proof.wire import Wire, WireKept
from tests.service import SANDBOX_URL, SHOPPER, STORE_ID, UPC, make_settings

_BEGAN = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
# Stock and SetupIntents, which no run changes. Quotes, validate, commit and read-back are never answered from memory.
_READ_ONCE = frozenset({"conversion/store_data", "stripe/setup_intents"})
# All records of the sandbox that a run can change.
_BOOKS = ("carts", "holds", "charges", "sessions", "_charge_of_hold", "orders")
# A hundredth of the product's spans or so, and as one is to the other there.
SPANS = {
    "write_timeout": "1",
    "readback_delays": "0.2,0.4",
    "readback_interval": "1.5",
    "readback_until": "3.5",
    "not_placed_after": "2",
    "not_placed_after_refusal": "1",
    "late_looks": "20,40",
    # Whoever finds nothing to do writes all the same, which would be most of a run.
    "recovery_interval": "4",
    "lease": "12",
}


async def _ships_for_nothing(_upc: str, _country: str) -> int:
    return 0


@dataclass(frozen=True)
class Makers:
    """What a run is made of; a sabotage puts something else in its place."""

    placing: type[Placing] = Placing
    locally: Callable[[LocallyClient], Any] = lambda client: client


class Moment(NamedTuple):
    """All that outlives a process, as it stood so many seconds after the run began."""

    tables: Kept
    books: bytes
    wire: WireKept
    elapsed: float
    journal: bytes


@dataclass
class Prepared:
    """A checkout that could be placed, and the world as it stood then."""

    checkout: Checkout
    setup_intent_id: str | None
    moment: Moment


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
        self,
        database: InlineSqlite,
        sandbox: Any,
        wire: Wire,
        locally: LocallyClient,
        stripe: StripeClient,
        makers: Makers,
        settings: Settings,
    ) -> None:
        self.database = database
        self.books = sandbox.state.parts.books
        self.wire = wire
        self.settings = settings
        self.journal = settings.journal_path  # Of the runs on a file; in memory there is none.
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
        return _BEGAN + timedelta(seconds=self.elapsed())

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._loop.time() - self._began

    def moment(self) -> Moment:
        """Everything as it stands now."""
        books = pickle.dumps([getattr(self.books, name) for name in _BOOKS])
        return Moment(self.database.keep(), books, self.wire.keep(), self.elapsed(), self.journalled())

    def journalled(self) -> bytes:
        """What stands in the emergency journal."""
        return self.journal.read_bytes() if self.journal is not None and self.journal.exists() else b""

    def resume(self, moment: Moment) -> None:
        """Everything as it stood at a moment. No task of a later one may be left."""
        parts = self._sandbox.state.parts
        parts.ledger.clear()
        parts.timers.clear()
        for name, records in zip(_BOOKS, pickle.loads(moment.books), strict=True):  # noqa: S301  We wrote it.
            setattr(self.books, name, records)
        self._began = self._loop.time() - moment.elapsed
        self.wire.restore(moment.wire)
        self.database.restore(moment.tables)
        if self.journal is not None:
            self.journal.write_bytes(moment.journal)

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
            shipping_cost=_ships_for_nothing,
            host_domain="service.test",
            fresh=300,
            now=self._loop.time,
            clock=self.now,
        )
        return Assessor(availability, quoting, self._catalogue, paths=paths, currencies=settings.currencies)

    async def prepare(self, path: str) -> Prepared:
        """Open a checkout and take its card. With a card, the brand's server has given the price: no quote is asked."""
        process = self.process(Life())
        lines: tuple[LineItem, ...] = (LineItem(upc=UPC, quantity=1),)
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
        return Prepared(checkout, card, self._first_moment())

    def _first_moment(self) -> Moment:
        """The world with a checkout that is ready, and an upstream that knows of nothing yet."""
        self.books.clear()
        self._began = self._loop.time()
        return self.moment()

    async def _create(self, process: Process, path: str, lines: tuple[LineItem, ...]) -> Checkout:
        new = NewCheckout(
            store_id=STORE_ID,
            path_to_purchase=PathToPurchase(path),
            items=lines,
            shopper=lambda _country: Shopper.model_validate(SHOPPER),
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
async def open_world(
    folder: Path | None, makers: Makers | None = None, spans: Mapping[str, str] = SPANS
) -> AsyncIterator[World]:
    """A world on a database file in a folder, or in memory."""
    database = InlineSqlite(str(folder / "proof.db")) if folder else LeanSqlite()
    await database.open()
    sandbox = create_sandbox()
    journal = {"emergency_journal": str(folder / "proof.db.emergency")} if folder else {}
    settings: Settings = make_settings(**spans, **journal)
    wire = Wire(sandbox, settings.write_timeout, _READ_ONCE)
    try:
        async with open_locally(settings, transport=wire) as locally, open_stripe(settings, transport=wire) as stripe:
            with quiet(), documents_parsed_once():
                if folder is None:
                    make_lean(locally)
                world = World(database, sandbox, wire, locally, stripe, makers or Makers(), settings)
                for path in PATHS:
                    world.prepared[path] = await world.prepare(path)
                yield world
    finally:
        await database.close()
