"""Locally's pages of carts become the retailer's orders: every cart, each once, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from checkout.database.tables import orders
from checkout.errors import UpstreamUnavailable
from checkout.intake.orders import order_of_cart
from checkout.locally_client import CartDetail
from tests.databases import KINDS, NOW, database_url, running_database
from tests.intake_world import OPENED, PAGE, Retailer
from tests.tracked import told


@pytest.fixture(params=KINDS)
async def retailer(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Retailer]:
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        yield Retailer(database)


def names(*numbers: int) -> list[str]:
    return [f"CART{number:03}" for number in range(*numbers)]


async def test_first_run_reads_every_page(retailer: Retailer) -> None:
    retailer.pages.put(*names(120))
    await retailer.intake().run()
    assert set(await retailer.orders()) == set(names(120))
    assert retailer.pages.lists == [0, 1, 2]
    progress = await retailer.intake().progress()
    assert (progress.status, progress.page, progress.pages, progress.taken_in) == ("waiting", 3, 3, 120)
    assert progress.known_until == OPENED + timedelta(minutes=119)


async def test_later_runs_read_down_to_known_ground(retailer: Retailer) -> None:
    retailer.pages.put(*names(120))
    await retailer.intake().run()
    retailer.pages.lists.clear()
    retailer.pages.reads.clear()
    await retailer.intake().run()
    assert (retailer.pages.lists, retailer.pages.reads) == ([0], {})
    retailer.pages.put(*names(200, 260))
    await retailer.intake().run()
    assert set(retailer.pages.reads) == set(names(200, 260))
    assert retailer.pages.lists == [0, 0, 1, 2]
    assert len(await retailer.orders()) == 180


async def test_interrupted_run_goes_on_at_its_page(retailer: Retailer) -> None:
    retailer.pages.put(*names(180))
    retailer.pages.fails_at = 2
    with pytest.raises(UpstreamUnavailable):
        await retailer.intake().run()
    assert len(await retailer.orders()) == 2 * PAGE
    assert (await retailer.intake().progress()).page == 2
    retailer.pages.fails_at = None
    retailer.pages.lists.clear()
    await retailer.intake().run()
    assert retailer.pages.lists == [2, 3]
    assert set(await retailer.orders()) == set(names(180))
    assert max(retailer.pages.reads.values()) == 1


async def test_carts_that_come_meanwhile_are_not_missed(retailer: Retailer) -> None:
    retailer.pages.put(*names(110))
    retailer.pages.before_page = lambda page: retailer.pages.put(*names(500 + 20 * page, 520 + 20 * page))
    await retailer.intake().run()
    assert set(names(110)) <= set(await retailer.orders())
    retailer.pages.before_page = lambda _page: None
    await retailer.intake().run()
    assert set(await retailer.orders()) == set(retailer.pages.carts)


async def test_webhooks_do_not_hide_what_is_older(retailer: Retailer) -> None:
    retailer.pages.put(*names(10))
    await retailer.intake().run()
    retailer.pages.put(*names(100, 220))
    for cart_hash in names(170, 220):
        assert await retailer.intake().take_in(cart_hash)
    await retailer.intake().run()
    assert len(await retailer.orders()) == 130


async def test_unreadable_cart_is_left_and_tried_again(retailer: Retailer) -> None:
    retailer.pages.put(*names(12))
    retailer.pages.broken = {"CART004"}
    await retailer.intake().run()
    assert set(await retailer.orders()) == set(names(12)) - {"CART004"}
    assert (await retailer.intake().progress()).left == ("CART004",)
    retailer.pages.broken = set()
    await retailer.intake().run()
    assert "CART004" in await retailer.orders()
    assert (await retailer.intake().progress()).left == ()


async def test_run_stops_where_no_cart_can_be_read(retailer: Retailer) -> None:
    retailer.pages.put(*names(120))
    retailer.pages.broken = set(names(120))
    with pytest.raises(UpstreamUnavailable):
        await retailer.intake().run()
    assert (await retailer.intake().progress()).page == 0
    assert sum(retailer.pages.reads.values()) == 5


async def test_carts_that_nobody_ordered_are_skipped(retailer: Retailer) -> None:
    retailer.pages.put("OPENCART", ordered=False)
    retailer.pages.put("ORDERED")
    await retailer.intake().run()
    assert set(await retailer.orders()) == {"ORDERED"}
    assert not await retailer.intake().take_in("OPENCART")
    assert not await retailer.intake().take_in("NOWHERE")


async def test_instances_together_make_one_order_of_each(retailer: Retailer) -> None:
    retailer.pages.put(*names(110))
    webhooks = [retailer.intake().take_in(cart_hash) for cart_hash in names(90, 110)]
    await asyncio.gather(*(retailer.intake().run() for _ in range(3)), *webhooks)
    await retailer.intake().run()
    found = await retailer.orders()
    assert set(found) == set(names(110))
    assert await retailer.told() == {order.id: 1 for order in found.values()}
    assert sorted(await retailer.events()) == sorted((order.id, "order.taken_in") for order in found.values())


async def test_order_counts_as_changed_when_taken_in(retailer: Retailer) -> None:
    retailer.pages.put("OLDCART", status="Fulfilled")
    await retailer.intake().run()
    (row,) = await retailer.rows(orders)
    assert (row["placed_at"], row["updated_at"]) == (OPENED, retailer.clock())


async def test_what_ended_long_ago_is_not_followed(retailer: Retailer) -> None:
    retailer.clock.ahead += OPENED + timedelta(days=120) - retailer.clock()
    retailer.pages.put("ENDED", status="Fulfilled")
    retailer.pages.put("OPEN")
    await retailer.intake().run()
    assert await looks_in(retailer) == {"ENDED": None, "OPEN": timedelta(minutes=10)}


async def test_what_has_ended_is_looked_at_once_a_day(retailer: Retailer) -> None:
    retailer.clock.ahead += OPENED + timedelta(days=2) - retailer.clock()
    retailer.pages.put("ENDED", status="Fulfilled")
    await retailer.intake().run()
    assert await looks_in(retailer) == {"ENDED": timedelta(days=1)}


async def looks_in(retailer: Retailer) -> dict[str, timedelta | None]:
    """How long it is until each order is looked at by itself, by the hashes of their carts."""
    looks = {row["cart_hash"]: row["next_look_at"] for row in await retailer.rows(orders)}
    return {name: at and at - retailer.clock() for name, at in looks.items()}


@pytest.mark.parametrize(
    ("kind", "sts_status", "path"),
    [
        ("ORDER", False, "bopis"),
        ("ORDER", "N/A", "bopis"),
        ("HOLD", "", "ropis"),
        ("SHIP", "", "sts"),
        ("ORDER", "Processing", "sts"),
        (None, None, "bopis"),
    ],
)
def test_path_is_told_by_items_before_type(kind: str | None, sts_status: object, path: str) -> None:
    assert taken(kind=kind, items=[told(sts_status=sts_status)]).path_to_purchase == path


def taken(
    *, kind: str | None = "ORDER", items: Any = None, currencies: dict[str, str] | None = None, **more: Any
) -> Any:
    properties = {"hash": "O3V36", "type": kind, "ordered_at": "2026-05-04 11:30:00"}
    cart = CartDetail.model_validate({"properties": properties, "items": items or [told()], **more})
    return order_of_cart(cart, "main-street", NOW, answer_window=8, currencies=currencies or {})


def test_order_has_what_its_cart_tells() -> None:
    customer = {"first_name": "June", "last_name": "Harper", "email": "june@example.com", "address_1": "1 Oak St"}
    store = {"store_id": 37175, "name": "Main Street", "city": "Chicago", "address": "2 Elm St", "phone": ""}
    order = taken(customer={**customer, "marketing_active_consent": "1"}, store=store)
    assert (order.checkout_id, order.brand, order.cart_hash) == (None, "main-street", "O3V36")
    assert order.placed_at.isoformat() == "2026-05-04T11:30:00+00:00"
    assert order.answer_by.isoformat() == "2026-05-04T19:30:00+00:00"
    assert (order.shopper.first_name, order.shopper.address, order.shopper.phone) == ("June", "1 Oak St", None)
    assert order.shopper.is_opt_in_consent
    assert (order.store.id, order.store.name, order.store.address.city, order.store.phone) == (
        37175,
        "Main Street",
        "Chicago",
        None,
    )
    assert [(item.upc, item.quantity, item.status, item.total.amount) for item in order.items] == [
        ("068648100001", 1, "ordered", 9812)
    ]
    assert (order.totals.total.amount, order.totals.authorized.amount, order.totals.charged.amount) == (9812, 9812, 0)


def test_nothing_is_held_for_a_reservation() -> None:
    totals = taken(kind="HOLD", items=[told("Confirmed")]).totals
    assert (totals.total.amount, totals.authorized.amount, totals.charged.amount) == (9812, 0, 0)


def test_answered_order_has_no_time_to_answer() -> None:
    order = taken(items=[told("Confirmed")])
    assert (order.answer_by, order.status, order.totals.charged.amount) == (None, "confirmed", 9812)


@pytest.mark.parametrize(
    ("item", "store", "currency"),
    [
        ("CAD", {"country": "US"}, "CAD"),
        (None, {"store_id": 7, "country": "US"}, "GBP"),
        (None, {"store_id": 8, "country": "CA"}, "CAD"),
        (None, "no object", "USD"),
    ],
)
def test_currency_is_the_nearest_that_is_told(item: str | None, store: object, currency: str) -> None:
    order = taken(items=[told(currency=item)], store=store, currencies={"7": "GBP"})
    assert order.totals.total.currency == currency


async def test_item_without_upc_hides_no_other_cart(retailer: Retailer) -> None:
    retailer.pages.put(*names(3))
    retailer.pages.carts["CART001"]["items"] = [told(upc="no UPC")]
    await retailer.intake().run()
    assert set(await retailer.orders()) == {"CART000", "CART002"}
    assert (await retailer.intake().progress()).left == ("CART001",)
