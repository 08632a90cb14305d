"""A thousand requests at once to place one checkout: under one key, and each under a key of its own.

`python -m tests.proof.rivals --seconds 60 --seed 7` goes on for so long, on SQLite (one process) and, where
CHECKOUT_TEST_POSTGRES_URL names a server, by turns on PostgreSQL (four processes on one database, a quarter of the
requests to each). In a round there are two checkouts, one for each kind of rivalry; each must become one order.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from checkout.database.tables import attempts
from tests.databases import KINDS
from tests.placing_world import read_rows
from tests.proof.load import Crowd, Purchase
from tests.proof.load_processes import Fleet, running_fleet, running_sandbox
from tests.proof.rivals_sockets import Answer, ask_at_once, write_request
from tests.proof.tally import Tally, in_batches, main
from tests.service import key

REQUESTS = 1000
_ROUNDS_OF_A_BATCH = 10
_SETTLED_WITHIN = 60.0  # Seconds.
_INSTANCES = {"sqlite": 1, "postgresql": 4}
# What meets the one commit, so that the rivals also come while the outcome is unknown. Most rounds have none.
_FAULTS: tuple[dict[str, Any] | None, ...] = (
    None,
    None,
    {"kind": "lost_answer"},
    {"kind": "slow", "seconds": 0.5},
    {"kind": "slow", "seconds": 3},
)
# All that a rival may be told. A 503 says that the service has too much to do, and when to come again.
_ONE_KEY = frozenset({(200, "placed"), (202, "placing"), (409, "request_in_progress")})
_STORED = frozenset({(200, "placed")})
_OWN_KEYS = frozenset({(200, "placed"), (202, "placing"), (409, "placing")})
# `authorization_unknown` comes where an instance was too busy to keep its attempt; the shopper tries again.
_OVERLOADED = frozenset({"database_unavailable", "authorization_unknown"})


@dataclass
class Round:
    """One round on running instances; `faults` decides what meets the commits."""

    fleet: Fleet
    crowd: Crowd
    rng: random.Random
    tally: Tally
    requests: int = REQUESTS

    async def go(self) -> list[str]:
        """What is wrong, one line each."""
        wrong = [*await self._with_one_key(), *await self._with_own_keys()]
        self.tally.add("rounds")
        return wrong

    async def _with_one_key(self) -> list[str]:
        purchase, cards = await self.crowd.ready()
        request = _request(purchase, cards[0], key())
        await self._break_commit()
        first = await self._ask_at_once([request] * self.requests)
        wrong = [*judge_answers(first, _ONE_KEY, self.tally), *await self._judge_end(purchase, request)]
        replays = await self._ask_at_once([request] * self.requests)
        wrong += judge_answers(replays, _STORED, self.tally)
        return [f"one key, {purchase.checkout['id']}: {each}" for each in [*wrong, *judge_bytes(first, replays)]]

    async def _with_own_keys(self) -> list[str]:
        """Half of the rivals bring another card of the same shopper."""
        purchase, cards = await self.crowd.ready()
        requests = [_request(purchase, cards[number % 2], key()) for number in range(self.requests)]
        self.rng.shuffle(requests)
        await self._break_commit()
        first = await self._ask_at_once(requests)
        wrong = [*judge_answers(first, _OWN_KEYS, self.tally), *await self._judge_end(purchase, requests[0])]
        orders = {each.document["order"]["id"] for each in first if each.code == "placed"}
        if len(orders) > 1:
            wrong.append(f"they were told of {len(orders)} orders")
        return [f"own keys, {purchase.checkout['id']}: {each}" for each in wrong]

    async def _ask_at_once(self, requests: list[bytes]) -> list[Answer]:
        began = time.monotonic()
        answers = await ask_at_once(self.fleet.serving_urls(), requests)
        self.tally.add("requests", len(requests))
        self.tally.add("milliseconds", round((time.monotonic() - began) * 1000))
        return answers

    async def _break_commit(self) -> None:
        if fault := self.rng.choice(_FAULTS):
            await self.fleet.control("POST", "/faults", {"call": "cart/commit", **fault})

    async def _judge_end(self, purchase: Purchase, request: bytes) -> list[str]:
        """What is wrong once the checkout is settled: the sandbox's books against ours."""
        while (status := await self.crowd.settled(purchase, _SETTLED_WITHIN)) == "ready":
            self.tally.add("tried again")  # They were all turned away, or their one attempt was lost.
            await self._ask_at_once([request])
        ledger = await self.fleet.control("GET", "/ledger")
        orders = [each for each in ledger["orders"] if each["shopper"]["email"] == purchase.email]
        commits = sum(call["call"] == "cart/commit" for call in ledger["calls"])
        marked = sum(row["commit_tries"] > 0 for row in await read_rows(self.fleet.url, attempts))
        self.tally.add("orders", len(orders))
        self.tally.add("double orders", max(len(orders) - 1, 0))
        wrong = [] if (len(orders), status) == (1, "placed") else [f"{len(orders)} orders, and it is {status}"]
        return wrong if commits <= marked else [*wrong, f"{commits} commits arrived, {marked} were marked"]


def _request(purchase: Purchase, card: str, using: str) -> bytes:
    body = {"expected_total": purchase.checkout["totals"]["total"], "setup_intent_id": card}
    return write_request(purchase.place_path, purchase.checkout["token"], using, body)


def judge_answers(answers: list[Answer], allowed: frozenset[tuple[int, str]], tally: Tally) -> Iterable[str]:
    """What was answered that may not be; overload is counted, and must say when to come again."""
    for answer in answers:
        overloaded = answer.status == 503 and answer.code in _OVERLOADED and "retry-after" in answer.headers
        tally.add("turned away", int(overloaded))
        if not overloaded and (answer.status, answer.code) not in allowed:
            yield f"answered {answer.status} {answer.code}"


def judge_bytes(first: list[Answer], replays: list[Answer]) -> Iterable[str]:
    """Every final answer of one key is the same to the byte."""
    bodies = {each.body for each in [*first, *replays] if each.status == 200}
    if len(bodies) != 1:
        yield f"one key was given {len(bodies)} final answers"
    if not all(each.headers.get("idempotent-replayed") == "true" for each in replays if each.status == 200):
        yield "a replay does not say that it is one"


async def rival_batch(
    kind: str, rounds: int, seed: int, sandbox_url: str, tally: Tally, until: float = float("inf")
) -> None:
    """So many rounds on one database of a kind; none begins after `until` of the monotonic clock."""
    rng = random.Random(seed)  # noqa: S311  No secret.
    async with running_fleet(kind, sandbox_url, _INSTANCES[kind], CHECKOUT_LEASE="15") as fleet:
        crowd = Crowd(fleet, rng)
        for number in range(rounds):
            if time.monotonic() > until:
                return
            wrong = await Round(fleet, crowd, rng, tally).go()
            tally.violations += [f"{kind} seed={seed} round {number}: {each}" for each in wrong]
        logged = [line for instance in fleet.instances for line in instance.faults()]
        tally.violations += [f"{kind} seed={seed} logged: {line}" for line in logged]


async def rival_for(seconds: float, seed: int) -> Tally:
    tally = Tally("rivals", seed, {"rounds": 0, "requests": 0, "orders": 0, "double orders": 0})
    async with running_sandbox() as sandbox_url:

        async def batch(number: int, until: float) -> None:
            kind = KINDS[(seed + number) % len(KINDS)]
            await rival_batch(kind, _ROUNDS_OF_A_BATCH, seed + number, sandbox_url, tally, until)

        await in_batches(seconds, tally, batch)
    return tally


def run(seconds: float, seed: int) -> Tally:
    return asyncio.run(rival_for(seconds, seed))


if __name__ == "__main__":
    main(__doc__ or "", run)
