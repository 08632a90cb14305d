"""The sandbox's money of ship-to-store: shares, refunds before and after shipping, and the monthly statement."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.sandbox import BRAND_TOKEN, RETAILER_TOKEN
from checkout.sandbox.feed_sheet import FeedRow
from checkout.sandbox.records import Line
from checkout.sandbox.splits import agreed_shares, changes_of, payable
from tests.sandbox_desk import done
from tests.sandbox_shopper import STORE, Json, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    """One who comes at the beginning of a month: what she tries does not run into the next."""
    async with fresh_shopper() as one:
        await to_next_month(one)
        yield one


async def month_of(shopper: Shopper) -> str:
    now: str = (await shopper.get("/_sandbox/clock"))["now"]
    return now[:7]


async def to_next_month(shopper: Shopper) -> str:
    began = await month_of(shopper)
    while await month_of(shopper) == began:
        await shopper.control("clock", {"advance": "P1D"})
    return await month_of(shopper)


async def statement(shopper: Shopper, month: str = "") -> Json:
    return await shopper.get(f"/_sandbox/statements/{month or await month_of(shopper)}")


async def totals(shopper: Shopper, month: str = "") -> list[tuple[Any, ...]]:
    told = (await statement(shopper, month))["totals"]
    return [(one["party"], one["store_id"], one["amount"], one["currency"]) for one in told]


async def shipped(shopper: Shopper, *quantities: int) -> str:
    cart_hash = await shopper.order(*quantities, path="sts")
    await done(shopper, cart_hash, "confirm")
    await done(shopper, cart_hash, "ship")
    return cart_hash


async def shares(shopper: Shopper, cart_hash: str) -> tuple[str, str]:
    item = await shopper.item(cart_hash)
    return item["disbursement_brand"], item["disbursement_retail"]


async def test_brand_is_owed_from_shipping_on(shopper: Shopper) -> None:
    await shipped(shopper)
    assert await totals(shopper) == [("brand", None, 4450, "USD")]


async def test_store_is_owed_from_picking_up_on(shopper: Shopper) -> None:
    await done(shopper, await shipped(shopper), "picked_up")
    told = await statement(shopper)
    assert [(entry["party"], entry["why"], entry["amount"]) for entry in told["entries"]] == [
        ("brand", "shipped", 4450),
        ("retailer", "picked_up", 4450),
    ]
    assert [one["store_id"] for one in told["totals"]] == [None, STORE]


async def test_months_are_told_apart(shopper: Shopper) -> None:
    cart_hash, first = await shipped(shopper), await month_of(shopper)
    second = await to_next_month(shopper)
    await done(shopper, cart_hash, "picked_up")
    assert await totals(shopper, first) == [("brand", None, 4450, "USD")]
    assert await totals(shopper, second) == [("retailer", STORE, 4450, "USD")]


async def test_statement_tells_when_it_is_audited_and_paid(shopper: Shopper) -> None:
    told = await statement(shopper, "2026-12")
    assert (told["audited"], told["paid"]) == (
        {"from": "2027-01-01", "to": "2027-01-07"},
        {"from": "2027-01-08", "to": "2027-01-12"},
    )


async def test_refund_before_shipping_leaves_nobody_anything(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await done(shopper, cart_hash, "confirm")
    await done(shopper, cart_hash, "refund")
    assert await totals(shopper) == []
    assert await shares(shopper, cart_hash) == ("0.00", "0.00")


async def test_part_refunded_before_shipping_is_borne_by_both(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await done(shopper, cart_hash, "confirm")
    await done(shopper, cart_hash, "refund", amount=4906)
    await done(shopper, cart_hash, "ship")
    await done(shopper, cart_hash, "picked_up")
    assert await shares(shopper, cart_hash) == ("22.25", "22.25")


async def test_refund_after_shipping_is_the_stores_to_bear(shopper: Shopper) -> None:
    cart_hash = await shipped(shopper)
    await done(shopper, cart_hash, "picked_up")
    await done(shopper, cart_hash, "refund")
    assert await shares(shopper, cart_hash) == ("44.50", "-44.50")
    assert await totals(shopper) == [("brand", None, 4450, "USD"), ("retailer", STORE, -4450, "USD")]


async def test_refund_on_its_way_costs_the_store_the_goods(shopper: Shopper) -> None:
    cart_hash = await shipped(shopper)
    await done(shopper, cart_hash, "refund")
    assert await shares(shopper, cart_hash) == ("44.50", "-44.50")


async def test_other_paths_are_in_no_statement(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await done(shopper, cart_hash, "confirm")
    await done(shopper, cart_hash, "picked_up")
    await done(shopper, cart_hash, "refund")
    assert (await statement(shopper))["entries"] == []


async def test_test_orders_are_in_no_statement(shopper: Shopper) -> None:
    shopper.client.headers["Locally-Api-Token"] = "test_alpha"
    await shipped(shopper)
    assert (await statement(shopper))["entries"] == []


async def test_second_commit_of_a_shipped_cart_begins_anew(shopper: Shopper) -> None:
    draft = await shopper.draft(1, path="sts", card_token=await shopper.card())
    data = (await shopper.validate(draft)).json()["data"]
    await shopper.commit(data["cart_hash_jwt"])
    await done(shopper, data["cart_hash"], "process")
    await done(shopper, data["cart_hash"], "ship")
    again = (await shopper.commit(data["cart_hash_jwt"])).json()["data"]["target_uri"].split("/")[2]
    assert await shares(shopper, again) == ("0.00", "0.00")


async def test_entries_bear_the_clocks_time(shopper: Shopper) -> None:
    await shipped(shopper)
    at = datetime.fromisoformat((await statement(shopper))["entries"][0]["at"])
    now = datetime.fromisoformat((await shopper.get("/_sandbox/clock"))["now"])
    assert 0 <= (now - at).total_seconds() < 60


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "november", "2026-00", "x" * 300])
async def test_senseless_month_is_named(shopper: Shopper, month: str) -> None:
    answer = await shopper.client.get(f"/_sandbox/statements/{month}")
    assert (answer.status_code, "month" in answer.json()["error"]) == (400, True)


async def test_refund_before_shipping_is_the_brands(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    await done(shopper, cart_hash, "confirm")
    answers = {}
    for token in (RETAILER_TOKEN, BRAND_TOKEN):
        shopper.client.headers["Locally-Api-Token"] = token
        answers[token] = (await shopper.move(cart_hash, status="refund", refund_amount=1)).status_code
    assert answers == {RETAILER_TOKEN: 403, BRAND_TOKEN: 200}


async def test_refund_after_shipping_is_the_retailers(shopper: Shopper) -> None:
    await shopper.control("settings", {"brand_answers_for_stores": False})
    cart_hash = await shipped(shopper)
    answers = {}
    for token in (BRAND_TOKEN, RETAILER_TOKEN):
        shopper.client.headers["Locally-Api-Token"] = token
        answers[token] = (await shopper.move(cart_hash, status="refund", refund_amount=1)).status_code
    assert answers == {BRAND_TOKEN: 403, RETAILER_TOKEN: 200}


AMOUNTS = st.integers(0, 500_000)
ROWS = st.none() | st.builds(
    FeedRow,
    upc=st.just("068648100001"),
    quantity=st.just(1),
    percent=st.none() | st.decimals(0, 100, places=2),
    flat=st.none() | AMOUNTS,
)


@given(
    quantity=st.integers(1, 9),
    price=AMOUNTS,
    tax=st.integers(0, 60_000),
    shipping=st.integers(0, 9_900),
    row=ROWS,
    refunds=st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=4),
    picked_up=st.booleans(),
)
def test_no_cent_of_the_shares_is_lost_or_made(
    quantity: int,
    price: int,
    tax: int,
    shipping: int,
    row: FeedRow | None,
    refunds: list[tuple[float, bool]],
    picked_up: bool,
) -> None:
    split = agreed_shares(quantity, price, shipping, row, 50)
    line = Line("068648100001", quantity, price, tax, shipping, split.brand, split.retailer)
    goods = quantity * (price + shipping)
    assert split.brand + split.retailer == goods
    assert split.brand >= 0 <= split.retailer
    left = line.total
    for part, late in sorted(refunds, key=lambda one: one[1]):
        if late and not line.has_shipped:
            line.events.append({"at": "", "what": "shipped"})
        left -= (amount := int(left * part))
        line.events.append({"at": "", "what": "refund", "amount": amount})
    if left and picked_up:
        if not line.has_shipped:
            line.events.append({"at": "", "what": "shipped"})
        line.events.append({"at": "", "what": "picked_up"})
    now = payable(line)
    assert now.brand == sum(change.shares.brand for change in changes_of(line))
    returned = line.total - left
    untaxed = returned - round_half_up(returned * quantity * tax, line.total)
    if (left and picked_up) or (not left and line.has_shipped):
        assert now.brand + now.retailer + untaxed == goods
    elif not line.has_shipped:
        assert now == type(now)(0, 0)
    if not left and not line.has_shipped:
        assert untaxed == goods


def round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator) if denominator else 0
