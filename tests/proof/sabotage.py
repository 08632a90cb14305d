"""Deliberate defects, and the scenarios that show each: a proof that cannot fail proves nothing.

Each defect is put into the real placing code and must be caught by the judgement of the enumeration, in a scenario that
the undamaged code passes. `python -m tests.proof.sabotage` runs them all.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import checkout.placing.recording as recording_writes
import checkout.placing.taking_up as taking_up
import checkout.placing.writing as writing
from tests.proof import sabotage_defects as defects
from tests.proof.enumeration import Run
from tests.proof.sabotage_defects import calling, reading, recording, stepping
from tests.proof.sabotage_rivals import Announced, Race
from tests.proof.scenarios import Scenario
from tests.proof.tally import Tally, main
from tests.proof.virtual_time import VirtualTimeLoop
from tests.proof.world import Makers, World, open_world

T = TypeVar("T")

_ENDS = 40  # About where the first life of a run has nothing left to do.

_ORDERS_WITHOUT_UNIQUENESS = (
    "CREATE TABLE plain AS SELECT * FROM orders",
    "DROP TABLE orders",
    "ALTER TABLE plain RENAME TO orders",
    "CREATE UNIQUE INDEX plain_id ON orders (id)",  # Other tables refer to it.
)


@dataclass(frozen=True)
class Sabotage:
    """A defect: what placing is made of, names replaced in modules, statements that weaken the database.

    `line` is a scenario that shows it, `found` a part of the violation; `kind` is how she shops there.
    """

    name: str
    line: str
    found: str
    makers: Makers = Makers()  # noqa: RUF009  Frozen.
    replaced: tuple[tuple[Any, str, Any], ...] = ()
    statements: tuple[str, ...] = ()
    kind: type[Run] = Run

    def scenarios(self) -> Iterator[Scenario]:
        """The one that is named; then, where it ends somewhere, its other ends: places move when code does."""
        named = Scenario.parse(self.line)
        yield named
        if named.ends:
            yield from (replace(named, ends=(end,)) for end in range(_ENDS) if (end,) != named.ends)


_BLIND = ((writing, "save_attempt", defects.save_blindly), (recording_writes, "save_attempt", defects.save_blindly))
_BLIND_TO_CHECKOUTS = tuple(
    (module, "save_checkout", defects.save_checkout_blindly) for module in (writing, recording_writes, taking_up)
)
_NO_JOURNAL = ((recording_writes, "begin_call", defects.begin_call_again),)
_LET_IN = ((taking_up, "_admit", defects.admit_anybody),)
_ANY_NUMBER = ((taking_up, "MOST_VALIDATES", 99), (recording_writes, "MOST_VALIDATES", 99))
_NO_LIVE_INDEX = ("DROP INDEX uq_attempts_live",)

CAUGHT = (
    Sabotage(
        "commit sent again after its answer was lost",
        "path=bopis validate=ok commit=lost_answer read=ok ends=none",
        "a commit was sent twice",
        makers=calling(defects.SentAgain),
    ),
    Sabotage(
        "a read timeout of commit called not sent",
        "path=bopis validate=ok commit=times_out read=ok ends=none",
        "a commit was sent twice",
        makers=calling(defects.TimeoutIsNotSent),
    ),
    Sabotage(
        "commit marked after it was sent",
        "path=bopis validate=ok commit=ok read=ok ends=17",
        "a commit was sent twice",
        makers=recording(defects.MarkingLate),
    ),
    Sabotage(
        "holds of a lost validate not booked",
        "path=bopis validate=lost_answer commit=ok read=ok ends=none",
        "is not on our books",
        makers=recording(defects.ForgettingHolds),
    ),
    Sabotage(
        "a 5xx of validate called refused",
        "path=bopis validate=lost_answer commit=ok read=ok ends=none",
        "is not on our books",
        makers=calling(defects.LostIsRefused),
    ),
    Sabotage(
        "one look is proof",
        "path=bopis validate=ok commit=arrives_late read=ok ends=none",
        "there is an order, and",
        makers=reading(defects.Hasty),
    ),
    Sabotage(
        "a failed read counts as no order",
        "path=bopis validate=ok commit=lost_answer read=down ends=none",
        "there is an order, and",
        makers=reading(defects.AnyAnswerIsProof),
    ),
    Sabotage(
        "a 5xx of commit called failed",
        "path=bopis validate=ok commit=500_done read=ok ends=none",
        "2 orders",
        makers=stepping(defects.Reopening),
    ),
    Sabotage(
        "a lost commit treated like a lost validate",
        "path=bopis validate=ok commit=lost_answer read=ok ends=none",
        "2 orders",
        makers=stepping(defects.LostHoldsAgain),
    ),
    Sabotage(
        "recovery commits again",
        "path=bopis validate=ok commit=ok read=ok ends=19",
        "a commit was sent twice",
        makers=stepping(defects.CommitFromTheTop),
    ),
    Sabotage(
        "recovery restarts committing from validated",
        "path=bopis validate=ok commit=ok read=ok ends=17",
        "an attempt is stuck in validated",
        makers=stepping(defects.RestartFromValidated),
    ),
    Sabotage(
        "recovery validates again by itself",
        "path=bopis validate=ok commit=ok read=ok ends=13",
        "is not on our books",
        makers=stepping(defects.ValidateAgain),
    ),
    Sabotage(
        "final answer stored in a transaction of its own",
        "path=bopis validate=ok commit=ok read=ok ends=21",
        "no final answer is stored",
        makers=recording(defects.AnsweringLater),
    ),
    Sabotage(
        "order written in a transaction of its own",
        "path=bopis validate=ok commit=ok read=ok ends=21",
        "the checkout is placed with 0 orders",
        makers=recording(defects.OrderLater),
    ),
    Sabotage(
        "cart JWT kept after the end",
        "path=bopis validate=ok commit=ok read=ok ends=none",
        "a cart JWT is kept",
        makers=recording(defects.KeepingRights),
    ),
    Sabotage(
        "a SetupIntent used for a third validate",
        "path=bopis validate=lost_twice commit=ok read=ok ends=none",
        "validates",
        replaced=_ANY_NUMBER,
        statements=("PRAGMA ignore_check_constraints=ON",),
    ),
    Sabotage(
        "no compare-and-set",
        "path=bopis validate=ok commit=times_out read=ok ends=10",
        "an attempt is",
        replaced=_BLIND,
        kind=Race,
    ),
    Sabotage(
        "a notice believed without reading",
        "path=bopis validate=ok commit=lost_request read=ok ends=none",
        "the orders upstream are not ours",
        makers=Makers(placing=defects.Believing),
        kind=Announced,
    ),
    Sabotage(
        "a lease alone: no compare-and-set, no journal of calls",
        "path=bopis validate=ok commit=ok read=ok ends=0",
        "2 orders",
        replaced=(*_BLIND, *_BLIND_TO_CHECKOUTS, *_NO_JOURNAL),
        kind=Race,
    ),
    Sabotage(
        "no unique index on live attempts, and a rival let in",
        "path=ropis validate=ok commit=times_out read=ok ends=12",
        "2 orders",
        replaced=_LET_IN,
        statements=_NO_LIVE_INDEX,
        kind=Race,
    ),
    Sabotage(
        "no unique order per checkout, and an order written by both",
        "path=bopis validate=ok commit=times_out read=ok ends=19",
        "the orders upstream are not ours",
        makers=recording(defects.OrderTwice),
        statements=_ORDERS_WITHOUT_UNIQUENESS,
        kind=Race,
    ),
)
BY_NAME = {each.name: each for each in CAUGHT}

# Defects that the database alone withstands, the second lock on the same door: each is half of one above, and what
# `found` says must not show in any of its scenarios.
WITHSTOOD = (
    Sabotage(
        "a rival let in, and the index stops it",
        "path=ropis validate=ok commit=times_out read=ok ends=12",
        "2 orders",
        replaced=_LET_IN,
        kind=Race,
    ),
    Sabotage(
        "an order written by both, and the constraint stops it",
        "path=bopis validate=ok commit=times_out read=ok ends=19",
        "the orders upstream are not ours",
        makers=recording(defects.OrderTwice),
        kind=Race,
    ),
)


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


@contextmanager
def damaged(sabotage: Sabotage) -> Iterator[None]:
    """The names that a defect replaces, while it is tried."""
    with ExitStack() as undo:
        for module, name, value in sabotage.replaced:
            undo.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        yield


async def search(sabotage: Sabotage) -> tuple[Scenario, str]:
    """The first of its scenarios in which a defect shows as it should, and how; the last one and "" where it hides."""
    async with open_world(None, sabotage.makers) as world:
        for statement in sabotage.statements:
            world.database._raw().execute(statement)
        with damaged(sabotage):
            for scenario in sabotage.scenarios():
                wrong = "; ".join(await judged(world, scenario, sabotage.kind))
                if wrong and sabotage.found in wrong:
                    return scenario, wrong
    return scenario, ""


async def judged(world: World, scenario: Scenario, kind: type[Run]) -> list[str]:
    run = kind(world, scenario)
    await run.go()
    return run.violations


async def undamaged(scenarios: list[tuple[Scenario, type[Run]]]) -> list[str]:
    """What is wrong in the scenarios with the code as it is."""
    async with open_world(None) as world:
        return [f"{each}: {wrong}" for each, kind in scenarios for wrong in await judged(world, each, kind)]


def run(_seconds: float, seed: int) -> Tally:
    """Every defect once, however long it takes; the undamaged code is put through the scenarios that caught them."""
    tally, caught = Tally("sabotage", seed), []
    for sabotage in CAUGHT:
        scenario, wrong = in_virtual_time(search(sabotage))
        if wrong:
            tally.add("defects caught")
            caught.append((scenario, sabotage.kind))
        else:
            tally.violations.append(f"not caught: {sabotage.name} ({sabotage.line})")
    tally.violations += in_virtual_time(undamaged(caught))
    return tally


if __name__ == "__main__":
    main("Deliberate defects, each of which must be caught.", run)
