"""What a run of a proof counted, and the command line that all proofs share.

`python -m tests.proof.NAME --seconds 60 --seed 7` runs one proof for so long; its last line on standard output is the
tally as JSON, which the evidence adds up. The exit status is 1 where the promise was broken. Some take `--again` with
the line of a violation, and run what it names alone.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field

_TOLD_EVERY = 10.0  # Seconds.


@dataclass
class Tally:
    """How much of what was tried, the headline first, and each violation with what repeats it."""

    proof: str
    seed: int
    counts: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def add(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class Clock:
    """The time that a run has, in which it tells now and then how far it is."""

    def __init__(self, seconds: float, tally: Tally) -> None:
        self._tally = tally
        self._told = time.monotonic()
        self.until = self._told + seconds

    def is_over(self) -> bool:
        now = time.monotonic()
        if now - self._told > _TOLD_EVERY:
            self._told = now
            print(self._tally.as_json(), file=sys.stderr)  # noqa: T201  It is a command.
        return now > self.until


async def in_batches(seconds: float, tally: Tally, batch: Callable[[int, float], Awaitable[None]]) -> None:
    """Batch after batch until the time is over; each is told its number and, of the monotonic clock, when that is."""
    clock, number = Clock(seconds, tally), 0
    while not clock.is_over():
        await batch(number, clock.until)
        number += 1


def main(description: str, run: Callable[[float, int], Tally], again: Callable[[str], Tally] | None = None) -> None:
    """The command line of a proof: runs it for `--seconds`, tells its tally, and ends the process.

    `again` runs what the line of a violation names.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to run, about (60)")
    parser.add_argument("--seed", type=int, default=None, help="where to begin (anywhere)")
    if again is not None:
        parser.add_argument("--again", metavar="LINE", help="the line of a violation, to run what it names alone")
    asked = parser.parse_args()
    if again is not None and asked.again:
        tally = again(asked.again)
    else:
        tally = run(asked.seconds, random.randrange(2**31) if asked.seed is None else asked.seed)  # noqa: S311  No secret.
    for violation in tally.violations:
        print(violation, file=sys.stderr)  # noqa: T201  It is a command.
    print(tally.as_json())  # noqa: T201  It is a command.
    sys.exit(1 if tally.violations else 0)
