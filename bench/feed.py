"""Side by side, in one run: what it costs to import and to serve a feed of a million rows, on both databases.

    .venv/bin/python bench/feed.py [--rows 1000000] [--rounds 2] [--json]

A service runs on SQLite, and another on PostgreSQL where CHECKOUT_TEST_POSTGRES_URL names a server. They take turns,
the next round in the opposite order. Beside each import a small write (`/readyz`) is asked for all the time: how long
that takes shows whether others are held up. Peak memory is the process's, from /proc, "idle" before the round's feed.
The first round imports into an empty database, the next ones replace (and delete) what is there.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from sqlalchemy import make_url

SERVER = os.environ.get("CHECKOUT_TEST_POSTGRES_URL", "")
SECRET, TOKEN = "csk_test_bench", "bench_feed_token_0000000000"
DATABASE = "checkout_bench_feed"
ENVIRON = {
    "CHECKOUT_LOCALLY_API_TOKEN": "test_bench_token",
    "CHECKOUT_LOCALLY_COMPANY_ID": "1",
    "CHECKOUT_LOCALLY_BASE_URL": "http://127.0.0.1:9",  # Nobody: no order is placed here.
    "CHECKOUT_STRIPE_API_BASE": "http://127.0.0.1:9",
    "CHECKOUT_STRIPE_SECRET_KEY": "sk_test_bench",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY": "pk_test_bench",
    "CHECKOUT_PUBLISHABLE_KEY": "cpk_test_bench",
    "CHECKOUT_SECRET_KEY": SECRET,
    "CHECKOUT_ENCRYPTION_KEY": "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoISE=",
    "CHECKOUT_FEED_TOKEN": TOKEN,
    "CHECKOUT_LOG_LEVEL": "error",
}
_HEADERS = {"Authorization": f"Bearer {SECRET}", "Content-Type": "text/csv"}
_PIECE = 1 << 18
_FOREVER = aiohttp.ClientTimeout(total=None)


@dataclass
class Server:
    """A service as a process of its own."""

    name: str
    url: str
    process: "subprocess.Popen[str]"


@dataclass
class Reading:
    """One round: rows per second in, megabytes per second out, memory in MiB, and what others waited in ms."""

    rows_in: float
    megabytes_out: float
    idle: float
    peak: float
    others_p50: float
    others_longest: float


def write_feed(path: Path, rows: int, number: int) -> None:
    """A feed of its own for each round, since the same bytes again would be no import."""
    with path.open("w", encoding="utf-8") as file:
        file.write("upc,qty,percent revenue retained,shipping cost,country\n")
        file.writelines(
            f"{100_000_000_000 + row},{(row + number) % 997},{row % 100},{row % 7}.50,US\n" for row in range(rows)
        )


def memory(pid: int, name: str) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) / 1024


def start(name: str, database_url: str, folder: str) -> Server:
    process = subprocess.Popen(
        [sys.executable, "-m", "checkout", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **ENVIRON, "CHECKOUT_DATABASE_URL": database_url},
    )
    assert process.stderr is not None  # noqa: S101  For the type checker: it is a pipe.
    for line in process.stderr:
        if line.startswith("Serving on "):
            return Server(name, line.split()[2], process)
    raise RuntimeError(f"the service on {name} did not start")


async def pieces_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


async def measure(server: Server, path: Path) -> Reading:
    idle = memory(server.process.pid, "VmRSS")
    async with aiohttp.ClientSession(timeout=_FOREVER) as session:
        waits: list[float] = []
        others = asyncio.create_task(keep_writing(session, server, waits))
        began = time.perf_counter()
        url = f"{server.url}/v1/feeds/available-to-sell"
        async with session.put(url, data=pieces_of(path), headers=_HEADERS) as answer:
            told = await answer.json()
            answer.raise_for_status()
        took = time.perf_counter() - began
        others.cancel()
        began, size = time.perf_counter(), 0
        async with session.get(
            f"{server.url}/feeds/{TOKEN}/available-to-sell.csv", headers={"Accept-Encoding": "identity"}
        ) as answer:
            async for piece in answer.content.iter_any():
                size += len(piece)
        served = time.perf_counter() - began
    peak = memory(server.process.pid, "VmHWM")
    spent = [1e3 * wait for wait in waits]
    return Reading(told["rows"] / took, size / 1e6 / served, idle, peak, statistics.median(spent), max(spent))


async def keep_writing(session: aiohttp.ClientSession, server: Server, waits: list[float]) -> None:
    while True:
        began = time.perf_counter()
        async with session.get(f"{server.url}/readyz") as answer:
            await answer.read()
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)


async def on_server(*statements: str) -> None:
    connection = await asyncpg.connect(SERVER)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def empty_postgres() -> str:
    """The URL of a new database on the server."""
    await on_server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)", f"CREATE DATABASE {DATABASE}")
    return make_url(SERVER).set(database=DATABASE).render_as_string(hide_password=False)


async def compare(servers: list[Server], rows: int, rounds: int, folder: str) -> dict[str, list[Reading]]:
    readings: dict[str, list[Reading]] = {server.name: [] for server in servers}
    feed = Path(folder, "feed.csv")
    for number in range(rounds):
        write_feed(feed, rows, number)
        for server in servers if number % 2 == 0 else reversed(servers):
            print(f"round {number + 1} of {rounds}: {server.name}", file=sys.stderr)
            readings[server.name].append(await measure(server, feed))
    return readings


def show(readings: dict[str, list[Reading]]) -> None:
    head = ("database", "round", "rows/s in", "MB/s out", "idle MiB", "peak MiB", "others p50 ms", "longest ms")
    print(("{:12}" + "{:>14}" * 7).format(*head))
    for name, found in readings.items():
        for number, reading in enumerate(found, 1):
            values: tuple[Any, ...] = tuple(vars(reading).values())
            print(f"{name:12}{number:14}" + "".join(f"{value:14,.1f}" for value in values))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print every reading as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        servers = [start("SQLite", f"sqlite:///{folder}/bench.db", folder)]
        try:
            if SERVER:
                servers.append(start("PostgreSQL", await empty_postgres(), folder))
            readings = await compare(servers, given.rows, given.rounds, folder)
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait()
            if SERVER:
                await on_server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    if given.json:
        print(json.dumps({name: [vars(each) for each in found] for name, found in readings.items()}))
    else:
        show(readings)


if __name__ == "__main__":
    asyncio.run(main())
