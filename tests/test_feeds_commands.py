"""`checkout feed` and `checkout inventory`, against the service itself and on files alone."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from checkout.__main__ import main
from checkout.operating.feed_telling import tell_span
from tests.service import SECRET_KEY, UPC, Service, running_service
from tests.test_operating import Answering, Bridge, Silent

OTHER = "068648100002"
FEED = f"upc,qty,percent\n{UPC},10,60\n{OTHER},5,\n"
TOKEN = "feed_token_of_the_tests_1234"


def run(*arguments: str, service: httpx.BaseTransport | None = None, given: bytes | None = None) -> Result:
    where = ("--url", "http://service.test", "--key", SECRET_KEY) if service else ()
    return CliRunner().invoke(main, [*arguments, *where], obj=service, input=given, catch_exceptions=False)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.csv"
    path.write_text(FEED)
    return path


@dataclass
class Asking:
    """Runs commands beside the service that they ask."""

    service: Service

    async def __call__(self, *arguments: str, given: bytes | None = None) -> Result:
        bridge = Bridge(self.service.app, asyncio.get_running_loop())
        with capture_logs():  # The service logs to the same output, in this process.
            return await asyncio.to_thread(run, *arguments, service=bridge, given=given)


@pytest_asyncio.fixture
async def ask() -> AsyncIterator[Asking]:
    async with running_service(feed_token=TOKEN) as service:
        yield Asking(service)


async def test_file_is_imported_and_its_state_told(ask: Asking, feed: Path) -> None:
    missing = await ask("feed", "status")
    assert (missing.exit_code, "No feed was imported yet" in missing.stderr) == (1, True)
    done = await ask("feed", "import", str(feed))
    assert (done.exit_code, "2 rows, 15 pieces" in done.stdout) == (0, True)
    assert "Nothing new in it" in (await ask("feed", "import", str(feed))).stdout
    told = await ask("feed", "status")
    assert told.exit_code == 0
    for part in ("fresh", "2 rows, 15 pieces; the brand retains a percent.", "Last read:  never"):
        assert part in told.stdout


async def test_standard_input_is_imported(ask: Asking) -> None:
    done = await ask("feed", "import", "-", "--json", given=FEED.encode())
    assert (json.loads(done.stdout)["rows"], done.exit_code) == (2, 0)


async def test_every_bad_row_is_told_and_nothing_taken(ask: Asking) -> None:
    bad = f"upc,qty\n{UPC},x\n{OTHER},-1\n".encode()
    refused = await ask("feed", "import", "-", given=bad)
    assert (refused.exit_code, refused.stdout) == (1, "")
    for part in ("(feed_unsound)", 'Line 2, qty: "x" is not a number.', 'Line 3, qty: "-1" is below zero.'):
        assert part in refused.stderr
    problem = json.loads((await ask("feed", "import", "-", "--json", given=bad)).stdout)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/rows/2/qty", "/rows/3/qty"]
    assert (await ask("feed", "status")).exit_code == 1


async def test_force_replaces_a_larger_feed(ask: Asking, feed: Path) -> None:
    await ask("feed", "import", str(feed))
    smaller = f"upc,qty\n{UPC},1\n".encode()
    refused = await ask("feed", "import", "-", given=smaller)
    assert (refused.exit_code, "if that is right: --force" in refused.stderr) == (1, True)
    assert (await ask("feed", "import", "-", "--force", given=smaller)).exit_code == 0


async def test_stale_feed_is_an_exit_code(ask: Asking, feed: Path) -> None:
    await ask("feed", "import", str(feed))
    ask.service.clock.advance(hours=24, seconds=1)
    told = await ask("feed", "status")
    assert (told.exit_code, "STALE: older than 24 h" in told.stdout) == (1, True)
    as_json = await ask("feed", "status", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["stale"]) == (1, True)


def test_feed_that_nobody_can_read_is_said() -> None:
    standing = {"as_of": "2026-11-22T15:30:00Z", "rows": 1, "quantity": 2, "form": "flat", "age": 60, "stale": False}
    standing |= {"stale_after": 86400, "served": False, "last_fetch": None}
    told = run("feed", "status", service=Answering(200, standing)).stdout
    assert "CHECKOUT_FEED_TOKEN is not set" in told
    assert "the retailer keeps a flat amount" in told


def test_check_asks_no_service(feed: Path) -> None:
    service = Answering(200, {})
    sound = run("feed", "import", "--check", str(feed), service=service)
    assert (sound.exit_code, sound.stdout, service.requests) == (0, "Sound: 2 rows, 15 pieces.\n", [])
    piped = run("feed", "import", "--check", "--json", "-", given=FEED.encode())
    assert json.loads(piped.stdout)["sound"] is True


def test_check_tells_what_is_not_sound(feed: Path) -> None:
    rows = "".join(f"{10**11 + number},1\n" for number in range(10_000))
    feed.write_text(f"upc,qty\n{rows}{10**11},1\nx,1\n")
    told = run("feed", "import", "--check", str(feed))
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.splitlines() == [
        f"checkout: line 10002, upc: {10**11} stands further up already.",
        'checkout: line 10003, upc: "x" is not 8 to 14 digits.',
        "checkout: not sound: 2 faults in 2 rows; nothing was taken.",
    ]
    document = json.loads(run("feed", "import", "--check", "--json", str(feed)).stdout)
    assert (document["sound"], document["fault_count"], document["faults"][1]["line"]) == (False, 2, 10_003)


@pytest.mark.parametrize("arguments", [("feed", "status"), ("feed", "import")])
def test_stopped_service_cannot_be_asked(arguments: tuple[str, ...], feed: Path) -> None:
    files = [str(feed)] if "import" in arguments else []
    assert run(*arguments, *files, "--database", "x.db").exit_code == 2
    silent = run(*arguments, *files, service=Silent())
    assert (silent.exit_code, "no answer from" in silent.stderr) == (3, True)


def test_inventory_is_exported_as_documented(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(f"\ufeffEAN;Stock;Price;Shelf\r\n{UPC};1.204;1.299,00;A\r\n{OTHER};3;;B\r\n".encode())
    done = run("inventory", "export", str(source), str(target))
    assert (done.exit_code, target.read_bytes()) == (
        0,
        f"upc,qty,price\r\n{UPC},1204,1299.00\r\n{OTHER},3,\r\n".encode(),
    )
    assert "2 rows, 1,207 pieces" in done.stdout
    assert "Shelf" in done.stdout


def test_bad_inventory_leaves_the_old_file(tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    target.write_text("as it was")
    source.write_text(f"upc,qty,price\n{UPC},1,free\n")
    refused = run("inventory", "export", str(source), str(target))
    assert (refused.exit_code, target.read_text()) == (1, "as it was")
    assert 'line 2, price: "free" is not a number.' in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(("rows", "is_taken"), [(0, False), (1, False), (2, True)])
def test_inventory_that_shrank_by_more_than_half_needs_force(tmp_path: Path, rows: int, is_taken: bool) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    target.write_text("upc,qty\n" + "".join(f"{10**11 + number},1\n" for number in range(4)))
    source.write_text("upc,qty\n" + "".join(f"{10**11 + number},1\n" for number in range(rows)))
    assert run("inventory", "export", str(source), str(target)).exit_code == (0 if is_taken else 1)
    assert run("inventory", "export", "--force", str(source), str(target)).exit_code == 0


def test_inventory_is_refused_where_it_cannot_be_written(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"upc,qty\n{UPC},1\n")
    refused = run("inventory", "export", str(source), str(tmp_path / "nowhere" / "out.csv"))
    assert (refused.exit_code, "cannot write" in refused.stderr) == (1, True)
    assert run("inventory", "export", "--currency", "XXQ", str(source), str(tmp_path / "out.csv")).exit_code == 1


@pytest.mark.parametrize(
    ("hours", "limit", "environ", "is_stale"),
    [(25, None, "", True), (23, None, "", False), (25, "72", "", False), (73, "72", "", True), (25, None, "48", False)],
)
def test_old_inventory_means_that_pushcart_is_off(
    feed: Path, monkeypatch: pytest.MonkeyPatch, hours: int, limit: str | None, environ: str, is_stale: bool
) -> None:
    monkeypatch.chdir(feed.parent)
    monkeypatch.setenv("CHECKOUT_FEED_STALE_AFTER", environ)
    os.utime(feed, (0, time.time() - hours * 3600))
    options = ["--limit", limit] if limit else []
    told = run("inventory", "status", str(feed), *options)
    assert told.exit_code == int(is_stale)
    assert ("PushCart is off" in told.output) == is_stale
    assert json.loads(run("inventory", "status", str(feed), "--json", *options).stdout)["stale"] == is_stale


@pytest.mark.parametrize(
    ("seconds", "told"), [(59, "0 min"), (3540, "59 min"), (3660, "1 h 01 min"), (200_000, "2 d 7 h")]
)
def test_spans_are_told_in_words(seconds: int, told: str) -> None:
    assert tell_span(seconds) == told
