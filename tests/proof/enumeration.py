"""One scenario over the real placing code: a shopper who places, tries again, and a process that ends in between."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from checkout.database import KeyName
from checkout.errors import CheckoutError, DatabaseUnavailable
from checkout.idempotency import Answer, Claim
from checkout.orders import Checkout, CheckoutStatus
from checkout.placing import PlaceOrder
from tests.proof.crashes import Life, Plan
from tests.proof.faults import COMMIT, READ, UNTIL_HEALED, VALIDATE
from tests.proof.judging import Told, judge_end, judge_told
from tests.proof.scenarios import Scenario
from tests.proof.world import Moment, Process, World

T = TypeVar("T")

_SETTLED_WITHIN = 90.0  # Seconds of the run's own time: a step insists for 30, and a lease runs out after 12 more.
_LOOKS_EVERY = 2.0  # As she is asked to.
_NOTICED_WITHIN = 50.0  # An order that counts as not placed is looked for after 20 and 40 seconds.
_KEYS = ("k1" * 10, "k2" * 10)


@dataclass(frozen=True, slots=True)
class End:
    """A place where the process could end: the world as it stands, and how far the shopper is."""

    moment: Moment
    next_step: int
    settled_by: float | None
    told: tuple[Told, ...]


@dataclass
class Run:
    """One scenario from its first request, or from an end, to the last replay. `violations` says what was wrong.

    `crashes` is how many of its ends were reached, `passed` how many boundaries the life after them passed; `writes`
    are those at which it wrote. `watch` learns of each of them while it is passed, and may ask for its `end`.
    """

    world: World
    scenario: Scenario
    watch: Callable[["Run", int], None] | None = None
    violations: list[str] = field(default_factory=list)
    crashes: int = 0
    passed: int = 0
    writes: list[int] = field(default_factory=list)
    final: str = ""

    def __post_init__(self) -> None:
        self._prepared = self.world.prepared[self.scenario.path]
        self._told: list[Told] = []
        self._next_step = 0
        self._settled_by: float | None = None
        self._shopping = True
        # The order is made when it counts as not placed; until that is noticed, it is what is told.
        self._arrives_after_all = self.scenario.commit == "arrives_after_all"

    async def go(self) -> None:
        """From the first request on."""
        self.world.resume(self._prepared.moment)
        self._fail()
        await self._go_on()

    async def go_on_from(self, end: End) -> None:
        """From the end that is the last of the scenario's, which another run has passed."""
        self.world.resume(end.moment)
        self._next_step, self._settled_by, self._told = end.next_step, end.settled_by, list(end.told)
        self.crashes = len(self.scenario.ends)
        await self._go_on()

    @property
    def told(self) -> tuple[Told, ...]:
        """What she was told so far, in order."""
        return tuple(self._told)

    @property
    def has_failed(self) -> bool:
        """Whether the database of the present life has failed."""
        return self._process.life.has_failed

    def end(self) -> End:
        """The end that the process would have here and now."""
        return End(self.world.moment(), self._next_step, self._settled_by, self.told)

    async def _go_on(self) -> None:
        """She shops; then the process ends once more, and whatever was final before must be so after it."""
        await self._begin()
        steps = (self._place, self._place_again, self._place_in_other_tab, self._settle, self._heal)
        await self._take((*steps, *self._ask_again))
        life, self._shopping = self._process.life, False
        self.passed, self.writes = life.passed, life.writes
        await self.world.wire.end_life()
        if self.world.wire.late:  # What she was told must still be true when all that was sent has arrived.
            await asyncio.wait(self.world.wire.late)
        await self._begin()
        self._next_step = 0
        await self._take(self._ask_again)
        if self._arrives_after_all:
            await self._let_pass(_NOTICED_WITHIN)
            if (await self._status()).status is CheckoutStatus.PLACED:
                told = await self._ask(self._process, _KEYS[0])
                if told.code == "order_not_placed":
                    self.violations.append("the order was found, and she is told that there is none")
        self.final = self._last_read
        if self.world.journalled():
            self.violations.append("the emergency journal is not empty, and all is known")
        self.violations += judge_end(self.world.database, self.world.books, self.world.wire.commits, self.final)
        await self.world.wire.end_life(everything=True)

    @property
    def _ask_again(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        return self._place, self._place_in_other_tab, self._settle

    async def _take(self, steps: tuple[Callable[[], Awaitable[None]], ...]) -> None:
        while self._next_step < len(steps):
            await steps[self._next_step]()

    def _fail(self) -> None:
        wire, scenario = self.world.wire, self.scenario
        wire.on("cart/validate", VALIDATE[scenario.validate])
        wire.on("cart/commit", COMMIT[scenario.commit])
        if scenario.read in UNTIL_HEALED:
            wire.until_healed("v2/cart", READ[scenario.read][0])
        else:
            wire.on("v2/cart", READ[scenario.read])

    async def _heal(self) -> None:
        self._next_step += 1
        self.world.wire.heal()

    async def _place(self) -> None:
        await self._request(_KEYS[0])

    async def _place_again(self) -> None:
        """Where the connection broke before she had an answer."""
        if any(told.key == _KEYS[0] for told in self._told):
            self._next_step += 1
        else:
            await self._request(_KEYS[0])

    async def _place_in_other_tab(self) -> None:
        await self._request(_KEYS[1])

    async def _request(self, key: str) -> None:
        """One request to place, which is not made again by itself; what she is told is judged at once."""
        self._next_step += 1
        existed = bool(self.world.books.orders) and not self._arrives_after_all
        told = await self._during(lambda process: self._ask(process, key))
        if told is not None:
            self.violations += judge_told(told, self._told, existed=existed, has_failed=self.has_failed)
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
        """What her page reads; where there is an order it may say so, or wait."""
        existed = bool(self.world.books.orders)
        found = await self._process.checkouts.find(self._prepared.checkout.id)  # It neither writes nor waits.
        self._last_read = found.checkout.status
        if (
            existed
            and not self._arrives_after_all
            and found.checkout.status not in {CheckoutStatus.PLACING, CheckoutStatus.PLACED}
        ):
            self.violations.append(f"there is an order, and the checkout is {found.checkout.status}")
        return found.checkout

    async def _settle(self) -> None:
        """Until nothing is under way, or Locally is down for so long that a person is asked."""
        if self._settled_by is None:
            self._settled_by = self.world.elapsed() + _SETTLED_WITHIN
        while (checkout := await self._status()).status is CheckoutStatus.PLACING:
            if self.world.wire.is_down and checkout.notice is not None and checkout.notice.code == "order_in_review":
                break
            if self.world.elapsed() > self._settled_by:
                self.violations.append("it is still being placed")
                break
            await self._let_pass(_LOOKS_EVERY)
        self._next_step, self._settled_by = self._next_step + 1, None

    async def _during(self, ask: Callable[[Process], Awaitable[T]]) -> T | None:
        """What a call to the process gives; None where the process ended first, and the next one has begun."""
        task = asyncio.ensure_future(ask(self._process))
        either: set[asyncio.Future[Any]] = {task, self._process.life.over}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return None if await self._has_ended() else await task

    async def _let_pass(self, seconds: float) -> None:
        """Not beyond the end of the process."""
        await asyncio.wait((self._process.life.over,), timeout=seconds)
        await self._has_ended()

    async def _has_ended(self) -> bool:
        """Whether the process has; then the next one has begun."""
        if not self._process.life.over.done():
            return False
        self.crashes += 1
        await self.world.wire.end_life()
        await self._begin()
        return True

    async def _begin(self) -> None:
        """The next life. A process whose database fails while it starts gives up, and is started once more."""
        random.seed(self._chance())
        try:
            await self._start(self.scenario.plan(self.crashes) if self._shopping else Plan(), self._watch())
        except DatabaseUnavailable:
            await self.world.wire.end_life()
            await self._start(Plan(), None)

    async def _start(self, plan: Plan, watch: Callable[[int], None] | None) -> None:
        self._process = self.world.process(Life(plan, watch))
        await self._during(lambda process: process.placing.start())

    def _watch(self) -> Callable[[int], None] | None:
        """Whom the life that begins now tells what it passes: only the last one that she shops in is watched."""
        watch = self.watch
        if watch is None or not self._shopping or self.crashes < len(self.scenario.ends):
            return None
        return lambda here: watch(self, here)

    def _chance(self) -> str:
        """What decides on jitter in a life, so that an end that leaves the same world makes the same run."""
        return f"{self.scenario.faults} {self.crashes} {self._next_step} {len(self._told)} {self._shopping}"
