"""The ways in which Locally writes values, each read in one place: types that a model's fields are declared with."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from tzfpy import get_tz

from checkout.money import parse_decimal
from checkout.orders import OpeningHours, PathToPurchase, normal_word, normalize_upc

_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_NO_STS = {"", "n/a", "false", "none", "null"}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\.?\s*[-\u2013]\s*(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\.?")
_UPC_LENGTH = 12
_TOO_MUCH = 10**12


class Answer(BaseModel):
    """Base of what we read from Locally: frozen, and deaf to fields that we do not know.

    Fields are filled by name or by where Locally has them; faults never show the input, which may be personal.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True, hide_input_in_errors=True
    )


def read_flag(value: object) -> bool | None:
    """A 0/1 flag that may also be "1", true or "true"; None where it says neither."""
    if isinstance(value, bool) or value is None:
        return value
    return _FLAGS.get(str(value).strip().lower())


def read_text(value: object) -> str | None:
    """A text, None where it is empty; numbers (a zip, a postal code) become texts."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def read_count(value: object) -> int | None:
    """A whole number, from a number or digits; None for anything else."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"-?\d{1,12}", text) else None


def read_degrees(value: object) -> float | None:
    """A coordinate, from a number or a text; None for anything that is none."""
    try:
        degrees = float(str(value))
    except ValueError:
        return None
    return degrees if abs(degrees) <= 180 else None


def read_upc(value: object) -> str | None:
    """A UPC in our one spelling, None where it is none; zeros in front that it lost as a number are put back."""
    text = str(value).strip()
    return normalize_upc(text.zfill(_UPC_LENGTH)) if re.fullmatch(r"[0-9]{1,14}", text) else None


def read_amount(value: object) -> Decimal | None:
    """A price in major units, from a number or "2,099.99"; None where it cannot be read or cannot be a price."""
    try:
        amount = parse_decimal(value)
    except ValueError:
        return None
    return amount if amount is not None and abs(amount) < _TOO_MUCH else None


def read_time(value: object) -> datetime | None:
    """A time. Locally's bear no zone and are read as UTC; None for "" and for zero dates."""
    text = read_text(value)
    if text is None or text.startswith("0000"):
        return None
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def read_status(value: object) -> str:
    """A status word in one spelling: lower case, words joined by an underscore."""
    return normal_word(read_text(value))


def read_sts_status(value: object) -> str | None:
    """A ship-to-store status; None for each of the ways to say that there is none."""
    status = read_status(value)
    return None if status in _NO_STS else status


def read_paths(value: object) -> frozenset[PathToPurchase]:
    """The paths that a marker's `acquisition_options` offer; an empty object may come as an empty list."""
    options = value if isinstance(value, dict) else {}
    return frozenset(path for path in PathToPurchase if read_flag(options.get(path.value)))


def read_hours(value: object) -> tuple[OpeningHours, ...]:
    """The week's hours from `display_dow`; a day whose text we do not understand is left out."""
    days = (_read_day(day) for day in value if isinstance(day, dict)) if isinstance(value, list) else ()
    return tuple(sorted((day for day in days if day is not None), key=lambda day: day.day))


def _read_day(entry: dict[str, object]) -> OpeningHours | None:
    label = str(entry.get("label", "")).strip().lower()
    day = _WEEKDAYS.index(label) if label in _WEEKDAYS else read_count(entry.get("day_index"))
    text = str(entry.get("bil_hrs", "")).strip().lower()
    if day is None or not 0 <= day < len(_WEEKDAYS):
        return None
    if text == "closed":
        return OpeningHours(day=day, opens=None, closes=None)
    span = _SPAN.fullmatch(text)
    if span is None:
        return None
    opens, closes = _read_hour(*span.group(1, 2, 3)), _read_hour(*span.group(4, 5, 6))
    return OpeningHours(day=day, opens=opens, closes=closes) if opens and closes else None


def _read_hour(hour: str, minute: str | None, half: str) -> str | None:
    """The hour of a 12-hour clock as "HH:MM", 12am as "00:00"; None for one that no clock shows."""
    hours, minutes = int(hour), int(minute or 0)
    if not 1 <= hours <= 12 or minutes > 59:
        return None
    return f"{hours % 12 + (12 if half == 'p' else 0):02}:{minutes:02}"


@lru_cache(maxsize=8192)
def find_time_zone(lat: float, lng: float) -> str | None:
    """The IANA time zone at a place, None where there is none."""
    return get_tz(lng, lat) or None


Flag = Annotated[bool, BeforeValidator(lambda value: read_flag(value) or False)]
Text = Annotated[str | None, BeforeValidator(read_text)]
Count = Annotated[int | None, BeforeValidator(read_count)]
Degrees = Annotated[float | None, BeforeValidator(read_degrees)]
Upc = Annotated[str, BeforeValidator(read_upc)]
Amount = Annotated[Decimal | None, BeforeValidator(read_amount)]
Time = Annotated[datetime | None, BeforeValidator(read_time)]
Status = Annotated[str, BeforeValidator(read_status)]
StsStatus = Annotated[str | None, BeforeValidator(read_sts_status)]
Paths = Annotated[frozenset[PathToPurchase], BeforeValidator(read_paths)]
Hours = Annotated[tuple[OpeningHours, ...], BeforeValidator(read_hours)]
