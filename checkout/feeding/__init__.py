"""The feed of what the brand's warehouse can ship to stores: taken from the brand, handed to Locally.

An import is loaded piece by piece, so that nobody waits behind it, and seen by nobody until one small transaction puts
it in the place of the one before. A crash in between leaves that one where it is; what was loaded is deleted later.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from checkout.database import (
    Database,
    FeedImport,
    Sold,
    Transaction,
    delete_import,
    feed_in_service,
    find_mark,
    left_over_imports,
    set_mark,
    sold_since,
    void_imports,
)
from checkout.errors import CheckoutError
from checkout.feeding.copies import Copy
from checkout.feeding.taking import MARK, Imported, take_feed
from checkout.feeds import PANEL_DEFAULT, Form, write_percent
from checkout.settings import Settings

__all__ = ["Copy", "Feeding", "Fetch", "Imported", "Standing"]

log = structlog.get_logger(__name__)

_FETCH_MARK = "feed_fetch"
_LOOK_SECONDS = 60.0
_WARN_SECONDS = 3600.0
_READ_PAUSE = 60.0  # Between two pages of a copy at most; one that is read more slowly breaks off.
_AT_ONCE = 2000  # Rows deleted in one transaction.
# Another instance may still be handing out the import before, or loading one of its own.
_READ_WITHIN = timedelta(minutes=10)
_LOAD_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fetch:
    """Who read the feed last (as it names itself), when, and whether it was told that nothing had changed."""

    at: datetime
    by: str
    status: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How the served feed stands. `quantity` is the sum of all pieces as they were imported; ages are spans."""

    as_of: datetime
    rows: int
    quantity: int
    form: Form
    age: timedelta
    stale_after: timedelta
    last_fetch: Fetch | None

    @property
    def is_stale(self) -> bool:
        return self.age > self.stale_after


class Feeding:
    """Keeps the feed of one brand; one instance per process, several on one database."""

    def __init__(self, database: Database, settings: Settings, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._brand = settings.brand
        self._stale_after = timedelta(hours=settings.feed_stale_after)
        self._default_percent = _percent_of(settings.sts_default_percent)
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._news = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._read_at: dict[int, float] = {}
        self._next_warning = 0.0

    async def start(self) -> None:
        if self._database.is_exclusive:
            await self._database.write(lambda tx: void_imports(tx, self._brand))
        self._worker = asyncio.create_task(self._work(), name="feed-keeper")

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def take(self, body: AsyncIterator[bytes], *, forced: bool) -> Imported:
        """Serve the feed that these bytes are. Raises FeedUnsound or FeedShrank, and then nothing has changed.

        The same bytes again only say that they still hold. `forced`: also where the feed shrank.
        """
        began = self._clock()
        taken = await take_feed(self._database, self._brand, body, began, self._one_at_a_time, forced=forced)
        self._news.set()
        return taken

    async def standing(self) -> Standing | None:
        """None where no feed was imported."""

        async def work(tx: Transaction) -> tuple[FeedImport | None, str | None, str | None]:
            found = await feed_in_service(tx, self._brand)
            return found, await find_mark(tx, f"{MARK}:{self._brand}"), await find_mark(tx, self._fetch_mark)

        found, mark, fetch = await self._database.read(work)
        if found is None:
            return None
        return Standing(
            as_of=found.created_at,
            rows=found.rows,
            quantity=json.loads(mark)["quantity"] if mark else 0,
            form=found.form,
            age=max(self._clock() - found.created_at, timedelta(0)),
            stale_after=self._stale_after,
            last_fetch=_read_fetch(fetch) if fetch else None,
        )

    async def copy(self) -> Copy | None:
        """The feed as it can be handed out now; None where there is none. It stays whole while it is being read."""

        async def work(tx: Transaction) -> tuple[FeedImport, Sold] | None:
            found = await feed_in_service(tx, self._brand)
            return None if found is None else (found, await sold_since(tx, self._brand, found.created_at))

        found = await self._database.read(work)
        if found is None:
            return None
        feed, sold = found

        def touch() -> None:
            self._read_at[feed.id] = asyncio.get_running_loop().time()

        touch()
        return Copy(self._database, feed, sold, self._default_percent, touch)

    async def note_fetch(self, by: str, status: int) -> None:
        """Remember who read the feed; that it cannot be written down is no reason to fail."""
        now = self._clock()
        value = json.dumps({"at": now.isoformat(), "by": by, "status": status})
        with suppress(CheckoutError):
            await self._database.write(lambda tx: set_mark(tx, self._fetch_mark, value, now))

    @property
    def _fetch_mark(self) -> str:
        return f"{_FETCH_MARK}:{self._brand}"

    async def _work(self) -> None:
        """Delete what was replaced, and warn of a feed that nobody renews."""
        while True:
            self._news.clear()
            try:
                await self._clean()
                await self._warn()
            except Exception as error:
                _tell_pause(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()

    async def _clean(self) -> None:
        now = self._clock()
        mark = await self._database.read(lambda tx: find_mark(tx, f"{MARK}:{self._brand}"))
        if mark and not self._database.is_exclusive:
            served = datetime.fromisoformat(json.loads(mark)["served_at"])
            if timedelta(0) <= now - served < _READ_WITHIN:
                return
        for import_id in await self._database.read(lambda tx: left_over_imports(tx, self._brand, now - _LOAD_WITHIN)):
            while not self._is_read(import_id) and not await self._delete_some(import_id):
                pass

    def _is_read(self, import_id: int) -> bool:
        """Whether somebody is being handed this import, page by page."""
        last = self._read_at.get(import_id)
        return last is not None and asyncio.get_running_loop().time() - last < _READ_PAUSE

    async def _delete_some(self, import_id: int) -> bool:
        return await self._database.write(lambda tx: delete_import(tx, import_id, _AT_ONCE))

    async def _warn(self) -> None:
        """Once an hour, by the loop's clock, which is never set."""
        now = asyncio.get_running_loop().time()
        if now < self._next_warning:
            return
        standing = await self.standing()
        if standing is not None and standing.is_stale and now >= self._next_warning:
            self._next_warning = now + _WARN_SECONDS
            log.warning("feed_stale", hours=round(standing.age.total_seconds() / 3600, 1))


def _percent_of(setting: Decimal | None) -> str:
    return PANEL_DEFAULT if setting is None else write_percent(int(setting * 100))


def _read_fetch(mark: str) -> Fetch:
    told = json.loads(mark)
    return Fetch(datetime.fromisoformat(told["at"]), told["by"], told["status"])


def _tell_pause(error: Exception) -> None:
    """Log a failure that passes by itself; anything but an error of ours is a bug, told with its traceback."""
    if isinstance(error, CheckoutError):
        log.warning("feed_paused", code=error.code)
    else:
        log.error("feed_paused", error=type(error).__name__, exc_info=error)
