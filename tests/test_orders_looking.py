"""How often an order is looked at by itself: often while something happens, seldom when it is over, then never."""

from datetime import UTC, datetime, timedelta

import pytest

from checkout.orders import FARTHEST_LOOK, next_look

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def span(quiet: int, *, is_over: bool = False, age: timedelta = timedelta(0), every: float = 600) -> timedelta | None:
    """How long until the next look."""
    at = next_look(is_over=is_over, changed_at=NOON - age, now=NOON, quiet_looks=quiet, every=every)
    return None if at is None else at - NOON


@pytest.mark.parametrize("quiet", [0, 1, 100, 144])
def test_going_order_is_looked_at_every_few_minutes_for_a_day(quiet: int) -> None:
    assert span(quiet) == timedelta(minutes=10)


def test_quiet_order_is_looked_at_less_and_less() -> None:
    spans = [span(144 + more) for more in (1, 2, 3, 5, 6, 1000)]
    assert spans == [timedelta(minutes=minutes) for minutes in (20, 40, 80, 320, 360, 360)]


def test_order_that_is_over_is_soon_looked_at_daily() -> None:
    spans = [span(quiet, is_over=True) for quiet in (0, 1, 2, 7, 8, 10_000)]
    assert spans == [timedelta(minutes=minutes) for minutes in (10, 20, 40, 1280, 1440, 1440)]


def test_refunds_are_looked_for_ninety_days() -> None:
    assert span(500, is_over=True, age=timedelta(days=90)) == timedelta(days=1)
    assert span(500, is_over=True, age=timedelta(days=90, seconds=1)) is None
    assert span(500, age=timedelta(days=91)) == timedelta(hours=6)


def test_order_that_never_ends_is_given_up_after_a_year() -> None:
    assert span(500, age=timedelta(days=365)) == timedelta(hours=6)
    assert span(500, age=timedelta(days=366)) is None


def test_chosen_interval_counts() -> None:
    assert span(0, every=60) == timedelta(minutes=1)
    assert span(0, every=86400) == span(300, every=86400) == timedelta(days=1)


@pytest.mark.parametrize("is_over", [True, False])
def test_no_look_lies_beyond_the_farthest(is_over: bool) -> None:
    assert all((span(quiet, is_over=is_over) or timedelta(0)) <= FARTHEST_LOOK for quiet in range(400))
