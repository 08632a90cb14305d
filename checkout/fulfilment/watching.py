"""Looks after actions in doubt: reads their carts back, and takes up what a process that is gone was sending."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain, repeat

import structlog

from checkout.database import Database, ItemActionRow
from checkout.errors import CheckoutError
from checkout.fulfilment.journal import DONE, NOT_DONE, UNKNOWN, Journal
from checkout.orders import Order
from checkout.settings import Settings

log = structlog.get_logger(__name__)

_HEALTHY_READS = 3
_CALLS = 3  # So many write timeouts after it began, no call is on its way any more: it is sent twice at most.
_RECOVERY = "recovery"


class Watcher:
    """Finds out what became of actions; `sending` are the numbers of the rows that this process is sending."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        settings: Settings,
        *,
        sending: set[int],
        refresh: Callable[[Order], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._is_exclusive = database.is_exclusive
        self._journal = journal
        self._settings = settings
        self._sending = sending
        self._refresh = refresh
        self._clock = clock
        # By the number of the row.
        self._watching: dict[int, asyncio.Task[None]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def start(self) -> None:
        """Take up what an earlier process left, and keep doing so."""
        if self._is_exclusive:  # Nobody else works on these records: whoever was sending is gone.
            with suppress(CheckoutError):
                await self._recover(timedelta(0))
        self._keeper = asyncio.create_task(self._keep(), name="item-actions-keeper")

    async def stop(self) -> None:
        """What is read back goes on in the next process."""
        self._is_stopping = True
        idle = [task for task in (self._keeper, *self._watching.values()) if task is not None]
        for task in idle:
            task.cancel()
        await asyncio.gather(*idle, return_exceptions=True)

    def watch(self, row: ItemActionRow, source: str) -> None:
        """Begin to read back; `source` is who asked for the action."""
        if self._is_stopping or row.id in self._watching:
            return
        task = asyncio.create_task(self._read_back(row, source), name=f"item-action-watch-{row.id}")
        self._watching[row.id] = task
        task.add_done_callback(lambda _: self._watching.pop(row.id, None))

    async def wait(self, row: ItemActionRow, seconds: float) -> None:
        """Wait for the outcome of what is read back, so long at most."""
        if row.id in self._watching:
            await asyncio.wait({self._watching[row.id]}, timeout=seconds)

    async def _keep(self) -> None:
        """Take up rows that nobody works on, now and every few seconds of real time."""
        grace = timedelta(seconds=_CALLS * self._settings.write_timeout)
        while True:
            try:
                await self._recover(grace)
            except CheckoutError as error:
                log.warning("item_actions_paused", code=error.code)
            except Exception as error:  # A bug must not leave what is in doubt lying until a restart.
                log.exception("item_actions_failed", error=type(error).__name__)
            await asyncio.sleep(self._settings.recovery_interval)

    async def _recover(self, grace: timedelta) -> None:
        """Read back what is in doubt, and what began longer ago than `grace`, or after a clock that was set back."""
        for row in await self._journal.under_way():
            is_young = timedelta(0) <= self._clock() - row.created_at < grace
            is_left = row.state == UNKNOWN or not is_young
            if is_left and row.id not in self._sending and row.id not in self._watching:
                await self._journal.doubt(await self._journal.order(row.order_id), row, _RECOVERY)
                self.watch(row, _RECOVERY)

    async def _read_back(self, row: ItemActionRow, source: str) -> None:
        """Read the cart until it shows the action, or has for long shown that there is none."""
        first, healthy = 0.0, 0
        for delay in chain(self._settings.readback_delays, repeat(self._settings.readback_interval)):
            await asyncio.sleep(delay)
            with suppress(CheckoutError):
                await self._refresh(await self._journal.order(row.order_id))
                order = await self._journal.order(row.order_id)
                if self._journal.shows(order, row):
                    await self._journal.end(order, row, DONE, source)
                    return
                first, healthy = first or time.monotonic(), healthy + 1
                if healthy >= _HEALTHY_READS and time.monotonic() - first >= self._settings.not_placed_after:
                    await self._journal.end(order, row, NOT_DONE, source)
                    return
