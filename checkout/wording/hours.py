"""When a store is open, in the shopper's words and the store's time."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import groupby
from typing import NamedTuple

from checkout.orders import OpeningHours, Store, hours_of, opening_spans, zone_of
from checkout.wording.languages import Language

_WEEK = timedelta(days=7)


class Opening(NamedTuple):
    """Such as "Open until 7:00 PM"; `is_open` is None where nobody told."""

    words: str
    is_open: bool | None


def find_zone(store: Store) -> tzinfo:
    """The store's time zone; UTC where it is unknown, which the times then say."""
    return zone_of(store) or UTC


def describe_opening(store: Store, now: datetime, language: Language) -> Opening | None:
    """Whether the store is open now and until when, or when it opens; None where nothing is known.

    Locally's own "open now" wins over the week's hours: it may know of a holiday.
    """
    opens, closes = next(opening_spans(store, now), (None, None))
    by_hours = opens is not None and opens <= now if _knows_today(store, now) else None
    is_open = by_hours if store.open_now is None else store.open_now
    if is_open is None:
        return Opening(store.today_hours, None) if store.today_hours else None
    if is_open:
        return Opening(_open_words(closes if by_hours else None, store, language), is_open=True)
    next_opening = next((begin for begin, _ in opening_spans(store, now) if begin > now), None)
    return Opening(_closed_words(next_opening, store, now, language), is_open=False)


def _knows_today(store: Store, now: datetime) -> bool:
    zone = zone_of(store)
    return zone is not None and hours_of(store, now.astimezone(zone).weekday()) is not None


def _open_words(closes: datetime | None, store: Store, language: Language) -> str:
    if closes is None:
        return language.say("Open now")
    return language.say("Open until %(time)s", time=language.time(closes.astimezone(find_zone(store)).time()))


def _closed_words(opens: datetime | None, store: Store, now: datetime, language: Language) -> str:
    """With the next opening, where the hours tell it and a weekday is enough to name it."""
    if opens is None or opens - now > _WEEK:
        return language.say("Closed now")
    zone = find_zone(store)
    there = opens.astimezone(zone)
    at = language.time(there.time())
    if there.date() == now.astimezone(zone).date():
        return language.say("Closed, opens at %(time)s", time=at)
    return language.say("Closed, opens %(day)s at %(time)s", day=language.weekday(there.weekday()), time=at)


def describe_today(store: Store, there: datetime, language: Language, told_on: datetime) -> str | None:
    """The hours on the day of `there` (local time), such as "Sunday, 11:00 AM to 5:00 PM"; None where unknown.

    `told_on` is when Locally described the store: what it said of "today" was said of that day.
    """
    day = language.weekday(there.weekday())
    hours = hours_of(store, there.weekday())
    if hours is not None:
        return f"{day}, {_span_words(hours, language)}"
    is_same_day = told_on.astimezone(there.tzinfo).date() == there.date()
    return f"{day}, {store.today_hours}" if is_same_day and store.today_hours else None


def describe_week(store: Store, language: Language) -> list[tuple[str, str]]:
    """The days of the week with their hours; neighbours that are alike stand together. Empty where unknown."""
    told = sorted((hours for hours in store.hours if 0 <= hours.day <= 6), key=lambda hours: hours.day)
    alike = groupby(enumerate(told), key=lambda each: (each[1].day - each[0], each[1].opens, each[1].closes))
    runs = [[hours for _, hours in run] for _, run in alike]
    return [(_days_words(run, language), _span_words(run[0], language)) for run in runs]


def _days_words(run: list[OpeningHours], language: Language) -> str:
    first, last = language.weekday(run[0].day), language.weekday(run[-1].day)
    return first if len(run) == 1 else language.say("%(first)s to %(last)s", first=first, last=last)


def _span_words(hours: OpeningHours, language: Language) -> str:
    if hours.opens is None or hours.closes is None:
        return language.say("closed")
    opens, closes = (language.time(time.fromisoformat(text)) for text in (hours.opens, hours.closes))
    return language.say("%(opens)s to %(closes)s", opens=opens, closes=closes)
