"""What a single shopper at a single process does not meet: a rival process, and somebody who announces an order.

Two processes on one database: the second begins in the middle of the first one's work, and takes it for abandoned.

It is the worst that a lease can do: the first one lives, and both drive the same attempt. A scenario's one end is here
the boundary of the first process at which the second begins.
"""

import asyncio
import random
from dataclasses import dataclass

from checkout.database.tables import attempts
from tests.proof.crashes import Life, Plan
from tests.proof.enumeration import Run
from tests.proof.judging import judge_end, judge_told
from tests.proof.world import Process

_KEYS = ("k1" * 10, "k2" * 10)


@dataclass
class Race(Run):
    """One scenario with a rival: she places in two tabs, at two processes that do not know of each other."""

    async def go(self) -> None:
        random.seed(str(self.scenario))
        self.world.resume(self._prepared.moment)
        self._fail()
        await asyncio.gather(*await self._both())
        await self._settle()
        await self._heal()
        for key in _KEYS:
            await self._request(key)
        await self._settle()
        self.final = (await self._status()).status
        self.violations += judge_end(self.world.database, self.world.books, self.world.wire.commits, self.final)
        self._first.life.end()
        await self.world.wire.end_life(everything=True)

    async def _both(self) -> list[asyncio.Task[None]]:
        """Her two requests, once both processes run."""
        reaching = asyncio.Event()
        begins_at = self.scenario.ends[0]
        self._first = self.world.process(Life(Plan(), lambda here: reaching.set() if here == begins_at else None))
        await self._first.placing.start()
        asked = asyncio.create_task(self._ask_at(self._first, _KEYS[0]))
        reached = asyncio.create_task(reaching.wait())
        await asyncio.wait({asked, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        self._process = self.world.process(Life())
        await self._process.placing.start()
        return [asked, asyncio.create_task(self._ask_at(self._process, _KEYS[1]))]

    async def _ask_at(self, process: Process, key: str) -> None:
        existed = bool(self.world.books.orders)
        told = await self._ask(process, key)
        self.violations += judge_told(told, self._told, existed=existed)
        self._told.append(told)


@dataclass
class Announced(Run):
    """One scenario in which somebody announces an order for her cart while its outcome is not known."""

    async def _place_again(self) -> None:
        cart_hash = self.world.database.rows(attempts)[0]["cart_hash"]
        await self._during(lambda process: process.placing.look_now(cart_hash))
        await super()._place_again()
