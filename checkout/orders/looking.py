"""When an order's cart is to be looked at again by itself, whether or not anything was announced. Pure."""

from datetime import datetime, timedelta

# Nothing new for a day: from then on each look waits twice as long as the one before.
_PATIENCE = timedelta(days=1)
_LONGEST = timedelta(hours=6)
# What has ended may still be refunded: it is looked at once a day, for as long as a shopper may send something back.
_LONGEST_AFTER_END = timedelta(days=1)
_KEPT_AFTER_END = timedelta(days=90)
_KEPT = timedelta(days=365)
_MOST_DOUBLINGS = 20

# No look is planned further ahead: one that is was planned before a clock was set back.
FARTHEST_LOOK = _LONGEST_AFTER_END


def next_look(*, is_over: bool, changed_at: datetime, now: datetime, quiet_looks: int, every: float) -> datetime | None:
    """When to look again after so many looks in a row that showed nothing new; None if never.

    `every` is the time between two looks, in seconds, as long as something happens.
    """
    span = timedelta(seconds=every)
    if now - changed_at > (_KEPT_AFTER_END if is_over else _KEPT):
        return None
    longest = max(_LONGEST_AFTER_END if is_over else _LONGEST, span)
    patience = 0 if is_over else _PATIENCE // span
    doublings = min(max(quiet_looks - patience, 0), _MOST_DOUBLINGS)
    return now + min(span * (1 << doublings), longest)
