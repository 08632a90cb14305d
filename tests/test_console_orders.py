"""Orders in the console: the list and what narrows it, finding one, one in full, the packing slip."""

import re
from pathlib import Path
from typing import Any

import pytest

from checkout.console.searching import read_asked
from checkout.database.tables import orders
from checkout.openapi.parts import PARAMETERS
from checkout.orders import PathToPurchase
from tests.console_world import Visitor, links_of, words_of
from tests.placing_world import SECOND_UPC, World
from tests.service import SECRET_KEY, SHOPPER, UPC, Service, running_service
from tests.sts_world import buy, selling_world


async def place(service: Service, **changes: Any) -> dict[str, Any]:
    """An order as the brand's servers read it."""
    checkout = await service.create(**changes)
    needs_card = checkout["payment"] is not None
    placed = await service.place(checkout, await service.take_card(checkout) if needs_card else None)
    assert placed.status_code == 200, placed.text
    read = await service.call("GET", f"/v1/orders/{placed.json()['order']['id']}", with_=SECRET_KEY)
    return dict(read.json())


async def listed(visitor: Visitor, query: str = "") -> list[str]:
    """The carts of the orders that a list shows, in its order."""
    page = await visitor.page(f"/console{query}")
    return [link.text for link in page.all("a", class_="id")]


def path_of(order: dict[str, Any]) -> str:
    return f"/console/orders/{order['id']}"


async def test_orders_are_listed_newest_first(service: Service) -> None:
    visitor = await Visitor(service).enter()
    assert "There is no order yet" in words_of(await visitor.page("/console"))
    first, second = await place(service), await place(service, path_to_purchase="ropis")
    assert await listed(visitor) == [second["cart_hash"], first["cart_hash"]]
    assert path_of(first) in links_of(await visitor.page("/console"))


async def test_filters_narrow_the_list(world: World) -> None:
    service = world.service
    visitor = await Visitor(service).enter()
    paid, reserved = await place(service), await place(service, path_to_purchase="ropis")
    day = paid["placed_at"][:10]
    expected = {
        "?status=open": [reserved, paid],
        "?status=completed": [],
        "?path=ropis": [reserved],
        "?path=bopis&status=open": [paid],
        f"?since={day}&until={day}": [reserved, paid],
        "?until=2020-01-01": [],
        "?since=2199-01-01": [],
        f"?cart={paid['cart_hash']}": [paid],
        f"?upc={UPC}": [reserved, paid],
        f"?upc={SECOND_UPC}": [],
    }
    found = {query: await listed(visitor, query) for query in expected}
    assert found == {query: [order["cart_hash"] for order in each] for query, each in expected.items()}


@pytest.mark.parametrize(
    "query",
    [
        "?status=nonsense",
        "?path=%00",
        "?since=2026-13-40",
        "?since=0001-01-01",
        "?after=1.ord_x",
        "?mail=%27",
        "?upc=%25",
    ],
)
async def test_parameters_without_form_are_passed_over(service: Service, query: str) -> None:
    order = await place(service)
    assert await listed(await Visitor(service).enter(), query) == [order["cart_hash"]]


async def test_upc_is_sought_in_the_last_90_days(service: Service) -> None:
    order = await place(service)
    service.clock.advance(days=91)
    visitor = await Visitor(service).enter()
    assert await listed(visitor, f"?upc={UPC}") == []
    assert "in the last 90 days" in words_of(await visitor.page(f"/console?upc={UPC}"))
    assert await listed(visitor, f"?upc={UPC}&since={order['placed_at'][:10]}") == [order["cart_hash"]]


async def test_list_leads_on_to_older_orders(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.console.searching.PAGE", 2)
    service = world.service
    placed = [await place(service, path_to_purchase="ropis") for _ in range(5)]
    visitor = await Visitor(service).enter()
    seen: list[str] = []
    path = "/console?path=ropis"
    for _ in range(3):
        page = await visitor.page(path)
        seen += [link.text for link in page.all("a", class_="id")]
        path = next((link.attributes["href"] for link in page.all("a", rel="next")), "")
    assert (seen, path) == ([order["cart_hash"] for order in reversed(placed)], "")
    assert read_asked({"path": "ropis", "after": "x"}).link() == "/console?path=ropis"


async def find(visitor: Visitor, sought: str) -> tuple[int, str]:
    """Status and place to which a search leads."""
    answer = await visitor.submit(await visitor.page("/console"), "/console/find", q=sought)
    return answer.status_code, answer.headers.get("location", "")


async def test_search_leads_to_what_is_known(service: Service) -> None:
    order = await place(service)
    visitor = await Visitor(service).enter()
    for sought in (order["id"], order["cart_hash"], f"  {order['cart_hash']} "):
        assert await find(visitor, sought) == (303, path_of(order))
    assert await find(visitor, f"chk_{'a' * 32}") == (303, f"/console/checkouts/chk_{'a' * 32}")
    assert await find(visitor, UPC.lstrip("0")) == (303, f"/console?upc={UPC}")


@pytest.mark.parametrize("sought", ["", "   ", "nothing", "\x00", "<script>", "é" * 200, "0" * 15])
async def test_search_for_what_is_unknown_says_so(service: Service, sought: str) -> None:
    visitor = await Visitor(service).enter()
    answer = await visitor.submit(await visitor.page("/console"), "/console/find", q=sought)
    assert (answer.status_code, "is no order, cart, e-mail address or UPC" in answer.text) == (200, True)
    assert "<script" not in answer.text


async def test_address_is_found_without_standing_in_any_address(world: World) -> None:
    order = await place(world.service)
    await place(world.service, shopper={**SHOPPER, "email": "other@example.com"})
    visitor = await Visitor(world.service).enter()
    status, there = await find(visitor, str(SHOPPER["email"]).upper())
    assert (status, "example" in there, "@" in there) == (303, False, False)
    assert await listed(visitor, there.removeprefix("/console")) == [order["cart_hash"]]
    assert await listed(visitor, (await find(visitor, "nobody@example.com"))[1].removeprefix("/console")) == []
    assert there.rpartition("=")[2] in {row["email_hash"] for row in await world.rows(orders)}


async def test_order_is_told_in_full(service: Service) -> None:
    order = await place(service)
    page = await (await Visitor(service).enter()).page(path_of(order))
    told = words_of(page)
    shopper = order["shopper"]
    for fact in (order["id"], order["cart_hash"], order["store"]["name"], shopper["email"], shopper["phone"], UPC):
        assert fact in told
    assert "Harper" in told
    assert order["locally_order_url"] in links_of(page)
    assert "cart/commit took" in told
    assert "The order was placed" in told
    assert all("noreferrer" in link.attributes["rel"] for link in page.all("a", target="_blank"))


async def test_unknown_orders_and_checkouts_are_not_found(service: Service) -> None:
    visitor = await Visitor(service).enter()
    for path in (
        "orders/none",
        f"orders/ord_{'0' * 32}",
        f"orders/ord_{'0' * 32}/slip",
        "checkouts/%00",
        "checkouts/1",
    ):
        assert "Not found" in words_of(await visitor.page(f"/console/{path}", 404))


async def test_orders_of_other_brands_are_not_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    async with running_service(database_url=url) as service:
        order = await place(service)
    async with running_service(database_url=url, brand="other") as other:
        visitor = await Visitor(other).enter()
        assert await listed(visitor) == []
        await visitor.page(path_of(order), 404)
        status, there = await find(visitor, order["cart_hash"])
        assert (status, there) == (200, "")


async def test_wish_to_cancel_is_noted_for_the_console(world: World) -> None:
    service = world.service
    order = await place(service)
    visitor, path = await Visitor(service).enter(), f"{path_of(order)}/cancel-request"
    done = await visitor.submit(await visitor.page(path_of(order)), path, reason="bought twice")
    assert (done.status_code, done.headers["location"]) == (303, f"{path_of(order)}?done=cancel")
    page = await visitor.page(done.headers["location"])
    assert "“bought twice”" in words_of(page)
    assert path not in [form.attributes["action"] for form in page.all("form")]
    story = await service.call("GET", f"/v1/orders/{order['id']}/timeline", with_=SECRET_KEY)
    (entry,) = [each for each in story.json()["data"] if each["event"] == "order.cancel_requested"]
    assert entry["facts"]["source"] == "console"


async def test_what_people_wrote_stays_text(service: Service) -> None:
    order = await place(service)
    visitor, path = await Visitor(service).enter(), f"{path_of(order)}/cancel-request"
    await visitor.submit(await visitor.page(path_of(order)), path, reason="<b onclick=x>'\"&amp;")
    answer = await visitor.get(path_of(order))
    assert "<b onclick" not in answer.text
    assert "&lt;b onclick=x&gt;" in answer.text


async def test_slip_tells_what_to_pack_and_no_price(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        parcel = await buy(world, UPC, SECOND_UPC)
        await parcel.do("reject", SECOND_UPC, reason="none left")
        page = await (await Visitor(world.service).enter()).page(f"/console/orders/{parcel.order_id}/slip")
        order, told = await parcel.read(), words_of(page)
        for fact in (order["cart_hash"], order["store"]["name"], order["store"]["address"]["zip"], "June Harper", UPC):
            assert fact in told
        assert SECOND_UPC not in told
        assert not re.search(r"\$|\d\.\d\d", told)
        assert order["shopper"]["email"] not in told


async def test_filter_offers_every_status_of_an_order(service: Service) -> None:
    page = await (await Visitor(service).enter()).page("/console")
    offered = {option.attributes.get("value", option.text) for option in page.all("option")}
    statuses = PARAMETERS["status"]["schema"]["enum"]
    assert set(statuses) <= offered
    assert {path.value for path in PathToPurchase} <= offered
