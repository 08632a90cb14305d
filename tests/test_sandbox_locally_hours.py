"""Opening hours and distances of the sandbox's world, and the amounts that it reads and writes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from checkout.sandbox.amounts import as_grouped, as_number, read_amount, tax_on
from checkout.sandbox.hours import read_week
from checkout.sandbox.places import Box, miles_between

WEEK = read_week(["10am-7pm"] * 5 + ["9am-6pm", ""], "America/Chicago")


def at(day: int, hour: int, minute: int = 0, month: int = 6) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_business_hours_end_the_same_day() -> None:
    monday_ten = at(1, 15)
    assert WEEK.after(monday_ten, 8) == at(1, 23)


def test_business_hours_pass_over_the_night() -> None:
    monday_five = at(1, 22)
    assert WEEK.after(monday_five, 8) == at(2, 21)


def test_business_hours_pass_over_a_closed_day() -> None:
    saturday_five = at(6, 22)
    assert WEEK.after(saturday_five, 2) == at(8, 16)


def test_business_hours_begin_when_the_store_opens() -> None:
    sunday = at(7, 12)
    assert WEEK.after(sunday, 2) == at(8, 17)


def test_business_hours_keep_the_wall_clock_over_winter_time() -> None:
    saturday_half_past_five = at(31, 22, 30, month=10)
    assert WEEK.after(saturday_half_past_five, 1) == at(2, 16, 30, month=11)


def test_store_is_open_from_first_minute_to_last() -> None:
    assert WEEK.open_span(at(1, 14, 59)) is None
    assert WEEK.open_span(at(1, 15)) == (at(1, 15), at(2, 0))
    assert WEEK.open_span(at(2, 0)) is None


def test_hours_are_labelled_as_locally_does() -> None:
    assert [WEEK.label(day) for day in (0, 5, 6)] == ["10am-7pm", "9am-6pm", "Closed"]


def test_distance_is_that_of_the_great_circle() -> None:
    assert miles_between(41.88, -87.63, 39.74, -104.99) == pytest.approx(919, abs=3)


def test_box_holds_its_corner_and_no_more() -> None:
    box = Box(0, 0, 100)
    corner = 50 / 2**0.5 / 69.093
    assert box.holds(corner * 0.999, corner * 0.999)
    assert not box.holds(corner * 1.001, 0)


@pytest.mark.parametrize(("price", "rate", "tax"), [(8900, "0.1025", 912), (1000, "0.0005", 1), (1000, "0.0004", 0)])
def test_tax_is_rounded_half_up(price: int, rate: str, tax: int) -> None:
    assert tax_on(price, Decimal(rate)) == tax


@pytest.mark.parametrize(
    ("sent", "amount"),
    [
        (Decimal("225.00"), 22500),
        (225, 22500),
        ("2,099.99", 209999),
        (Decimal("0.005"), None),
        (True, None),
        ("", None),
        (None, None),
        (Decimal("1e400"), None),
        (Decimal("1e999999"), None),
        (1.5, None),
    ],
)
def test_amount_is_read_exactly_or_not_at_all(sent: object, amount: int | None) -> None:
    assert read_amount(sent) == amount


def test_amount_is_written_in_each_places_type() -> None:
    assert (as_number(10000), as_number(1010), as_grouped(209999)) == (100, 10.1, "2,099.99")
