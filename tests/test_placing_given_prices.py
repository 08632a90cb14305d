"""Prices and taxes that the brand's server gave and Locally did not accept: asked afresh, then told or taken."""

from typing import Any

import httpx

from tests.placing_world import problem
from tests.service import SECRET_KEY, SHOPPER, STORE_ID, UPC, Service, key

PRICE, TAX = 8900, 912  # What the sandbox says of the item at this store.


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


async def placed_with(service: Service, price: int, tax: int) -> httpx.Response:
    """Place a checkout whose price and tax per unit a server gave, for the total that it showed."""
    item = {"upc": UPC, "quantity": 1, "unit_price": usd(price), "tax_per_unit": usd(tax)}
    body = {"store_id": STORE_ID, "path_to_purchase": "bopis", "items": [item], "shopper": SHOPPER}
    created = await service.call("POST", "/v1/checkouts", body, with_=SECRET_KEY, Idempotency_Key=key())
    checkout = created.json()
    return await service.place(checkout, await service.take_card(checkout))


async def test_given_price_that_is_right_is_taken(service: Service) -> None:
    assert (await placed_with(service, PRICE, TAX + 100)).json()["totals"]["total"] == usd(PRICE + TAX + 100)


async def test_given_price_below_the_stores_is_a_changed_price(service: Service) -> None:
    told = await placed_with(service, PRICE - 1, TAX)
    assert problem(told) == (409, "price_changed", "accept_total", "ready")
    assert told.json()["checkout"]["totals"]["total"] == usd(PRICE + TAX)


async def test_given_price_above_the_stores_becomes_the_stores(service: Service) -> None:
    placed = await placed_with(service, PRICE + 500, TAX)
    assert (placed.status_code, placed.json()["totals"]["total"]) == (200, usd(PRICE + TAX))
    assert [hold["amount"] for hold in (await service.ledger())["holds"]] == [PRICE + TAX]


async def test_given_tax_that_is_too_low_is_a_changed_price(service: Service) -> None:
    told = await placed_with(service, PRICE, 1)
    assert problem(told) == (409, "price_changed", "accept_total", "ready")
    assert told.json()["checkout"]["items"][0]["tax_per_unit"] == usd(TAX)
