"""Opening hours as moments: daylight saving, midnight, days that nobody told, and the time by which a store answers."""

from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from checkout.orders import Address, OpeningHours, Store, answer_deadline, opening_spans, zone_of

CHICAGO = ZoneInfo("America/Chicago")
WEEKDAYS = tuple(OpeningHours(day=day, opens="10:00", closes="19:00") for day in range(6))
CLOSED_SUNDAY = OpeningHours(day=6, opens=None, closes=None)


def store(**facts: Any) -> Store:
    week = {"time_zone": "America/Chicago", "hours": (*WEEKDAYS, CLOSED_SUNDAY)}
    return Store(id=1, name="Store", address=Address(), **{**week, **facts})


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of Chicago's November 2026; the 16th is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=CHICAGO)


def deadline(of: Store, asked_at: datetime, hours: float = 8) -> datetime | None:
    due = answer_deadline(of, asked_at, hours)
    return due.astimezone(CHICAGO) if due else None


@pytest.mark.parametrize(
    ("asked_at", "due"),
    [
        (at(16, 10), at(16, 18)),
        (at(16, 11), at(16, 19)),
        (at(16, 12), at(17, 11)),
        (at(16, 3), at(16, 18)),
        (at(16, 22), at(17, 18)),
        (at(21, 18), at(23, 17)),
        (at(22, 12), at(23, 18)),
    ],
)
def test_store_answers_within_its_own_hours(asked_at: datetime, due: datetime) -> None:
    assert deadline(store(), asked_at.astimezone(UTC)) == due


def test_day_that_nobody_told_ends_the_reckoning() -> None:
    assert deadline(store(hours=WEEKDAYS[:1]), at(16, 10)) == at(16, 18)
    assert deadline(store(hours=WEEKDAYS[:1]), at(16, 12)) is None
    assert deadline(store(hours=()), at(16, 10)) is None
    assert deadline(store(time_zone=None), at(16, 10)) is None
    assert deadline(store(hours=tuple(CLOSED_SUNDAY.changed(day=day) for day in range(7))), at(16, 10)) is None


def test_opening_past_midnight_is_one_span() -> None:
    late = store(hours=tuple(OpeningHours(day=day, opens="18:00", closes="02:00") for day in range(7)))
    assert next(opening_spans(late, at(17, 1))) == (at(16, 18), at(17, 2))
    until_midnight = store(hours=tuple(OpeningHours(day=day, opens="10:00", closes="00:00") for day in range(7)))
    assert next(opening_spans(until_midnight, at(16, 23))) == (at(16, 10), at(17, 0))


def test_day_of_the_clock_change_has_its_own_length() -> None:
    nightly = store(hours=tuple(OpeningHours(day=day, opens="00:00", closes="12:00") for day in range(7)))
    opens, closes = next(opening_spans(nightly, at(1, 1)))  # The clocks go back on November 1.
    assert (closes - opens).total_seconds() == 13 * 3600


def test_spans_follow_each_other_for_two_weeks() -> None:
    spans = list(islice(opening_spans(store(), at(16, 10)), 100))
    assert len(spans) == 12
    assert all(first[1] < second[0] for first, second in pairwise(spans))


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../etc"])
def test_unknown_time_zone_is_none(name: str | None) -> None:
    assert zone_of(store(time_zone=name)) is None
