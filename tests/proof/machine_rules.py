"""The rules of the state machine: each is a step, after which the judge looks around."""

import contextlib
import random
from collections.abc import Awaitable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from checkout.sandbox.incoming import Refusal
from checkout.sandbox.records import Cart
from tests.proof.machine_choices import (
    CARD_NAMES,
    CARDS,
    KEYS,
    LESS,
    LINGERS,
    MISHAPS,
    PATCHES,
    TURNS,
    WAITS,
    WHICH,
    WHIMS,
)
from tests.proof.machine_faults import FAULTS
from tests.proof.machine_judging import Judge
from tests.proof.machine_news import NEWS, news
from tests.proof.machine_service import Ground
from tests.proof.machine_shopping import Callers, Shopping
from tests.proof.tally import Tally

_MOST_SHOPPINGS = 10
_FARTHEST_AHEAD = 20 * 3600.0  # Seconds; the token of a checkout that is over works for 24 hours.
_HEALED_WITHIN = 60.0  # Seconds in which everything is settled, once the upstreams answer and the clock is right.


class Machine(RuleBasedStateMachine):
    """The ground is made once and reset for each example."""

    ground: ClassVar[Ground]
    tally: ClassVar[Tally]

    def __init__(self) -> None:
        super().__init__()
        self._judge = Judge(self.ground)
        self._callers = Callers(self.ground, self._judge.exists, self._judge.hear)
        self._broken = False
        self._books = self.ground.parts.books

    # How a step is taken.

    def _take(self, *acts: Awaitable[Any]) -> None:
        async def all_of_it() -> None:
            for act in acts:
                await act
            await self.ground.revive()

        self.tally.add("steps")
        self._broken = True  # Unless it ends well.
        self.ground.run(all_of_it())
        self._judge.look()
        self._require_no_violation()
        self._broken = False

    def _require_no_violation(self) -> None:
        if self._judge.violations:
            raise AssertionError("; ".join(self._judge.violations))

    def _one(self, which: int) -> Shopping:
        """The one who came last is 0."""
        return self._judge.shoppings[-1 - which % len(self._judge.shoppings)]

    def _one_without_order(self, which: int) -> Shopping:
        """Somebody new where that one has her order, until there are many: else most steps would ask for replays."""
        shopping = self._one(which)
        if self._judge.exists(shopping) and len(self._judge.shoppings) < _MOST_SHOPPINGS:
            self.open_checkout(path="bopis", two=False, card="visa")
            new = self._one(0)
            return new if new.id else shopping
        return shopping

    def _all_have_one(self) -> bool:
        return bool(self._judge.shoppings) and all(shopping.id for shopping in self._judge.shoppings)

    # Shoppers.

    @initialize(
        chance=st.integers(0, 2**32), path=st.sampled_from(("bopis", "bopis", "bopis", "ropis")), two=st.booleans()
    )
    def begin(self, chance: int, path: str, two: bool) -> None:
        """A shopper is ready to place her order."""
        random.seed(chance)
        shopping = self._new_shopping()
        quantities = (2, 1) if two else (1,)
        acts = [self.ground.reset(), self._callers.open_checkout(shopping, path, quantities, 0)]
        self._take(*acts)
        if path == "bopis":
            self._take(self._callers.take_card(shopping, "visa"))

    def _new_shopping(self) -> Shopping:
        shopping = Shopping(len(self._judge.shoppings))
        self._judge.shoppings.append(shopping)
        return shopping

    @precondition(lambda self: len(self._judge.shoppings) < _MOST_SHOPPINGS or not self._all_have_one())
    @rule(path=st.sampled_from(("bopis", "ropis")), two=st.booleans(), card=CARD_NAMES)
    def open_checkout(self, path: str, two: bool, card: str) -> None:
        """Another shopper comes; one whose checkout could not be opened tries again."""
        without = next((each for each in self._judge.shoppings if not each.id), None)
        shopping = without or self._new_shopping()
        self._take(self._callers.open_checkout(shopping, path, (1, 1) if two else (1,), 0))
        if shopping.id and path == "bopis":
            self._take(self._callers.take_card(shopping, card))

    @precondition(lambda self: len(self._judge.shoppings) < _MOST_SHOPPINGS)
    @rule(path=st.sampled_from(("bopis", "bopis", "ropis")), mishap=MISHAPS, linger=LINGERS)
    def buy(self, path: str, mishap: tuple[str, str] | int | None, linger: float | None) -> None:
        """Another shopper comes, with a good card, and places her order."""
        self.open_checkout(path=path, two=False, card="visa")
        shopping = self._one(0)
        if shopping.id:
            self._prepare(mishap)
            self._take(self._place(shopping, 0, 0, 0, None), self._callers.linger(linger))

    def _open_with_a_used_key(self, which: int, again: int) -> None:
        shopping = self._one(which)
        was = shopping.id
        self._take(self._callers.open_checkout(shopping, "bopis", (1,), again))
        assert shopping.id == was, "a used key opened another checkout"

    def _take_card(self, which: int, card: str) -> None:
        self._take(self._callers.take_card(self._one(which), card))

    @precondition(_all_have_one)
    @rule(which=WHICH, key=KEYS, card=CARDS, less=LESS, wait=WAITS, linger=LINGERS)
    def place(self, which: int, key: int, card: int, less: int, wait: int | None, linger: float | None) -> None:
        self._take(self._place(self._one(which), key, card, less, wait), self._callers.linger(linger))

    @precondition(_all_have_one)
    @rule(which=WHICH, key=KEYS, mishap=MISHAPS, linger=LINGERS)
    def pay_anew(self, which: int, key: int, mishap: tuple[str, str] | int | None, linger: float | None) -> None:
        """She gives a good card and places with it. One who has her order makes room for another shopper."""
        shopping = self._one_without_order(which)
        self._prepare(mishap)
        self._take(
            self._callers.take_card(shopping, "visa"),
            self._place(shopping, key, 0, 0, None),
            self._callers.linger(linger),
        )

    @precondition(_all_have_one)
    @rule(
        which=WHICH,
        tabs=st.lists(st.tuples(KEYS, CARDS, LESS, WAITS), min_size=2, max_size=4),
        mishap=MISHAPS,
        patch=st.sampled_from((None, *PATCHES)),
        linger=LINGERS,
    )
    def place_from_several_tabs(
        self,
        which: int,
        tabs: list[tuple[int, int, int, int | None]],
        mishap: tuple[str, str] | int | None,
        patch: dict[str, Any] | None,
        linger: float | None,
    ) -> None:
        """All at the same moment; perhaps one of them changes the checkout instead."""
        shopping = self._one_without_order(which)
        self._prepare(mishap)
        acts = [self._place(shopping, *tab) for tab in tabs]
        if patch is not None:
            acts.append(self._change(shopping, patch, None))
        self._take(*acts, self._callers.linger(linger))

    def _prepare(self, mishap: tuple[str, str] | int | None) -> None:
        if isinstance(mishap, int):
            self.ground.process.life.end_after(mishap)
        elif mishap is not None:
            call, name = mishap
            self.ground.wire.on(call, [FAULTS[call][name]])

    async def _place(self, shopping: Shopping, key: int, card: int, less: int, wait: int | None) -> None:
        """`card` counts from the last one; -1 is another shopper's."""
        cards = shopping.cards[::-1]
        if card == -1:
            cards, card = [each for other in self._judge.shoppings for each in other.cards], 0
        self._callers.place(shopping, shopping.key(key), cards[card % len(cards)] if cards else None, less, wait)

    @precondition(_all_have_one)
    @rule(which=WHICH, patch=st.sampled_from(PATCHES), stale=st.booleans(), linger=LINGERS)
    def change(self, which: int, patch: dict[str, Any], stale: bool, linger: float | None) -> None:
        shopping = self._one(which)
        if_match = f'"{shopping.version - stale}"'
        self._take(self._change(shopping, patch, if_match), self._callers.linger(linger))

    async def _change(self, shopping: Shopping, patch: dict[str, Any], if_match: str | None) -> None:
        self._callers.change(shopping, patch, if_match)

    @precondition(_all_have_one)
    @rule(which=WHICH, linger=LINGERS)
    def look_at_checkout(self, which: int, linger: float | None) -> None:
        async def act() -> None:
            shopping = self._one(which)
            self._callers.read(shopping)
            if shopping.order is not None:
                self._callers.read_order(shopping)

        self._take(act(), self._callers.linger(linger))

    def _cancel(self, which: int, linger: float | None) -> None:
        async def act() -> None:
            self._callers.cancel(self._one(which))

        self._take(act(), self._callers.linger(linger))

    def _hang_up(self) -> None:
        """All who wait for an answer go away."""

        async def act() -> None:
            for task in self._callers.in_flight:
                task.cancel()

        self._take(act(), self._callers.linger(0.0))

    # Time, clocks, faults and ends.

    @rule(seconds=st.sampled_from((0.1, 1.0, 3.0, 10.0, 30.0)))
    def time_passes(self, seconds: float) -> None:
        self._take(self._callers.linger(seconds))

    def _clock_jumps(self, seconds: float) -> None:
        if abs(self.ground.clock.ahead + seconds) < _FARTHEST_AHEAD:
            self.ground.clock.jump(seconds)
        self._take()

    @rule(how=st.sampled_from(("later", "later", "later", "now", "orderly")), boundary=st.integers(0, 60))
    def process_ends(self, how: str, boundary: int) -> None:
        """Later: around one of its next writes or calls."""
        if how == "later":
            self.ground.process.life.end_after(boundary)
        if how == "now":
            self.ground.process.life.end()
        self._take(*([self.ground.restart(self._callers.in_flight)] if how == "orderly" else []))

    def _upstream_fails(self, fault: tuple[str, str], times: int) -> None:
        """So many times, or with 0 until it is healed."""
        call, name = fault
        if times:
            self.ground.wire.on(call, [FAULTS[call][name]] * times)
        else:
            self.ground.wire.until_healed(call, FAULTS[call][name])
        self._take()

    def _database_fails(self, writes: list[bool], reads: int) -> None:
        """The next writes fail, in vain or done all the same without our learning of it; and so do some reads."""
        life = self.ground.process.life
        for is_done in writes:
            life.failing.extend((False, True) if is_done else (True,))
        life.failing_reads += reads
        self._take()

    def _upstreams_heal(self, latency: float) -> None:
        """They do what they are asked; perhaps slowly."""
        self.ground.wire.heal()
        self.ground.wire.latency = latency
        self._take()

    # The store, Locally's webhooks, operators.

    def _shelf_changes(self, store_id: int, upc: str, quantity: int, price: int) -> None:
        self.ground.parts.world.set_shelf_place(store_id, upc, quantity, price)
        self._take()

    def _store_moves_an_order(self, which: int, move: dict[str, str]) -> None:
        carts = self._ordered_first()
        cart = carts[which % len(carts)]
        if cart.lines:
            with contextlib.suppress(Refusal):
                self.ground.parts.moves.move(cart, cart.lines[which % len(cart.lines)].upc, move)
        self._take()

    def _ordered_first(self) -> list[Cart]:
        return sorted(self._books.carts.values(), key=lambda cart: cart.ordered_at is None)

    @rule(
        news=st.lists(st.tuples(st.sampled_from(NEWS), st.integers(0, 20)), min_size=1, max_size=3),
        twice=st.booleans(),
    )
    def webhooks_arrive(self, news: list[tuple[str, int]], twice: bool) -> None:
        """Late, twice, in any order, and forged: what they say may be true or not."""

        async def act() -> None:
            for kind, which in news * (1 + twice):
                await self._webhook(kind, which)

        self._take(act())

    async def _webhook(self, kind: str, which: int) -> None:
        body, token = news(kind, which, self._ordered_first())
        call = await self._callers.webhook(body, token)
        if kind == "wrong_token" and call.status:
            assert call.status == 401, f"a forged webhook was told {call.status}"
        self.tally.add("webhooks")

    @precondition(lambda self: bool(self._judge.in_doubt()))
    @rule()
    def operator_settles(self) -> None:
        self._take(self._settle(self._judge.in_doubt()))

    async def _settle_reviews(self) -> None:
        listed = await self._callers.as_operator("GET /v1/reviews")
        told = listed.body["data"] if listed.status == 200 else ()
        await self._settle([(each["checkout_id"], each["cart_hash"]) for each in told])

    async def _settle(self, doubts: list[tuple[str, str]]) -> None:
        """A person looks at Locally for each checkout in doubt, and decides rightly."""
        for checkout_id, cart_hash in doubts:
            cart = self._books.carts.get(cart_hash)
            if cart is not None and cart.ordered_at is not None:
                decision: dict[str, Any] = {"placed": cart.hash}
            elif self.ground.wire.has_late_calls():
                continue
            else:
                decision = {"not_placed": True}
            shopping = next(each for each in self._judge.shoppings if each.id == checkout_id)
            await self._callers.as_operator(f"POST /v1/checkouts/{shopping.id}/settle", decision, shopping)
            self.tally.add("settled")

    @rule(turn=TURNS)
    def world_turns(self, turn: tuple[str, tuple[Any, ...]]) -> None:
        """The clock, an upstream, the database, a shelf, or what a store makes of an order."""
        name, values = turn
        getattr(self, f"_{name}")(*values)

    @precondition(_all_have_one)
    @rule(whim=WHIMS)
    def shopper_has_a_whim(self, whim: tuple[str, tuple[Any, ...]]) -> None:
        """Another card, a checkout given up, the key of opening used again, all requests left alone."""
        name, values = whim
        getattr(self, f"_{name}")(*values)

    # The end.

    def teardown(self) -> None:
        if self._broken or not self._judge.shoppings:
            return
        self._count()
        self.ground.run(self._end())
        self._judge.look_at_end(self._holds)
        self._require_no_violation()

    def _count(self) -> None:
        self.tally.add("examples")
        self.tally.add("answers", self._callers.answered)
        self.tally.add("restarts", self.ground.restarts)
        self.ground.restarts = 0
        self.tally.add("orders", sum(self._judge.exists(each) for each in self._judge.shoppings))
        self.tally.add("commits", len(self.ground.wire.commits))

    async def _end(self) -> None:
        """Everything is healed and some time passes; then every shopper asks again what became of hers."""
        self.ground.heal()
        await self._callers.linger(None)
        await self._callers.linger(_HEALED_WITHIN)
        await self._settle_reviews()
        for shopping in self._judge.shoppings:
            if shopping.id:
                self._callers.read(shopping)
                for number, key in shopping.keys.items():
                    if key.finals:
                        await self._place(shopping, number, 0, 0, 0)
        await self._callers.linger(None)
        listed = await self._callers.as_operator("GET /v1/holds")
        self._holds = listed.body["data"]
