"""Lost links: whoever knows the e-mail address of an order has new links mailed to it."""

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from checkout.database import (
    Database,
    Transaction,
    insert_link,
    last_link_generation,
    orders_of_email,
    put_mail,
)
from checkout.errors import CheckoutError
from checkout.keyring import Keyring, token_hash
from checkout.mailing.choosing import MailKind
from checkout.orders import Order
from checkout.settings import Settings

log = structlog.get_logger(__name__)

MOST_ORDERS = 10  # That one mail lists.
MOST_LINKS = 10  # To one order; then the newest is mailed again.
_PER_EMAIL = 5
_PER_CALLER = 30  # A household, or an office, shares an address.
_SPAN = timedelta(hours=1)
_MOST_REMEMBERED = 10_000


class Tally:
    """Counts what somebody did lately, in memory: another process counts for itself."""

    def __init__(self, most: int, clock: Callable[[], datetime]) -> None:
        self._most = most
        self._clock = clock
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, who: str) -> bool:
        """Count one more, and say whether it is among the first of this hour."""
        now = self._clock()
        times = self._seen.setdefault(who, deque(maxlen=self._most))
        self._seen.move_to_end(who)
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        while times and not timedelta(0) <= now - times[0] < _SPAN:
            times.popleft()
        if len(times) == self._most:
            return False
        times.append(now)
        return True


class Lookup:
    """Takes the wish for new links. Nothing of what it does shows whether the address is known."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        on_mail: Callable[[], None],
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._on_mail = on_mail
        self._emails = Tally(_PER_EMAIL, clock)
        self._callers = Tally(_PER_CALLER, clock)
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, email: str, caller: str) -> None:
        """Have links to the orders of an address mailed to it; beyond a few an hour nothing is done.

        The work begins when this has returned, so that an answer takes the same time for a hit and a miss.
        """
        email_hash = self._keyring.email_hash(email)
        if not (self._callers.allows(caller) and self._emails.allows(email_hash)):
            return
        task = asyncio.create_task(self._look(email_hash))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Wait for what was asked."""
        await asyncio.gather(*self._tasks)

    async def _look(self, email_hash: str) -> None:
        try:
            found = await self._database.write(lambda tx: self._write(tx, email_hash))
        except CheckoutError as error:
            log.warning("lookup_failed", code=error.code)
            return
        if found:
            self._on_mail()

    async def _write(self, tx: Transaction, email_hash: str) -> bool:
        """New links to the orders, and the mail that brings them; whether there are any."""
        now = self._clock()
        found = await recent_orders(tx, self._settings, email_hash, now)
        for order in found:
            await self._add_link(tx, order, now)
        if found:
            await put_mail(tx, found[0].id, MailKind.LINKS, secrets.token_hex(16), now)
        return bool(found)

    async def _add_link(self, tx: Transaction, order: Order, now: datetime) -> None:
        generation = await last_link_generation(tx, order.id) + 1
        if generation <= MOST_LINKS:
            hashed = token_hash(self._keyring.token("ol", order.id, generation))
            await insert_link(tx, order.id, generation, hashed, now)


async def recent_orders(tx: Transaction, settings: Settings, email_hash: str, now: datetime) -> list[Order]:
    """The orders of an address whose links still open something, newest first."""
    since = now - timedelta(seconds=settings.link_life)
    return await orders_of_email(tx, settings.brand, email_hash, since, MOST_ORDERS)
