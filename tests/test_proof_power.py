"""Power losses under the product's own SQLite driver; and that the trial sees what it claims to see."""

import _json
import _sqlite3
import asyncio
import random
from pathlib import Path

import pytest

from checkout.database import SqliteDatabase
from checkout.sandbox import create_sandbox
from tests.databases import add
from tests.proof.power import Known, Trials, losses
from tests.proof.power_disk import SECTOR, Disk
from tests.proof.power_recording import record
from tests.proof.vfs import Recording, _library, recorded

SEED = 20260504
CHANCES = [random.Random(seed) for seed in range(100)]  # noqa: S311  No secret.


@pytest.mark.timeout(0)
def test_power_loss_takes_nothing_that_was_told() -> None:
    lost = losses(SEED, 500)
    assert lost.wrong == []
    assert (lost.tried, lost.commits > 100) == (500, True)


@pytest.mark.timeout(0)
def test_commit_without_sync_is_lost() -> None:
    lost = losses(SEED, 60, synchronous="NORMAL")
    assert len(lost.wrong) > 5
    assert all("told was" in line or "known outside" in line for line in lost.wrong), lost.wrong


@pytest.fixture
async def trials() -> tuple[Recording, Trials]:
    recording = await record(random.Random(SEED), create_sandbox(), {})  # noqa: S311  No secret.
    return recording, await Trials.over(recording, {})


def disk_of(recording: Recording) -> Disk:
    disk = Disk()
    for event in recording.events:
        if event[0] != "note":
            disk.apply(event)
    return disk


def known_at_the_end(recording: Recording) -> Known:
    known = Known()
    for event in recording.events:
        if event[0] == "note":
            known.learn(event[1])
    return known


@pytest.mark.timeout(0)
async def test_judge_sees_what_is_missing(trials: tuple[Recording, Trials]) -> None:
    recording, judge = trials
    files, known = disk_of(recording).untouched(), known_at_the_end(recording)
    assert await judge.judge(files, known) == ""
    assert "those after commit 0, told was" in await judge.judge({}, known)
    torn = files["checkout.db"][: SECTOR * 9] + bytes(SECTOR * 20) + files["checkout.db"][SECTOR * 29 :]
    assert "does not open" in await judge.judge({"checkout.db": torn}, known)
    known.facts.add(("commit", "HASH"))
    assert "known outside and not in the tables: [('commit', 'HASH')]" in await judge.judge(files, known)


@pytest.mark.timeout(0)
async def test_recording_holds_all_kinds_of_facts_and_checkpoints(trials: tuple[Recording, Trials]) -> None:
    recording, _ = trials
    kinds = {kind for kind, _ in known_at_the_end(recording).facts}
    assert kinds == {"checkout", "validate", "commit", "order"}
    main_file = next(event[2] for event in recording.events if event[:2] == ("create", "checkout.db"))
    checkpoints = [event for event in recording.events if event == ("sync", main_file)]
    assert len(checkpoints) > 3


async def test_answer_goes_out_after_the_sync(tmp_path: Path) -> None:
    with recorded(tmp_path) as recording:
        database = SqliteDatabase(str(tmp_path / "checkout.db"))
        await database.open()
        for number in range(5):
            await add(database, f"HASH{number}")
            recording.note("told")
        before_close = len(recording.events)
        await database.close()
    seen = recording.events[:before_close]
    told = [at for at, event in enumerate(seen) if event == ("note", "told")]
    assert [seen[at - 1][0] for at in told] == ["sync"] * 5


async def test_record_tells_the_files_as_they_are(tmp_path: Path) -> None:
    with recorded(tmp_path) as recording:
        database = SqliteDatabase(str(tmp_path / "checkout.db"))
        await database.open()
        await asyncio.gather(*(add(database, f"HASH{number}") for number in range(300)))
        assert disk_of(recording).untouched() == read(tmp_path)
        await database.close()
    assert disk_of(recording).untouched() == read(tmp_path)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in {".lock", ".db-shm"}}


def test_library_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite3, "__file__", _json.__file__)
    with pytest.raises(AssertionError, match="power losses cannot be tried here"):
        _library()


def disk(*events: tuple[object, ...]) -> Disk:
    made = Disk()
    for event in events:
        made.apply(event)
    return made


BEGUN = (("create", "a", 1), ("write", 1, 0, b"old" * 1000), ("sync", 1), ("sync directory",))


def outcomes(made: Disk) -> set[bytes | None]:
    return {made.after_loss(chance).get("a") for chance in CHANCES}


def test_what_was_synced_stays() -> None:
    assert outcomes(disk(*BEGUN)) == {b"old" * 1000}


def test_unsynced_write_may_be_lost_kept_or_torn_at_sectors() -> None:
    found = outcomes(disk(*BEGUN, ("write", 1, 0, b"new" * 1000)))
    assert {b"old" * 1000, b"new" * 1000} < found
    for content in found:
        assert content is not None
        for begin in range(0, 3000, SECTOR):
            part = slice(begin, begin + SECTOR)
            assert content[part] in {(b"old" * 1000)[part], (b"new" * 1000)[part]}


def test_later_write_may_survive_an_earlier_one() -> None:
    found = outcomes(disk(*BEGUN, ("write", 1, 0, b"1" * SECTOR), ("write", 1, SECTOR, b"2" * SECTOR)))
    assert b"old" * 170 in {content[:510] for content in found if content and content[SECTOR] == ord("2")}


def test_unsynced_size_may_be_any_since() -> None:
    found = outcomes(disk(*BEGUN, ("write", 1, 3000, b"x" * 1000), ("truncate", 1, 100)))
    assert {len(content) for content in found if content} == {100, 3000, 4000}


def test_file_whose_directory_was_not_synced_may_be_missing() -> None:
    assert outcomes(disk(*BEGUN[:3])) == {None, b"old" * 1000}


def test_deletion_may_be_undone() -> None:
    assert outcomes(disk(*BEGUN, ("delete", "a"))) == {None, b"old" * 1000}
    assert outcomes(disk(*BEGUN, ("delete", "a"), ("sync directory",))) == {None}
