"""The scenarios as data: a crash, or two, in every place, under every fault of every call. One line names each."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Self

from tests.proof.crashes import COMMIT, READ, VALIDATE

PATHS = ("bopis", "ropis")
# A whole run passes about so many boundaries before its first end, and after it before its second.
FIRST_ENDS = 48
SECOND_ENDS = 40
# Enough places of ending for one combination of faults; the last stands for no second end.
_ENDS = FIRST_ENDS * (SECOND_ENDS + 1) + 1
_COMBINATIONS = list(product(PATHS, VALIDATE, COMMIT, READ))
TOTAL = len(_COMBINATIONS) * _ENDS
# Prime, and near the golden part of the total: walking in steps of it visits every scenario once, evenly from the start.
STEP = 1_481_479


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


def sampled(count: int, seed: int = 0) -> Iterator[Scenario]:
    """So many scenarios, evenly from all; all of them, each once, where `count` is TOTAL."""
    return (scenario((seed + index) * STEP) for index in range(min(count, TOTAL)))


def _ends(place: int) -> tuple[int, ...]:
    if place == 0:
        return ()
    first, second = divmod(place - 1, SECOND_ENDS + 1)
    return (first,) if second == SECOND_ENDS else (first, second)
