"""Opening hours: is a store open, when does it open next, when have so many business hours passed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Span = tuple[time, time]


@dataclass(frozen=True)
class Week:
    """A store's week: an opening span for each day from Monday on, None where it is closed."""

    days: tuple[Span | None, ...]
    zone: ZoneInfo

    def label(self, day: int) -> str:
        """The day's hours as Locally writes them: "10am-7pm", or "Closed"."""
        span = self.days[day]
        return "Closed" if span is None else f"{_clock(span[0])}-{_clock(span[1])}"

    def open_span(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """The span in which the moment falls, None when the store is closed then."""
        opens, closes = next(self.spans_from(moment))
        return (opens, closes) if opens <= moment else None

    def spans_from(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Opening spans in UTC, beginning with the one that holds the moment or else the next. Never ends."""
        day = moment.astimezone(self.zone).date()
        while True:
            span = self.days[day.weekday()]
            if span is not None:
                opens, closes = (datetime.combine(day, at, self.zone).astimezone(UTC) for at in span)
                if closes > moment:
                    yield opens, closes
            day += timedelta(days=1)

    def after(self, moment: datetime, hours: float) -> datetime:
        """The moment at which the store has been open for so many hours."""
        left = timedelta(hours=hours)
        for opens, closes in self.spans_from(moment):
            begin = max(opens, moment)
            if begin + left <= closes:
                return begin + left
            left -= closes - begin
        raise AssertionError("a store's week never ends")


def read_week(labels: list[str], zone: str) -> Week:
    """A week from seven labels like "10am-7pm", Monday first; "" is a closed day."""
    return Week(tuple(_span(label) for label in labels), ZoneInfo(zone))


def _span(label: str) -> Span | None:
    if not label:
        return None
    opens, closes = label.split("-")
    return _time(opens), _time(closes)


def _time(label: str) -> time:
    hour = int(label[:-2]) % 12
    return time(hour + 12 if label.endswith("pm") else hour)


def _clock(at: time) -> str:
    return f"{at.hour % 12 or 12}{'am' if at.hour < 12 else 'pm'}"
