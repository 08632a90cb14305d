"""The state machine over the whole service keeps the promise, and finds defects that are put in on purpose.

`CHECKOUT_PROOF_STEPS=n` plays so many steps, `CHECKOUT_PROOF_SEED` others.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from checkout.database.tables import attempts
from checkout.errors import OutcomeUnknown
from checkout.idempotency import Answer, KeyBook
from checkout.locally_client import CommittedCart, LocallyClient
from checkout.placing import taking_up
from tests.proof import machine
from tests.proof.machine import grounded, play, play_steps, run
from tests.proof.machine_service import Ground
from tests.proof.tally import Tally

_STEPS = int(os.environ.get("CHECKOUT_PROOF_STEPS", "3000"))
_SEED = int(os.environ.get("CHECKOUT_PROOF_SEED", "20261122"))
Sabotage = Callable[[pytest.MonkeyPatch, Ground], None]


@pytest.mark.timeout(0)
def test_machine_keeps_the_promise() -> None:
    tally = Tally("state machine", _SEED)
    with grounded(tally) as played:
        play_steps(played, _STEPS, _SEED)
    print(tally.as_json())  # noqa: T201  The evidence quotes it.
    assert tally.counts["steps"] >= _STEPS
    # It gets everywhere: a machine that only meets closed doors proves nothing.
    assert all(tally.counts.get(what, 0) > _STEPS / 500 for what in ("orders", "restarts", "webhooks", "answers"))


def test_run_counts_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_BATCH", 4)
    tally = run(0.01, 5)
    assert tally.violations == []
    assert tally.counts["examples"] >= 4
    assert tally.counts["steps"] >= tally.counts["examples"] * 10


def send_again(patch: pytest.MonkeyPatch, _ground: Ground) -> None:
    """A commit whose answer was lost is sent once more."""
    commit = LocallyClient.commit_cart

    async def twice(self: LocallyClient, *args: Any) -> CommittedCart:
        try:
            return await commit(self, *args)
        except OutcomeUnknown:
            return await commit(self, *args)

    patch.setattr(LocallyClient, "commit_cart", twice)


def admit_rivals(patch: pytest.MonkeyPatch, ground: Ground) -> None:
    """A checkout that is being placed is placed by another tab as well; no index keeps it out."""
    for index in attempts.indexes:
        if index.unique:
            ground.database._raw().execute(f"DROP INDEX {index.name}")
    admit = taking_up._admit

    def anyone(checkout: Any, order: Any) -> None:
        admit(checkout.changed(status="ready") if checkout.status == "placing" else checkout, order)

    patch.setattr(taking_up, "_admit", anyone)


def forget_answers(patch: pytest.MonkeyPatch, _ground: Ground) -> None:
    """A final answer is not given again from what was stored, but made anew."""

    def nothing(_self: KeyBook, *_args: Any, **_named: Any) -> Answer | None:
        return None

    patch.setattr(KeyBook, "_stored", nothing)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("sabotage", [send_again, admit_rivals, forget_answers])
def test_machine_finds_a_deliberate_defect(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally("state machine", 1)
    with grounded(tally) as played:
        sabotage(monkeypatch, played.ground)
        with pytest.raises(AssertionError) as found:
            play(played, 100, 1)
    print(f"{sabotage.__name__}: {tally.counts['steps']} steps; {str(found.value)[:500]}")  # noqa: T201  How it showed itself.
