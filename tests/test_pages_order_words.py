"""The words of an order: where it stands, what happens to the money, what to bring, the steps of its way."""

from datetime import timedelta
from typing import Any

import pytest

from checkout.database import TimelineEntry
from checkout.money import Money
from checkout.orders import ItemProduct, ItemStatus, Order, OrderItem, PathToPurchase
from checkout.pages.order_money import describe_money, money_rows
from checkout.pages.order_steps import progress_of, tell_timeline
from checkout.pages.order_words import describe_standing, is_final, what_to_bring
from checkout.wording.items import describe_item, name_item
from checkout.wording.languages import ENGLISH
from tests.order_pages import BOPIS, NOW, ROPIS, STS, make_order
from tests.records import usd


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("Trail Shoe", ("9", "Moss"), "Trail Shoe (9, Moss)"),
        ("Trail Shoe, moss", ("9", "Moss"), "Trail Shoe, moss (9)"),
        ("Trail Shoe", (), "Trail Shoe"),
        (None, ("9",), "UPC 686487455940 (9)"),
    ],
)
def test_two_sizes_have_two_names(name: str | None, attributes: tuple[str, ...], words: str) -> None:
    product = ItemProduct(attributes=attributes)
    item = OrderItem(upc="686487455940", name=name, quantity=1, status="ordered", product=product)
    assert name_item(item) == words
    assert name_item(item.changed(product=None)) == (name or "UPC 686487455940")


def headline(order: Order) -> str:
    return describe_standing(order, ENGLISH).headline


def money(order: Order) -> str:
    return " ".join(describe_money(order, ENGLISH))


def happened(*events: tuple[str, dict[str, Any]]) -> list[TimelineEntry]:
    """Things that happened, an hour after each other."""
    return [TimelineEntry(NOW + timedelta(hours=hour), event, facts) for hour, (event, facts) in enumerate(events)]


def became(*statuses: str) -> list[TimelineEntry]:
    return happened(*((f"item.{status}", {"upc": "686487455940", "status": status}) for status in statuses))


# Where it stands


@pytest.mark.parametrize(
    ("statuses", "path", "words"),
    [
        (("ordered",), BOPIS, "Waiting for the store's answer"),
        (("ordered", "confirmed"), BOPIS, "Waiting for the rest of the store's answer"),
        (("confirmed",), ROPIS, "Held for you at the store"),
        (("confirmed", "declined"), BOPIS, "A part is held for you at the store"),
        (("confirmed", "charge_failed"), BOPIS, "A part is held for you: please pay in the store"),
        (("charge_failed",), BOPIS, "Held for you: please pay in the store"),
        (("picked_up",), BOPIS, "Picked up"),
        (("picked_up", "declined"), BOPIS, "Picked up"),
        (("picked_up", "confirmed"), BOPIS, "Partly picked up"),
        (("declined",), BOPIS, "The store cannot provide your order"),
        (("auto_canceled",), ROPIS, "Canceled: the store did not answer"),
        (("canceled",), BOPIS, "Canceled"),
        (("declined", "canceled"), BOPIS, "Canceled"),
        (("refunded",), BOPIS, "Refunded"),
        (("partially_refunded",), BOPIS, "Refunded in part"),
        (("packed",), BOPIS, "In the hands of the store"),
        (("pending_brand",), STS, "Waiting for the brand's answer"),
        (("confirmed",), STS, "Confirmed by the brand"),
        (("processing",), STS, "Confirmed by the brand"),
        (("shipped",), STS, "On its way to the store"),
        (("shipped", "ready_for_pickup"), STS, "A part is ready for pickup"),
        (("ready_for_pickup",), STS, "Ready for pickup"),
        (("rejected",), STS, "The brand cannot provide your order"),
    ],
)
def test_headline_is_true_of_the_order(statuses: tuple[str, ...], path: PathToPurchase, words: str) -> None:
    assert headline(make_order(*statuses, path=path)) == words


@pytest.mark.parametrize("path", PathToPurchase)
@pytest.mark.parametrize("status", [*ItemStatus, "something_new"])
def test_every_status_has_a_headline_and_a_meaning(status: str, path: PathToPurchase) -> None:
    assert all(describe_standing(make_order(status, path=path), ENGLISH))


@pytest.mark.parametrize(
    ("status", "path"), [("ordered", BOPIS), ("shipped", STS), ("confirmed", STS), ("declined", ROPIS)]
)
def test_shopper_is_not_sent_to_the_store_for_nothing(status: str, path: PathToPurchase) -> None:
    meaning = describe_standing(make_order(status, path=path), ENGLISH).meaning
    assert "do not go there" in meaning or "not need to go there" in meaning or "do not go to the store" in meaning


def test_order_that_may_be_rescued_is_not_final() -> None:
    declined = make_order("declined")
    rescued = declined.items[0].changed(rescued_by="ord_2")
    assert not is_final(declined)
    assert is_final(declined.changed(items=(rescued,)))
    assert is_final(make_order("picked_up"))
    assert not is_final(make_order("confirmed"))


# Items


@pytest.mark.parametrize("status", ItemStatus)
def test_item_status_has_plain_words(status: ItemStatus) -> None:
    assert describe_item(status, BOPIS, ENGLISH)[:1].isupper()


def test_unknown_item_status_is_shown_as_is() -> None:
    assert describe_item("something_new", BOPIS, ENGLISH) == "something_new"


def test_item_confirmed_by_the_brand_is_not_at_the_store() -> None:
    assert describe_item("confirmed", STS, ENGLISH) == "Confirmed by the brand"


@pytest.mark.parametrize(
    ("order", "things"),
    [
        (make_order(), 3),
        (make_order(path=ROPIS), 3),
        (make_order("picked_up"), 0),
        (make_order("declined"), 0),
        (make_order("partially_refunded"), 0),
    ],
)
def test_things_to_bring_end_with_the_order(order: Order, things: int) -> None:
    assert len(what_to_bring(order, ENGLISH)) == things


@pytest.mark.parametrize(
    ("order", "thing"),
    [
        (make_order("confirmed"), "The card that you paid with, in case the store asks for it"),
        (make_order("charge_failed", "confirmed"), "What you want to pay with"),
        (make_order(path=ROPIS, authorized=0), "What you want to pay with"),
    ],
)
def test_who_has_to_pay_brings_money(order: Order, thing: str) -> None:
    assert what_to_bring(order, ENGLISH)[-1] == thing


# Money


def test_hold_is_told_until_the_answer() -> None:
    assert "$248.06 is held on your card, not charged, until the answer is there." in money(make_order())
    assert money_rows(make_order(), ENGLISH) == [("Held on your card", usd(24806))]
    assert money_rows(make_order("confirmed", charged=24806), ENGLISH) == [("Charged to your card", usd(24806))]
    assert money_rows(make_order("declined"), ENGLISH) == []


def test_only_what_waits_is_still_held() -> None:
    order = make_order("ordered", "confirmed", authorized=49612, charged=24806)
    assert money_rows(order, ENGLISH) == [("Held on your card", usd(24806)), ("Charged to your card", usd(24806))]
    assert "$248.06 is held on your card" in money(order)
    assert "Your card was charged $248.06." in money(order)


def test_declined_order_lets_the_hold_go() -> None:
    words = "Your card was not charged. The hold on it ends by itself, within seven days at the latest."
    assert money(make_order("declined")) == words


def test_declined_item_lets_its_hold_go() -> None:
    words = money(make_order("confirmed", "declined", authorized=49612, charged=24806))
    assert "You do not pay for Trail Shoe 1: that hold on your card ends by itself" in words
    assert "Trail Shoe 0" not in words


def test_charged_order_is_never_called_uncharged() -> None:
    for statuses in (("confirmed",), ("canceled",), ("picked_up",)):
        order = make_order(*statuses, charged=24806)
        order = order.changed(items=(order.items[0].changed(charged=usd(24806)),))
        assert "not charged" not in money(order)
        assert "Your card was charged $248.06." in money(order)


def test_money_of_a_canceled_item_has_to_come_back() -> None:
    order = make_order("canceled", charged=24806)
    order = order.changed(items=(order.items[0].changed(charged=usd(24806)),))
    assert "has to be paid back" in money(order)


def test_failed_charge_is_paid_in_the_store() -> None:
    assert money(make_order("charge_failed")) == (
        "Your card could not be charged. Please pay in the store when you pick it up."
    )
    assert "for Trail Shoe 1: please pay for it in the store" in money(make_order("confirmed", "charge_failed"))


def test_refund_is_told_with_its_amount_and_time() -> None:
    whole = money(make_order("refunded", charged=24806, refunded=24806))
    assert "All that you paid, $248.06, goes back to your card." in whole
    assert "5 to 10 business days" in whole
    part = make_order("partially_refunded", charged=24806, refunded=1000)
    assert "Of the $248.06 that you paid, $10.00 goes back to your card." in money(part)
    assert money_rows(part, ENGLISH) == [("Charged to your card", usd(24806)), ("Refunded", usd(1000))]


def test_refund_of_an_untold_amount_is_told_all_the_same() -> None:
    assert "The store pays money back to your card." in money(make_order("partially_refunded", charged=24806))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ordered", "You pay in the store: nothing is charged online."),
        ("confirmed", "You pay in the store: nothing is charged online."),
        ("declined", "Nothing was charged online."),
        ("picked_up", ""),
        ("refunded", "You paid in the store, so the store itself pays you back."),
    ],
)
def test_reservation_is_a_matter_of_the_store(status: str, words: str) -> None:
    order = make_order(status, path=ROPIS, authorized=0)
    assert money(order) == words
    assert money_rows(order, ENGLISH) == []


@pytest.mark.parametrize(
    ("amount", "currency", "text"), [(123456, "USD", "$1,234.56"), (500, "CAD", "CA$5.00"), (500, "JPY", "¥500")]
)
def test_money_is_written_with_its_currency(amount: int, currency: str, text: str) -> None:
    assert ENGLISH.money(Money(amount=amount, currency=currency)) == text


# Steps


@pytest.mark.parametrize(
    ("order", "steps"),
    [
        (make_order(), "done now next next"),
        (make_order("confirmed"), "done done done now"),
        (make_order("confirmed", "ordered"), "done now next next"),
        (make_order("confirmed", "picked_up"), "done done done now"),
        (make_order("picked_up"), "done done done done"),
        (make_order("declined"), "done bad"),
        (make_order("declined").changed(rescued_by="ord_2"), "done bad done"),
        (make_order("refunded", charged=1, refunded=1), "done bad"),
        (make_order("partially_refunded"), "done done done now"),
        (make_order("packed"), "done now"),
        (make_order("pending_brand", path=STS), "done now next next next"),
        (make_order("confirmed", path=STS), "done done now next next"),
        (make_order("shipped", path=STS), "done done now next next"),
        (make_order("shipped", "ready_for_pickup", path=STS), "done done now next next"),
        (make_order("ready_for_pickup", "rejected", path=STS), "done done done done now"),
        (make_order("picked_up", path=STS), "done done done done done"),
    ],
)
def test_progress_follows_the_slowest_item(order: Order, steps: str) -> None:
    assert [step.state for step in progress_of(order, [], ENGLISH)] == steps.split()


def test_part_refund_of_what_was_picked_up_ends_the_way() -> None:
    steps = progress_of(make_order("partially_refunded"), became("picked_up", "partially_refunded"), ENGLISH)
    assert {step.state for step in steps} == {"done"}


def test_unknown_word_promises_nothing_of_the_money() -> None:
    assert money(make_order("packed")) == (
        "We do not know yet what becomes of the hold on your card. The store can tell."
    )


def test_steps_that_are_done_tell_when() -> None:
    order = make_order("picked_up")
    steps = progress_of(order, became("confirmed", "picked_up"), ENGLISH)
    assert [(step.words, step.at) for step in steps] == [
        ("Order received", order.placed_at),
        ("The store confirmed", NOW),
        ("Held for you at the store", None),
        ("Picked up", NOW + timedelta(hours=1)),
    ]


def test_refunded_order_tells_how_far_it_came() -> None:
    steps = progress_of(make_order("refunded"), became("confirmed", "picked_up", "refunded"), ENGLISH)
    told = [(step.words, step.state) for step in steps[1:]]
    assert told == [("The store confirmed", "done"), ("Picked up", "done"), ("Refunded", "bad")]
    assert steps[-1].at == NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("declined", "The store said no"),
        ("auto_canceled", "The store did not answer"),
        ("rejected", "The brand said no"),
        ("canceled", "Canceled"),
    ],
)
def test_end_of_an_order_names_its_cause_and_time(status: str, words: str) -> None:
    end = progress_of(make_order(status), became(status), ENGLISH)[-1]
    assert (end.words, end.at) == (words, NOW)


def test_refunds_are_told_with_their_amounts() -> None:
    refunds = happened(("order.refunded", {"amount": 500, "currency": "USD"}), ("order.refunded", {"amount": None}))
    told = [each.words for each in tell_timeline(make_order(), refunds, ENGLISH)]
    assert told == ["$5.00 was paid back.", "Money was paid back."]


def test_same_thing_is_told_once_in_a_row() -> None:
    twice = happened(("order.refunded", {}), ("order.refunded", {}), ("order.placed", {}))
    assert len(tell_timeline(make_order(), twice, ENGLISH)) == 2
