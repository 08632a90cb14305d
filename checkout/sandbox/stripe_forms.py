"""Stripe's request encoding: `a[b][0]=x` in a form becomes nested dictionaries, read with checks."""

import re
from collections.abc import Iterable
from typing import Any

from checkout.sandbox.stripe_errors import StripeError, invalid_parameter, missing_parameter

Values = dict[str, Any]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_DEEPEST = 8
# Stripe.js adds these to whatever it sends; they say who calls and mean nothing to an operation.
_FROM_BROWSER = frozenset(
    {"key", "_stripe_account", "_stripe_version", "guid", "muid", "sid", "payment_user_agent", "referrer"}
    | {"client_attribution_metadata", "radar_options", "time_on_page", "pasted_fields", "expected_payment_method_type"}
)


def parse_form(pairs: Iterable[tuple[str, str]]) -> Values:
    """Nest the pairs of a form. List positions stay string keys ("0", "1"); `Params.items` makes them lists."""
    root: Values = {}
    for name, value in pairs:
        *path, last = _split(name)
        node = root
        for part in path:
            node = node.setdefault(_position(node, part), {})
            if not isinstance(node, dict):
                raise invalid_parameter(f"Invalid object: {name}", path[0])
        if isinstance(node.get(last), dict):
            raise invalid_parameter(f"Invalid string: {name}", name)
        node[_position(node, last)] = value
    return root


def _split(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid_parameter(f"Received an unreadable parameter name: {name}", name)
    parts = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(parts) > _DEEPEST:
        raise invalid_parameter(f"The parameter is nested too deeply: {name}", parts[0])
    return parts


def _position(node: Values, part: str) -> str:
    """`[]` means the next free place of a list."""
    return part or str(len(node))


class Params:
    """The parameters of one call (or one nested object of them), each read with the check that its kind needs."""

    def __init__(self, values: Values, prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix

    def allow(self, *known: str) -> None:
        """Refuse what the operation does not know, as Stripe does."""
        for name in self._values:
            if name not in known and not (not self._prefix and name in _FROM_BROWSER):
                full = self._full(name)
                raise invalid_parameter(f"Received unknown parameter: {full}", full, "parameter_unknown")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if isinstance(value, dict):
            raise invalid_parameter(f"Invalid string: {self._full(name)}", self._full(name))
        if value == "":
            message = f"An empty string was passed for '{self._full(name)}', which cannot be unset."
            raise invalid_parameter(message, self._full(name), "parameter_invalid_empty")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing_parameter(self._full(name))
        return value

    def clearable(self, name: str) -> str | None:
        """A text that an empty value takes away."""
        return None if self._values.get(name) == "" else self.text(name)

    def choice(self, name: str, *allowed: str) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid_parameter(f"Invalid {name}: must be one of {', '.join(allowed)}", self._full(name))
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise invalid_parameter(f"Invalid boolean: {value}", self._full(name))
        return value == "true"

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if re.fullmatch(r"-?[0-9]{1,12}", value) is None:
            raise invalid_parameter(f"Invalid integer: {value}", self._full(name), "parameter_invalid_integer")
        return int(value)

    def items(self, name: str) -> list[str] | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise invalid_parameter("Invalid array", self._full(name))
        return list(value.values())

    def nested(self, name: str) -> "Params | None":
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid_parameter("Invalid object", self._full(name))
        return Params(value, self._full(name))

    def metadata(self, current: dict[str, str] | None = None) -> dict[str, str]:
        """`current` with what was sent laid over it: an empty value removes a key, an empty whole removes all."""
        sent = self._values.get("metadata")
        if sent == "":
            return {}
        laid_over = {**(current or {}), **(sent if isinstance(sent, dict) else {})}
        if not all(isinstance(value, str) for value in laid_over.values()) or isinstance(sent, str):
            raise invalid_parameter("Metadata values must be strings", "metadata")
        metadata = {key: value for key, value in laid_over.items() if value != ""}
        if len(metadata) > 50 or any(len(key) > 40 or len(value) > 500 for key, value in metadata.items()):
            raise StripeError(400, "Metadata holds up to 50 keys of 40 and values of 500 characters", param="metadata")
        return metadata

    def plain(self) -> Values:
        return dict(self._values)

    def _full(self, name: str) -> str:
        return f"{self._prefix}[{name}]" if self._prefix else name
