"""What becomes of shoppers when the disk is full, read-only or somebody moves the files: asked of the real service."""

import asyncio
import ctypes
import resource
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from checkout.database import open_database
from checkout.database.files import lock_of
from checkout.database.tables import orders
from checkout.errors import SettingsFault
from checkout.sandbox import create_sandbox
from tests.placing_world import World, running_world
from tests.processes import Running, clean_environ, command, run, running
from tests.service import ENVIRON, Service, TestClock, key, make_settings
from tests.test_placing_sockets import listening
from tests.upstreams import Upstreams, after

_UNLIMITED = resource.RLIM_INFINITY
_DAC_OVERRIDE, _DROP_FROM_BOUNDING_SET = 1, 24  # Linux: what lets root write where nobody may, and how to lose it.


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[World, Running]]:
    """`checkout serve` as a process, over a sandbox on a port; the log goes to a file in the same folder."""
    url = f"sqlite:///{folder / 'checkout.db'}"
    async with listening() as sandbox_url:
        at = {"CHECKOUT_LOCALLY_BASE_URL": sandbox_url, "CHECKOUT_STRIPE_API_BASE": sandbox_url}
        with running("serve", "--port", "0", cwd=folder, **{**ENVIRON, **at, "CHECKOUT_DATABASE_URL": url}) as process:
            service_url = await asyncio.to_thread(process.url)
            async with (
                httpx.AsyncClient(base_url=service_url, trust_env=False) as client,
                httpx.AsyncClient(base_url=sandbox_url, trust_env=False) as controls,
            ):
                upstreams = Upstreams(create_sandbox())
                service = Service(client, controls, make_settings(), TestClock(), upstreams)  # type: ignore[arg-type]  # Nobody calls the app here.
                yield World(service, upstreams, url), process


def fill_disk(process: Running, files: int) -> None:
    """From now on no file of the process can become longer than so many bytes, as on a disk without room."""
    assert sys.platform == "linux", "how another process meets a full disk is known for Linux only"
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (files, _UNLIMITED))


def free_disk(process: Running) -> None:
    assert sys.platform == "linux"
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (_UNLIMITED, _UNLIMITED))


def require_refusal(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json().get("code")) == (503, "database_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) >= 1


async def require_one_order(world: World, checkout: dict[str, Any], number: int = 1) -> None:
    """It is placed, told as placed, the `number`th, and every order of the sandbox has its record."""
    assert (await world.settled(checkout))["status"] == "placed"
    assert await world.calls() == (number, number)
    made = await world.orders()
    assert len(made) == number
    assert sorted(row["cart_hash"] for row in await world.rows(orders)) == sorted(made)


async def readiness(world: World) -> int:
    return (await world.service.client.get("/readyz")).status_code


async def until_ready(world: World) -> None:
    async with asyncio.timeout(20):
        while await readiness(world) != 200:  # noqa: ASYNC110  It is asked over HTTP.
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("room", ["for the log", "for nothing"])
async def test_full_disk_refuses_until_there_is_room(tmp_path: Path, room: str) -> None:
    async with served(tmp_path) as (world, process):
        checkout, card = await world.ready()
        using = key()
        fill_disk(process, (tmp_path / "checkout.db-wal").stat().st_size if room == "for the log" else 1)
        require_refusal(await world.place(checkout, card, using=using))
        assert await readiness(world) == 503
        assert await world.calls() == (0, 0)
        free_disk(process)
        await until_ready(world)
        assert (await world.place(checkout, card, using=using)).status_code == 200
        await require_one_order(world, checkout)


async def test_answers_survive_a_disk_that_fills_meanwhile(tmp_path: Path) -> None:
    async with served(tmp_path) as (world, process):
        for number, call in enumerate(("cart/validate", "cart/commit"), 1):
            checkout, card = await world.ready()
            using = key()
            await world.service.fault(call, "slow", seconds=1)
            placing = asyncio.create_task(world.place(checkout, card, using=using, wait=2))
            while [each["call"] for each in (await world.service.ledger())["calls"]].count(call) < number:  # noqa: ASYNC110  It is asked over HTTP.
                await asyncio.sleep(0.02)
            fill_disk(process, 1)
            told = await placing
            assert (told.status_code, told.json()["status"]) == (202, "placing")
            free_disk(process)
            await require_one_order(world, checkout, number)
            assert (await world.place(checkout, card, using=using)).status_code == 200


def lose_override() -> None:
    """Let permissions bite root too; for everybody else this changes nothing."""
    ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _DAC_OVERRIDE, 0, 0, 0)


def test_read_only_files_are_one_clear_line_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "checkout.db"
    run("migrate", "--database", str(path), cwd=tmp_path)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        started = subprocess.run(
            command("serve", "--port", "0"),
            cwd=tmp_path,
            env=clean_environ(**{**ENVIRON, "CHECKOUT_DATABASE_URL": f"sqlite:///{path}"}),
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
            preexec_fn=lose_override,
        )
    finally:
        tmp_path.chmod(0o755)
    said = started.stderr.splitlines()
    assert started.returncode == 2
    assert said[-1].startswith(f"checkout: CHECKOUT_DATABASE_URL: cannot use the database {path}: ")
    assert "eadonly" in said[-1] or "ermission denied" in said[-1]


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world("sqlite", tmp_path, lease="0.3") as world:
        yield world


def file_of(world: World) -> Path:
    return Path(world.url.removeprefix("sqlite:///"))


@pytest.mark.parametrize("suffix", ["", "-wal"])
async def test_file_moved_away_takes_no_order(files: World, suffix: str) -> None:
    checkout, card = await files.ready()
    using = key()
    name = file_of(files).with_name(f"checkout.db{suffix}")
    name.rename(name.with_name("elsewhere"))
    require_refusal(await files.place(checkout, card, using=using))
    assert await readiness(files) == 503
    assert await files.calls() == (0, 0)
    name.with_name("elsewhere").rename(name)
    assert await readiness(files) == 200
    assert (await files.place(checkout, card, using=using)).status_code == 200
    await require_one_order(files, checkout)


async def test_file_put_in_its_place_takes_no_order(files: World) -> None:
    checkout, card = await files.ready()
    copy = file_of(files).with_name("copy")
    shutil.copyfile(file_of(files), copy)
    copy.rename(file_of(files))
    require_refusal(await files.place(checkout, card))
    assert await readiness(files) == 503
    assert await files.calls() == (0, 0)


@pytest.mark.parametrize("call", ["cart/validate", "cart/commit"])
async def test_answer_survives_files_that_are_moved_meanwhile(files: World, call: str) -> None:
    checkout, card = await files.ready()
    folder = file_of(files).parent

    async def move() -> None:
        for name in ("checkout.db", "checkout.db-wal"):
            (folder / name).rename(folder / f"moved {name}")

    files.upstreams.on(call, after(move))
    told = await files.place(checkout, card, wait=1)
    assert (told.status_code, told.json()["status"]) == (202, "placing")
    for name in ("checkout.db", "checkout.db-wal"):
        (folder / f"moved {name}").rename(folder / name)
    await require_one_order(files, checkout)


async def test_deleted_lock_is_taken_again(files: World) -> None:
    lock_of(file_of(files)).unlink()
    checkout, card = await files.ready()
    assert (await files.place(checkout, card)).status_code == 200
    second = open_database(files.url)
    with pytest.raises(SettingsFault, match="another service is running"):
        await second.open()
    await second.close()


async def test_lock_that_another_took_stops_orders(files: World) -> None:
    checkout, card = await files.ready()
    other = file_of(files).with_name("other.lock")
    async with holding(other):
        other.rename(lock_of(file_of(files)))
        require_refusal(await files.place(checkout, card))
        assert await files.calls() == (0, 0)
    assert (await files.place(checkout, card)).status_code == 200


@asynccontextmanager
async def holding(lock: Path) -> AsyncIterator[None]:
    """A lock in the hands of another process."""
    code = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'a')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(lock), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield
    finally:
        await process.communicate(b"")


async def test_bug_while_recovering_does_not_end_recovery(files: World, monkeypatch: pytest.MonkeyPatch) -> None:
    met = asyncio.Event()

    async def fail(*_: Any) -> list[str]:
        met.set()
        raise LookupError("a bug in the middle")

    monkeypatch.setattr("checkout.placing.keeping.claim_attempts", fail)
    await asyncio.wait_for(met.wait(), 10)
    monkeypatch.undo()
    assert await readiness(files) == 200
    checkout, card = await files.ready()
    assert (await files.place(checkout, card)).status_code == 200
