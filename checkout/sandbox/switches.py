"""The switches: what Locally's documents leave open, with the sandbox's assumption as the default."""

from dataclasses import asdict, dataclass, fields, replace
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
    webhook_method: str = "POST"
    webhook_attempts: int = 1


_CHOICES: dict[str, tuple[Any, ...]] = {
    "answer_hours": (2, 4, 8),
    "stock_moves_at": ("confirmed", "ordered"),
    "webhook_method": ("POST", "PUT"),
    "webhook_attempts": (1, 2, 3, 4, 5),
}


class SwitchBoard:
    """The switches as they stand now, kept on the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.now = replace(Switches(), **shelf.load("switches").get("now", {}))

    def change(self, wanted: dict[str, Any]) -> None:
        """Set some switches. Raises ValueError, naming the switch, for an unknown one or a value it cannot take."""
        known = {field.name: field for field in fields(Switches)}
        for name, value in wanted.items():
            if name not in known:
                raise ValueError(f"there is no setting {name!r}")
            choices = _CHOICES.get(name, (True, False))
            if not any(value == choice and type(value) is type(choice) for choice in choices):
                raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}")
        self.now = replace(self.now, **wanted)
        self._shelf.put("switches", "now", asdict(self.now))

    def reset(self) -> None:
        self.now = Switches()
        self._shelf.clear("switches")

    def as_document(self) -> dict[str, Any]:
        return asdict(self.now)
