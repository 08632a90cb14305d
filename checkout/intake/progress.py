"""How far the reading of Locally's pages of carts is: a mark in the database, so that it goes on there."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from checkout.database import Transaction, find_mark, mark_to_change, set_mark
from checkout.orders import Record

MOST_LEFT = 1000

IntakeStatus = Literal["waiting", "running", "paused"]


class Progress(Record):
    """One run through the pages, the newest carts first, from page 0 on.

    `page` is how many are done, `pages` how many there are. `known_until` is when the newest cart of the last complete
    run was ordered, None before the first has ended: what is older was seen then. `newest` becomes that of this run.
    `taken_in` counts the orders that this run made; `left` are carts that could not be read and are tried again.
    `fault` is the code of what holds it up.
    """

    page: int = 0
    pages: int = 0
    taken_in: int = 0
    known_until: datetime | None = None
    newest: datetime | None = None
    left: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    fault: str | None = None

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and self.finished_at is None

    @property
    def is_first(self) -> bool:
        """Whether no run has ever come to its end."""
        return self.known_until is None and self.finished_at is None

    @property
    def status(self) -> IntakeStatus:
        if self.fault is not None:
            return "paused"
        return "running" if self.is_running else "waiting"

    def is_same_run(self, other: "Progress") -> bool:
        """Whether the other's run is still this one, and under way: another instance may have ended it."""
        return self.is_running and self.started_at == other.started_at

    def begun(self, now: datetime) -> "Progress":
        """This run where one is under way, else a new one."""
        if self.is_running:
            return self
        return self.changed(page=0, pages=0, taken_in=0, newest=None, started_at=now, finished_at=None, fault=None)

    def ended(self, now: datetime) -> "Progress":
        return self.changed(
            pages=self.page, known_until=self.newest or self.known_until, finished_at=now, fault=None, newest=None
        )


async def read_progress(tx: Transaction, brand: str) -> Progress:
    return _read(await find_mark(tx, _name(brand)))


async def change_progress(
    tx: Transaction, brand: str, change: Callable[[Progress], Progress], now: datetime
) -> Progress:
    """Change the mark from whatever it is by now: other instances may be reading, too.

    Raises LostRace if another one wrote it for the first time at the same moment.
    """
    progress = change(_read(await mark_to_change(tx, _name(brand))))
    await set_mark(tx, _name(brand), progress.model_dump_json(), now)
    return progress


def _read(value: str | None) -> Progress:
    return Progress() if value is None else Progress.model_validate_json(value)


def _name(brand: str) -> str:
    return f"intake of {brand}"
