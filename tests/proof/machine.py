"""A state machine over the whole service: shoppers, stores, operators, forgers, clocks, faults and sudden ends.

The service is real, from its HTTP API to its SQL (`machine_service`); Locally and Stripe are the sandbox, in the same
process. Time is played, so that minutes pass at once, and so are faults, ends and chance, so that a seed repeats a run.

`python -m tests.proof.machine --seconds 60 --seed 7` plays as many steps as fit. A violation names the seed of its
batch, with which the same command finds it again at once, and its steps are told on standard error.
"""

import contextlib
import sys
from collections.abc import Iterator

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.machine_rules import Machine
from tests.proof.machine_service import Ground, played_chance
from tests.proof.quiet import quiet
from tests.proof.tally import Clock, Tally, main

STEPS_PER_EXAMPLE = 50
_BATCH = 20  # Examples.


@contextlib.contextmanager
def grounded(tally: Tally, machine: type[Machine] = Machine) -> Iterator[type[Machine]]:
    """The machine with a ground to stand on and a tally to count in."""
    with quiet(), played_chance():
        ground = Ground()
        try:
            yield type(machine.__name__, (machine,), {"ground": ground, "tally": tally})
        finally:
            ground.close()


def play(machine: type[Machine], examples: int, seed: int) -> None:
    """So many examples that follow from a seed. Raises AssertionError where the promise is broken, with its steps.

    They are not shortened: that plays thousands of examples, for minutes, and the seed repeats what was found as it is.
    """
    how = settings(
        max_examples=examples,
        stateful_step_count=STEPS_PER_EXAMPLE,
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,  # The first one is enough.
    )
    run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=how)


def play_steps(machine: type[Machine], steps: int, seed: int) -> None:
    """At least so many steps, in batches whose seeds follow each other. Raises as `play` does."""
    batch = 0
    while machine.tally.counts.get("steps", 0) < steps:
        play(machine, _BATCH, seed + batch)
        batch += 1


def run(seconds: float, seed: int) -> Tally:
    """Play batches of examples until the time is over, or the promise is broken."""
    tally, batch = Tally("state machine", seed), 0
    clock = Clock(seconds, tally)
    with grounded(tally) as machine:
        while batch == 0 or not (tally.violations or clock.is_over()):
            try:
                play(machine, _BATCH, seed + batch)
            except Exception as error:
                steps = "\n".join(getattr(error, "__notes__", ()))
                print(steps, file=sys.stderr)  # noqa: T201  What repeats it by hand.
                tally.violations.append(f"--seed {seed + batch}, first batch: {error}")
            batch += 1
    return tally


if __name__ == "__main__":
    main("The state machine over the whole service.", run)
