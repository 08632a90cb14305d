"""The scenarios as data: a crash, or two, in every place, under every fault of every call. One line names each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

from tests.proof.crashes import COMMIT, READ, VALIDATE

PATHS = ("bopis", "ropis")
# Before its first end a run passes 16 to about 90 boundaries, and about as many before its second; past that she only
# asks again for what is settled.
FIRST_ENDS = 96
SECOND_ENDS = 64
# Enough places of ending for one combination of faults; the last stands for no second end.
_ENDS = FIRST_ENDS * (SECOND_ENDS + 1) + 1
_COMBINATIONS = list(product(PATHS, VALIDATE, COMMIT, READ))
TOTAL = len(_COMBINATIONS) * _ENDS
# It shares no divisor with TOTAL and is near its golden part, and its rest is near that of the combinations: walking in
# such steps visits every scenario once, evenly from the first on.
STEP = 4_442_825


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which faults there are, and at which boundaries the process ends; each life counts its own."""

    path: str
    validate: str
    commit: str
    read: str
    ends: tuple[int, ...]

    def __str__(self) -> str:
        ends = ",".join(map(str, self.ends)) or "none"
        return f"path={self.path} validate={self.validate} commit={self.commit} read={self.read} ends={ends}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """The scenario that a line names, as a violation prints it."""
        words = dict(word.split("=", 1) for word in line.split())
        ends = words.pop("ends")
        return cls(**words, ends=() if ends == "none" else tuple(map(int, ends.split(","))))


def scenario(number: int) -> Scenario:
    """One of all scenarios by its number."""
    place, combination = divmod(number % TOTAL, len(_COMBINATIONS))
    return Scenario(*_COMBINATIONS[combination], ends=_ends(place))


def sampled(seed: int = 0) -> Iterator[Scenario]:
    """All scenarios, each once; any number of them, from the first on, is an even sample."""
    return (scenario((seed + index) * STEP) for index in range(TOTAL))


class Lengths:
    """How many boundaries a life passes that does not end by itself: what would end it later is the same run again."""

    def __init__(self) -> None:
        self._known: dict[Scenario, int] = {}

    def note(self, ran: Scenario, crashes: int, passed: int) -> None:
        """A run whose ends were reached so many times; the life after the last of them passed so many boundaries."""
        if crashes < len(ran.ends):
            self._known[replace(ran, ends=ran.ends[:crashes])] = passed

    def is_repeat(self, wanted: Scenario) -> bool:
        ends = wanted.ends
        known = (self._known.get(replace(wanted, ends=ends[:each])) for each in range(len(ends)))
        return any(length is not None and length <= end for length, end in zip(known, ends, strict=True))


def _ends(place: int) -> tuple[int, ...]:
    if place == 0:
        return ()
    first, second = divmod(place - 1, SECOND_ENDS + 1)
    return (first,) if second == SECOND_ENDS else (first, second)
