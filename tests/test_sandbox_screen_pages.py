"""The sandbox's other screens: its root, the list of stores, the clock, and the shopper's page."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from tests.markup import Markup
from tests.sandbox_screens import SCREEN, STORES, look, money, statuses, trouble
from tests.sandbox_shopper import OTHER_STORE, STORE, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def test_list_names_stores_with_what_waits(shopper: Shopper) -> None:
    assert "No store has an order yet" in (await look(shopper, STORES)).one("main").text
    answered = await shopper.order(1)
    await shopper.move(answered, status="confirmed")
    await shopper.order(1)
    await shopper.order(1, store_id=OTHER_STORE)
    stores = (await look(shopper, STORES)).all("li")
    assert [each.text for each in stores[:2]] == [
        "Loop Bike & Run, Chicago 1 order 1 to answer",
        "Wicker Park Cyclery, Chicago 2 orders 1 to answer",
    ]
    assert len(stores) == 21


async def test_every_store_has_a_screen(shopper: Shopper) -> None:
    links = [link.attributes["href"] for link in (await look(shopper, STORES)).all("a")]
    screens = [link for link in links if link.startswith(f"{STORES}/")]
    assert len(screens) == 21
    for screen in screens:
        assert "No orders yet" in (await look(shopper, screen)).one("main").text


@pytest.mark.parametrize(("store", "to"), [(str(STORE), SCREEN), ("", STORES), ("1", STORES), ("//evil.test", STORES)])
async def test_clock_moves_from_the_screen(shopper: Shopper, store: str, to: str) -> None:
    before = datetime.fromisoformat((await shopper.get("/_sandbox/clock"))["now"])
    answer = await shopper.client.post("/_sandbox/screen/clock", data={"advance": "PT2H", "store": store})
    after = datetime.fromisoformat((await shopper.get("/_sandbox/clock"))["now"])
    assert (answer.status_code, answer.headers["location"]) == (303, to)
    assert timedelta(hours=2) <= after - before < timedelta(hours=2, minutes=1)


async def test_later_cancels_what_nobody_answered(shopper: Shopper) -> None:
    await shopper.order(1)
    for _ in range(3):
        await shopper.client.post("/_sandbox/screen/clock", data={"advance": "P1D", "store": str(STORE)})
    screen = await look(shopper)
    assert (statuses(screen), money(screen)) == (["Canceled"], ["The hold of 98.12 USD was released"])


async def test_senseless_clock_is_refused(shopper: Shopper) -> None:
    answer = await shopper.client.post("/_sandbox/screen/clock", data={"advance": "soon"})
    assert (answer.status_code, "advance must be" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{STORES}/1"),
        ("POST", f"{STORES}/1/orders/X/1"),
        ("POST", f"{STORES}/1/orders/X"),
        ("POST", f"{SCREEN}/orders/NONE"),
        ("POST", f"{SCREEN}/orders/NONE/1"),
        ("GET", "/order/NONE/TOKEN"),
        ("POST", "/order/NONE/TOKEN/1"),
    ],
)
async def test_what_does_not_exist_is_not_found(shopper: Shopper, method: str, path: str) -> None:
    assert (await shopper.client.request(method, path, data={"action": "confirm"})).status_code == 404


async def own_page(shopper: Shopper, cart_hash: str) -> str:
    invoice: str = (await shopper.get(f"/api/v2/cart/{cart_hash}"))["properties"]["invoice"]
    origin = str(shopper.client.base_url).rstrip("/")
    assert invoice.startswith(f"{origin}/order/")
    return invoice.removeprefix(origin).removesuffix("?print=1")


async def test_shoppers_page_shows_the_order(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, 1)
    await shopper.move(cart_hash, status="confirmed")
    page = await look(shopper, await own_page(shopper, cart_hash))
    assert (statuses(page), money(page)) == (
        ["Confirmed", "Ordered"],
        ["98.12 USD charged", "98.12 USD held on the card"],
    )
    assert {group.attributes["aria-label"].split(":")[0] for group in page.all(role="group")} == {"Shopper"}


async def test_shopper_cancels_on_her_page(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    url = await own_page(shopper, cart_hash)
    answer = await shopper.client.post(f"{url}/{shopper.upcs[0]}", data={"action": "cancel"})
    assert (answer.status_code, answer.headers["location"]) == (303, url)
    assert (await shopper.item(cart_hash))["order_resolution"] == "BUYER_DECLINED"
    again = await shopper.client.post(f"{url}/{shopper.upcs[0]}", data={"action": "cancel"})
    assert (again.status_code, "the item is Canceled" in trouble(again)) == (409, True)


async def test_shopper_writes_as_herself_only(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    url = f"{await own_page(shopper, cart_hash)}/{shopper.upcs[0]}"
    await shopper.client.post(url, data={"action": "message", "text": "Hello", "sender": "locally"})
    assert [each["sender"] for each in (await shopper.item(cart_hash))["messages"]] == ["customer"]
    assert (await shopper.client.post(url, data={"action": "confirm"})).status_code == 404


async def test_shoppers_page_needs_its_token(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert (await shopper.client.get(f"/order/{cart_hash}/{'0' * 12}")).status_code == 404


async def test_root_is_a_page_for_people(shopper: Shopper) -> None:
    answer = await shopper.client.get("/", headers={"Accept": "text/html,*/*"})
    links = [link.attributes["href"] for link in Markup(answer.text).all("a")]
    assert STORES in links
    for link in links:
        assert (await shopper.client.get(link)).status_code == 200
