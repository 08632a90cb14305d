"""The pages for people: what each shows, to whom, and under which headers."""

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from checkout.attempts import Attempt, AttemptStatus
from checkout.database import (
    Database,
    OrderTokens,
    Transaction,
    insert_attempt,
    insert_checkout,
    insert_order,
    open_database,
)
from checkout.keyring import Keyring, token_hash
from checkout.money import Money
from checkout.orders import (
    Address,
    Checkout,
    CheckoutStatus,
    ItemStatus,
    Location,
    OpeningHours,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    Shopper,
    Store,
)
from checkout.pages import routes
from checkout.pages.hours import describe_today, find_zone
from checkout.pages.languages import ENGLISH
from checkout.pages.order_words import (
    describe_item,
    describe_next,
    is_final,
    money_rows,
    progress_of,
    what_to_bring,
)
from checkout.pages.problem import EXPLANATIONS
from checkout.pages.reaching import read_phone
from checkout.pages.rendering import find_folder
from checkout.problems import TABLE, problem_document
from checkout.settings import Settings, load_settings
from tests.records import usd

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


def make_checkout(order: Order) -> Checkout:
    return Checkout(
        id=order.checkout_id,
        brand=order.brand,
        version=1,
        status=CheckoutStatus.PLACED,
        store=order.store,
        currency="USD",
        path_to_purchase=order.path_to_purchase,
        items=(),
        shopper=order.shopper,
        payment=None,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


def make_attempt(order: Order) -> Attempt:
    return Attempt(
        id="att_1",
        checkout_id=order.checkout_id,
        brand=order.brand,
        status=AttemptStatus.PLACED,
        idempotency_key="k" * 20,
        setup_intent_id=None,
        external_intent=False,
        expected_amount=24806,
        created_at=NOW,
        updated_at=NOW,
    )


async def keep_order(database: Database, order: Order) -> str:
    """Write an order and what it belongs to; gives the path of its page."""
    link = KEYRING.token("ol", order.id)

    async def work(tx: Transaction) -> None:
        await insert_checkout(tx, make_checkout(order), token_hash("ct_1"))
        await insert_attempt(tx, make_attempt(order))
        await insert_order(tx, order, "att_1", OrderTokens(token=token_hash("ot_1"), link=token_hash(link)))

    await database.write(work)
    return f"/o/{link}"


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = open_database("sqlite:///:memory:")
    await opened.open()
    yield opened
    await opened.close()


class _WithState:
    """Puts the state where a server's lifespan would have put it."""

    def __init__(self, app: Starlette, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope, "state": dict(self._state)}, receive, send)


@asynccontextmanager
async def browse(settings: Settings, database: Database | None = None) -> AsyncIterator[httpx.AsyncClient]:
    state = {"settings": settings, "database": database, "clock": lambda: NOW}
    transport = httpx.ASGITransport(_WithState(Starlette(routes=routes), state))
    async with httpx.AsyncClient(transport=transport, base_url="http://checkout.test") as client:
        yield client


@pytest.fixture
async def reader() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the pages that need no record."""
    async with browse(load_settings({**ENVIRONMENT, **SANDBOX})) as client:
        yield client


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(load_settings({**ENVIRONMENT, **SANDBOX}), database) as client:
        yield client


class _Page(HTMLParser):
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
    return " ".join(_Page(response.text).words.split())


# Every page


@pytest.fixture(params=["/", "/problems/card-declined", "/problems/nothing", "/o/ol_nothing", "order"])
async def page(request: pytest.FixtureRequest, client: httpx.AsyncClient, database: Database) -> httpx.Response:
    path = await keep_order(database, make_order()) if request.param == "order" else request.param
    return await client.get(path)


async def test_pages_carry_a_strict_policy(page: httpx.Response) -> None:
    policy = page.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_need_nothing_that_the_policy_forbids(page: httpx.Response) -> None:
    links = _Page(page.text)
    assert "style" not in links.elements
    assert "<script>" not in page.text
    assert not [name for name in links.attributes if name == "style" or name.startswith("on")]


async def test_pages_are_html_in_english(page: httpx.Response) -> None:
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith('<!doctype html>\n<html lang="en')
    assert page.text.count("<h1>") == 1
    assert "<main" in page.text


async def test_files_that_pages_name_are_served(page: httpx.Response, client: httpx.AsyncClient) -> None:
    files = [address for address in _Page(page.text).addresses if re.match(r"/static/|/theme\.css", address)]
    assert {"/static/checkout.css", "/static/checkout-page.css"} & set(files)
    assert {(await client.get(file)).status_code for file in files} == {200}


# The guide


async def test_guide_fills_in_address_and_key(reader: httpx.AsyncClient) -> None:
    words = text_of(await reader.get("/"))
    assert "URL=http://checkout.test:8123 KEY=cpk_test_brand_made_up" in words


async def test_guide_names_every_call_of_a_purchase(reader: httpx.AsyncClient) -> None:
    words = text_of(await reader.get("/"))
    assert re.findall(r"/v1/[\w/$-]*", words) == [
        "/v1/places",
        "/v1/stores",
        "/v1/quotes",
        "/v1/checkouts",
        "/v1/checkouts/$ID/setup-intent",
        "/v1/setup_intents/$INTENT/confirm",
        "/v1/checkouts/$ID/place",
        "/v1/orders/$",
    ]


async def test_guide_shows_no_secret(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/")).text
    names = ("LOCALLY_API_TOKEN", "STRIPE_SECRET_KEY", "SECRET_KEY", "ENCRYPTION_KEY")
    assert not [name for name in names if ENVIRONMENT[f"CHECKOUT_{name}"] in page]


async def test_guide_links_to_the_local_ledger(reader: httpx.AsyncClient) -> None:
    links = _Page((await reader.get("/")).text)
    assert {"/openapi.json", "/healthz", "http://127.0.0.1:9000/_sandbox/ledger"} <= set(links.addresses)


@pytest.mark.parametrize("elsewhere", [{}, {"CHECKOUT_LOCALLY_BASE_URL": "http://sandbox:9000"}])
async def test_guide_links_to_no_other_ledger(elsewhere: dict[str, str]) -> None:
    async with browse(load_settings({**ENVIRONMENT, **elsewhere})) as client:
        assert "_sandbox" not in (await client.get("/")).text


async def test_guide_keeps_a_live_key_to_itself() -> None:
    async with browse(load_settings(LIVE)) as client:
        page = (await client.get("/")).text
    assert "cpk_live_brand_made_up" not in page
    assert "KEY=cpk_live_..." in page
    assert "pm_card_visa" not in page


# The order page


async def test_order_page_tells_store_and_order(client: httpx.AsyncClient, database: Database) -> None:
    page = await client.get(await keep_order(database, make_order()))
    words = text_of(page)
    assert page.status_code == 200
    for fact in (
        "Wicker Park <Cyclery>",
        "1728 N Damen Ave Chicago, IL 60647",
        "Today: Sunday, 11:00 AM to 5:00 PM",
        "Call +1 312-555-0101",
        "Order number QE3QL6",
        "Sunday, November 22, 2026, 9:30 AM CST",
        "by Sunday, November 22, 2026, 1:30 PM CST",
        "Trail Shoe 0 Waiting for the store's answer 2 $248.06",
        "Total $248.06",
        "Held on your card $248.06",
        "Your card is held, not charged.",
    ):
        assert fact in words


async def test_order_page_links_to_phone_and_map(client: httpx.AsyncClient, database: Database) -> None:
    page = await client.get(await keep_order(database, make_order()))
    addresses = _Page(page.text).addresses
    assert "tel:+13125550101" in addresses
    assert "https://www.openstreetmap.org/?mlat=41.9137&mlon=-87.6776#map=17/41.9137/-87.6776" in addresses


async def test_order_page_masks_the_shopper(client: httpx.AsyncClient, database: Database) -> None:
    page = await client.get(await keep_order(database, make_order()))
    assert "June H. j***@e***.com ***42" in text_of(page)
    private = ("Harper", "june.harper", "5550142", "1104 S Wabash", "60605", "bearer-link")
    assert not [fact for fact in private if fact in page.text]


async def test_order_page_escapes_what_upstreams_say(client: httpx.AsyncClient, database: Database) -> None:
    page = await client.get(await keep_order(database, make_order()))
    assert "Wicker Park &lt;Cyclery&gt;" in page.text
    assert "<Cyclery>" not in page.text


async def test_order_page_does_without_unknown_facts(client: httpx.AsyncClient, database: Database) -> None:
    bare = make_order("packed").changed(
        store=Store(id=1, name="Store", address=Address()), shopper=Shopper(), answer_by=None
    )
    bare = bare.changed(items=(bare.items[0].changed(name=None, total=None, reason="Damaged"),))
    words = text_of(await client.get(await keep_order(database, bare)))
    assert "UPC 686487455940 packed Damaged 2 not known" in words
    assert "3:30 PM UTC" in words
    assert "None" not in words


@pytest.mark.parametrize(
    "link", ["ol_nothing", "ol_" + "A" * 43, "ot_" + "A" * 43, KEYRING.token("ot", "ord_1"), "ord_1", "QE3QL6", "%00"]
)
async def test_every_other_link_finds_the_same_nothing(
    link: str, client: httpx.AsyncClient, database: Database
) -> None:
    await keep_order(database, make_order())
    page = await client.get(f"/o/{link}")
    assert page.status_code == 404
    assert page.text == (await client.get("/o/ol_other")).text
    assert "Nothing is here" in text_of(page)


@pytest.mark.parametrize("exists", [True, False])
async def test_order_links_neither_leak_nor_last(exists: bool, client: httpx.AsyncClient, database: Database) -> None:
    path = await keep_order(database, make_order())
    page = await client.get(path if exists else "/o/ol_nothing")
    assert page.status_code == (200 if exists else 404)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"


WEEK = tuple(OpeningHours(day=day, opens="09:00", closes="17:00") for day in range(7))


async def test_order_page_reckons_when_the_store_answers(client: httpx.AsyncClient, database: Database) -> None:
    order = make_order().changed(answer_by=None, store=STORE.changed(hours=WEEK))
    words = text_of(await client.get(await keep_order(database, order)))
    assert "The store answers by Monday, November 23, 2026, 9:30 AM CST" in words
    assert "You get an answer by Monday, November 23, 2026, 9:30 AM CST at the latest." in words


@pytest.mark.parametrize(
    "order",
    [
        make_order().changed(answer_by=NOW - timedelta(minutes=1)),
        make_order("confirmed").changed(answer_by=NOW + timedelta(hours=1)),
        make_order("pending_brand", path=STS).changed(answer_by=None, store=STORE.changed(hours=WEEK)),
        make_order().changed(answer_by=None, store=STORE.changed(hours=())),
    ],
    ids=["past", "answered", "brand", "unknown hours"],
)
async def test_no_answer_is_promised_without_reason(
    order: Order, client: httpx.AsyncClient, database: Database
) -> None:
    assert "at the latest" not in text_of(await client.get(await keep_order(database, order)))


@pytest.mark.parametrize(
    ("order", "steps"),
    [
        (make_order(), "done now next next"),
        (make_order("confirmed"), "done done done now"),
        (make_order("confirmed", "ordered"), "done now next next"),
        (make_order("picked_up"), "done done done done"),
        (make_order("declined"), "done bad"),
        (make_order("refunded", charged=1, refunded=1), "done bad"),
        (make_order("pending_brand", path=STS), "done now next next next"),
        (make_order("shipped", path=STS), "done done now next next"),
        (make_order("shipped", "ready_for_pickup", path=STS), "done done now next next"),
        (make_order("ready_for_pickup", "rejected", path=STS), "done done done done now"),
        (make_order("picked_up", path=STS), "done done done done done"),
    ],
)
def test_progress_follows_the_slowest_item(order: Order, steps: str) -> None:
    assert [step.state for step in progress_of(order, ENGLISH)] == steps.split()


async def test_canceled_order_leads_to_other_stores(client: httpx.AsyncClient, database: Database) -> None:
    canceled = await client.get(await keep_order(database, make_order("declined", "auto_canceled")))
    assert "/checkout?items=686487455940:2,686487455941:2&lang=en-US" in _Page(canceled.text).addresses
    assert "http-equiv" not in canceled.text


async def test_waiting_order_renews_itself_without_scripts(client: httpx.AsyncClient, database: Database) -> None:
    page = await client.get(await keep_order(database, make_order()))
    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in page.text
    assert "/checkout?" not in page.text


@pytest.mark.parametrize(
    ("order", "things"),
    [(make_order(), 3), (make_order(path=ROPIS), 3), (make_order("picked_up"), 0), (make_order("declined"), 0)],
)
def test_things_to_bring_end_with_the_order(order: Order, things: int) -> None:
    assert len(what_to_bring(order, ENGLISH)) == things
    assert is_final(order) == (things == 0)


@pytest.mark.parametrize("path", PathToPurchase)
async def test_order_page_knows_every_status(
    path: PathToPurchase, client: httpx.AsyncClient, database: Database
) -> None:
    statuses = [*ItemStatus, "something_new"]
    words = text_of(await client.get(await keep_order(database, make_order(*statuses, path=path))))
    assert not [status for status in statuses if describe_item(status, path, ENGLISH) not in words]


@pytest.mark.parametrize("status", [*ItemStatus, "something_new"])
def test_every_order_has_a_next_step(status: str) -> None:
    assert all(describe_next(make_order(status, path=path), ENGLISH)[0] for path in PathToPurchase)


# The words of an order


@pytest.mark.parametrize("status", ItemStatus)
def test_item_status_has_plain_words(status: ItemStatus) -> None:
    assert re.fullmatch(r"[A-Z][a-z].*", describe_item(status, BOPIS, ENGLISH))


def test_unknown_item_status_is_shown_as_is() -> None:
    assert describe_item("something_new", BOPIS, ENGLISH) == "something_new"


def test_item_confirmed_by_the_brand_is_not_at_the_store() -> None:
    assert describe_item("confirmed", STS, ENGLISH) == "Confirmed by the brand"


def test_reservation_is_paid_in_the_store() -> None:
    sentences = describe_next(make_order(path=ROPIS, authorized=0), ENGLISH)
    assert sentences[1:] == ["You pay in the store: nothing is charged online."]


def test_canceled_reservation_asks_for_no_payment() -> None:
    assert len(describe_next(make_order("declined", path=ROPIS, authorized=0), ENGLISH)) == 1


def test_canceled_order_promises_the_hold_to_end() -> None:
    assert "The hold on it ends by itself" in describe_next(make_order("declined"), ENGLISH)[1]


def test_charged_order_is_never_called_uncharged() -> None:
    for statuses in (("ordered", "confirmed"), ("confirmed",), ("canceled",)):
        assert "not charged" not in " ".join(describe_next(make_order(*statuses, charged=24806), ENGLISH))


def test_ship_to_store_waits_for_the_brand() -> None:
    assert "brand" in describe_next(make_order("pending_brand", path=STS), ENGLISH)[0]


def test_hold_is_told_until_the_charge() -> None:
    assert money_rows(make_order(), ENGLISH) == [("Held on your card", usd(24806))]
    assert money_rows(make_order("confirmed", charged=24806), ENGLISH) == [("Charged to your card", usd(24806))]
    assert money_rows(make_order("declined"), ENGLISH) == []


def test_refund_stands_beside_the_charge() -> None:
    rows = money_rows(make_order("partially_refunded", charged=24806, refunded=1000), ENGLISH)
    assert rows == [("Charged to your card", usd(24806)), ("Refunded", usd(1000))]


@pytest.mark.parametrize(
    ("amount", "currency", "text"), [(123456, "USD", "$1,234.56"), (500, "CAD", "CA$5.00"), (500, "JPY", "¥500")]
)
def test_money_is_written_with_its_currency(amount: int, currency: str, text: str) -> None:
    assert ENGLISH.money(Money(amount=amount, currency=currency)) == text


# Times and phones


def chicago(moment: datetime) -> datetime:
    return moment.astimezone(find_zone(STORE))


def today(there: datetime, store: Store = STORE) -> str | None:
    words = describe_today(store, there, ENGLISH, told_on=NOW)
    return " ".join(words.split()) if words else None


def test_today_is_the_stores_own_day() -> None:
    late_on_sunday = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert today(chicago(late_on_sunday)) == "Sunday, 11:00 AM to 5:00 PM"


def test_closed_day_is_told() -> None:
    assert today(chicago(NOW + timedelta(days=1))) == "Monday, closed"


def test_day_without_hours_is_not_guessed() -> None:
    assert today(chicago(NOW + timedelta(days=2))) is None


def test_todays_hours_are_of_the_day_they_were_told() -> None:
    store = STORE.changed(hours=(), today_hours="11am-5pm")
    assert today(chicago(NOW), store) == "Sunday, 11am-5pm"
    assert today(chicago(NOW + timedelta(days=1)), store) is None


@pytest.mark.parametrize("name", [None, "Mars/Olympus", "../etc"])
def test_unknown_time_zone_is_utc(name: str | None) -> None:
    assert find_zone(STORE.changed(time_zone=name)) is UTC


def test_phone_is_read_by_the_stores_country() -> None:
    assert read_phone(STORE.changed(phone="(312) 555-0101")) == ("+1 312-555-0101", "+13125550101")


def test_phone_that_is_none_is_not_dialled() -> None:
    assert read_phone(STORE.changed(phone="ask inside")) == ("ask inside", None)
    assert read_phone(STORE.changed(phone=None)) is None


# Problems


@pytest.mark.parametrize("error", TABLE)
async def test_problem_type_is_a_page(error: type[Exception], reader: httpx.AsyncClient) -> None:
    document = problem_document(error(()) if error.__name__ == "SettingsFault" else error(), request_id="req_1")
    page = await reader.get(document.type)
    assert page.status_code == 200
    assert document.code in page.text
    assert str(document.status) in page.text


async def test_problem_page_says_what_to_do(reader: httpx.AsyncClient) -> None:
    words = text_of(await reader.get("/problems/card-declined"))
    assert "The card was declined card_declined, told with HTTP status 402" in words
    assert "What to do next Ask the shopper for the card again" in words


def test_code_of_two_facts_tells_both() -> None:
    assert EXPLANATIONS["path-unavailable"].statuses == (409, 422)
    assert len(EXPLANATIONS["upstream-unavailable"].advice) == 2


def test_only_bugs_are_explained_as_bugs() -> None:
    meanings = [each.code for each in EXPLANATIONS.values() if each.meaning == "Something went wrong on our side."]
    assert meanings == ["internal_error"]


@pytest.mark.parametrize("code", ["nothing", "settings-fault", "CardDeclined"])
async def test_unknown_problem_is_not_found(code: str, reader: httpx.AsyncClient) -> None:
    assert (await reader.get(f"/problems/{code}")).status_code == 404


# Files


async def test_static_files_are_kept_and_asked_for_again(reader: httpx.AsyncClient) -> None:
    first = await reader.get("/static/checkout.css")
    assert first.headers["Content-Type"].startswith("text/css")
    assert "max-age=300" in first.headers["Cache-Control"]
    again = await reader.get("/static/checkout.css", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert "max-age=300" in again.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["nothing.css", "", "..%2Fpyproject.toml", "../templates/base.html"])
async def test_nothing_else_is_served_as_static(name: str, reader: httpx.AsyncClient) -> None:
    assert (await reader.get(f"/static/{name}")).status_code == 404


def test_stylesheet_stays_small() -> None:
    assert len(gzip.compress((find_folder("static") / "checkout.css").read_bytes())) < 6 * 1024


def test_folders_of_the_wheel_come_first(tmp_path: Path) -> None:
    package = tmp_path / "checkout"
    package.mkdir()
    assert find_folder("static", package) == tmp_path / "static"
    (package / "static").mkdir()
    assert find_folder("static", package) == package / "static"
