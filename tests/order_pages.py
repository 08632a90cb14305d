"""Orders as their pages show them: made up, kept in a database, asked for over HTTP, and read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
from starlette.applications import Starlette

from checkout.answers import Answers
from checkout.attempts import Attempt, AttemptStatus
from checkout.availability import StoreOffer
from checkout.database import (
    Database,
    OrderTokens,
    Transaction,
    add_to_timeline,
    insert_attempt,
    insert_checkout,
    insert_order,
    open_database,
)
from checkout.keyring import Keyring, token_hash
from checkout.orders import (
    Address,
    Location,
    OpeningHours,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    Shopper,
    Store,
    items_to_rescue,
)
from checkout.pages import routes
from checkout.rescuing import RescueOffer
from checkout.settings import Settings
from tests.records import checkout_of, usd

KEYRING = Keyring(bytes(32))
NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # A Sunday, 9:30 AM in Chicago.
BOPIS, ROPIS, STS = PathToPurchase.BOPIS, PathToPurchase.ROPIS, PathToPurchase.STS
ENVIRONMENT = {
    "CHECKOUT_LOCALLY_API_TOKEN": "test_locally_token_made_up",
    "CHECKOUT_LOCALLY_COMPANY_ID": "1",
    "CHECKOUT_STRIPE_SECRET_KEY": "sk_test_stripe_made_up",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY": "pk_test_stripe_made_up",
    "CHECKOUT_PUBLISHABLE_KEY": "cpk_test_brand_made_up",
    "CHECKOUT_SECRET_KEY": "csk_test_brand_made_up",
    "CHECKOUT_ENCRYPTION_KEY": "bWFkZS11cCBrZXk6IG5ldmVyIHVzZSBpdCBsaXZlISE=",
    "CHECKOUT_PUBLIC_URL": "http://checkout.test:8123",
}
SANDBOX = {"CHECKOUT_LOCALLY_BASE_URL": "http://127.0.0.1:9000", "CHECKOUT_STRIPE_API_BASE": "http://127.0.0.1:9000"}
LIVE = {name: value.replace("test_locally_", "").replace("_test_", "_live_") for name, value in ENVIRONMENT.items()} | {
    "CHECKOUT_PUBLIC_URL": "https://checkout.test"
}


STORE = Store(
    id=37175,
    name="Wicker Park <Cyclery>",
    address=Address(address="1728 N Damen Ave", city="Chicago", state="IL", zip="60647", country="US"),
    location=Location(lat=41.9137, lng=-87.6776),
    phone="+13125550101",
    time_zone="America/Chicago",
    hours=(OpeningHours(day=0, opens=None, closes=None), OpeningHours(day=6, opens="11:00", closes="17:00")),
)
SHOPPER = Shopper(
    email="june.harper@example.com",
    phone="+13125550142",
    first_name="June",
    last_name="Harper",
    address="1104 S Wabash Ave",
    city="Chicago",
    state="IL",
    zip="60605",
    country="US",
)


def make_order(
    *statuses: str, path: PathToPurchase = BOPIS, authorized: int = 24806, charged: int = 0, refunded: int = 0
) -> Order:
    items = tuple(
        OrderItem(upc=f"68648745594{index}", name=f"Trail Shoe {index}", quantity=2, status=status, total=usd(24806))
        for index, status in enumerate(statuses or ("ordered",))
    )
    return Order(
        id="ord_1",
        checkout_id="chk_1",
        brand="acme",
        path_to_purchase=path,
        cart_hash="QE3QL6",
        locally_order_url="https://www.locally.com/order/QE3QL6/bearer-link",
        placed_at=NOW,
        answer_by=NOW + timedelta(hours=4),
        store=STORE,
        items=items,
        shopper=SHOPPER,
        totals=OrderTotals(total=usd(24806), authorized=usd(authorized), charged=usd(charged), refunded=usd(refunded)),
    )


def make_attempt(order: Order) -> Attempt:
    return Attempt(
        id=f"att {order.id}",
        checkout_id=order.story_id,
        brand=order.brand,
        status=AttemptStatus.PLACED,
        idempotency_key=f"{order.id:k>20}",
        setup_intent_id=None,
        external_intent=False,
        expected_amount=24806,
        created_at=NOW,
        updated_at=NOW,
    )


async def keep_order(database: Database, order: Order, *events: tuple[str, dict[str, Any]]) -> str:
    """Write an order, what it belongs to and what happened to it; gives the path of its page."""
    link = KEYRING.token("ol", order.id)

    async def work(tx: Transaction) -> None:
        await insert_checkout(tx, checkout_of(order), token_hash(f"ct {order.id}"))
        await insert_attempt(tx, make_attempt(order))
        tokens = OrderTokens(token=token_hash(f"ot {order.id}"), link=token_hash(link))
        await insert_order(tx, order, f"att {order.id}", tokens)
        for hours, (event, facts) in enumerate(events):
            await add_to_timeline(tx, order.story_id, NOW + timedelta(hours=hours), event, **facts)

    await database.write(work)
    return f"/o/{link}"


class _Rescues:
    """Stands in for what finds other stores: offers what a test says, or fails."""

    def __init__(self) -> None:
        self.stores: tuple[StoreOffer, ...] = ()
        self.error: Exception | None = None

    async def offer(self, order: Order) -> RescueOffer:
        if self.error is not None:
            raise self.error
        return RescueOffer(items_to_rescue(order), self.stores, STORE.location, "mi", NOW)


class _Lookup:
    """Stands in for what mails links: remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, email: str, _: str) -> None:
        self.asked.append(email)


class _Placed:
    """Puts the state where a server's lifespan would have put it, and the request's id where the edge would have."""

    def __init__(self, app: Starlette, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "state": dict(self._state), "request_id": "req_1"}, receive, send)


@dataclass
class Pages:
    """The pages over a database, asked through `client`."""

    client: httpx.AsyncClient
    database: Database
    rescues: _Rescues
    lookup: _Lookup

    async def show(self, order: Order, *events: tuple[str, dict[str, Any]]) -> httpx.Response:
        """The page of an order to which these things happened, an hour after each other."""
        path = await keep_order(self.database, order, *events)
        return await self.client.get(path)


@asynccontextmanager
async def open_pages(settings: Settings) -> AsyncIterator[Pages]:
    database = open_database("sqlite:///:memory:")
    await database.open()
    rescues, lookup = _Rescues(), _Lookup()
    state = {
        "settings": settings,
        "database": database,
        "clock": lambda: NOW,
        "rescues": rescues,
        "lookup": lookup if settings.smtp_url else None,
        "answers": Answers(KEYRING, settings.public_url),
    }
    transport = httpx.ASGITransport(_Placed(Starlette(routes=routes), state))
    async with httpx.AsyncClient(transport=transport, base_url="http://checkout.test") as client:
        yield Pages(client, database, rescues, lookup)
    await database.close()


class Shown(HTMLParser):
    """What a page names and uses, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.attributes: set[str] = set()
        self.elements: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def text_of(response: httpx.Response) -> str:
    """The words of a page, with single spaces between them."""
    return " ".join(Shown(response.text).words.split())
