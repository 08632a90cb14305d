"""The order page over the whole service: what its link may do beyond reading, and what it must not tell."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.order_pages import text_of
from tests.placing_world import SECOND_UPC, World, running_world
from tests.rescuing_world import buy, declined, events, place, read, turn
from tests.service import SHOPPER, STORE_ID, UPC, key

NEXT = 37176


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world("sqlite", tmp_path) as running:
        yield running


def page_of(order: dict[str, Any]) -> str:
    return str(urlsplit(order["url"]).path)


async def click(world: World, order: dict[str, Any], using: str | None = None, **body: Any) -> httpx.Response:
    """What the page's script asks for when a shopper chooses another store."""
    wanted = {"store_id": NEXT, "path_to_purchase": "bopis", **body}
    headers = {"Idempotency-Key": using or key(), "Sec-Fetch-Site": "same-origin"}
    return await world.service.client.post(f"{page_of(order)}/rescues", json=wanted, headers=headers)


async def test_click_opens_a_checkout_that_can_be_placed(world: World) -> None:
    order = await declined(world, UPC, SECOND_UPC)
    page = await world.service.client.get(page_of(order))
    assert page.text.count("data-store=") == 5
    assert f'data-store="{STORE_ID}"' not in page.text
    opened = await click(world, order, upcs=[UPC])
    assert opened.status_code == 201
    checkout = opened.json()
    assert checkout["rescues"] == order["id"]
    assert [item["upc"] for item in checkout["items"]] == [UPC]
    placed = await place(world, checkout)
    assert placed.status_code == 200
    assert (await read(world, order))["rescued_by"] == placed.json()["order"]["id"]
    words = text_of(await world.service.client.get(page_of(order)))
    assert "You ordered at another store what the store could not provide." in words


async def test_link_reveals_no_more_through_a_rescue(world: World) -> None:
    order = await declined(world)
    opened = await click(world, order)
    assert opened.json()["shopper"]["email"] == "j***@e***.com"
    assert not [
        value for name, value in SHOPPER.items() if name in {"email", "phone", "address"} and value in opened.text
    ]
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert opened.headers["Cache-Control"] == "no-store"


async def test_repeated_click_opens_one_checkout(world: World) -> None:
    order, using = await declined(world), key()
    first, second = await click(world, order, using), await click(world, order, using)
    assert first.content == second.content
    assert (await events(world, order)).count("rescue.opened") == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"store_id": NEXT}, {"Idempotency-Key": ""}, 400),
        ({"store_id": NEXT}, {"Content-Type": "text/plain"}, 415),
        ({"store_id": "no"}, {}, 422),
        ({"store_id": NEXT}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"store_id": NEXT}, {"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_improper_click_opens_nothing(
    world: World, body: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    order = await declined(world)
    answer = await world.service.client.post(
        f"{page_of(order)}/rescues", json=body, headers={"Idempotency-Key": key(), **headers}
    )
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "rescue.opened" not in await events(world, order)


async def test_link_that_opens_nothing_rescues_nothing(world: World) -> None:
    order = await declined(world)
    lost = {**order, "url": f"{order['url'][:-1]}{'A' if order['url'][-1] != 'A' else 'B'}"}
    assert (await click(world, lost)).status_code == 404
    assert (await click(world, {**order, "url": f"/o/{order['id']}"})).status_code == 404


async def test_confirmed_order_is_not_bought_twice(world: World) -> None:
    order = await buy(world)
    await turn(world, order, "confirmed")
    refused = await click(world, order)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_rescuable")


async def test_wish_to_cancel_reaches_the_order(world: World) -> None:
    order = await buy(world)
    asked = await world.service.client.post(f"{page_of(order)}/cancel-request")
    assert asked.status_code == 303
    assert (await read(world, order))["cancel_requested"] is True
    assert "order.cancel_requested" in await events(world, order)


async def test_stores_that_declined_are_not_to_be_chosen(world: World) -> None:
    order = await declined(world)
    page = await world.service.client.get(page_of(order))
    assert f'data-without="{STORE_ID}"' in page.text
    around = {"items": f"{UPC}:1", "near": "41.9137,-87.6776", "shown": "50"}
    shown = await world.service.client.get("/checkout/stores", params={**around, "without": f"{STORE_ID},x"})
    everywhere = await world.service.client.get("/checkout/stores", params=around)
    assert f'value="{STORE_ID}"' in everywhere.text
    assert f'value="{STORE_ID}"' not in shown.text
    assert f'value="{NEXT}"' in shown.text
    kept = await world.service.client.get("/checkout", params={**around, "without": str(STORE_ID)})
    assert f'name="without" value="{STORE_ID}"' in kept.text
