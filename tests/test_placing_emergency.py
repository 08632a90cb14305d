"""A database that is gone for longer than anybody waits: the emergency journal tells the next process of it."""

from pathlib import Path

import httpx
import pytest

import checkout.app
from checkout.database import open_database
from checkout.database.tables import attempts, holds, orders
from checkout.keyring import Keyring
from checkout.placing import writing
from checkout.placing.emergency import EmergencyJournal, Entry
from checkout.sandbox import create_sandbox
from tests.placing_world import read_rows, running_on
from tests.test_placing_without_database import Fragile
from tests.upstreams import Forward, answers

ENTRY = Entry("att_1", "placed", None, "https://www.locally.com/order/A/B")
KEYRING = Keyring(b"k" * 32)


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> list[Fragile]:
    """The databases of the services, which give up writing after a moment instead of half a minute."""
    made: list[Fragile] = []

    def open_fragile(url: str) -> Fragile:
        made.append(Fragile(open_database(url)))
        return made[-1]

    monkeypatch.setattr(checkout.app, "open_database", open_fragile)
    monkeypatch.setattr(writing, "_INSIST_PAUSES", (0.01, 0.01))
    return made


async def lose_the_database(url: str, call: str, made: list[Fragile]) -> str:
    """A service whose database goes when the answer to a call comes, and that ends like this; gives the checkout."""
    sandbox = create_sandbox()
    async with running_on(url, sandbox, drain="0.1") as world:
        checkout, card = await world.ready()

        async def done(_request: httpx.Request, forward: Forward) -> httpx.Response:
            answer = await forward()
            made[0].gone = True
            return answer

        world.upstreams.on(call, done)
        assert (await world.place(checkout, card)).status_code == 202
    return await _next_life(url, sandbox, checkout)


async def _next_life(url: str, sandbox: object, checkout: dict[str, object]) -> str:
    """The next service cannot read back: what it knows it has from the journal."""
    async with running_on(url, sandbox) as world:
        world.upstreams.always("v2/cart", answers(500, "down"))
        status = str((await world.until(checkout, lambda now: now["status"] != "placing"))["status"])
        assert await world.calls() in {(1, 1), (1, 0)}
        return status


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'checkout.db'}"


async def test_order_is_known_from_the_journal(url: str, tmp_path: Path, fragile: list[Fragile]) -> None:
    assert await lose_the_database(url, "cart/commit", fragile) == "placed"
    (order,) = await read_rows(url, orders)
    (attempt,) = await read_rows(url, attempts)
    assert (attempt["status"], order["cart_hash"]) == ("placed", attempt["cart_hash"])
    assert (tmp_path / "checkout.db.emergency").read_bytes() == b""


async def test_holds_are_known_from_the_journal(url: str, fragile: list[Fragile]) -> None:
    assert await lose_the_database(url, "cart/validate", fragile) == "ready"
    (attempt,) = await read_rows(url, attempts)
    (hold,) = await read_rows(url, holds)
    assert (attempt["status"], hold["state"], hold["cart_hash"]) == ("lapsed", "open", attempt["cart_hash"])
    assert hold["cart_hash"] is not None


async def test_journal_that_cannot_be_written_stops_nothing(url: str, tmp_path: Path, fragile: list[Fragile]) -> None:
    (tmp_path / "checkout.db.emergency").mkdir()
    async with running_on(url, create_sandbox(), lease="0.3") as world:
        checkout, card = await world.ready()

        async def done(_request: httpx.Request, forward: Forward) -> httpx.Response:
            answer = await forward()
            fragile[0].gone = True
            return answer

        world.upstreams.on("cart/commit", done)
        assert (await world.place(checkout, card)).status_code == 202
        fragile[0].gone = False
        assert (await world.settled(checkout))["status"] == "placed"
        assert await world.calls() == (1, 1)


def test_line_cut_short_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    EmergencyJournal(path, KEYRING).append(ENTRY)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    journal = EmergencyJournal(path, KEYRING)
    assert journal.read().entries.keys() == set()
    journal.append(ENTRY)
    assert journal.read().entries.keys() == {ENTRY}


def test_line_that_cannot_be_read_is_kept_aside(tmp_path: Path) -> None:
    journal = EmergencyJournal(tmp_path / "journal", KEYRING)
    EmergencyJournal(tmp_path / "journal", Keyring(b"x" * 32)).append(ENTRY)
    journal.append(ENTRY)
    sealed = (tmp_path / "journal").read_bytes().split()[0]
    read = journal.read()
    assert read.entries.keys() == {ENTRY}
    assert read.misfits == [sealed]
    journal.forget(read)
    assert (tmp_path / "journal").read_bytes() == b""
    aside = tmp_path / "journal.unreadable"
    assert aside.read_bytes().split() == [sealed]
    assert aside.stat().st_mode & 0o777 == 0o600
    aside.rename(tmp_path / "journal")
    assert EmergencyJournal(tmp_path / "journal", Keyring(b"x" * 32)).read().entries.keys() == {ENTRY}


def test_line_that_cannot_be_kept_aside_stays(tmp_path: Path) -> None:
    journal = EmergencyJournal(tmp_path / "journal", KEYRING)
    (tmp_path / "journal").write_bytes(b"rubbish\n")
    (tmp_path / "journal.unreadable").mkdir()
    journal.forget(journal.read())
    assert (tmp_path / "journal").read_bytes() == b"rubbish\n"


async def test_outcome_that_fits_no_record_is_kept_aside(url: str, tmp_path: Path) -> None:
    """As after an older copy of the database was put back: the service starts, and goes on."""
    sandbox = create_sandbox()
    async with running_on(url, sandbox) as world:
        checkout, card = await world.ready("pm_card_chargeCustomerFail")
        assert (await world.place(checkout, card)).status_code == 402
        (refused,) = await read_rows(url, attempts)
    journal = EmergencyJournal(tmp_path / "checkout.db.emergency", KEYRING)
    journal.append(ENTRY)
    journal.append(Entry(refused["id"], "placed", None, None))
    async with running_on(url, sandbox) as world:
        checkout, card = await world.ready()
        assert (await world.place(checkout, card)).status_code == 200
    assert len((tmp_path / "checkout.db.emergency.unreadable").read_bytes().split()) == 2
    assert journal.read().content == b""


def test_journal_tells_nothing_to_whoever_lacks_the_key(tmp_path: Path) -> None:
    EmergencyJournal(tmp_path / "journal", KEYRING).append(ENTRY)
    assert b"order" not in (tmp_path / "journal").read_bytes()
    assert EmergencyJournal(tmp_path / "journal", Keyring(b"x" * 32)).read().entries.keys() == set()


def test_forgetting_keeps_what_came_meanwhile(tmp_path: Path) -> None:
    journal = EmergencyJournal(tmp_path / "journal", KEYRING)
    journal.append(ENTRY)
    read = journal.read()
    later = Entry("att_2", "validated", "ABCDE", None)
    journal.append(later)
    journal.forget(read)
    assert journal.read().entries.keys() == {later}
    journal.forget(read)
    assert journal.read().entries.keys() == {later}
