"""When a message that was not taken is sent again. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# After each try that failed; ten tries in a little more than three days, as Standard Webhooks proposes.
_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400))
MOST_TRIES = len(_DELAYS) + 1
_MOST_ASKED = timedelta(hours=24)
_GONE = 410
_ASKS_TO_WAIT = {429, 503}


def is_delivered(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def delay_after(tries: int, status: int | None, asked: timedelta | None, jitter: float) -> timedelta | None:
    """How long to wait after so many tries; None where it is given up.

    `asked` is what the receiver wants (`Retry-After`); `jitter` (0 to 1) spreads what failed together, by a tenth.
    """
    if status == _GONE or tries >= MOST_TRIES:
        return None
    delay = _DELAYS[tries - 1] * (1 + 0.1 * jitter)
    if asked is not None and status in _ASKS_TO_WAIT:
        return max(delay, min(asked, _MOST_ASKED))
    return delay


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """`Retry-After`, in seconds or as a date; None where there is none that we can read."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return timedelta(seconds=min(int(value.strip()[:12]), int(_MOST_ASKED.total_seconds())))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta(0))
