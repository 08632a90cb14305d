"""The sandbox's ship-to-store orders: what the brand answers, what the store does, and the money behind it."""

from collections.abc import AsyncIterator

import pytest

from checkout.sandbox import RETAILER_TOKEN
from tests.sandbox_shopper import Json, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def hold_and_charge(shopper: Shopper) -> tuple[str, list[Json]]:
    ledger = await shopper.ledger()
    return ledger["holds"][0]["state"], ledger["charges"]


async def test_ship_to_store_is_the_brands_to_answer(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    shopper.client.headers["Locally-Api-Token"] = RETAILER_TOKEN
    assert (await shopper.move(cart_hash, sts_status="confirm-brand")).status_code == 403
    assert (await shopper.item(cart_hash))["sts_status"] == "Pending Brand"


async def test_ship_to_store_runs_to_the_counter(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    seen = [(await shopper.item(cart_hash))["sts_status"]]
    for step in ("confirm-brand", "processing", "shipped"):
        assert (await shopper.move(cart_hash, sts_status=step, message=f"Now {step}")).status_code == 200
        seen.append((await shopper.item(cart_hash))["sts_status"])
    assert (await shopper.move(cart_hash, sts_status="picked-up")).status_code == 403
    for step in ("ready-for-pickup", "picked-up"):
        await shopper.control(f"orders/{cart_hash}/{shopper.upcs[0]}", {"sts_status": step})
        seen.append((await shopper.item(cart_hash))["sts_status"])
    assert seen == ["Pending Brand", "Confirmed", "Processing", "Shipped", "Ready for Pickup", "Picked Up"]
    item = await shopper.item(cart_hash)
    assert (item["disbursement_brand"], item["disbursement_retail"]) == ("44.50", "44.50")
    assert (await hold_and_charge(shopper))[0] == "captured"


async def test_processing_may_skip_the_confirmation(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await shopper.move(cart_hash, sts_status="processing")
    assert (await hold_and_charge(shopper))[0] == "captured"
    assert (await shopper.get("/api/v2/carts"))["carts"][0]["items"][0]["sts_status"] == "PROCESSING"


async def test_brand_rejection_releases_the_hold(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await shopper.move(cart_hash, sts_status="reject-brand", reason="None left")
    item = await shopper.item(cart_hash)
    assert (item["status"], item["sts_status"], item["resolution_notes"]) == ("Canceled", "Rejected", "None left")
    assert (await hold_and_charge(shopper))[0] == "released"


async def test_refunded_ship_to_store_ends(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await shopper.move(cart_hash, sts_status="confirm-brand")
    await shopper.move(cart_hash, status="refund")
    item = await shopper.item(cart_hash)
    assert (item["status"], item["sts_status"]) == ("Refunded", "Refunded")
    assert (await shopper.move(cart_hash, sts_status="shipped")).status_code == 400
