"""The scenarios as data: a crash, or two, in every place, under every fault of every call. One line names each."""

from dataclasses import dataclass
from itertools import product
from typing import Self

from tests.proof.crashes import Plan
from tests.proof.faults import COMMIT, READ, VALIDATE

PATHS = ("bopis", "ropis")
Combination = tuple[str, str, str, str]
COMBINATIONS: list[Combination] = list(product(PATHS, VALIDATE, COMMIT, READ))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which faults there are, and at which boundaries the process ends; each life counts its own.

    `outage` is "none", or from where on so many writes fail: `life:boundary:failures`.
    """

    path: str
    validate: str
    commit: str
    read: str
    ends: tuple[int, ...]
    outage: str = "none"

    @property
    def faults(self) -> str:
        return f"path={self.path} validate={self.validate} commit={self.commit} read={self.read}"

    def __str__(self) -> str:
        ends = ",".join(map(str, self.ends)) or "none"
        return f"{self.faults} ends={ends}" + (f" outage={self.outage}" if self.outage != "none" else "")

    @classmethod
    def parse(cls, line: str) -> Self:
        """The scenario that a line names, as a violation prints it."""
        words = dict(word.split("=", 1) for word in line.split())
        ends = words.pop("ends")
        return cls(**words, ends=() if ends == "none" else tuple(map(int, ends.split(","))))

    def plan(self, life: int) -> Plan:
        """What befalls one of its lives."""
        crash_at = self.ends[life] if life < len(self.ends) else None
        if self.outage == "none":
            return Plan(crash_at)
        in_life, boundary, failures = map(int, self.outage.split(":"))
        return Plan(crash_at, boundary, failures) if in_life == life else Plan(crash_at)
