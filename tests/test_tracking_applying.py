"""What a cart makes of its order: statuses, money, reasons, and what it leaves alone."""

from typing import Any

import pytest

from checkout.money import Balance
from checkout.orders import Order
from checkout.tracking.applying import with_cart
from checkout.tracking.facts import facts_of_change
from tests.records import usd
from tests.tracked import PLACED, SECOND, UPC, amounts, cart_of, item_of, order_of, told


def lived(order: Order, *stages: dict[str, Any]) -> Order:
    """The order after its cart showed one stage after the other."""
    for stage in stages:
        order = with_cart(order, cart_of(stage))
    return order


@pytest.mark.parametrize(
    ("path", "stages", "status", "money"),
    [
        ("bopis", [told("Ordered")], "open", (9812, 9812, 0, 0)),
        ("bopis", [told("Confirmed")], "confirmed", (9812, 9812, 9812, 0)),
        ("bopis", [told("Confirmed"), told("Fulfilled")], "completed", (9812, 9812, 9812, 0)),
        ("bopis", [told("Canceled", order_resolution="DECLINED")], "canceled", (9812, 9812, 0, 0)),
        ("bopis", [told("Charge_Failed")], "confirmed", (9812, 9812, 0, 0)),
        ("bopis", [told("Charge_Failed"), told("Fulfilled")], "completed", (9812, 9812, 0, 0)),
        ("bopis", [told("Confirmed"), told("Refunded")], "refunded", (9812, 9812, 9812, 9812)),
        ("bopis", [told("Refunded", refunded="98.12")], "refunded", (9812, 9812, 9812, 9812)),
        ("bopis", [told("Partially_Refunded", refunded="10.00")], "confirmed", (9812, 9812, 9812, 1000)),
        ("bopis", [told("refund", refunded=10)], "confirmed", (9812, 9812, 9812, 1000)),
        ("bopis", [told("Partially_Refunded")], "confirmed", (9812, 9812, 9812, 0)),
        ("bopis", [told("Fulfilled", refunded="10.00")], "completed", (9812, 9812, 9812, 1000)),
        ("bopis", [told("Confirmed"), told("Canceled")], "canceled", (9812, 9812, 9812, 0)),
        ("bopis", [told("Confirmed"), told("On Hold")], "confirmed", (9812, 9812, 9812, 0)),
        ("bopis", [told("On Hold")], "confirmed", (9812, 9812, 0, 0)),
        ("ropis", [told("Confirmed")], "confirmed", (9812, 0, 0, 0)),
        ("ropis", [told("Fulfilled")], "completed", (9812, 0, 0, 0)),
        ("sts", [told("Ordered", sts_status="PENDING BRAND")], "open", (9812, 9812, 0, 0)),
        ("sts", [told("Confirmed", sts_status="Processing")], "confirmed", (9812, 9812, 9812, 0)),
        ("sts", [told("Canceled", sts_status="Rejected")], "canceled", (9812, 9812, 0, 0)),
        ("sts", [told("Fulfilled", sts_status="Picked Up")], "completed", (9812, 9812, 9812, 0)),
    ],
)
def test_money_follows_the_status(path: str, stages: list[Any], status: str, money: tuple[int, ...]) -> None:
    order = lived(order_of(path), *stages)
    assert (order.status, amounts(order)) == (status, money)
    assert order.totals.refunded.amount <= order.totals.charged.amount <= order.totals.total.amount


def test_amount_of_a_refund_may_stay_unknown() -> None:
    (item,) = lived(order_of(), told("Partially_Refunded")).items
    assert (item.status, item.refunded) == ("partially_refunded", None)


def test_amount_decides_between_full_and_part() -> None:
    assert lived(order_of(), told("Refunded", refunded="98.11")).items[0].status == "partially_refunded"
    assert lived(order_of(), told("Refunded", refunded="0.00")).items[0].refunded == usd(9812)


def test_what_was_refunded_stays_known() -> None:
    order = lived(order_of(), told("Partially_Refunded", refunded="10.00"), told("Fulfilled"))
    assert order.items[0].refunded == usd(1000)


def test_name_is_locallys_where_the_brand_told_none() -> None:
    (item,) = order_of().items
    for ours, name in [(None, "Trail Shoe"), ("Sentier", "Sentier")]:
        order = order_of().changed(items=(item.changed(name=ours),))
        assert lived(order, told("Ordered", name="Trail Shoe")).items[0].name == name


def test_reason_belongs_to_a_no() -> None:
    declined = lived(order_of(), told("Canceled", order_resolution="DECLINED", resolution_notes="Sold out")).items[0]
    assert (declined.status, declined.reason, declined.resolution_notes) == ("declined", "Sold out", "Sold out")
    assert declined.order_resolution == "DECLINED"
    confirmed = lived(order_of(), told("Confirmed", resolution_notes="Behind the counter")).items[0]
    assert (confirmed.reason, confirmed.resolution_notes) == (None, "Behind the counter")


def test_each_item_goes_its_own_way() -> None:
    order = order_of("bopis", item_of(), item_of(SECOND, total=2000))
    cart = cart_of(told("Confirmed"), told("Canceled", upc=SECOND, total="20.00", order_resolution="DECLINED"))
    order = with_cart(order, cart)
    assert [item.status for item in order.items] == ["confirmed", "declined"]
    assert (order.status, amounts(order)) == ("confirmed", (11812, 11812, 9812, 0))


def test_missing_item_and_silent_item_change_nothing() -> None:
    order = order_of("bopis", item_of(status="confirmed", charged=usd(9812)), item_of(SECOND, total=2000))
    shown = with_cart(order, cart_of(told("", upc=UPC)))
    assert [item.status for item in shown.items] == ["confirmed", "ordered"]
    assert shown.items[1] == order.items[1]
    assert with_cart(order, cart_of(told("Canceled", upc="000000000017"))).items == order.items


def test_empty_cart_changes_nothing() -> None:
    order = order_of()
    cart = cart_of().model_copy(update={"items": ()})
    assert with_cart(order, cart).changed(answer_by=order.answer_by) == order


@pytest.mark.parametrize("odd", ["-1.00", "1e30", "", "a lot", None, True])
def test_odd_amounts_are_no_amounts(odd: Any) -> None:
    order = lived(order_of(), told("Confirmed", total=odd, refunded=odd, commission=odd))
    assert (amounts(order), order.items[0].refunded) == ((9812, 9812, 9812, 0), None)


def test_amounts_of_another_currency_are_not_mixed_in() -> None:
    order = lived(order_of(), told("Partially_Refunded", total="5.00", currency="CAD", refunded="1.00"))
    assert amounts(order) == (9812, 9812, 9812, 0)


def test_answer_is_due_while_something_waits() -> None:
    order = order_of("bopis", item_of(), item_of(SECOND))
    half = with_cart(order, cart_of(told("Confirmed"), told("Ordered", upc=SECOND)))
    assert half.answer_by == PLACED.replace(hour=20)
    assert with_cart(half, cart_of(told("Confirmed"), told("Canceled", upc=SECOND))).answer_by is None


def test_product_and_accounting_are_kept() -> None:
    more: dict[str, Any] = {
        "brand": "Ridgeline",
        "attrib_1": "S",
        "attrib_2": "",
        "alias": ["D1447020122-00003"],
        "msrp": "2,099.99",
        "product_id": 7001,
        "product_price": "89.00",
        "subtotal": 89,
        "tax": "9.12",
        "tax_rate": 10.25,
        "tax_is_vat": "0",
        "tax_remitted": True,
        "commission": "3.12",
        "stripe_fee": "3.15",
        "split_brand": "44.50",
        "disbursement_brand": 0,
    }
    order = lived(order_of(), told("Confirmed", **more))
    product, accounting = order.items[0].product, order.items[0].accounting
    assert product is not None
    assert accounting is not None
    assert (product.brand, product.attributes, product.alias) == ("Ridgeline", ("S",), ("D1447020122-00003",))
    assert (product.msrp, product.product_id) == (usd(209999), 7001)
    assert (accounting.price, accounting.subtotal, accounting.tax) == (usd(8900), usd(8900), usd(912))
    assert (str(accounting.rate), accounting.is_vat, accounting.remitted) == ("10.25", False, True)
    assert (accounting.commission, accounting.stripe_fee) == (usd(312), usd(315))
    assert (accounting.split_brand, accounting.disbursement_brand) == (usd(4450), Balance(amount=0, currency="USD"))
    assert (accounting.price_less_vat, accounting.split_retailer) == (None, None)
    assert Order.model_validate_json(order.model_dump_json(exclude={"status"})) == order


def test_same_cart_twice_is_the_same_order() -> None:
    stage = told("Partially_Refunded", refunded="10.00", commission="3.12", tax_rate=6.250)
    once = lived(order_of(), stage)
    assert lived(once, stage) == once
    assert lived(Order.model_validate_json(once.model_dump_json(exclude={"status"})), stage) == once


def facts(was: Order, *stages: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    *before, last = stages
    present = lived(was, *before)
    return facts_of_change(present, lived(present, last))


def test_every_fact_is_an_entry() -> None:
    declined = told("Canceled", order_resolution="DECLINED", resolution_notes="Sold out")
    item = {"upc": UPC, "status": "declined", "reason": "Sold out", "order_resolution": "DECLINED"}
    assert facts(order_of(), declined) == [("item.declined", item)]
    assert facts(order_of(), told("Ordered", total="95.00")) == [
        ("order.total_differs", {"ours": 9812, "locally": 9500})
    ]
    assert facts(order_of(), told("Ordered")) == []


def test_unknown_word_is_no_name_of_an_event() -> None:
    assert facts(order_of(), told("On Hold")) == [("item.changed", {"upc": UPC, "status": "On Hold"})]


def test_each_refund_is_told_with_what_went_back_then() -> None:
    first, second = told("Partially_Refunded", refunded="10.00"), told("Partially_Refunded", refunded="15.00")
    refund = {"upc": UPC, "currency": "USD"}
    assert facts(order_of(), first)[-1] == ("order.refunded", {**refund, "amount": 1000})
    assert facts(order_of(), first, second) == [("order.refunded", {**refund, "amount": 500})]
    assert facts(order_of(), first, told("Refunded"))[-1] == ("order.refunded", {**refund, "amount": 8812})
    untold = facts(order_of(), told("Partially_Refunded"))
    assert untold[-1] == ("order.refunded", {"upc": UPC, "amount": None, "currency": None})


def test_what_people_write_is_in_no_fact() -> None:
    said = {"sender": "retailer", "description": "Call 312 555 0142", "created_at": "2026-11-20 13:00:00"}
    assert facts(order_of(), told("Ordered", messages=[said])) == [("order.message", {"sender": "retailer"})]


@pytest.mark.parametrize("invoice", ["javascript:alert(1)", "//evil.example/order/O3V36/1", "", None])
def test_invoice_is_a_page_on_the_web(invoice: str | None) -> None:
    assert with_cart(order_of(), cart_of(invoice=invoice)).invoice_url is None
    page = "https://www.locally.com/order/O3V36/74359AF2C624?print=1"
    known = with_cart(order_of(), cart_of(invoice=page))
    assert known.invoice_url == with_cart(known, cart_of(invoice=invoice)).invoice_url == page
