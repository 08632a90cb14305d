"""Placing through the API: what the caller is told, and what stands at Locally afterwards."""

from tests.service import Service


async def test_placed_checkout_is_one_order(service: Service) -> None:
    checkout = await service.create()
    placed = await service.place(checkout, await service.take_card(checkout))
    assert placed.status_code == 200, placed.text
    assert placed.json()["status"] == "placed"
    ledger = await service.ledger()
    assert [order["store_id"] for order in ledger["orders"]] == [checkout["store"]["id"]]
    assert [hold["amount"] for hold in ledger["holds"]] == [checkout["totals"]["total"]["amount"]]
