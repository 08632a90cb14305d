"""One scenario over the real placing code: a shopper who places, tries again, and a process that ends in between."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from checkout.database import KeyName
from checkout.errors import CheckoutError
from checkout.idempotency import Answer, Claim
from checkout.orders import Checkout, CheckoutStatus
from checkout.placing import PlaceOrder
from tests.proof.crashes import (
    COMMIT,
    READ,
    UNTIL_HEALED,
    VALIDATE,
    Life,
)
from tests.proof.judging import Told, judge_end, judge_told
from tests.proof.scenarios import Scenario
from tests.proof.world import Process, World

T = TypeVar("T")

_SETTLED_WITHIN = 60.0  # Seconds of the run's own time; reading back ends after 20.
_LOOKS_EVERY = 5.0
_KEYS = ("k1" * 10, "k2" * 10)


@dataclass
class Run:
    """One scenario from the first request to the last replay. `violations` says what was wrong.

    `crashes` is how many of its ends were reached, `passed` how many boundaries the life after them passed.
    """

    world: World
    scenario: Scenario
    violations: list[str] = field(default_factory=list)
    crashes: int = 0
    passed: int = 0
    final: str = ""

    async def go(self) -> None:
        random.seed(str(self.scenario))
        self._prepared = self.world.reset(self.scenario.path)
        self._ends = list(self.scenario.ends)
        self._told: list[Told] = []
        self._fail()
        await self._begin()
        await self._shop()
        self.passed = self._process.life.passed
        self._ends.clear()
        await self._restart()
        await self._settle()
        await self._ask_with_both_keys()
        self.final = (await self._status()).status
        self.violations += judge_end(self.world.database, self.world.books, self.world.wire.commits, self.final)
        await self._drop(everything=True)

    async def _shop(self) -> None:
        """She places, again where the connection broke, and then from another tab; the upstreams heal at last."""
        before = self.crashes
        await self._place(_KEYS[0])
        if self.crashes > before:
            await self._place(_KEYS[0])
        await self._ask_with_both_keys()
        await self._settle()
        self.world.wire.heal()
        await self._ask_with_both_keys()
        await self._settle()

    def _fail(self) -> None:
        wire, scenario = self.world.wire, self.scenario
        wire.on("cart/validate", VALIDATE[scenario.validate])
        wire.on("cart/commit", COMMIT[scenario.commit])
        if scenario.read in UNTIL_HEALED:
            wire.until_healed("v2/cart", READ[scenario.read][0])
        else:
            wire.on("v2/cart", READ[scenario.read])

    async def _ask_with_both_keys(self) -> None:
        for key in _KEYS:
            await self._place(key)

    async def _place(self, key: str) -> None:
        """One request to place; what she is told is judged at once."""
        existed = bool(self.world.books.orders)
        told = await self._during(lambda process: self._ask(process, key))
        if told is not None:
            self.violations += judge_told(told, self._told, existed=existed)
            self._told.append(told)

    async def _ask(self, process: Process, key: str) -> Told:
        checkout = self._prepared.checkout
        totals = checkout.totals
        assert totals is not None
        name = KeyName(checkout.brand, "place", checkout.id, key)
        order = PlaceOrder(
            checkout_id=checkout.id,
            setup_intent_id=self._prepared.setup_intent_id,
            external=False,
            expected_total=totals.total,
            claim=Claim(name, "f", f"req_{len(self._told)}"),
            wait=8,
        )
        try:
            placed = await process.placing.place(order)
        except CheckoutError as error:
            return Told(key, error.code, None)
        if isinstance(placed, Answer):
            return Told(key, json.loads(placed.body).get("code") or str(placed.status), placed.body)
        answer = process.answers.outcome(placed, order.claim.request_id)
        return Told(key, json.loads(answer.body).get("code") or str(answer.status), None)

    async def _status(self) -> Checkout:
        while True:
            existed = bool(self.world.books.orders)
            found = await self._during(lambda process: process.checkouts.find(self._prepared.checkout.id))
            if found is not None:
                break
        if existed and found.checkout.status not in {CheckoutStatus.PLACING, CheckoutStatus.PLACED}:
            self.violations.append(f"there is an order, and the checkout is {found.checkout.status}")
        return found.checkout

    async def _settle(self) -> None:
        """Until nothing is under way, or a person has to decide."""
        ends = self.world.now() + timedelta(seconds=_SETTLED_WITHIN)
        while (checkout := await self._status()).status is CheckoutStatus.PLACING:
            if checkout.notice is not None and checkout.notice.code == "order_in_review":
                return
            if self.world.now() > ends:
                self.violations.append("it is still being placed")
                return
            await self._during(lambda _process: asyncio.sleep(_LOOKS_EVERY))

    async def _during(self, ask: Callable[[Process], Awaitable[T]]) -> T | None:
        """What a call to the process gives; None where the process ended first, and the next one has begun."""
        life = self._process.life
        task = asyncio.ensure_future(ask(self._process))
        end = asyncio.create_task(life.ended.wait())
        await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
        if life.ended.is_set():
            self.crashes += 1
            await self._restart()
            return None
        end.cancel()
        return await task

    async def _begin(self) -> None:
        life = Life(self._ends.pop(0) if self._ends else None)
        self._process = self.world.process(life)
        await self._during(lambda process: process.placing.start())

    async def _restart(self) -> None:
        await self._drop()
        await self._begin()

    async def _drop(self, *, everything: bool = False) -> None:
        """The process is gone: its tasks end without another write or call."""
        self._process.life.ended.set()
        kept = {asyncio.current_task(), *(() if everything else self.world.wire.late)}
        while tasks := [task for task in asyncio.all_tasks() if task not in kept]:
            for task in tasks:
                task.cancel()
            with suppress(Exception):
                await asyncio.gather(*tasks, return_exceptions=True)
        if everything:
            self.world.wire.late.clear()
