"""`kill -9` of the real service while shoppers buy from it; the sandbox, another process, is the judge.

`python -m tests.proof.kills --seconds 60 --seed 7` kills for so long, on SQLite and, where CHECKOUT_TEST_POSTGRES_URL
names a server, by turns on PostgreSQL, with two instances of the service there. Each batch begins with an empty
database and ends, once nothing is being placed any more, with the judgement of everything in it. Restarts are forked
from a process that has made the imports (`warm_starts`), so that time goes into what a kill can harm.
"""

import asyncio
import random
import time
from dataclasses import dataclass

from tests.databases import KINDS
from tests.proof.load import Crowd
from tests.proof.load_judging import Judgement, judge
from tests.proof.load_processes import Fleet, Instance, running_fleet, running_sandbox
from tests.proof.tally import Tally, in_batches, main
from tests.proof.warm_starts import running_forge

_SHOPPERS = 24
_KILLS_OF_A_BATCH = 20
_ORDERS_BETWEEN = 10
_HOME_WITHIN = 120.0  # Seconds until every shopper knows what became of her order.
_LOAD_WITHIN = 20.0  # Seconds to wait for as many orders; a fault may hold them all up.
_FAULTY_CALLS = ("cart/validate", "cart/commit", "cart/commit", "v2/cart")
# Of the slow ones, one comes in time, one just about, and one when the service has given up.
_FAULTS = (
    {"kind": "lost_answer"},
    {"kind": "lost_request"},
    {"kind": "reset"},
    {"kind": "garbage"},
    {"kind": "status_500"},
    {"kind": "status_500", "done": True},
    {"kind": "hang"},
    {"kind": "slow", "seconds": 0.5},
    {"kind": "slow", "seconds": 1.9},
    {"kind": "slow", "seconds": 3},
)


@dataclass(frozen=True, slots=True)
class Batch:
    """So many kills on one database of a kind; `seed` decides what happens, though not exactly when."""

    kind: str
    kills: int
    seed: int
    between: int = _ORDERS_BETWEEN
    shoppers: int = _SHOPPERS
    until: float = float("inf")  # Of the monotonic clock: no further kill then.

    def __str__(self) -> str:
        return f"{self.kind} kills={self.kills} seed={self.seed}"


class Killer:
    """Ends instances at random moments of placing and starts them again."""

    def __init__(self, fleet: Fleet, crowd: Crowd, rng: random.Random, tally: Tally) -> None:
        self._fleet = fleet
        self._crowd = crowd
        self._rng = rng
        self._tally = tally
        self._wanted = 0
        self.kills = 0

    async def go(self, batch: Batch) -> None:
        while self.kills < batch.kills and time.monotonic() < batch.until:
            await self._load(batch.between)
            if self._rng.random() < 0.1:
                await self._stop(self._rng.choice(self._fleet.instances))
            else:
                await asyncio.gather(*(self._kill_and_start(each) for each in self._victims()))

    async def _load(self, orders: int) -> None:
        """Wait for so many purchases more, then for a random moment of placing."""
        self._wanted, until = self._wanted + orders, time.monotonic() + _LOAD_WITHIN
        self._crowd.let_in(orders)
        while (self._crowd.ended < self._wanted or not self._crowd.in_flight) and time.monotonic() < until:  # noqa: ASYNC110  A moment's look at many.
            await asyncio.sleep(0.01)
        await asyncio.sleep(self._rng.uniform(0, self._crowd.seconds))

    def _victims(self) -> list[Instance]:
        """One instance; now and then all of them."""
        both = self._rng.random() < 0.15
        return self._fleet.instances if both else [self._rng.choice(self._fleet.instances)]

    async def _kill_and_start(self, instance: Instance) -> None:
        await self._kill(instance)
        while self._rng.random() < 0.15:  # Once more, while it starts or just after.
            await instance.spawn()
            await asyncio.sleep(self._rng.uniform(0, 1.3 * instance.start_seconds))
            await self._kill(instance)
        await instance.start()

    async def _kill(self, instance: Instance) -> None:
        self._tally.add("requests cut", self._crowd.in_flight)
        self.kills += 1
        self._tally.add("kills")
        await instance.kill()

    async def _stop(self, instance: Instance) -> None:
        began = time.monotonic()
        status = await instance.stop()
        self._tally.add("stops")
        if status != 0:
            line = f"SIGTERM: it ended with {status} after {time.monotonic() - began:.0f} s"
            self._tally.violations.append(line)
            await instance.kill()
        await instance.start()


async def kill_batch(batch: Batch, sandbox_url: str, tally: Tally) -> None:
    """Run a batch and judge it; adds to the tally."""
    rng = random.Random(batch.seed)  # noqa: S311  No secret.
    instances = 2 if batch.kind == "postgresql" else 1
    async with running_forge() as forge, running_fleet(batch.kind, sandbox_url, instances) as fleet:
        for instance in fleet.instances:  # Its first start was from nothing.
            instance.forge = forge
        crowd = Crowd(fleet, random.Random(rng.random()))  # noqa: S311
        killer = Killer(fleet, crowd, rng, tally)
        shopping = asyncio.create_task(crowd.run(batch.shoppers))
        faults = asyncio.create_task(_break_upstream(fleet, crowd, random.Random(rng.random()), tally))  # noqa: S311
        killing = asyncio.create_task(killer.go(batch))
        try:
            await _first_to_end(killing, shopping)
            crowd.going_home = True
            await _end(faults)
            await fleet.control("DELETE", "/faults")
            await asyncio.wait_for(shopping, _HOME_WITHIN)
        finally:
            for task in (killing, faults, shopping):
                await _end(task)
        judgement = await judge(fleet, crowd)
    _count(tally, crowd, judgement)
    tally.violations += [f"{batch}: {each}" for each in judgement.wrong]


async def _first_to_end(*tasks: "asyncio.Task[None]") -> None:
    """Wait for one of them; raises what it died of."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _break_upstream(fleet: Fleet, crowd: Crowd, rng: random.Random, tally: Tally) -> None:
    """Break one call of the sandbox now and then: about one for every three purchases."""
    next_at = 0
    while True:
        await asyncio.sleep(rng.uniform(0.1, 0.3))
        if crowd.ended < next_at:
            continue
        next_at = crowd.ended + rng.randint(1, 5)
        await fleet.control("POST", "/faults", {"call": rng.choice(_FAULTY_CALLS), **rng.choice(_FAULTS)})
        tally.add("faults")


def _count(tally: Tally, crowd: Crowd, judgement: Judgement) -> None:
    tally.add("orders", judgement.orders)
    tally.add("double orders", judgement.double_orders)
    tally.add("left to a person", judgement.reviews)
    tally.add("checkouts", len(crowd.purchases))
    tally.add("broken connections", crowd.broken)
    tally.add("answers", sum(len(each.told) for each in crowd.purchases))


async def kill_for(seconds: float, seed: int) -> Tally:
    tally = Tally("kills", seed, {"kills": 0, "orders": 0, "double orders": 0})
    async with running_sandbox() as sandbox_url:

        async def batch(number: int, until: float) -> None:
            kind = KINDS[(seed + number) % len(KINDS)]
            await kill_batch(Batch(kind, _KILLS_OF_A_BATCH, seed + number, until=until), sandbox_url, tally)

        await in_batches(seconds, tally, batch)
    return tally


def run(seconds: float, seed: int) -> Tally:
    return asyncio.run(kill_for(seconds, seed))


if __name__ == "__main__":
    main(__doc__ or "", run)
