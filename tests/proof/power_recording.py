"""The service takes orders while what SQLite does to the disk is noted, and what anybody was told of, in one order."""

import asyncio
import base64
import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from checkout.database import SqliteDatabase, Transaction, engines, sqlite
from checkout.database.sqlite import _Job
from checkout.database.transactions import Work
from tests.proof.quiet import quiet
from tests.proof.vfs import Recording, recorded
from tests.service import Service, running_service
from tests.upstreams import Upstreams, lost_answer

T = TypeVar("T")

NAME = "checkout.db"
_SHOPPERS = 8


class _Numbered:
    """A piece of work that knows which commit took it in."""

    def __init__(self, work: Work[Any]) -> None:
        self._work = work
        self.commit: int | None = None

    def __call__(self, tx: Transaction) -> Any:
        return self._work(tx)


class _Watched(SqliteDatabase):
    """The product's driver, which notes when a commit begins and when a caller of `write` is told that it is done."""

    recording: Recording
    commits = 0

    async def write(self, work: Work[T]) -> T:
        numbered = _Numbered(work)
        answer: T = await super().write(numbered)
        self.recording.note(("told", numbered.commit))
        return answer

    def _commit(self, group: list[_Job]) -> None:
        driver = type(self)
        driver.commits += 1
        for job in group:
            assert isinstance(job.work, _Numbered)
            job.work.commit = driver.commits
        self.recording.note(("begun", driver.commits))
        super()._commit(group)
        self.recording.note(("done", driver.commits))


class _Witness(Upstreams):
    """What stands between service and sandbox: notes each validate and commit that arrives, and loses some answers."""

    def __init__(self, sandbox: Any, recording: Recording, chance: random.Random) -> None:
        super().__init__(sandbox)
        self._recording, self._chance = recording, chance

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("cart/")[2]
        if name == "validate":
            self._note("validate", json.loads(await request.aread())["card_token"])
        if name == "commit":
            claims = request.headers["Locally-Pl-Jwt"].split(".")[1]
            self._note("commit", json.loads(base64.urlsafe_b64decode(claims + "=="))["cart_hash"])
        if name in {"validate", "commit"} and self._chance.random() < 0.15:
            self.on(f"cart/{name}", lost_answer)
        return await super().handle_async_request(request)

    def _note(self, kind: str, key: str) -> None:
        self._recording.note(("fact", (kind, key)))


@contextmanager
def folder_of(files: dict[str, bytes]) -> Iterator[Path]:
    """In memory where there is such a folder: what is lost is decided by the record, not by this machine's disk."""
    memory = Path("/dev/shm")  # noqa: S108  Each run has a folder of its own in it.
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="checkout-proof-") as folder:
        _write(Path(folder), files)
        yield Path(folder).resolve()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@contextmanager
def _driver(recording: Recording, *pragmas: str) -> Iterator[None]:
    """The service uses the watched driver, with further settings of SQLite after the driver's own."""
    driver = type("Driver", (_Watched,), {"recording": recording})
    real = sqlite._pragmas

    def with_ours(*, writing: bool) -> tuple[str, ...]:
        return (*real(writing=writing), *(pragmas if writing else ()))

    with pytest.MonkeyPatch.context() as patch, quiet():
        patch.setattr(engines, "SqliteDatabase", driver)
        patch.setattr(sqlite, "_pragmas", with_ours)
        yield


async def record(
    chance: random.Random, sandbox: Any, found: dict[str, bytes], synchronous: str | None = None
) -> Recording:
    """Let shoppers buy, with one restart of the service between them, and note what the disk sees of it.

    The service begins on the disk that it finds. `synchronous` replaces the driver's own, for the control.
    """
    # SQLite's own is 1,000 pages, which a short run never comes to.
    pragmas = [f"wal_autocheckpoint={chance.choice([20, 60, 200])}"]
    pragmas += [f"synchronous={synchronous}"] if synchronous else []
    with folder_of(found) as folder, recorded(folder) as recording, _driver(recording, *pragmas):
        for _ in range(2):
            upstreams = _Witness(sandbox, recording, chance)
            async with running_service(upstreams, sandbox, database_url=f"sqlite:///{folder / NAME}") as service:
                await asyncio.gather(*(_buy(service, recording) for _ in range(_SHOPPERS // 2)))
        return recording


async def _buy(service: Service, recording: Recording) -> None:
    """One shopper, who tries again while she is asked to."""
    checkout = await service.create()
    recording.note(("fact", ("checkout", checkout["id"])))
    card = await service.take_card(checkout)
    for _ in range(3):
        answer = await service.place(checkout, card)
        if answer.status_code == 200:
            recording.note(("fact", ("order", answer.json()["order"]["id"])))
        if answer.status_code != 503:
            return
