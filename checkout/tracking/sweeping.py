"""The sweep: looks at orders by itself, so that whatever was not announced is known all the same.

Every few minutes it reads the list of carts, newest first, as far back as the orders reach that are due, and reads in
detail those that the list shows in another state than the last time. What the list does not reach is read singly, less
and less often. Instances share the work: each takes the orders that it looks at.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import structlog

from checkout.database import (
    Database,
    DueAt,
    DueOrder,
    Transaction,
    add_to_timeline,
    carts_in_doubt,
    claim_looks,
    drop_warning,
    due_warnings,
    is_following,
    is_look_due,
    order_to_change,
    orders_of_carts,
    plan_look,
    put_event,
)
from checkout.errors import CheckoutError
from checkout.locally_client import CartList, ListedCart, LocallyClient
from checkout.orders import FARTHEST_LOOK, Order, next_look
from checkout.settings import Settings
from checkout.tracking import SWEEP, Tracking

log = structlog.get_logger(__name__)

_AT_ONCE = 5  # Carts read at the same time.
_MOST_DUE = 1000
_MOST_PAGES = 20
_FEW = 5  # So many carts are read singly rather than looked for on a further page.
_MOST_MARKS = 20_000
_LEASE = timedelta(minutes=2)


class Sweeper:
    """Looks after the orders of a brand; one instance per process.

    `look` lets an attempt with this cart hash look for its order; `watch_clock` brings a clock up to date that follows
    another one.
    """

    def __init__(
        self,
        database: Database,
        locally: LocallyClient,
        tracking: Tracking,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        look: Callable[[str], Awaitable[bool]],
        watch_clock: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._locally = locally
        self._tracking = tracking
        self._settings = settings
        self._clock = clock
        self._look = look
        self._watch_clock = watch_clock
        self._every = timedelta(seconds=settings.sweep_interval)
        self._next_list: datetime | None = None
        # What the list showed of a cart when it was last read in detail.
        self._marks: dict[str, tuple[object, ...]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._next_list = self._clock() + self._every
        self._task = asyncio.create_task(self._keep(), name="order-sweeper")

    async def stop(self) -> None:
        """Let go at once: what is being read is due again, here or in another instance."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        """Look at the clock every few seconds of real time, whatever it shows."""
        while True:
            await asyncio.sleep(self._settings.recovery_interval)
            try:
                if self._watch_clock is not None:
                    await self._watch_clock()
                await self.sweep()
            except CheckoutError as error:
                log.warning("sweep_paused", code=error.code)
            except Exception as error:  # A bug must not leave every later order unread until a restart.
                log.exception("sweep_failed", error=type(error).__name__)

    async def sweep(self) -> None:
        """Look at what is due by now."""
        now = self._clock()
        due = DueAt(self._settings.brand, now, now + FARTHEST_LOOK + self._every)
        if self._is_list_due(now) or await self._database.read(lambda tx: is_look_due(tx, due)):
            self._next_list = now + self._every
            await self._look_at(due)
        await self._warn(now)

    def _is_list_due(self, now: datetime) -> bool:
        """Whether the newest carts are to be listed although no order is due; a clock may have been set back."""
        return self._next_list is None or not now < self._next_list <= now + self._every

    async def _look_at(self, due: DueAt) -> None:
        until = due.now + min(_LEASE, self._every)
        claimed = await self._database.write(lambda tx: claim_looks(tx, due, until, _MOST_DUE))
        if not claimed and not await self._database.read(lambda tx: is_following(tx, due.brand)):
            return
        missing = {each.order.cart_hash: each for each in claimed}
        for page in range(_MOST_PAGES):
            listed = await self._list(page)
            if listed is None:
                break
            await self._compare(listed.carts, missing)
            if page + 1 >= listed.total_pages or len(missing) <= _FEW:
                break
        await self._read_all((each.order, None, each) for each in missing.values())

    async def _list(self, page: int) -> CartList | None:
        """One page of the list; None where it cannot be had: what it would have shown is read singly."""
        try:
            return await self._locally.list_carts(page)
        except CheckoutError as error:
            log.warning("carts_not_listed", page=page, code=error.code)
            return None

    async def _compare(self, carts: Iterable[ListedCart], missing: dict[str, DueOrder]) -> None:
        """Read what the list shows in a new state; what is on it is missing no more.

        Carts that are no orders of ours are other people's, or were made for quotes.
        """
        listed = {cart.hash: cart for cart in carts}
        brand, hashes = self._settings.brand, list(listed)
        known = await self._database.read(lambda tx: orders_of_carts(tx, brand, hashes))
        claimed = {cart_hash: missing.pop(cart_hash) for cart_hash in hashes if cart_hash in missing}
        changed = [cart_hash for cart_hash in known if self._marks.get(cart_hash) != listed[cart_hash].mark]
        await self._plan_quiet([claimed[each] for each in claimed if each not in changed])
        await self._read_all((known[each], listed[each], claimed.get(each)) for each in changed)
        strange = [cart_hash for cart_hash in hashes if cart_hash not in known]
        for cart_hash in await self._database.read(lambda tx: carts_in_doubt(tx, brand, strange)):
            await self._look(cart_hash)

    async def _read_all(self, orders: Iterator[tuple[Order, ListedCart | None, DueOrder | None]]) -> None:
        """Read carts in detail; as soon as none of several can be read, the others wait for the next time."""
        while some := list(islice(orders, _AT_ONCE)):
            if not any(await asyncio.gather(*(self._read(*each) for each in some))):
                return

    async def _read(self, order: Order, listed: ListedCart | None, due: DueOrder | None) -> bool:
        """Whether the cart could be read. Raises DatabaseUnavailable where the next look cannot be planned."""
        try:
            reading = await self._tracking.read(order, SWEEP)
        except CheckoutError as error:
            log.warning("order_not_swept", order=order.id, code=error.code)
            return False
        except Exception as error:  # A bug that one order meets must not keep the others from being read.
            log.exception("order_not_swept", order=order.id, error=type(error).__name__)
            return False
        if listed is not None and (reading.cart is None or reading.cart.is_settled):
            self._remember(listed)
        if due is not None and not reading.has_changed:
            await self._plan_quiet([due])
        return True

    def _remember(self, listed: ListedCart) -> None:
        self._marks.pop(listed.hash, None)
        self._marks[listed.hash] = listed.mark
        if len(self._marks) > _MOST_MARKS:
            del self._marks[next(iter(self._marks))]

    async def _plan_quiet(self, quiet: list[DueOrder]) -> None:
        """Plan the next look at orders that showed nothing new."""

        async def work(tx: Transaction) -> None:
            for each in quiet:
                await plan_look(tx, each.order.id, self._after(each), quiet_looks=each.quiet_looks + 1)

        if quiet:
            await self._database.write(work)

    def _after(self, due: DueOrder) -> datetime | None:
        return next_look(
            is_over=due.order.is_over,
            changed_at=due.changed_at,
            now=self._clock(),
            quiet_looks=due.quiet_looks + 1,
            every=self._settings.sweep_interval,
        )

    async def _warn(self, now: datetime) -> None:
        """Tell the brand of the orders that a store has not answered yet, shortly before its time runs out."""
        for order in await self._database.read(lambda tx: due_warnings(tx, self._settings.brand, now)):
            with suppress(CheckoutError):  # It may have been answered unheard; if nobody can say, the warning is due.
                await self._tracking.read(order, SWEEP)
            await self._database.write(partial(self._warn_of, order_id=order.id))

    async def _warn_of(self, tx: Transaction, *, order_id: str) -> None:
        order = await order_to_change(tx, order_id)
        if order is None or not await drop_warning(tx, order_id) or order.answer_by is None:
            return
        now = self._clock()
        answer_by = order.answer_by.isoformat()
        await add_to_timeline(tx, order.story_id, now, "order.answer_due", answer_by=answer_by, source=SWEEP)
        await put_event(tx, order.brand, "order.answer_due", order.id, now)
