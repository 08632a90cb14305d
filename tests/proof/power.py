"""Power losses under the product's own SQLite driver: what was acknowledged is there afterwards, and nothing by halves.

The service runs over the sandbox while `tests.proof.vfs` notes what SQLite does to the disk. Then, at moments of that
record, disks are built that a power loss could leave behind (`tests.proof.power_disk`), opened with the driver, judged:

- the file is whole, and the driver opens it;
- the tables are exactly as they were after some commit, no earlier than the last one that a caller was told of;
- each checkout and order that a shopper was told of is there, and so is the mark of each validate and commit that
  reached Locally.
"""

import asyncio
import hashlib
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from checkout.database import SqliteDatabase
from checkout.database.tables import metadata
from checkout.sandbox import create_sandbox
from tests.proof.power_disk import Disk
from tests.proof.power_recording import NAME, folder_of, record
from tests.proof.quiet import quiet
from tests.proof.tally import Tally, main
from tests.proof.vfs import Recording

Fact = tuple[str, str]

_LOSSES = 1_000  # Of one recording; a recording costs as much as some hundred losses.

# For each kind of fact, what has to be in the tables.
_FACTS = {
    "checkout": "SELECT id FROM checkouts",
    "order": "SELECT id FROM orders",
    "validate": "SELECT setup_intent_id FROM attempts JOIN upstream_calls ON attempt_id = attempts.id"
    " WHERE call = 'cart/validate'",
    "commit": "SELECT cart_hash FROM attempts JOIN upstream_calls ON attempt_id = attempts.id"
    " WHERE call = 'cart/commit'",
}


@contextmanager
def _history_read_once() -> Iterator[None]:
    """Alembic compiles all migrations at each opening, which would be two thirds of the time of a trial."""
    read, known = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def from_config(config: Config) -> ScriptDirectory:
        where = config.get_main_option("script_location")
        return known.get(where) or known.setdefault(where, read(config))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@dataclass(frozen=True)
class Found:
    """What the driver finds on a disk: the tables as one digest, and which of the facts have their rows."""

    digest: str
    facts: frozenset[Fact]


async def look(files: dict[str, bytes]) -> Found:
    """Open the files of a disk with the product's driver. Raises where it refuses them or they are not whole."""
    with folder_of(files) as folder:
        database = SqliteDatabase(str(folder / NAME))
        try:
            await database.open()
        finally:
            await database.close()
        with closing(sqlite3.connect(folder / NAME)) as connection:
            return _found(connection)


def _found(connection: sqlite3.Connection) -> Found:
    whole = connection.execute("PRAGMA integrity_check").fetchall()
    if whole != [("ok",)]:
        raise AssertionError(f"the file is broken: {whole[0][0]}")
    digest = hashlib.sha256()
    for table in ["alembic_version", *sorted(metadata.tables)]:
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608  Names of our own.
        digest.update(repr((table, rows)).encode())
    facts = {(kind, key) for kind, statement in _FACTS.items() for (key,) in connection.execute(statement) if key}
    return Found(digest.hexdigest(), frozenset(facts))


@dataclass
class Known:
    """What was known outside the disk at a moment of a recording."""

    begun: int = 0
    told: int = 0
    facts: set[Fact] = field(default_factory=set)

    def learn(self, note: tuple[str, Any]) -> None:
        match note:
            case ("begun", number):
                self.begun = max(self.begun, number)
            case ("told", number):
                self.told = max(self.told, number)
            case ("fact", fact):
                self.facts.add(fact)


@dataclass(frozen=True)
class Loss:
    """A moment of a recording, the disk that was left, and what is wrong with it."""

    moment: int
    files: dict[str, bytes]
    broken: str


class Trials:
    """Power losses at moments of one recording."""

    def __init__(self, recording: Recording, digests: list[str]) -> None:
        self._events = recording.events
        self._begins_at = recording.begins_at
        self.digests = digests  # Of the tables before the first commit and after each.

    @classmethod
    async def over(cls, recording: Recording, found: dict[str, bytes]) -> "Trials":
        """Learns from the untouched disk what the tables were after each commit."""
        disk, digests = Disk(), [(await look(found)).digest]
        for event in recording.events:
            if event[0] != "note":
                disk.apply(event)
            elif event[1][0] == "done":
                digests.append((await look(disk.untouched())).digest)
        return cls(recording, digests)

    async def lose(self, number: int, chance: random.Random) -> list[Loss]:
        """So many power losses, in the order of their moments."""
        moments = self._moments()
        disk, known, passed, lost = Disk(), Known(), 0, []
        for moment in sorted(chance.choices(moments, k=number)):
            for event in self._events[passed:moment]:
                known.learn(event[1]) if event[0] == "note" else disk.apply(event)
            passed = moment
            files = disk.after_loss(chance)
            lost.append(Loss(moment, files, await self.judge(files, known)))
        return lost

    def _moments(self) -> list[int]:
        """Every moment once, and those after an answer went out three times more: there is the most to lose."""
        answered = [at + 1 for at, event in enumerate(self._events) if event[0] == "note" and event[1][0] == "told"]
        return [*range(self._begins_at, len(self._events) + 1), *answered * 3]

    async def judge(self, files: dict[str, bytes], known: Known) -> str:
        """What is wrong with a disk, in words; nothing where the promise holds."""
        try:
            found = await look(files)
        except Exception as error:
            return f"the database does not open: {error!r}"
        if found.digest not in self.digests[known.told : known.begun + 1]:
            return self._misplaced(found.digest, known)
        missing = sorted(known.facts - found.facts)
        return f"known outside and not in the tables: {missing}" if missing else ""

    def _misplaced(self, digest: str, known: Known) -> str:
        if digest not in self.digests:
            return "the tables are as they were after no commit"
        return f"the tables are those after commit {self.digests.index(digest)}, told was {known.told}"


@dataclass(frozen=True)
class Losses:
    """How many power losses were tried, over how many commits, and what each that broke something broke."""

    tried: int
    commits: int
    wrong: list[str]


async def _lose(seed: int, number: int, synchronous: str | None) -> Losses:
    """Half of the losses in a service that began on an empty disk, half in one that began after such a loss."""
    chance = random.Random(seed)  # noqa: S311  No secret.
    sandbox, commits, wrong = create_sandbox(), 0, list[str]()
    found: dict[str, bytes] = {}
    for part in ("first", "second"):
        recording = await record(chance, sandbox, found, synchronous)
        trials = await Trials.over(recording, found)
        lost = await trials.lose(number // 2, chance)
        commits += len(trials.digests) - 1
        wrong += [
            f"seed={seed} {part} recording, power lost at event {each.moment}: {each.broken}"
            # Threads do not repeat to the instruction, so the first disks that broke are kept; not the control's.
            + (f" (the disk: {_keep(each.files)})" if index < 3 and synchronous is None else "")
            for index, each in enumerate(each for each in lost if each.broken)
        ]
        found = chance.choice([each.files for each in lost if not each.broken])
    return Losses(2 * (number // 2), commits, wrong)


def _keep(files: dict[str, bytes]) -> Path:
    """Put the files of a disk where a person can look at them."""
    folder = Path(tempfile.mkdtemp(prefix="checkout-power-"))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def losses(seed: int, number: int, synchronous: str | None = None) -> Losses:
    """Record two runs of the service and lose the power so many times.

    `synchronous="NORMAL"` is the control: a driver that does not sync each commit has to lose some.
    """
    with quiet(), _history_read_once():
        return asyncio.run(_lose(seed, number, synchronous))


def run(seconds: float, seed: int) -> Tally:
    """One pair of recordings after another, each with a seed of its own, which a violation names."""
    tally, ends = Tally("power", seed), time.monotonic() + seconds
    while not tally.counts or time.monotonic() < ends:
        lost = losses(seed, _LOSSES)
        tally.add("losses", lost.tried)
        tally.add("commits", lost.commits)
        tally.add("recordings", 2)
        tally.violations += lost.wrong
        print(f"power: {tally.counts['losses']:,} losses, {len(tally.violations)} violations", file=sys.stderr)  # noqa: T201
        seed += 1
    return tally


if __name__ == "__main__":
    main("Power losses under the product's own SQLite driver.", run)
