"""Splits and monthly statements of ship-to-store: no cent is lost or made, whatever happens in whichever month."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout.fulfilment import FullStatement
from checkout.money import Balance, Money
from checkout.orders import ItemAccounting, Month, Order, OrderItem, Share, agreed_split, make_statement
from checkout.orders.splits import balance_of, earned, with_settlements
from checkout.orders.statements import payable_difference, split_difference
from checkout.schemas.statement_views import CSV_HEAD, statement_body, statement_csv
from tests.records import usd
from tests.tracked import item_of, order_of

NOVEMBER = datetime(2026, 11, 10, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 10, 12, tzinfo=UTC)
TOTAL, BRAND, RETAILER, TAX = 9812, 5340, 3560, 912


def balance(amount: int) -> Balance:
    return Balance(amount=amount, currency="USD")


def sold(status: str, refunded: int = 0, told: tuple[int, int] | None = None, **values: Any) -> OrderItem:
    """One item of 89.00 and 9.12 tax, of which the brand keeps 60 %; `told` is what Locally calls payable."""
    accounting = ItemAccounting(
        subtotal=usd(TOTAL - TAX),
        tax=usd(TAX),
        split_brand=usd(BRAND),
        split_retailer=usd(RETAILER),
        disbursement_brand=balance(told[0]) if told else None,
        disbursement_retail=balance(told[1]) if told else None,
    )
    back = usd(refunded) if refunded else None
    return item_of(status=status, total=TOTAL, refunded=back, accounting=accounting, charged=usd(TOTAL), **values)


def lived(*states: tuple[datetime, OrderItem]) -> Order:
    """An order that showed its item so, one state after the other."""
    order = order_of("sts", item_of(status="pending_brand"), placed_at=NOVEMBER - timedelta(days=1))
    for at, item in states:
        was = order.items[0]
        order = with_settlements(order.changed(items=(item.changed(settlement=was.settlement),)), at)
    return order


def entries(order: Order) -> list[tuple[str, str, int]]:
    settlement = order.items[0].settlement
    return [(entry.party, entry.why, entry.amount) for entry in settlement.ledger] if settlement else []


def test_brand_earns_at_shipping_and_store_at_picking_up() -> None:
    order = lived((NOVEMBER, sold("confirmed")), (NOVEMBER, sold("shipped")), (DECEMBER, sold("picked_up")))
    assert entries(order) == [("brand", "shipped", BRAND), ("retailer", "picked_up", RETAILER)]
    november, december = (make_statement(month, [order]) for month in (Month(2026, 11), Month(2026, 12)))
    assert (november.orders[0].share, december.orders[0].share) == (Share(BRAND, 0), Share(0, RETAILER))


def test_steps_that_nobody_saw_count_all_the_same() -> None:
    order = lived((NOVEMBER, sold("confirmed")), (DECEMBER, sold("picked_up")))
    assert entries(order) == [("brand", "shipped", BRAND), ("retailer", "picked_up", RETAILER)]


def test_refund_before_shipping_earns_nobody_anything() -> None:
    order = lived((NOVEMBER, sold("confirmed")), (NOVEMBER, sold("refunded", TOTAL)))
    assert entries(order) == []
    assert make_statement(Month(2026, 11), [order]).orders == ()


def test_refund_after_shipping_is_the_stores_to_bear() -> None:
    """The brand keeps its share, and the store the goods: it pays what the brand got for them."""
    order = lived((NOVEMBER, sold("shipped")), (DECEMBER, sold("refunded", TOTAL)))
    assert entries(order) == [("brand", "shipped", BRAND), ("retailer", "refunded", -BRAND)]
    held = lived((NOVEMBER, sold("picked_up")), (DECEMBER, sold("refunded", TOTAL)))
    assert entries(held)[-1] == ("retailer", "refunded", -RETAILER - BRAND)


def test_part_that_goes_back_early_is_borne_by_both() -> None:
    order = lived((NOVEMBER, sold("confirmed", TOTAL // 2)), (NOVEMBER, sold("picked_up", TOTAL // 2)))
    assert balance_of(order.items[0].settlement.ledger if order.items[0].settlement else ()) == Share(2670, 1780)


def test_past_months_stay_as_they_were() -> None:
    shipped = lived((NOVEMBER, sold("shipped", told=(BRAND, 0))))
    corrected = sold("picked_up", told=(BRAND - 7, RETAILER))
    later = lived((NOVEMBER, sold("shipped", told=(BRAND, 0))), (DECEMBER, corrected))
    november = Month(2026, 11)
    assert make_statement(november, [later]).totals == make_statement(november, [shipped]).totals
    assert entries(later)[1:] == [("brand", "corrected", -7), ("retailer", "picked_up", RETAILER)]


def test_zero_after_the_payment_takes_nothing_back() -> None:
    order = lived((NOVEMBER, sold("picked_up", told=(BRAND, RETAILER))), (DECEMBER, sold("picked_up", told=(0, 0))))
    assert balance_of(order.items[0].settlement.ledger if order.items[0].settlement else ()) == Share(BRAND, RETAILER)


def test_what_locally_tells_goes_before_what_we_make_of_it() -> None:
    order = lived((NOVEMBER, sold("shipped", told=(5000, 0))))
    assert entries(order) == [("brand", "shipped", 5000)]
    difference = payable_difference(order, order.items[0])
    assert difference is not None
    assert (difference.locally, difference.ours) == (Share(5000, 0), Share(BRAND, 0))


def test_other_orders_have_no_ledger() -> None:
    order = order_of("bopis", sold("picked_up"))
    assert with_settlements(order, NOVEMBER) is order


def test_nothing_new_changes_nothing() -> None:
    order = lived((NOVEMBER, sold("shipped")))
    assert with_settlements(order, DECEMBER) == order


@pytest.mark.parametrize(
    ("percent", "flat", "share"),
    [
        (Decimal(60), None, Share(5340, 3560)),
        (Decimal("33.33"), None, Share(2966, 5934)),
        (Decimal(100), None, Share(8900, 0)),
        (Decimal(0), None, Share(0, 8900)),
        (None, 2500, Share(6400, 2500)),
        (None, 99999, Share(0, 8900)),
    ],
)
def test_goods_are_split_by_percent_or_by_amount(percent: Decimal | None, flat: int | None, share: Share) -> None:
    assert agreed_split(8900, 0, percent=percent, flat=flat) == share
    assert agreed_split(8900, 500, percent=percent, flat=flat) == (share.brand + 500, share.retailer)


def test_our_own_split_only_flags_a_difference() -> None:
    order = lived((NOVEMBER, sold("shipped")))
    item = order.items[0]
    assert split_difference(order, item, Share(BRAND, RETAILER)) is None
    assert split_difference(order, item, None) is None
    flagged = split_difference(order, item, Share(BRAND + 1, RETAILER - 1))
    assert flagged is not None
    assert flagged.locally == Share(BRAND, RETAILER)


# Months.


def test_months_end_where_the_next_begins() -> None:
    assert Month.parse("2026-12").ends == datetime(2027, 1, 1, tzinfo=UTC) == Month(2027, 1).begins
    assert Month(2026, 11).audited == (date(2026, 12, 1), date(2026, 12, 7))
    assert Month(2026, 12).paid == (date(2027, 1, 8), date(2027, 1, 12))


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "26-11", "2026-1", "2026-11-01", "1999-11", "", "20\uff12\uff16-11"]
)
def test_other_texts_are_no_months(text: str) -> None:
    with pytest.raises(ValueError, match="must be a month"):
        Month.parse(text)


def test_month_is_that_of_utc() -> None:
    last = datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)
    order = lived((last, sold("shipped")), (last + timedelta(microseconds=1), sold("picked_up")))
    assert [len(make_statement(Month(2026, number), [order]).orders) for number in (10, 11, 12)] == [0, 1, 1]


# Whatever happens.

_STATUSES = ("confirmed", "processing", "shipped", "ready_for_pickup", "picked_up", "refunded", "shipped", "on_hold")
_MOMENTS = st.integers(0, 120).map(lambda days: datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=days, hours=13))
_AMOUNTS = st.integers(0, TOTAL)


@st.composite
def lives(draw: st.DrawFn) -> Order:
    """An order of up to three items with any splits, whose items show any states at any times, told or untold."""
    items = []
    for number in range(draw(st.integers(1, 3))):
        goods = draw(_AMOUNTS)
        brand = draw(st.integers(0, goods))
        items.append((f"{number:012}", goods, brand, draw(st.integers(0, TOTAL))))
    order = order_of("sts", *(item_of(upc, "pending_brand") for upc, *_ in items), store=order_of().store)
    refunded = dict.fromkeys((upc for upc, *_ in items), 0)
    for at in sorted(draw(st.lists(_MOMENTS, max_size=6))):
        shown = []
        for was, (upc, goods, brand, tax) in zip(order.items, items, strict=True):
            refunded[upc] = draw(st.integers(refunded[upc], goods + tax))
            told = draw(st.none() | st.tuples(st.integers(-TOTAL, TOTAL), st.integers(-TOTAL, TOTAL)))
            accounting = ItemAccounting(
                subtotal=usd(goods),
                tax=usd(tax),
                split_brand=usd(brand),
                split_retailer=usd(goods - brand),
                disbursement_brand=balance(told[0]) if told else None,
                disbursement_retail=balance(told[1]) if told else None,
            )
            back = usd(refunded[upc]) if refunded[upc] else None
            status = draw(st.sampled_from(_STATUSES))
            shown.append(was.changed(status=status, total=usd(goods + tax), refunded=back, accounting=accounting))
        order = with_settlements(order.changed(items=tuple(shown)), at)
    return order


def shares(orders: Iterable[Order]) -> tuple[int, int]:
    """What the ledgers of all items come to."""
    ledgers = [item.settlement.ledger for order in orders for item in order.items if item.settlement]
    sums = [balance_of(ledger) for ledger in ledgers]
    return sum(share.brand for share in sums), sum(share.retailer for share in sums)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(lives(), max_size=4))
def test_months_add_up_to_everything(orders: list[Order]) -> None:
    brand = retailer = 0
    for number in range(8, 13):
        statement = make_statement(Month(2026, number), orders)
        lines = [line.entry for each in statement.orders for line in each.lines]
        totals = {total.store_id: total.balance.amount for total in statement.totals}
        assert totals.get(None, 0) == sum(entry.amount for entry in lines if entry.party == "brand")
        assert sum(totals.values()) == sum(entry.amount for entry in lines)
        assert sum(sum(each.share) for each in statement.orders) == sum(totals.values())
        brand += totals.pop(None, 0)
        retailer += sum(totals.values())
    assert (brand, retailer) == shares(orders)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(lives(), max_size=3))
def test_file_has_every_cent_of_the_statement(orders: list[Order]) -> None:
    full = FullStatement(make_statement(Month(2026, 10), orders), ())
    body = statement_body(full, "acme", DECEMBER)
    head, *rows = [line.split(",") for line in statement_csv(body).splitlines()]
    assert tuple(head) == CSV_HEAD
    assert sum(Decimal(row[-2]) for row in rows) * 100 == sum(total.amount.amount for total in body.totals)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    st.integers(0, TOTAL), st.integers(0, 100), st.lists(st.tuples(st.sampled_from(_STATUSES), _AMOUNTS), max_size=5)
)
def test_shares_and_refunds_make_up_the_goods(goods: int, percent: int, steps: list[tuple[str, int]]) -> None:
    """Once the store has handed the item over, what both earned and what went back is the price, to the cent."""
    split = agreed_split(goods, 0, percent=Decimal(percent))
    assert split is not None
    order, back = order_of("sts", item_of(status="pending_brand")), 0
    accounting = ItemAccounting(tax=usd(0), split_brand=usd(split.brand), split_retailer=usd(split.retailer))
    for status, amount in [*steps, ("picked_up", 0)]:
        back = min(back + amount, goods)
        refunded = Money(amount=back, currency="USD") if back else None
        item = order.items[0].changed(status=status, total=usd(goods), refunded=refunded, accounting=accounting)
        order = with_settlements(order.changed(items=(item,)), NOVEMBER)
    settlement = order.items[0].settlement
    assert settlement is not None
    assert sum(earned(order.items[0], settlement)) + settlement.refunded == goods
    assert balance_of(settlement.ledger) == earned(order.items[0], settlement)


def test_no_name_becomes_a_formula() -> None:
    order = lived((NOVEMBER, sold("shipped", name='=HYPERLINK("https://evil.example")')))
    body = statement_body(FullStatement(make_statement(Month(2026, 11), [order]), ()), "acme", DECEMBER)
    assert "\"'=HYPERLINK" in statement_csv(body)
