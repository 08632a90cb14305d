"""The operators' commands on the records of a stopped service: they read what it would answer, and change nothing."""

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from checkout.__main__ import main
from checkout.sandbox import create_sandbox
from tests.databases import KINDS, database_url, new_database_url
from tests.notifying_world import endpoint
from tests.placing_world import World, running_on, running_world
from tests.service import SECRET_KEY
from tests.test_api_operators import SOON_IN_REVIEW
from tests.test_operating import Bridge, in_review
from tests.upstreams import answers, lost_answer


def run(database: object, *arguments: str) -> Result:
    result = CliRunner().invoke(main, [*arguments, "--database", str(database)], catch_exceptions=False)
    assert SECRET_KEY not in result.output
    return result


async def asked(database: object, *arguments: str) -> Any:
    """What a command tells as JSON, from a thread: it runs a loop of its own."""
    result = await asyncio.to_thread(run, database, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def in_doubt(world: World) -> str:
    """A checkout whose commit nobody answered and that waits for a person."""
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", lost_answer)
    world.upstreams.always("v2/cart", answers(500, "down"))
    assert (await world.place(checkout, card, wait=1)).status_code == 202
    await world.until(checkout, in_review)
    return str(checkout["id"])


async def told_by(world: World, names: tuple[str, ...]) -> list[Any]:
    """What the running service tells with the same commands."""
    bridge = Bridge(world.service.app, asyncio.get_running_loop())
    found = []
    for arguments in (("review",), ("holds",), *(("explain", name) for name in names)):
        options = [*arguments, "--url", "http://service.test", "--key", SECRET_KEY, "--json"]
        with capture_logs():
            result = await asyncio.to_thread(CliRunner().invoke, main, options, obj=bridge)
        assert result.exit_code == 0, result.output
        found.append(json.loads(result.stdout))
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_records_tell_what_the_service_told(kind: str, tmp_path: Path) -> None:
    async with database_url(kind, tmp_path) as url:
        async with running_on(url, create_sandbox(), **SOON_IN_REVIEW) as world:
            doubtful = await in_doubt(world)
            checkout, card = await world.ready()
            order = (await world.place(checkout, card)).json()["order"]["id"]
            names = (doubtful, checkout["id"], order)
            before = await told_by(world, names)
            (cart_hash,) = [each["cart_hash"] for each in before[0]["data"]]
        assert before == [
            await asked(url, "review"),
            await asked(url, "holds"),
            *[await asked(url, "explain", name) for name in names],
        ]
        attempt = before[0]["data"][0]["attempt_id"]
        for name in (cart_hash, attempt):
            assert (await asked(url, "explain", name)) == before[2]
        assert (await asyncio.to_thread(run, url, "explain", "chk_none")).exit_code == 1


async def test_deliveries_of_a_stopped_service_are_listed(tmp_path: Path) -> None:
    placed = {"events": ["checkout.placed"]}
    webhooks = json.dumps([endpoint("shop.example", **placed), endpoint("post.example", **placed)])
    async with running_world("sqlite", tmp_path, webhooks=webhooks) as world:
        checkout, card = await world.ready()
        assert (await world.place(checkout, card)).status_code == 200
        listed: list[Any] = []
        while len(listed) < 2:
            await asyncio.sleep(0.02)
            listed = (await world.service.call("GET", "/v1/deliveries", with_=SECRET_KEY)).json()["data"]
    file = tmp_path / "checkout.db"
    found = await asked(file, "deliveries", "--subject", checkout["id"])
    named = [(each["id"], each["message_id"], each["endpoint"]["id"]) for each in found["data"]]
    assert [each[0] for each in named] == ["dlv_2", "dlv_1"]
    assert named == [(each["id"], each["message_id"], each["endpoint"]["id"]) for each in listed]
    assert {each["endpoint"]["host"] for each in found["data"]} == {None}
    assert (await asked(file, "deliveries", "--limit", "1"))["next_cursor"] == "dlv_2"
    refused = await asyncio.to_thread(run, file, "redeliver", "dlv_1")
    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (
        1,
        "checkout: sending needs the running service: start it, and name it with --url",
    )


@asynccontextmanager
async def crashed(folder: Path) -> AsyncIterator[tuple[Path, str]]:
    """What a process that was killed leaves: a file and its -wal, copied while it stood in the middle of its work."""
    left = folder / "left"
    left.mkdir()
    async with running_world("sqlite", folder, **SOON_IN_REVIEW) as world:
        checkout_id = await in_doubt(world)
        for name in ("checkout.db", "checkout.db-wal", "checkout.db.lock"):
            shutil.copyfile(folder / name, left / name)
    yield left / "checkout.db", checkout_id


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.iterdir()}


async def test_file_from_a_crash_is_read_with_its_wal_and_left_alone(tmp_path: Path) -> None:
    async with crashed(tmp_path) as (file, checkout_id):
        before = everything(file.parent)
        assert len(before["checkout.db-wal"][0]) > 0
        reviews = await asked(file, "review")
        assert [each["checkout_id"] for each in reviews["data"]] == [checkout_id]
        assert (await asked(file, "explain", checkout_id))["record"]["status"] == "placing"
        assert everything(file.parent) == before


async def test_copy_nobody_may_write_to_is_read(tmp_path: Path) -> None:
    async with crashed(tmp_path) as (file, checkout_id):
        (file.parent / "checkout.db.lock").unlink()
        for each in file.parent.iterdir():
            each.chmod(0o400)
        file.parent.chmod(0o500)
        try:
            found = await asked(file, "holds")
            assert [each["checkout_id"] for each in found["data"]] == [checkout_id]
            assert sorted(each.name for each in file.parent.iterdir()) == ["checkout.db", "checkout.db-wal"]
        finally:
            file.parent.chmod(0o700)


async def test_file_that_was_closed_is_read_in_place(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path, **SOON_IN_REVIEW) as world:
        checkout_id = await in_doubt(world)
    before = everything(tmp_path)
    assert not before.get("checkout.db-wal", (b"", 0))[0]
    assert (await asked(tmp_path / "checkout.db", "explain", checkout_id))["record"]["id"] == checkout_id
    assert everything(tmp_path) == before


async def test_file_of_a_running_service_is_refused(tmp_path: Path) -> None:
    async with running_world("sqlite", tmp_path) as world:
        refused = await asyncio.to_thread(run, world.url, "holds")
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "a service is running on checkout.db: ask it with --url" in refused.stderr


async def test_decision_needs_a_running_service(tmp_path: Path) -> None:
    async with crashed(tmp_path) as (file, checkout_id):
        before = everything(file.parent)
        refused = await asyncio.to_thread(run, file, "settle", checkout_id, "--not-placed")
        assert refused.exit_code == 1
        assert "a decision needs the running service" in refused.stderr
        assert everything(file.parent) == before


@pytest.mark.parametrize(
    ("revision", "advice"), [("0001", "`checkout migrate`"), ("9999", "read it with the version that wrote it")]
)
async def test_records_of_another_schema_are_not_guessed_at(revision: str, advice: str, tmp_path: Path) -> None:
    async with crashed(tmp_path) as (file, _):
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()
        refused = await asyncio.to_thread(run, file, "review")
        assert refused.exit_code == 1
        assert f"the database has schema {revision}" in refused.stderr
        assert advice in refused.stderr


def test_what_is_no_database_of_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("These are words, and many of them. " * 20)
    assert "there is no file" in run(tmp_path / "none.db", "review").stderr
    assert "not the database of a checkout service" in run(tmp_path / "empty.db", "review").stderr
    assert "cannot be read as a database" in run(tmp_path / "text.db", "review").stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["empty.db", "text.db"]


def test_server_that_is_gone_is_told_without_the_password() -> None:
    refused = run("postgresql://someone:hunter2@127.0.0.1:1/none", "review")
    assert refused.exit_code == 1
    assert "cannot read postgresql" in refused.stderr
    assert "Connect call failed" in refused.stderr
    assert "hunter2" not in refused.output


@pytest.mark.skipif(KINDS == ["sqlite"], reason="CHECKOUT_TEST_POSTGRES_URL names no server")
async def test_reading_postgres_migrates_nothing(tmp_path: Path) -> None:
    async with new_database_url("postgresql", tmp_path) as url:
        for _ in range(2):
            refused = await asyncio.to_thread(run, url, "review")
            assert "not the database of a checkout service" in refused.stderr


def test_where_the_database_is_comes_from_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "CHECKOUT_DATABASE_URL", "sqlite:///nowhere.db")
    assert "there is no file" in run("elsewhere.db", "review").stderr
