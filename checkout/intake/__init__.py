"""PushCart's way in: Locally's carts become the retailer's orders, whoever placed them, each cart exactly once.

A webhook brings its cart at once. The pages of the list bring what no webhook told: all of them in the first run, which
goes on where it was left, and later from the newest cart down to where everything is known. Which carts are orders
already is what the orders themselves tell: one cart has one order, and the database sees to that.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import structlog

from checkout.database import (
    Database,
    OrderTokens,
    Transaction,
    add_to_timeline,
    insert_order,
    order_of_cart,
    orders_of_carts,
    plan_look,
    put_event,
)
from checkout.errors import CheckoutError, LostRace
from checkout.intake.orders import order_of_cart as order_from
from checkout.intake.progress import MOST_LEFT, Progress, change_progress, read_progress
from checkout.keyring import Keyring, token_hash
from checkout.locally_client import CartDetail, CartList, ListedCart, LocallyClient
from checkout.orders import Order, next_look
from checkout.settings import Settings

__all__ = ["Intake", "Progress"]

log = structlog.get_logger(__name__)

INTAKE, WEBHOOK = "intake", "webhook"
_AT_ONCE = 5  # Carts read at the same time.
# What had ended when it was taken in is looked at as seldom as what ended here long ago: there may be thousands of it.
_QUIET = 20


class Intake:
    """Takes carts in; one instance per process, several on one database."""

    def __init__(
        self,
        database: Database,
        locally: LocallyClient,
        keyring: Keyring,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._locally = locally
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="intake")

    async def stop(self) -> None:
        """Let go at once: the mark tells where to go on, and what was read in vain is read again."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def begin(self) -> Progress:
        """Read the pages now rather than at the next turn; gives how far that is."""
        progress = await self._write(lambda was: was.begun(self._clock()))
        self._wake.set()
        return progress

    async def progress(self) -> Progress:
        return await self._database.read(lambda tx: read_progress(tx, self._settings.brand))

    async def take_in(self, cart_hash: str, source: str = WEBHOOK) -> bool:
        """Make a cart an order, if it is one: False where there is no such cart, or nobody has ordered it yet.

        Raises UpstreamError, RefusedUpstream or DatabaseUnavailable.
        """
        cart = await self._locally.read_cart(cart_hash)
        if cart is None or not cart.is_ordered:
            return False
        await self._keep_order(cart, source)
        return True

    async def _keep_order(self, cart: CartDetail, source: str) -> bool:
        """Whether it was new; whoever read the same cart at the same moment wrote the same."""
        order = order_from(
            cart,
            self._settings.brand,
            self._clock(),
            answer_window=self._settings.answer_window,
            currencies=self._settings.currencies,
        )
        try:
            return await self._database.write(partial(self._insert, order=order, cart=cart, source=source))
        except LostRace:
            return False

    async def _insert(self, tx: Transaction, *, order: Order, cart: CartDetail, source: str) -> bool:
        if await order_of_cart(tx, order.cart_hash) is not None:
            return False
        now = self._clock()
        warning = timedelta(seconds=self._settings.answer_warning)
        warn_at = order.answer_by - warning if order.answer_by is not None else None
        await insert_order(tx, order, None, self._tokens(order), now=now, warn_at=warn_at)
        quiet_looks = _QUIET if order.is_over else 0
        await plan_look(tx, order.id, self._next_look(order, cart, now, quiet_looks), quiet_looks=quiet_looks)
        facts = {"cart_hash": order.cart_hash, "placed_at": order.placed_at.isoformat(), "source": source}
        await add_to_timeline(tx, order.story_id, now, "order.taken_in", **facts)
        await put_event(tx, order.brand, "order.updated", order.id, now)
        return True

    def _next_look(self, order: Order, cart: CartDetail, now: datetime, quiet_looks: int) -> datetime | None:
        """None for an order that ended so long ago that nothing can become of it any more."""
        changed_at = min(cart.updated_at or order.placed_at, now)
        every = self._settings.sweep_interval
        return next_look(is_over=order.is_over, changed_at=changed_at, now=now, quiet_looks=quiet_looks, every=every)

    def _tokens(self, order: Order) -> OrderTokens:
        """Nobody is given these; whoever needs one derives it from the key."""
        token, link = (token_hash(self._keyring.token(kind, order.id)) for kind in ("ot", "ol"))
        return OrderTokens(token=token, link=link)

    async def _keep(self) -> None:
        """Look at the clock every few seconds of real time, whatever it shows."""
        while True:
            self._wake.clear()
            try:
                if self._is_due(await self.progress()):
                    await self.run()
            except CheckoutError as error:
                await self._pause(error.code)
            except Exception as error:  # A bug must not leave every later cart out until a restart.
                log.exception("intake_failed", error=type(error).__name__)
                await self._pause(CheckoutError.code)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.recovery_interval):
                    await self._wake.wait()

    async def _pause(self, code: str) -> None:
        log.warning("intake_paused", code=code)
        with suppress(CheckoutError):
            await self._write(lambda was: was.changed(fault=code))

    def _is_due(self, progress: Progress) -> bool:
        """Whether a run is under way, or the last one ended long enough ago; a clock may have been set back."""
        if progress.is_running or progress.finished_at is None:
            return True
        every = timedelta(seconds=self._settings.sweep_interval)
        return not progress.finished_at <= self._clock() < progress.finished_at + every

    async def run(self) -> None:
        """Read the pages from where the mark stands down to known ground, or to the end.

        Pages move on while new carts come in front: what is read twice is known the second time. Raises what reading
        raises; the next run goes on there.
        """
        progress = await self._write(lambda was: was.begun(self._clock()))
        await self._try_left(progress)
        is_over = False
        while progress.is_running and not is_over:
            run, listed = progress, await self._locally.list_carts(progress.page)
            is_known, taken_in, left = await self._take_in_page(listed.carts)
            is_over = run.page + 1 >= listed.total_pages or (is_known and _is_older(listed, run.known_until))
            note = partial(_after_page, run=run, listed=listed, taken_in=taken_in, left=left)
            progress = await self._write(note)
            if not progress.is_same_run(run):  # Another instance was quicker.
                return
        await self._write(lambda was: was.ended(self._clock()) if was.is_same_run(progress) else was)

    async def _take_in_page(self, carts: tuple[ListedCart, ...]) -> tuple[bool, int, list[str]]:
        """Whether all that was ordered is known, how many were taken in, and the hashes of those that cannot be read.

        Raises UpstreamUnavailable and the like where nothing of it can be read.
        """
        ordered = {cart.hash: cart for cart in carts if cart.is_ordered is not False}
        known = await self._known(list(ordered))
        strange = [cart_hash for cart_hash in ordered if cart_hash not in known]
        taken_in, left = await self._take_in_all(strange)
        return not strange, taken_in, left

    async def _known(self, hashes: list[str]) -> dict[str, Order]:
        return await self._database.read(lambda tx: orders_of_carts(tx, self._settings.brand, hashes))

    async def _try_left(self, progress: Progress) -> None:
        """Once more what could not be read before."""
        if not progress.left:
            return
        known = await self._known(list(progress.left))
        taken_in, left = await self._take_in_all(each for each in progress.left if each not in known)
        done = {*progress.left} - {*left}

        def change(was: Progress) -> Progress:
            still = tuple(each for each in was.left if each not in done)
            return was.changed(left=still, taken_in=was.taken_in + taken_in)

        await self._write(change)

    async def _take_in_all(self, hashes: Iterable[str]) -> tuple[int, list[str]]:
        """How many became orders, and which could not be read; raises where none of several could."""
        taken_in, left, rest = 0, list[str](), iter(hashes)
        while some := list(islice(rest, _AT_ONCE)):
            done = await asyncio.gather(*(self.take_in(each, INTAKE) for each in some), return_exceptions=True)
            faults = {each: fault for each, fault in zip(some, done, strict=True) if isinstance(fault, BaseException)}
            if len(faults) == len(some) > 1:
                raise next(iter(faults.values()))
            for cart_hash, fault in faults.items():
                _tell(cart_hash, fault)
            left += faults
            taken_in += done.count(True)
        return taken_in, left

    async def _write(self, change: Callable[[Progress], Progress]) -> Progress:
        async def work(tx: Transaction) -> Progress:
            return await change_progress(tx, self._settings.brand, change, self._clock())

        with suppress(LostRace):  # Another instance wrote the first one at the same moment.
            return await self._database.write(work)
        return await self._database.write(work)


def _tell(cart_hash: str, fault: BaseException) -> None:
    """One cart that cannot be read must not keep the others out."""
    if isinstance(fault, CheckoutError):
        log.warning("cart_not_taken_in", cart_hash=cart_hash, code=fault.code)
    else:
        log.error("cart_not_taken_in", cart_hash=cart_hash, error=type(fault).__name__, exc_info=fault)


def _after_page(was: Progress, *, run: Progress, listed: CartList, taken_in: int, left: list[str]) -> Progress:
    """The mark after a page: all pages before it were done when this one was begun, whoever did them."""
    if not was.is_same_run(run):
        return was
    times = [cart.ordered_at for cart in listed.carts if cart.ordered_at is not None]
    newest = max([*times, *([was.newest] if was.newest else [])], default=None)
    unread = tuple(dict.fromkeys([*was.left, *left]))[:MOST_LEFT]
    return was.changed(
        page=max(was.page, run.page + 1),
        pages=max(listed.total_pages, run.page + 1),
        taken_in=was.taken_in + taken_in,
        newest=newest,
        left=unread,
        fault=None,
    )


def _is_older(listed: CartList, known_until: datetime | None) -> bool:
    """Whether the last complete run has seen everything that was ordered before the carts of this page."""
    if known_until is None:
        return False
    return all(cart.ordered_at is not None and cart.ordered_at <= known_until for cart in listed.carts)
