"""The switches: what Locally's documents leave open, with the sandbox's assumption as the default."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Any

from checkout.sandbox.shelf import Shelf


@dataclass(frozen=True)
class Switches:
    """One field per assumption; `docs/sandbox.md` explains each."""

    answer_hours: int = 8
    auto_cancel: bool = True
    stock_moves_at: str = "confirmed"
    ropis_tax: bool = False
    commit_without_card: bool = False
    error_codes: bool = True
    v2_errors_as_200: bool = False
    v2_shows_uncommitted: bool = False
    brand_answers_for_stores: bool = True
    setup_intent_single_use: bool = False
    captures_fail: bool = False
    pushcart_profile: str = "latest"
    retailer_sees_sts: bool = True
    sts_percent: int = 50
    sts_stores_listed: bool = True
    sts_account: str = ""
    feed_reach_hours: int = 3
    webhook_method: str = "POST"
    webhook_auto_method: str = "PUT"
    webhook_attempts: int = 1
    webhook_form: str = "short"
    webhook_content_type: str = "json"
    webhook_copies: int = 1
    webhook_delay: float = 0
    webhook_lose_every: int = 0
    webhook_reorder: bool = False


_CHOICES: dict[str, tuple[Any, ...]] = {
    "answer_hours": (2, 4, 8),
    "stock_moves_at": ("confirmed", "ordered"),
    "pushcart_profile": ("latest", "oldest", "off"),
    "webhook_method": ("POST", "PUT"),
    "webhook_auto_method": ("POST", "PUT"),
    "webhook_attempts": (1, 2, 3, 4, 5),
    "webhook_form": ("short", "cart"),
    "webhook_content_type": ("json", "form", "none"),
}
# Whole numbers, and seconds with fractions, each from the lowest to the highest.
_RANGES = {
    "sts_percent": (0, 100),
    "feed_reach_hours": (0, 3),
    "webhook_copies": (1, 20),
    "webhook_lose_every": (0, 1000),
    "webhook_delay": (0, 3600),
}
_FRACTIONS = ("webhook_delay",)


class SwitchBoard:
    """The switches as they stand now, kept on the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.now = replace(Switches(), **shelf.load("switches").get("now", {}))

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some switches. Raises ValueError, naming the switch, for an unknown one or a value it cannot take."""
        known = {field.name for field in fields(Switches)}
        changes: dict[str, Any] = {}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"there is no setting {name!r}")
            changes[name] = _judge(name)(name, value)
        self.now = replace(self.now, **changes)
        self._shelf.put("switches", "now", asdict(self.now))

    def reset(self) -> None:
        self.now = Switches()
        self._shelf.clear("switches")

    def as_document(self) -> dict[str, Any]:
        return asdict(self.now)


def _judge(name: str) -> Callable[[str, Any], Any]:
    if name in _RANGES:
        return _number
    return _account if name == "sts_account" else _choice


def _account(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(acct_\w+)?", value):
        raise ValueError(f'{name} must be an account id ("acct_...") or ""')
    return value


def _choice(name: str, value: Any) -> Any:
    choices = _CHOICES.get(name, (True, False))
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}")
    return value


def _number(name: str, value: Any) -> int | float:
    lowest, highest = _RANGES[name]
    fractions = name in _FRACTIONS
    kinds = (int, Decimal) if fractions else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not lowest <= value <= highest:
        raise ValueError(f"{name} must be a {'' if fractions else 'whole '}number from {lowest} to {highest}")
    return float(value) if fractions else int(value)
