"""The brand's available-to-sell feed in force: scanned each hour of the sandbox's clock, at the stores hours later."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.feed_reading import Fetched, fetch_feed
from checkout.sandbox.feed_sheet import FeedRow, Sheet, sheet_of
from checkout.sandbox.products import PRODUCTS
from checkout.sandbox.records import as_moment, as_text
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.timers import Timers

_EVERY = timedelta(hours=1)
_KNOWN = frozenset(product.upc for product in PRODUCTS)


@dataclass
class Scan:
    """The last scan: `fault` says why the feed counts as gone, "" where it is there."""

    at: str
    status: int | None
    fault: str
    read: int = 0
    faulty: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Version:
    """One content of the feed: what the brand had `as_of`, at the stores from `reaches_at` on."""

    as_of: str
    reaches_at: str
    sheet: Sheet


@dataclass
class Sale:
    """Units that went out after a version of the feed was read, and that it does not know of."""

    at: str
    upc: str
    quantity: int


class Feed:
    """Without a `url` there is no feed, and the warehouse's stock counts on terms that are everywhere the same."""

    def __init__(self, clock: SandboxClock, timers: Timers, shelf: Shelf, switches: SwitchBoard) -> None:
        self._clock = clock
        self._timers = timers
        self._shelf = shelf
        self._switches = switches
        self._round: asyncio.Task[None] | None = None
        self._turn = 0
        self._forget(None)
        kept = shelf.load("feed").get("state")
        if kept is not None:
            self._recall(kept)

    def _forget(self, url: str | None, *, later: bool = False) -> None:
        """Begin anew with an address; scans that are under way or due count no more."""
        self._turn += 1
        self.url = url
        self._later = later
        self._versions: list[Version] = []
        self._sales: list[Sale] = []
        self._scan: Scan | None = None
        self._digest = self._etag = ""

    def _recall(self, kept: dict[str, Any]) -> None:
        self.url, self._digest, self._etag = kept["url"], kept["digest"], kept["etag"]
        self._later = kept.get("later", False)
        self._versions = [Version(**{**one, "sheet": sheet_of(one["sheet"])}) for one in kept["versions"]]
        self._sales = [Sale(**sale) for sale in kept["sales"]]
        self._scan = None if kept["scan"] is None else Scan(**kept["scan"])
        if self.url is not None:
            self._expect_scan(as_moment(self._scan.at) + _EVERY if self._scan else self._first_scan())

    def _keep(self) -> None:
        versions = [{**vars(one), "sheet": one.sheet.as_document()} for one in self._versions]
        facts = {"url": self.url, "later": self._later, "versions": versions}
        facts |= {"digest": self._digest, "etag": self._etag}
        sales = [asdict(sale) for sale in self._sales]
        self._shelf.put("feed", "state", facts | {"sales": sales, "scan": self._scan and asdict(self._scan)})

    def reset(self) -> None:
        self._forget(None)
        self._shelf.clear("feed")

    def configure(self, url: str | None, *, later: bool = False) -> None:
        """Scan this address from now on. None: none, and ship-to-store is on again from the warehouse.

        `later`: there is nothing there yet. It is scanned in an hour, and the warehouse counts until it is found. Told
        again of the same address, nothing changes.
        """
        if later and url == self.url:
            return
        self._forget(url, later=later)
        self._keep()
        if url is None:
            return
        if later:
            self._expect_scan(self._first_scan())
        else:
            self.scan_now()

    def _first_scan(self) -> datetime:
        return self._clock.now() + (_EVERY if self._later else timedelta(0))

    def scan_now(self) -> None:
        """Scan between the hours, which begin anew with it."""
        self._turn += 1
        self._begin(self._clock.now())

    async def settle(self) -> None:
        """Wait for the scan that is under way."""
        if self._round is not None and not self._round.done():
            await asyncio.wait({self._round})

    def _expect_scan(self, moment: datetime) -> None:
        self._timers.at(moment, self._due(self._turn, moment))

    def _due(self, turn: int, moment: datetime) -> Callable[[], None]:
        def begin() -> None:
            if turn == self._turn:
                self._begin(moment)

        return begin

    def _begin(self, moment: datetime) -> None:
        """Scan as of a moment. After a leap of the clock it lies in the past: nothing changed in between.

        The next one is due an hour from now, not from then: the hours that were leapt over have no scans of their own.
        """
        self._expect_scan(self._clock.now() + _EVERY)
        self._round = asyncio.get_running_loop().create_task(self._look(self._turn, moment))

    async def _look(self, turn: int, moment: datetime) -> None:
        if self.url is None:
            return
        fetched = await asyncio.to_thread(fetch_feed, self.url, self._etag, _KNOWN)
        if turn == self._turn:
            self._note(fetched, as_text(moment))

    def _note(self, fetched: Fetched, at: str) -> None:
        sheet = fetched.sheet
        if sheet is not None:
            self._scan = Scan(at, fetched.status, fetched.fault, sheet.read, sheet.faulty, sheet.faults)
        else:
            self._scan = Scan(at, fetched.status, fetched.fault)
        if not fetched.fault and sheet is not None:
            if fetched.digest != self._digest:
                self._add(sheet, at)
            self._digest, self._etag = fetched.digest, fetched.etag
        self._keep()

    def _add(self, sheet: Sheet, at: str) -> None:
        """The first version is at the stores at once, every later one after the switch's hours."""
        delay = timedelta(hours=self._switches.now.feed_reach_hours if self._versions else 0)
        self._versions.append(Version(at, as_text(as_moment(at) + delay), sheet))

    def _version(self) -> Version | None:
        """The version that has reached the stores; those before it are dropped, with the sales that it knows of."""
        now = as_text(self._clock.now())
        reached = [version for version in self._versions if version.reaches_at <= now]
        if len(reached) > 1:
            self._versions = self._versions[len(reached) - 1 :]
            self._sales = [sale for sale in self._sales if sale.at > reached[-1].as_of]
            self._keep()
        return reached[-1] if reached else None

    @property
    def _is_none_yet(self) -> bool:
        """Whether the warehouse counts: there is no feed, or one that comes later was never found."""
        return self.url is None or (self._later and not self._versions)

    @property
    def is_on(self) -> bool:
        """Whether ship-to-store is: always without a feed, else while the last scan found it."""
        return self._is_none_yet or (self._scan is not None and not self._scan.fault and self._version() is not None)

    def row(self, upc: str, country: str) -> FeedRow | None:
        """The terms of a UPC in a country; None where the feed has it not, or where there is no feed."""
        version = self._version()
        return version.sheet.row(upc, country) if version else None

    def on_hand(self, upc: str, country: str) -> int | None:
        """How many the brand can ship there, None without a feed."""
        if self._is_none_yet:
            return None
        row = self.row(upc, country)
        if row is None or not self.is_on:
            return 0
        return max(row.quantity - sum(sale.quantity for sale in self._sales if sale.upc == upc), 0)

    def note_sale(self, upc: str, quantity: int) -> None:
        if self.url is not None:
            self._sales.append(Sale(as_text(self._clock.now()), upc, quantity))
            self._keep()

    def document(self) -> dict[str, Any]:
        """What `GET /_sandbox/feed` tells. Amounts are integer minor units."""
        version = self._version()
        coming = [one.reaches_at for one in self._versions if one is not version]
        return {
            "url": self.url,
            "on": self.is_on,
            "scan": self._scan and asdict(self._scan),
            "as_of": version and version.as_of,
            "next_at_stores": coming[0] if coming else None,
            "rows": [self._offer(row) for row in version.sheet.rows.values()] if version else [],
        }

    def _offer(self, row: FeedRow) -> dict[str, Any]:
        return {**row.as_document(), "left": self.on_hand(row.upc, row.country)}
