"""What goes to one endpoint: a worker, connections and a limit of its own, so that it holds up no other."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import structlog

from checkout.database import (
    Database,
    DeliveryTry,
    DueDelivery,
    Transaction,
    claim_deliveries,
    defer_delivery,
    end_delivery,
)
from checkout.notifying.endpoints import Endpoint
from checkout.notifying.sending import WITHIN, Shown, send
from checkout.notifying.telling import tell_pause
from checkout.notifying.waiting import delay_after, is_delivered, read_retry_after
from checkout.transport import open_client

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

_AT_ONCE = 5  # Requests to one endpoint at the same time.
_LEASE = timedelta(seconds=45)  # Three times what a try may take.


class Clocks:
    """The clock of our records, which may follow the sandbox's, and the one that receivers compare with their own."""

    def __init__(self, records: Clock, wall: Clock) -> None:
        self.records = records
        self.wall = wall


class Lane:
    """Delivers to one endpoint until it is stopped."""

    def __init__(
        self,
        endpoint: Endpoint,
        database: Database,
        *,
        owner: str,
        clocks: Clocks,
        pause: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._database = database
        self._owner = owner
        self._clocks = clocks
        self._pause = pause
        # A connection each: a kept one that the receiver has just dropped would be a failure of nobody's.
        self._client = open_client("", timeout=WITHIN, limit=_AT_ONCE, keepalive=False, transport=transport)
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._worker = asyncio.create_task(self._work(), name=f"webhooks-{endpoint.id}")

    def wake(self) -> None:
        self._news.set()

    async def stop(self, within: float) -> None:
        """Take up nothing more, and wait so many seconds for the tries that are under way."""
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        tries = list(self._sending.values())
        if tries:
            _, late = await asyncio.wait(tries, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._client.aclose()

    async def _work(self) -> None:
        """Send what is due: at once what comes here, every few seconds what other instances took or what failed."""
        while True:
            self._news.clear()
            try:
                await self._take_some()
            except Exception as error:
                tell_pause(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._news.wait()

    async def _take_some(self) -> None:
        room = _AT_ONCE - len(self._sending)
        if room <= 0:
            return
        now, busy = self._clocks.records(), list(self._sending)

        async def work(tx: Transaction) -> list[DueDelivery]:
            return await claim_deliveries(tx, self._owner, self._endpoint.id, now, now + _LEASE, busy=busy, most=room)

        for due in await self._database.write(work):
            self._sending[due.id] = asyncio.create_task(self._deliver(due))

    async def _deliver(self, due: DueDelivery) -> None:
        """Raises nothing: what could not be noted is sent again, with the same id, when its lease has run out."""
        try:
            at = self._clocks.records()
            shown = await send(self._client, self._endpoint, due, self._clocks.wall())
            await self._note(due, DeliveryTry(at, shown.milliseconds, shown.status, shown.fault), shown)
        except Exception as error:
            tell_pause(error)
        finally:
            del self._sending[due.id]
            self.wake()  # There is room, and perhaps something waited for this.

    async def _note(self, due: DueDelivery, made: DeliveryTry, shown: Shown) -> None:
        now = self._clocks.records()
        if is_delivered(shown.status):
            await self._database.write(lambda tx: end_delivery(tx, due.id, made, now))
            log.info("webhook_sent", **self._facts(due, shown))
            return
        asked = read_retry_after(shown.retry_after, self._clocks.wall())
        delay = delay_after(due.tries + 1, shown.status, asked, random.random())  # noqa: S311  Only spreads the load.
        next_try_at = None if delay is None else now + delay
        await self._database.write(lambda tx: defer_delivery(tx, due, self._owner, made, now, next_try_at))
        if delay is None:
            log.error("webhook_given_up", **self._facts(due, shown))
        else:
            log.warning("webhook_failed", **self._facts(due, shown), again_in=round(delay.total_seconds()))

    def _facts(self, due: DueDelivery, shown: Shown) -> dict[str, object]:
        """What the log tells of a try; of the address only the host, since the rest of it may be a secret."""
        return {
            "host": self._endpoint.host,
            "topic": due.topic,
            "message": due.message_id,
            "tries": due.tries + 1,
            "status": shown.status,
            "fault": shown.fault,
            "milliseconds": shown.milliseconds,
        }
