"""The feed as it is handed to Locally: less what was sold, in pages."""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from checkout.database import Database, FeedImport, Sold, Transaction, read_feed_page
from checkout.feeds import write_head, write_rows

_PAGE = 2000

Place = tuple[str, str]


class Copy:
    """The feed of one moment. `etag` is weak: it may be packed on its way. `touch` is called for each page."""

    def __init__(
        self, database: Database, feed: FeedImport, sold: Sold, default_percent: str, touch: Callable[[], None]
    ) -> None:
        self._database = database
        self._feed = feed
        self._default_percent = default_percent
        self._touch = touch
        self.sold = sold
        self.etag = f'W/"{_digest(feed, sold, default_percent)}"'

    @property
    def changed_at(self) -> datetime:
        return max(self._feed.created_at, self.sold.changed_at or self._feed.created_at)

    async def text(self) -> AsyncIterator[bytes]:
        """The CSV, page by page. Raises LostRace where it is read so slowly that the feed was deleted meanwhile."""
        yield write_head(self._feed.form).encode()
        after: Place | None = ("", "")
        while after is not None:
            self._touch()
            text, after = await self._page(after)
            yield text

    async def _page(self, after: Place) -> tuple[bytes, Place | None]:
        """The lines after a place, and the place where they end; None where they were the last."""

        async def work(tx: Transaction) -> tuple[bytes, Place | None]:
            rows = await read_feed_page(tx, self._feed.id, after, _PAGE)
            left = rows if not self.sold.pieces else [row._replace(quantity=self.sold.left_of(row)) for row in rows]
            text = write_rows(left, self._feed.form, self._default_percent).encode()
            return text, (rows[-1].upc, rows[-1].country) if len(rows) == _PAGE else None

        return await self._database.read(work)


def _digest(feed: FeedImport, sold: Sold, default_percent: str) -> str:
    """Of all that the text depends on."""
    parts = [feed.digest, default_percent, *(f"{name}{count}" for name, count in sorted(sold.pieces.items()))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
