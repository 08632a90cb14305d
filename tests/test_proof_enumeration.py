"""Every place of ending under every fault, over the real placing code: no double order, no lie, no hold unbooked.

Here the scenarios of a purchase; those of a reservation stand in a file of their own, so that two processes share the
work. How to repeat one: `tests.proof.enumerating.again`.
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.proof.enumerating import STEP, Density, Walk, proven, tried
from tests.proof.enumeration import Run
from tests.proof.scenarios import COMBINATIONS, Combination, Scenario
from tests.proof.tally import Tally
from tests.proof.world import open_world

_PLAIN = "path=bopis validate=ok commit=ok read=ok ends=none"


@pytest.mark.timeout(0)
def test_every_end_of_a_purchase_keeps_the_promise_in_memory() -> None:
    assert tried(None, "bopis", 10_000).violations == []


@pytest.mark.timeout(0)
def test_every_end_of_a_purchase_keeps_the_promise_on_a_file(tmp_path: Path) -> None:
    assert tried(tmp_path, "bopis", 1_000).violations == []


def test_scenario_is_read_from_its_own_line() -> None:
    lines = (_PLAIN, _PLAIN.replace("none", "3,14"), _PLAIN.replace("none", "3 outage=1:14:12"))
    assert [str(Scenario.parse(line)) for line in lines] == list(lines)


def test_all_combinations_are_visited_once() -> None:
    assert math.gcd(STEP, len(COMBINATIONS)) == math.gcd(STEP, len(COMBINATIONS) // 2) == 1


class Noting(Walk):
    """A walk that remembers what came of each run."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.noted: dict[Scenario, object] = {}
        self.shared = 0  # Scenarios that were not run themselves.

    def count(self, run: Run, twins: Sequence[Scenario] = ()) -> None:
        super().count(run, twins)
        self.noted.update(dict.fromkeys((run.scenario, *twins), outcome(run)))
        self.shared += len(twins)


def outcome(run: Run) -> object:
    return run.final, run.crashes, run.passed, run.violations, [(told.key, told.code) for told in run.told]


async def both_ways(combination: Combination) -> tuple[dict[Scenario, object], dict[Scenario, object]]:
    """What came of each scenario of a walk, and of the same ones run from the beginning."""
    async with open_world(None) as world:
        walk = Noting(world, 7, Density(30, 8, 60), Tally("", 7))
        await walk.visit(Scenario(*combination, ends=()))
        afresh = {}
        for scenario in walk.noted:
            run = Run(world, scenario)
            await run.go()
            afresh[scenario] = outcome(run)
        assert walk.shared > len(walk.noted) / 4
        return walk.noted, afresh


@pytest.mark.parametrize(
    "combination",
    [
        ("bopis", "lost_answer", "times_out", "down_once"),
        ("bopis", "ok", "arrives_late", "ok"),
        ("ropis", "not_sent", "lost_request", "garbage"),
    ],
    ids=lambda combination: " ".join(combination),
)
def test_run_from_an_end_is_the_run_from_the_beginning(combination: Combination) -> None:
    walked, afresh = proven(both_ways(combination))
    assert walked == afresh
    depths = Counter(len(scenario.ends) for scenario in walked)
    assert min(depths[0], depths[1], depths[2]) > 0, depths
    assert any(scenario.outage != "none" for scenario in walked)


async def reached(lines: list[str], folder: Path | None) -> list[Run]:
    async with open_world(folder) as world:
        runs = [Run(world, Scenario.parse(line)) for line in lines]
        for run in runs:
            await run.go()
        return runs


_ENDS = {
    _PLAIN: ("placed", 0),
    "path=ropis validate=ok commit=ok read=ok ends=none": ("placed", 0),
    "path=bopis validate=ok commit=times_out read=ok ends=3,5": ("placed", 2),
    "path=bopis validate=ok commit=lost_request read=ok ends=none": ("expired", 0),
    "path=bopis validate=ok commit=arrives_late read=ok ends=none": ("placed", 0),
    "path=bopis validate=ok commit=arrives_after_all read=ok ends=none": ("placed", 0),
    "path=bopis validate=ok commit=lost_answer read=down ends=none": ("placed", 0),
    "path=bopis validate=declined commit=ok read=ok ends=none": ("ready", 0),
    "path=bopis validate=short commit=ok read=ok ends=none": ("incomplete", 0),
    "path=bopis validate=lost_answer commit=ok read=ok ends=none": ("placed", 0),
    "path=bopis validate=ok commit=ok read=ok ends=none outage=0:14:12": ("placed", 0),
}


@pytest.mark.parametrize("on_file", [True, False], ids=["on a file", "in memory"])
def test_runs_reach_every_kind_of_end(tmp_path: Path, *, on_file: bool) -> None:
    runs = proven(reached(list(_ENDS), tmp_path if on_file else None))
    assert {str(run.scenario): (str(run.final), run.crashes) for run in runs} == _ENDS
    assert [run.violations for run in runs] == [[]] * len(runs)


def test_journal_tells_of_an_order_that_nobody_can_read(tmp_path: Path) -> None:
    """The database takes nothing once commit is answered, the process ends, and Locally is down."""
    line = "path=bopis validate=ok commit=ok read=down ends=22 outage=0:20:12"
    codes = [next(told.code for told in proven(reached([line], folder))[0].told) for folder in (tmp_path, None)]
    assert codes == ["200", "202"]
