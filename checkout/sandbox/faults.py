"""Faults: which upstream call is to go wrong next, and how."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CALLS = (
    "location/suggest",
    "location/switch",
    "conversion/start",
    "conversion/store_data",
    "product/locate",
    "cart/items/add",
    "cart/validate",
    "cart/commit",
    "v2/carts",
    "v2/cart",
    "v2/update",
    "stripe/setup_intents",
)

# Each kind, and whether the call is carried out unless the fault says otherwise.
KINDS = {
    "lost_request": False,
    "lost_answer": True,
    "reset": True,
    "slow": True,
    "hang": True,
    "status_500": False,
    "garbage": True,
}
SOCKET_KINDS = ("lost_request", "lost_answer", "reset", "hang")

_FIELDS = {"call", "kind", "times", "seconds", "done", "after"}
_LONGEST_SECONDS = 3600


@dataclass
class Fault:
    """`after` calls pass untouched, then `times` calls are hit. `seconds` is how late `slow` answers."""

    call: str
    kind: str
    times: int
    seconds: float
    done: bool
    after: int


def parse_fault(wanted: object) -> Fault:
    """A fault from a control's body. Raises ValueError that names the field for anything that makes no sense."""
    if not isinstance(wanted, dict):
        raise ValueError("a fault is a JSON object")  # noqa: TRY004 - the one kind that callers turn into a 400.
    for name in wanted:
        if name not in _FIELDS:
            raise ValueError(f"there is no field {name!r}; a fault has {', '.join(sorted(_FIELDS))}")
    call = _choice(wanted, "call", CALLS)
    kind = _choice(wanted, "kind", tuple(KINDS))
    done = wanted.get("done", KINDS[kind])
    if not isinstance(done, bool):
        raise ValueError("done must be true or false")  # noqa: TRY004 - as above.
    seconds = wanted.get("seconds", 5)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, Decimal)) or not 0 <= seconds <= _LONGEST_SECONDS:
        raise ValueError(f"seconds must be a number from 0 to {_LONGEST_SECONDS}")
    times, after = _whole(wanted, "times", 1, least=1), _whole(wanted, "after", 0, least=0)
    return Fault(call, kind, times, float(seconds), done, after)


def _choice(wanted: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = wanted.get(name)
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}")
    return str(value)


def _whole(wanted: dict[str, Any], name: str, default: int, *, least: int) -> int:
    value = wanted.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more")
    return value


class Faults:
    """The faults that are set, in the order in which they were set."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def as_documents(self) -> list[dict[str, Any]]:
        return [vars(fault).copy() for fault in self._faults]

    def take(self, call: str) -> Fault | None:
        """The fault that hits this call, used up by one; calls that a fault lets pass are counted down."""
        hit: Fault | None = None
        for fault in self._faults:
            if fault.call != call:
                continue
            if fault.after > 0:
                fault.after -= 1
            elif hit is None:
                hit = fault
        if hit is not None:
            hit.times -= 1
            if hit.times == 0:
                self._faults.remove(hit)
        return hit
