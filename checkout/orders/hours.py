"""A store's opening hours as moments in time: when it is open, and until when it has to answer. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checkout.orders.carts import OpeningHours, Store

# Beyond two weeks nothing is said of a store that hardly ever opens.
_DAYS_AHEAD = 14


def zone_of(store: Store) -> ZoneInfo | None:
    """The store's time zone, None where it is unknown."""
    try:
        return ZoneInfo(store.time_zone) if store.time_zone else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def hours_of(store: Store, day: int) -> OpeningHours | None:
    """The hours of a weekday (0 is Monday), None where nobody told."""
    return next((hours for hours in store.hours if hours.day == day), None)


def opening_spans(store: Store, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Opening spans in UTC, beginning with the one that holds the moment or else the next.

    They end before the first day of which nobody told the hours, or after two weeks.
    """
    zone = zone_of(store)
    if zone is None:
        return
    today = moment.astimezone(zone).date()
    for ahead in range(-1, _DAYS_AHEAD):  # Yesterday's may end after midnight.
        day = today + timedelta(days=ahead)
        hours = hours_of(store, day.weekday())
        if hours is None and ahead >= 0:
            return
        span = _span(hours, day, zone) if hours else None
        if span is not None and span[1] > moment:
            yield span


def _span(hours: OpeningHours, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """A day's opening, None when closed. A closing time that is not after the opening is the next day's."""
    if hours.opens is None or hours.closes is None:
        return None
    opens, closes = time.fromisoformat(hours.opens), time.fromisoformat(hours.closes)
    last_day = day if closes > opens else day + timedelta(days=1)
    return datetime.combine(day, opens, zone).astimezone(UTC), datetime.combine(last_day, closes, zone).astimezone(UTC)


def answer_deadline(store: Store, asked_at: datetime, hours: float) -> datetime | None:
    """When the store has been open for so many hours since it was asked; None where its hours do not tell."""
    left = timedelta(hours=hours)
    for opens, closes in opening_spans(store, asked_at):
        begin = max(opens, asked_at)
        if begin + left <= closes:
            return begin + left
        left -= closes - begin
    return None
