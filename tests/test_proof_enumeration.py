"""Every place of ending under every fault, over the real placing code: no double order, no lie, no hold unbooked.

`CHECKOUT_PROOF_SCENARIOS=n` runs so many, evenly from all; `CHECKOUT_PROOF_SEED` begins elsewhere;
`CHECKOUT_PROOF_SCENARIO='path=... ends=...'` runs the one that a violation printed.
"""

import asyncio
import math
import os
import time
from collections import Counter
from collections.abc import Coroutine
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest

from checkout.attempts import Attempt, AttemptEvent, AttemptStatus, ReadBackSpans
from checkout.database import find_attempt
from checkout.errors import OutcomeUnknown
from checkout.locally_client import CommittedCart, LocallyClient
from checkout.orders import Order
from checkout.placing import Placing
from checkout.placing.recording import Recorder
from checkout.placing.writing import Holds
from tests.proof.enumeration import Run
from tests.proof.scenarios import STEP, TOTAL, Lengths, Scenario, sampled, scenario
from tests.proof.virtual_time import VirtualTimeLoop
from tests.proof.world import Makers, open_world

T = TypeVar("T")

_ASKED = int(os.environ.get("CHECKOUT_PROOF_SCENARIOS", "0"))
_SEED = int(os.environ.get("CHECKOUT_PROOF_SEED", "0"))
_ONE = os.environ.get("CHECKOUT_PROOF_SCENARIO", "")
# Without a number that somebody asked for, a run of all tests takes so many, or what fits into the seconds.
_MOST = 2_000
_SECONDS_ON_FILE, _SECONDS_IN_MEMORY = 60.0, 20.0
_FEWEST = 40
_PLAIN = "path=bopis validate=ok commit=ok read=ok ends=none"


def proven(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


async def violations(folder: Path | None, seed: int, within: float) -> list[str]:
    """What is wrong in as many scenarios as were asked for or there is time for, one line each."""
    wrong, lengths, tally, began = [], Lengths(), Counter[int](), time.perf_counter()
    async with open_world(folder) as world:
        for each in [Scenario.parse(_ONE)] if _ONE else sampled(seed):
            if _is_enough(tally.total(), time.perf_counter() - began, within):
                break
            if lengths.is_repeat(each):
                continue
            run = Run(world, each)
            await run.go()
            lengths.note(each, run.crashes, run.passed)
            tally[run.crashes] += 1
            if run.violations:
                wrong.append(f"{each}: {'; '.join(run.violations)}")
    rate = tally.total() / (time.perf_counter() - began)
    print(f"{tally.total()} scenarios ({tally[1]} ended once, {tally[2]} twice), {rate:.0f} a second, seed {seed}")  # noqa: T201  The evidence quotes it.
    return wrong


def _is_enough(ran: int, seconds: float, within: float) -> bool:
    if _ASKED:
        return ran >= _ASKED
    return ran >= _MOST or (ran >= _FEWEST and seconds > within)


@pytest.mark.timeout(0)
def test_every_end_and_fault_keeps_the_promise_on_a_file(tmp_path: Path) -> None:
    assert proven(violations(tmp_path, _SEED, _SECONDS_ON_FILE)) == []


@pytest.mark.timeout(0)
def test_every_end_and_fault_keeps_the_promise_in_memory() -> None:
    assert proven(violations(None, _SEED + TOTAL // 2, _SECONDS_IN_MEMORY)) == []  # Others than above.


def test_scenario_is_read_from_its_own_line() -> None:
    assert all(Scenario.parse(str(each)) == each for each in islice(sampled(), 500))


def test_all_scenarios_are_visited_once() -> None:
    assert len({scenario(number) for number in range(0, TOTAL, 101)}) == -(-TOTAL // 101)
    assert len(set(islice(sampled(), 20_000))) == 20_000
    assert math.gcd(STEP, TOTAL) == 1


def test_end_that_no_life_reaches_is_a_repeat() -> None:
    lengths, line = Lengths(), _PLAIN.removesuffix("none")
    lengths.note(Scenario.parse(line + "70,5"), 0, 60)
    lengths.note(Scenario.parse(line + "8,50"), 1, 40)
    lengths.note(Scenario.parse(line + "9,3"), 2, 12)
    repeats = {
        ends: lengths.is_repeat(Scenario.parse(line + ends)) for ends in ("60", "59", "61,1", "8,40", "8,39", "9,3")
    }
    assert repeats == {"60": True, "59": False, "61,1": True, "8,40": True, "8,39": False, "9,3": False}
    assert not lengths.is_repeat(Scenario.parse(_PLAIN))


async def reached(lines: list[str], folder: Path, makers: Makers | None = None) -> list[Run]:
    async with open_world(folder, makers) as world:
        runs = [Run(world, Scenario.parse(line)) for line in lines]
        for run in runs:
            await run.go()
        return runs


def test_runs_reach_every_kind_of_end(tmp_path: Path) -> None:
    expected = {
        _PLAIN: ("placed", 0),
        "path=ropis validate=ok commit=ok read=ok ends=none": ("placed", 0),
        "path=bopis validate=ok commit=times_out read=ok ends=3,5": ("placed", 2),
        "path=bopis validate=ok commit=lost_request read=ok ends=none": ("expired", 0),
        "path=bopis validate=ok commit=arrives_late read=ok ends=none": ("placed", 0),
        "path=bopis validate=ok commit=lost_answer read=down ends=none": ("placing", 0),
        "path=bopis validate=declined commit=ok read=ok ends=none": ("ready", 0),
        "path=bopis validate=short commit=ok read=ok ends=none": ("incomplete", 0),
        "path=bopis validate=lost_answer commit=ok read=ok ends=none": ("placed", 0),
    }
    runs = proven(reached(list(expected), tmp_path))
    assert {str(run.scenario): (str(run.final), run.crashes) for run in runs} == expected
    assert [run.violations for run in runs] == [[]] * len(runs)


class SentAgain:
    """Sabotage: a commit whose answer was lost is sent once more."""

    def __init__(self, client: LocallyClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def commit_cart(self, cart_jwt: str, session_id: str | None) -> CommittedCart:
        try:
            return await self._client.commit_cart(cart_jwt, session_id)
        except OutcomeUnknown:
            return await self._client.commit_cart(cart_jwt, session_id)


class MarkingLate(Recorder):
    """Sabotage: that commit is about to be sent is written once it has been sent."""

    async def begin_commit(self, was: Attempt) -> Attempt:
        return was.changed(status=AttemptStatus.COMMITTING, commit_tries=was.commit_tries + 1)

    async def _mark(self, attempt_id: str) -> None:
        was = await self._database.read(lambda tx: find_attempt(tx, attempt_id))
        if was is not None and was.status is AttemptStatus.VALIDATED:
            await super().begin_commit(was)

    async def commit_not_sent(self, was: Attempt) -> None:
        await self._mark(was.id)
        await super().commit_not_sent(was)

    async def commit_lost(self, was: Attempt, *args: Any, **named: Any) -> None:
        await self._mark(was.id)
        await super().commit_lost(was, *args, **named)

    async def placed(self, attempt_id: str, *args: Any, **named: Any) -> Order:
        await self._mark(attempt_id)
        return await super().placed(attempt_id, *args, **named)


class ForgettingHolds(Recorder):
    """Sabotage: the holds of a validate whose answer was lost do not go on the books."""

    async def give_up(self, was: Attempt, event: AttemptEvent, holds: Holds | None) -> None:
        await super().give_up(was, event, None)


def recording_with(recorder: type[Recorder]) -> Makers:
    class Sabotaged(Placing):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self._steps._recorder.__class__ = recorder

    return Makers(placing=Sabotaged)


class Hasty(Placing):
    """Sabotage: the first look that shows no order proves that there is none."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._steps._spans = ReadBackSpans(
            (1.0,), 1, 30, not_placed_after=0, not_placed_after_refusal=0, healthy_reads=1
        )


async def first_violation(folder: Path, makers: Makers, commit: str) -> str:
    """The first scenario with this fault of commit ("" for any) that a defect shows in; a plain one hides it."""
    async with open_world(folder, makers) as world:
        for each in [Scenario.parse(_PLAIN), *(one for one in islice(sampled(), _MOST) if commit in {"", one.commit})]:
            run = Run(world, each)
            await run.go()
            if run.violations:
                return f"{each}: {'; '.join(run.violations)}"
    return ""


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("makers", "commit", "found"),
    [
        (Makers(locally=SentAgain), "", ("2 orders", "a commit was sent twice")),
        (recording_with(MarkingLate), "", ("2 orders", "a commit was sent twice")),
        (recording_with(ForgettingHolds), "", ("is not on our books",)),
        (Makers(placing=Hasty), "arrives_late", ("there is an order, and", "the orders upstream are not ours")),
    ],
    ids=["commit sent again", "mark after the call", "holds not booked", "one look is proof"],
)
def test_deliberate_defect_is_found(makers: Makers, commit: str, found: tuple[str, ...], tmp_path: Path) -> None:
    violation = proven(first_violation(tmp_path, makers, commit))
    assert not violation.startswith(_PLAIN), violation
    print(violation)  # noqa: T201  How the defect showed itself.
    assert any(words in violation for words in found), violation
