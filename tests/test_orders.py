"""The rules of checkouts, attempts and orders."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from checkout.attempts import INTENT_KEEPERS, LIVE_ATTEMPTS, AttemptEvent, AttemptStatus, next_status
from checkout.errors import CheckoutError, Expired, NotOpen, NotPlaced
from checkout.orders import (
    REQUIRED_OF_SHOPPER,
    Address,
    Checkout,
    CheckoutStatus,
    LineItem,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    Shopper,
    Store,
    add_up,
    blocking_problems,
    normalize_upc,
    open_status,
    order_status,
    require_open,
)
from tests.records import JANE, usd

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STORE = Store(id=1, name="Main Street Sports", address=Address())

# Status, event, next status: every step that an attempt may take. Whatever is not here must be impossible.
STEPS = {
    (AttemptStatus(was), AttemptEvent(event)): AttemptStatus(then)
    for was, event, then in (
        line.split()
        for line in """
        received         cart_checked       checked
        received         refused            rejected
        received         too_old            lapsed
        checked          intent_verified    intent_verified
        checked          refused            rejected
        checked          too_old            lapsed
        intent_verified  validate_begun     validating
        intent_verified  refused            rejected
        intent_verified  too_old            lapsed
        validating       validate_not_sent  intent_verified
        validating       price_fell         intent_verified
        validating       holds_placed       validated
        validating       refused            rejected
        validating       validate_lost      hold_unknown
        validated        commit_begun       committing
        validated        too_old            lapsed
        committing       commit_not_sent    validated
        committing       commit_lost        unknown
        committing       order_found        placed
        unknown          order_found        placed
        unknown          order_absent       not_placed
        unknown          evidence_missing   review
        review           order_found        placed
        review           order_absent       not_placed
        not_placed       order_found        placed
        """.strip().splitlines()
    )
}


@pytest.mark.parametrize(("status", "event"), list(product(AttemptStatus, AttemptEvent)))
def test_every_pair_is_a_known_step_or_impossible(status: AttemptStatus, event: AttemptEvent) -> None:
    if (status, event) in STEPS:
        assert next_status(status, event) is STEPS[status, event]
    else:
        with pytest.raises(ValueError, match=f"{event} cannot happen"):
            next_status(status, event)


def reachable(start: AttemptStatus) -> set[AttemptStatus]:
    """Every status that an attempt can still come to."""
    found: set[AttemptStatus] = set()
    ahead = [start]
    while ahead:
        status = ahead.pop()
        further = {then for event in AttemptEvent if (then := STEPS.get((status, event)))} - found
        found |= further
        ahead += further
    return found


def test_unknown_outcome_is_never_sent_again() -> None:
    for status in (AttemptStatus.UNKNOWN, AttemptStatus.REVIEW):
        assert not reachable(status) & {AttemptStatus.VALIDATING, AttemptStatus.COMMITTING, AttemptStatus.REJECTED}


def test_only_live_attempts_go_on_and_not_placed_to_an_order() -> None:
    assert {status for status in AttemptStatus if reachable(status)} == {*LIVE_ATTEMPTS, AttemptStatus.NOT_PLACED}
    assert reachable(AttemptStatus.NOT_PLACED) == {AttemptStatus.PLACED}


def test_every_live_attempt_can_come_to_an_end() -> None:
    for status in LIVE_ATTEMPTS:
        assert reachable(status) - LIVE_ATTEMPTS


def test_attempt_that_may_have_an_order_keeps_its_setup_intent() -> None:
    assert set(INTENT_KEEPERS) == {*LIVE_ATTEMPTS, AttemptStatus.PLACED, AttemptStatus.NOT_PLACED}


def line(**values: Any) -> LineItem:
    return LineItem(
        **{"upc": "686487455948", "quantity": 1, "unit_price": usd(1000), "tax_per_unit": usd(103), **values}
    )


def checkout_of(**values: Any) -> Checkout:
    fields: dict[str, Any] = {
        "id": "chk_1",
        "brand": "acme",
        "version": 1,
        "status": CheckoutStatus.READY,
        "store": STORE,
        "currency": "USD",
        "path_to_purchase": PathToPurchase.BOPIS,
        "items": (line(),),
        "shopper": JANE,
        "payment": None,
        "created_at": NOON,
        "expires_at": NOON + timedelta(hours=1),
    }
    return Checkout(**{**fields, **values})


def test_quantity_multiplies_price_and_tax() -> None:
    totals = add_up([line(quantity=3), line(unit_price=usd(50), tax_per_unit=usd(0))], "USD", tax_estimated=True)
    assert totals is not None
    assert (totals.subtotal, totals.tax, totals.shipping, totals.total) == (usd(3050), usd(309), usd(0), usd(3359))
    assert totals.tax_estimated is True


def test_shipping_is_counted_per_unit() -> None:
    totals = add_up([line(quantity=2, shipping=usd(500))], "USD", tax_estimated=False)
    assert totals is not None
    assert (totals.shipping, totals.total, totals.tax_estimated) == (usd(1000), usd(3206), False)


def test_unknown_price_leaves_no_totals() -> None:
    assert add_up([line(), line(unit_price=None)], "USD", tax_estimated=True) is None


def test_unknown_tax_leaves_tax_out() -> None:
    totals = add_up([line(), line(tax_per_unit=None)], "USD", tax_estimated=True)
    assert totals is not None
    assert (totals.tax, totals.total) == (None, usd(2000))


def test_unknown_tax_is_an_estimate_whoever_says_what_is_charged() -> None:
    totals = add_up([line(), line(tax_per_unit=None)], "USD", tax_estimated=False)
    assert totals is not None
    assert totals.tax_estimated is True


def test_free_items_have_a_total() -> None:
    totals = checkout_of(items=(line(unit_price=usd(0), tax_per_unit=usd(0)),)).totals
    assert totals is not None
    assert totals.total == usd(0)


def test_line_total_is_subtotal_and_known_tax() -> None:
    assert line(quantity=2).total == usd(2206)
    assert line(quantity=2, tax_per_unit=None).total == usd(2000)
    assert line(unit_price=None).total is None


@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"items": (line(), line(available=False))}, "/items/1", "item_unavailable"),
        ({"items": (line(unit_price=None),)}, "/items/0", "no_price"),
        ({"items": (line(refused=True),)}, "/items/0", "item_refused"),
        ({"path_offered": False}, "/path_to_purchase", "path_unavailable"),
        *(
            ({"shopper": JANE.changed(**{name: None})}, f"/shopper/{name}", "missing")
            for name in ("email", "phone", "first_name", "last_name", "address", "city", "state", "zip", "country")
        ),
    ],
)
def test_each_gap_makes_a_checkout_incomplete(values: dict[str, Any], pointer: str, code: str) -> None:
    checkout = checkout_of(**values)
    assert [(problem.pointer, problem.code) for problem in blocking_problems(checkout)] == [(pointer, code)]
    assert open_status(checkout) is CheckoutStatus.INCOMPLETE


def test_whole_checkout_is_ready() -> None:
    assert blocking_problems(checkout_of()) == ()
    assert open_status(checkout_of()) is CheckoutStatus.READY


def test_new_shopper_misses_every_required_part() -> None:
    missing = {problem.pointer for problem in blocking_problems(checkout_of(shopper=Shopper()))}
    assert missing == {f"/shopper/{name}" for name in REQUIRED_OF_SHOPPER}


def test_second_address_line_and_stock_answer_may_be_missing() -> None:
    assert JANE.address_2 is None
    assert open_status(checkout_of(items=(line(available=None),))) is CheckoutStatus.READY


@pytest.mark.parametrize("status", [CheckoutStatus.INCOMPLETE, CheckoutStatus.READY])
def test_open_checkout_expires_at_its_time(status: CheckoutStatus) -> None:
    checkout = checkout_of(status=status)
    just_before = checkout.expires_at - timedelta(microseconds=1)
    assert checkout.as_of(just_before) is checkout
    expired = checkout.as_of(checkout.expires_at)
    assert (expired.status, expired.ended_at) == (CheckoutStatus.EXPIRED, checkout.expires_at)


@pytest.mark.parametrize("status", [CheckoutStatus.PLACING, CheckoutStatus.PLACED, CheckoutStatus.CANCELED])
def test_other_checkouts_never_expire(status: CheckoutStatus) -> None:
    checkout = checkout_of(status=status)
    assert checkout.as_of(checkout.expires_at + timedelta(days=1)) is checkout


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"status": CheckoutStatus.PLACING}, NotOpen),
        ({"status": CheckoutStatus.PLACED}, NotOpen),
        ({"status": CheckoutStatus.CANCELED}, NotOpen),
        ({"status": CheckoutStatus.EXPIRED}, Expired),
        ({"status": CheckoutStatus.EXPIRED, "not_placed": True}, NotPlaced),
    ],
)
def test_closed_checkout_refuses_changes(values: dict[str, Any], error: type[CheckoutError]) -> None:
    with pytest.raises(error) as caught:
        require_open(checkout_of(**values))
    assert type(caught.value) is error


@pytest.mark.parametrize("status", [CheckoutStatus.INCOMPLETE, CheckoutStatus.READY])
def test_open_checkout_takes_changes(status: CheckoutStatus) -> None:
    checkout = checkout_of(status=status)
    require_open(checkout)
    assert checkout.is_open


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ("ordered", "open"),
        ("pending_brand", "open"),
        ("ordered picked_up", "open"),
        ("ordered declined", "open"),
        ("declined", "canceled"),
        ("auto_canceled canceled rejected declined", "canceled"),
        ("refunded", "refunded"),
        ("refunded declined", "refunded"),
        ("picked_up", "completed"),
        ("picked_up declined", "completed"),
        ("picked_up refunded", "completed"),
        ("confirmed", "confirmed"),
        ("confirmed picked_up", "confirmed"),
        ("confirmed declined", "confirmed"),
        ("confirmed refunded", "confirmed"),
        ("charge_failed", "confirmed"),
        ("partially_refunded", "confirmed"),
        ("processing", "confirmed"),
        ("shipped picked_up", "confirmed"),
        ("ready_for_pickup", "confirmed"),
        ("a_word_of_tomorrow", "confirmed"),
    ],
)
def test_items_make_the_order_status(items: str, status: str) -> None:
    assert order_status(OrderItem(upc="1", quantity=1, status=word) for word in items.split()) == status


def test_order_tells_its_status() -> None:
    order = Order(
        id="ord_1",
        checkout_id="chk_1",
        brand="acme",
        path_to_purchase=PathToPurchase.BOPIS,
        cart_hash="abc",
        locally_order_url=None,
        placed_at=NOON,
        store=STORE,
        items=(OrderItem(upc="1", quantity=1, status="ordered"),),
        shopper=JANE,
        totals=OrderTotals(total=usd(1), authorized=usd(1), charged=usd(0), refunded=usd(0)),
    )
    assert order.status == "open"
    assert Order.model_validate_json(order.model_dump_json()) == order


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("686487455948", "686487455948"),
        ("12345678", "000012345678"),
        ("0686487455948", "686487455948"),
        ("00686487455948", "686487455948"),
        ("4006381333931", "4006381333931"),
        ("04006381333931", "4006381333931"),
    ],
)
def test_upc_is_twelve_digits_where_it_fits(given: str, normal: str) -> None:
    assert normalize_upc(given) == normal


@pytest.mark.parametrize("given", ["", "1234567", "123456789012345", "12345678901x", "١٢٣٤٥٦٧٨"])
def test_upc_of_other_characters_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="8 to 14 digits"):
        normalize_upc(given)
