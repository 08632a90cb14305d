"""Side by side, in one run: what a request costs us, beside the least that a Starlette handler costs.

    .venv/bin/python bench/run.py [--seconds 3] [--rounds 3] [--json]

Three servers run as processes of their own: a bare Starlette route, the service, and the sandbox behind it. The cases
take turns (A B C, C B A, ...), so that a busy machine harms all alike. The figure to compare is CPU time per request of
the server under test, from /proc; requests per second and latencies are shown for orientation.
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
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

BARE = """
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
app = Starlette(routes=[Route("/", lambda request: JSONResponse({"hello": "world"}))])
uvicorn.run(app, port=%d, loop="uvloop", http="httptools", access_log=False, log_level="error")
"""
CONCURRENCY = 32
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Case:
    """One kind of request, and the process whose CPU time it costs."""

    name: str
    pid: int
    send: Callable[[aiohttp.ClientSession], Awaitable[None]]


@dataclass
class Reading:
    """What one round of a case showed: CPU microseconds per request, requests per second, latency in ms."""

    cpu_us: float
    per_second: float
    p50: float
    p99: float


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def measure(case: Case, seconds: float) -> Reading:
    """Keep CONCURRENCY requests in flight for a while."""
    took: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await case.send(session)
        cpu, end = cpu_seconds(case.pid), time.perf_counter() + seconds
        began = time.perf_counter()

        async def worker() -> None:
            while time.perf_counter() < end:
                start = time.perf_counter()
                await case.send(session)
                took.append(time.perf_counter() - start)

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        spent, lasted = cpu_seconds(case.pid) - cpu, time.perf_counter() - began
    took.sort()
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    return Reading(1e6 * spent / len(took), len(took) / lasted, 1e3 * statistics.median(took), 1e3 * p99)


def reader(url: str, headers: dict[str, str]) -> Callable[[aiohttp.ClientSession], Awaitable[None]]:
    async def send(session: aiohttp.ClientSession) -> None:
        async with session.get(url, headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()

    return send


def reserver(demo: dict[str, str], store_id: int, upc: str) -> Callable[[aiohttp.ClientSession], Awaitable[None]]:
    """A whole reservation: open a checkout, place it. No card, so that Stripe's part does not blur the figure."""
    shopper = {"email": "bench@example.com", "phone": "+13125550142", "first_name": "Ben", "last_name": "Chmark"}
    shopper |= {"address": "1 Elm St", "city": "Chicago", "state": "IL", "zip": "60605", "country": "US"}
    cart = {"store_id": store_id, "path_to_purchase": "ropis", "items": [{"upc": upc, "quantity": 1}]}

    async def post(session: aiohttp.ClientSession, path: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
        async with session.post(demo["url"] + path, json=body, headers=headers) as answer:
            told: dict[str, Any] = await answer.json(content_type=None)
            answer.raise_for_status()
            return told

    async def send(session: aiohttp.ClientSession) -> None:
        made = await post(session, "/v1/checkouts", demo["publishable_key"], {**cart, "shopper": shopper})
        path = f"/v1/checkouts/{made['id']}/place"
        placed = await post(session, path, made["token"], {"expected_total": made["totals"]["total"]})
        if placed["status"] != "placed":
            raise RuntimeError(f"not placed: {placed['status']}")

    return send


def start(*command: str, environ: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environ or {})},
    )


async def wait_for(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise RuntimeError(f"nothing answers at {url}")


async def compare(cases: list[Case], rounds: int, seconds: float) -> dict[str, list[Reading]]:
    readings: dict[str, list[Reading]] = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            print(f"round {number + 1} of {rounds}: {case.name}", file=sys.stderr)
            readings[case.name].append(await measure(case, seconds))
    return readings


def show(readings: dict[str, list[Reading]]) -> None:
    base = statistics.median(reading.cpu_us for reading in next(iter(readings.values())))
    print(f"{'case':34} {'CPU us':>9} {'x bare':>8} {'per s':>9} {'p50 ms':>8} {'p99 ms':>8}")
    for name, found in readings.items():
        cpu, rate, p50, p99 = (
            statistics.median(getattr(each, part) for each in found) for part in ("cpu_us", "per_second", "p50", "p99")
        )
        print(f"{name:34} {cpu:9.0f} {cpu / base:8.2f} {rate:9.0f} {p50:8.1f} {p99:8.1f}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print every reading as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"CHECKOUT_SANDBOX_CLOCK": "0", "CHECKOUT_LOG_LEVEL": "error"}
        database = str(Path(folder, "bench.db"))
        served = start(
            "-m", "checkout", "demo", "--json", "--port", "0", "--sandbox-port", "0", "--database", database,
            environ=quiet,
        )  # fmt: skip
        bare = start("-c", BARE % 8990)
        try:
            demo = json.loads(served.stdout.readline()) if served.stdout else {}
            await wait_for("http://127.0.0.1:8990/")
            readings = await compare(await cases_of(demo, bare.pid, served.pid), given.rounds, given.seconds)
        finally:
            for process in (served, bare):
                process.terminate()
                process.wait()
    if given.json:
        print(json.dumps({name: [vars(each) for each in found] for name, found in readings.items()}))
    else:
        show(readings)


async def cases_of(demo: dict[str, str], bare: int, served: int) -> list[Case]:
    key = {"Authorization": f"Bearer {demo['publishable_key']}"}
    async with aiohttp.ClientSession() as session, session.get(f"{demo['sandbox_url']}/_sandbox/catalogue") as answer:
        catalogue = await answer.json()
    store, upc = catalogue["stores"][0]["id"], catalogue["products"][0]["upc"]
    stores = f"{demo['url']}/v1/stores?items={upc}:1&near=41.88,-87.63"
    return [
        Case("bare Starlette, small JSON", bare, reader("http://127.0.0.1:8990/", {})),
        Case("GET /healthz", served, reader(f"{demo['url']}/healthz", {})),
        Case("GET /v1/stores, kept answer", served, reader(stores, key)),
        Case("open and place a reservation", served, reserver(demo, store, upc)),
    ]


if __name__ == "__main__":
    asyncio.run(main())
