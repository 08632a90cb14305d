"""All scenarios of a combination of faults, walked as a tree: what runs have in common is run once.

A run passes the places where its process could end; at those that are picked the world is kept as it stands, and other
runs begin there as the next process would. So each scenario costs what comes after its last end. It is the same run as
from the beginning, and a violation's line is repeated from there: `python -m tests.proof.enumerating --again 'LINE'`.

Half of the places differ from the one before in nothing that outlives a process: between a write and the call after it
nothing happens. Where the two worlds prove equal, one run is that of both scenarios; `runs` says how many there were.
"""

import asyncio
import gc
import os
import random
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.proof.enumeration import End, Run
from tests.proof.scenarios import COMBINATIONS, Combination, Scenario
from tests.proof.tally import Clock, Tally, main
from tests.proof.virtual_time import VirtualTimeLoop
from tests.proof.world import World, open_world

T = TypeVar("T")

# In such steps through the combinations any number of them is an even sample; it shares no divisor with theirs.
STEP = 443
_ON_FILE = 0.2  # Of the time, in the evidence.
_MOST_VIOLATIONS = 50


@dataclass(frozen=True)
class Density:
    """Of the boundaries that a life passes every so many-th is an end of it, and every so many-th a failing write."""

    first_ends: int
    second_ends: int
    outages: int


# So many writes fail: one, or all for longer than a step insists.
_FAILURES = (1, 12)
COARSE = Density(40, 14, 60)
FINE = Density(5, 8, 40)


@dataclass
class Picked:
    """An end, and all boundaries at which the process could come to it, one after the other."""

    boundaries: list[int]
    end: End


class Walk:
    """Walks trees and counts; another `seed` picks other ends, and what was counted once is not counted again."""

    def __init__(self, world: World, seed: int, density: Density, tally: Tally) -> None:
        self._world = world
        self.seed = seed
        self._density = density
        self._tally = tally
        self._seen: set[int] = set()

    async def visit(self, scenario: Scenario, end: End | None = None, twins: Sequence[Scenario] = ()) -> None:
        """Run a scenario, and all that are picked of those that part from it later; its twins have the same run."""
        picked: list[Picked] = []
        run = Run(self._world, scenario, self._picker(scenario, picked))
        await (run.go() if end is None else run.go_on_from(end))
        self.count(run, twins)
        for each in picked:
            first, *others = (replace(scenario, ends=(*scenario.ends, boundary)) for boundary in each.boundaries)
            await self.visit(first, each.end, others)
        if scenario.outage == "none":
            for boundary in self._chosen(scenario, run.writes, self._density.outages):
                failures = random.Random(f"{self.seed} {scenario} {boundary}").choice(_FAILURES)  # noqa: S311  No secret.
                outage = f"{len(scenario.ends)}:{boundary}:{failures}"
                failing, *others = (replace(each, outage=outage) for each in (scenario, *twins))
                await self.visit(failing, end, others)

    def _picker(self, scenario: Scenario, picked: list[Picked]) -> Callable[[Run, int], None] | None:
        depth = len(scenario.ends)
        if depth == 2:
            return None
        every = self._density.first_ends if depth == 0 else self._density.second_ends
        offset = self._offset(scenario, every)

        def pick(run: Run, boundary: int) -> None:
            if scenario.outage != "none" and not run.has_failed:
                return
            if boundary % every == offset:
                picked.append(Picked([boundary], run.end()))
            elif picked and picked[-1].boundaries[-1] == boundary - 1 and picked[-1].end == run.end():
                picked[-1].boundaries.append(boundary)

        return pick

    def _chosen(self, scenario: Scenario, boundaries: list[int], every: int) -> Iterator[int]:
        offset = self._offset(scenario, every)
        return (boundary for index, boundary in enumerate(boundaries) if index % every == offset)

    def _offset(self, scenario: Scenario, every: int) -> int:
        return random.Random(f"{self.seed} {scenario}").randrange(every)  # noqa: S311  No secret.

    def count(self, run: Run, twins: Sequence[Scenario] = ()) -> None:
        self._tally.add("runs")
        for scenario in (run.scenario, *twins):
            name = hash(scenario)
            if name in self._seen:
                continue
            self._seen.add(name)
            self._tally.add("scenarios")
            self._tally.add(("never ended", "ended once", "ended twice")[run.crashes])
            if scenario.outage != "none":
                self._tally.add("with a database that fails")
        if run.violations and len(self._tally.violations) < _MOST_VIOLATIONS:
            self._tally.violations.append(f"{run.scenario}: {'; '.join(run.violations)}")


async def walk_all(
    folder: Path | None,
    tally: Tally,
    density: Density,
    is_enough: Callable[[], bool],
    combinations: list[Combination] = COMBINATIONS,
) -> None:
    """Walk combination after combination, and over them again with other ends, until it is enough."""
    async with open_world(folder) as world:
        with_little_garbage()
        walk = Walk(world, tally.seed, density, tally)
        for number in range(sys.maxsize):
            again, place = divmod(number, len(combinations))
            combination = combinations[(tally.seed + place) * STEP % len(combinations)]
            walk.seed = tally.seed + again
            await walk.visit(Scenario(*combination, ends=()))
            if is_enough():
                return


def tried(folder: Path | None, path: str, most: int) -> Tally:
    """So many scenarios of a path, evenly from all, or as many as CHECKOUT_PROOF_SCENARIOS asks for.

    CHECKOUT_PROOF_SEED begins elsewhere.
    """
    asked = int(os.environ.get("CHECKOUT_PROOF_SCENARIOS", most))
    tally = Tally("enumeration", int(os.environ.get("CHECKOUT_PROOF_SEED", "0")))
    combinations = [each for each in COMBINATIONS if each[0] == path]
    proven(walk_all(folder, tally, COARSE, lambda: tally.counts["scenarios"] >= asked, combinations))
    print(tally.as_json())  # noqa: T201  What a run of the tests counted.
    return tally


async def _run_one(folder: Path | None, tally: Tally, scenario: Scenario) -> None:
    async with open_world(folder) as world:
        one = Run(world, scenario)
        await one.go()
        Walk(world, tally.seed, COARSE, tally).count(one)


def with_little_garbage() -> None:
    """What is alive now stays so. Looking for cycles as often as Python does would be a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 50)


def proven(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def run(seconds: float, seed: int) -> Tally:
    """A fifth of the time on a database file, the rest in memory."""
    tally = Tally("enumeration", seed)
    with tempfile.TemporaryDirectory() as folder:
        proven(walk_all(Path(folder), tally, FINE, Clock(_ON_FILE * seconds, tally).is_over))
    tally.add("on a file", tally.counts["scenarios"])
    proven(walk_all(None, tally, FINE, Clock((1 - _ON_FILE) * seconds, tally).is_over))
    return tally


def again(line: str) -> Tally:
    """The scenario of a violation, from its beginning: on a file and in memory."""
    tally, scenario = Tally("enumeration", 0), Scenario.parse(line.partition(": ")[0])
    with tempfile.TemporaryDirectory() as folder:
        for place in (Path(folder), None):
            proven(_run_one(place, tally, scenario))
    return tally


if __name__ == "__main__":
    main(__doc__ or "", run, again)
