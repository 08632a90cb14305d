"""The promise of time, with the product's own spans in virtual time: how soon the truth is known once Locally is back.

In each case a commit is lost, with or without an order, and Locally gives no clear answer from then on until some
moment of the next half hour; meanwhile the process may end and begin again. She looks at her page all along.
A violation's line begins with its case, which decides on everything: `python -m tests.proof.healing --again 'LINE'`.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import checkout.placing.sleeping as sleeping
from checkout.orders import Checkout, CheckoutStatus
from checkout.settings import Settings
from tests.proof.enumerating import proven, with_little_garbage
from tests.proof.enumeration import Run
from tests.proof.faults import COMMIT, GARBAGE, OOPS, hangs
from tests.proof.judging import judge_end
from tests.proof.scenarios import PATHS, Scenario
from tests.proof.tally import Clock, Tally, main
from tests.proof.wire import Fault
from tests.proof.world import World, open_world
from tests.upstreams import not_sent

_SPANS = (
    "write_timeout",
    "readback_delays",
    "readback_interval",
    "readback_until",
    "not_placed_after",
    "not_placed_after_refusal",
    "recovery_interval",
    "lease",
)
_HEALS_WITHIN = 1800.0
_MOST_RESTARTS = 3
_LONGEST_LOOK = 40.0
_FOUND_WITHIN = 60  # Seconds, in 99 of 100 cases.
_NOT_PLACED_WITHIN = 16 * 60
_GIVES_UP_AFTER = 30 * 60
_STEPS = (5, 10, 20, 30, 40, 50, 60, 90)


def _default(name: str) -> str:
    value = Settings.model_fields[name].default
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


_LOST = ("lost_request", "lost_answer", "500", "500_done", "garbage", "refused", "times_out")
COMMITS = {name: COMMIT[name][0] for name in _LOST}
DOWN: dict[str, Fault] = {"500": OOPS, "garbage": GARBAGE, "refused": not_sent, "silent": hangs}


@dataclass(frozen=True, slots=True)
class Case:
    """A lost commit, how the upstream was down after it, when it healed, and when the process began again."""

    name: str
    path: str
    commit: str
    down: str
    heals_after: float
    restarts: tuple[float, ...]

    @classmethod
    def of(cls, name: str) -> Self:
        """The case of a name: nothing else decides on it."""
        chance = random.Random(name)  # noqa: S311  No secret.
        heals_after = chance.choice((1.0, chance.random())) * chance.random() * _HEALS_WITHIN
        restarts = (chance.uniform(0, heals_after + 60) for _ in range(chance.randrange(_MOST_RESTARTS + 1)))
        commit, down = chance.choice(sorted(COMMITS)), chance.choice(sorted(DOWN))
        return cls(name, chance.choice(PATHS), commit, down, heals_after, tuple(sorted(restarts)))


_NO_CASE = Case.of("")


@dataclass
class Healing(Run):
    """One case from her click to the truth, which is known `healed_after` seconds after the upstream answers again."""

    case: Case = _NO_CASE
    healed_after: float = 0.0

    async def go(self) -> None:
        self.world.resume(self._prepared.moment)
        self.world.wire.on("cart/commit", (COMMITS[self.case.commit],))
        self.world.wire.until_healed("v2/cart", DOWN[self.case.down])
        self._looks = random.Random(self.case.name)  # noqa: S311  No secret.
        await self._begin()
        await self._place()
        await self._live_until_healed()
        await self._live_until_known()
        await self._place()
        self.violations += judge_end(self.world.database, self.world.books, self.world.wire.commits, self.final)
        await self.world.wire.end_life(everything=True)

    async def _live_until_healed(self) -> None:
        for restart in self.case.restarts:
            if restart < self.case.heals_after:
                await self._look_until(restart)
                await self._restart()
        await self._look_until(self.case.heals_after)
        self.world.wire.heal()

    async def _live_until_known(self) -> None:
        for restart in self.case.restarts:
            if restart > self.case.heals_after:
                await self._look_until(restart)
                await self._restart()
        checkout = await self._look_until(self.case.heals_after + _GIVES_UP_AFTER)
        self.final = checkout.status
        if checkout.ended_at is None:
            self.violations.append(f"it is {checkout.status} half an hour after the upstream healed")
        else:
            healed = self.world.now() - timedelta(seconds=self.world.elapsed() - self.case.heals_after)
            self.healed_after = max((checkout.ended_at - healed).total_seconds(), 0)

    async def _look_until(self, moment: float) -> Checkout:
        """She looks now and then, and tries the button too, until a moment or until it is over."""
        while (checkout := await self._status()).status is CheckoutStatus.PLACING:
            left = moment - self.world.elapsed()
            if left < 0.001:
                break
            await asyncio.sleep(min(left, self._looks.uniform(1, _LONGEST_LOOK)))
            if self._looks.random() < 0.1:
                await self._place()
        return checkout

    async def _restart(self) -> None:
        await self.world.wire.end_life()
        await self._begin()

    def _chance(self) -> str:
        return f"{self.case.name} {self.world.elapsed()}"


@asynccontextmanager
async def open_healing(**changed: str) -> AsyncIterator[World]:
    """A world with the product's spans, whose clock nobody moves: sleepers need not look at it every second."""
    nap, sleeping._LONGEST_NAP = sleeping._LONGEST_NAP, 30.0
    try:
        async with open_world(None, spans={name: _default(name) for name in _SPANS} | changed) as world:
            yield world
    finally:
        sleeping._LONGEST_NAP = nap


async def heal(world: World, name: str) -> Healing:
    """Run one case by its name."""
    case = Case.of(name)
    run = Healing(world, Scenario(case.path, "ok", "ok", "ok", ends=()), case=case)
    await run.go()
    return run


def count(tally: Tally, run: Healing) -> None:
    """Count a case, and hold it to the promise of time."""
    tally.add("healed")
    tally.add("restarts meanwhile", len(run.case.restarts))
    if run.final == CheckoutStatus.PLACED:
        tally.add("orders found")
        for step in _STEPS:
            tally.add(f"within {step} s", int(run.healed_after <= step))
    elif run.final == CheckoutStatus.EXPIRED:
        tally.add("not placed")
        tally.add("within 16 min", int(run.healed_after <= _NOT_PLACED_WITHIN))
        run.violations += _untimely(run)
    if run.violations:
        tally.violations.append(f"case={run.case.name} {run.case}: {'; '.join(run.violations)}")


def _untimely(run: Healing) -> list[str]:
    """What is wrong with when it was said that there is no order."""
    earliest = float(_default("not_placed_after_refusal" if run.case.commit == "refused" else "not_placed_after"))
    if earliest <= run.healed_after <= _NOT_PLACED_WITHIN:
        return []
    return [f"not placed after {run.healed_after:.0f} s of answers"]


def judge_swiftness(tally: Tally) -> None:
    """An order that exists is found in time in 99 of 100 cases."""
    found = tally.counts.get("orders found", 0)
    if tally.counts.get(f"within {_FOUND_WITHIN} s", 0) < 0.99 * found:
        tally.violations.append(f"of {found} orders too few were found within {_FOUND_WITHIN} s: {tally.counts}")


async def _heal_for(seconds: float, tally: Tally) -> None:
    clock = Clock(seconds, tally)
    async with open_healing() as world:
        with_little_garbage()
        while not clock.is_over():
            count(tally, await heal(world, f"{tally.seed}/{tally.counts.get('healed', 0)}"))


def run(seconds: float, seed: int) -> Tally:
    tally = Tally("healing", seed)
    proven(_heal_for(seconds, tally))
    judge_swiftness(tally)
    return tally


def again(line: str) -> Tally:
    """The case of a violation."""
    tally, name = Tally("healing", 0), line.partition(" ")[0].removeprefix("case=")

    async def one() -> None:
        async with open_healing() as world:
            count(tally, await heal(world, name))

    proven(one())
    return tally


if __name__ == "__main__":
    main(__doc__ or "", run, again)
