"""The sandbox and the service as processes of their own, which are killed and started again."""

import asyncio
import gc
import json
import os
import signal
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.databases import database_url
from tests.processes import clean_environ, command
from tests.proof.warm_starts import Forge, Forked
from tests.service import ENVIRON

_START_SECONDS = 60  # A machine that runs all tests at once is slow to start a process.
_STOP_SECONDS = 40  # The drain of 30 seconds that is promised, and some for a busy machine.

# Reading back takes minutes in earnest. Yet every span is far above what a busy machine delays a call by, so that no
# order is given up that is only late. A request that waits a second often sees a 202.
SPANS = {
    "CHECKOUT_READBACK_DELAYS": "0.1,0.2,0.5",
    "CHECKOUT_READBACK_INTERVAL": "0.5",
    "CHECKOUT_READBACK_UNTIL": "120",
    "CHECKOUT_NOT_PLACED_AFTER": "2",
    "CHECKOUT_NOT_PLACED_AFTER_REFUSAL": "1",
    "CHECKOUT_RECOVERY_INTERVAL": "0.3",
    "CHECKOUT_LEASE": "2",
    "CHECKOUT_DRAIN_NOTICE": "0.2",
    "CHECKOUT_READ_TIMEOUT": "2",
    "CHECKOUT_WRITE_TIMEOUT": "2",
    "CHECKOUT_PLACE_WAIT": "1",
    "CHECKOUT_LOG_LEVEL": "warning",
}

_NEVER_LOGGED = ('"event": "bug"', '"attempt_stopped"', "never retrieved", "RuntimeWarning")


class Instance:
    """One `checkout serve`; `url` is empty while it does not serve. What it says is kept in a file."""

    def __init__(self, folder: Path, number: int, environ: dict[str, str]) -> None:
        self.forge: Forge | None = None  # From where it is started, if not anew.
        self._folder = folder
        self._environ = environ
        self._said = folder / f"instance-{number}.log"
        self._process: Process | Forked | None = None
        self.url = ""
        self.start_seconds = 1.5

    async def spawn(self) -> None:
        """Begin to start."""
        self._heard = self._said.stat().st_size if self._said.exists() else 0
        if self.forge is not None:
            self._process = await self.forge.serve(self._folder, self._environ, self._said)
            return
        with self._said.open("ab") as said:
            self._process = await asyncio.create_subprocess_exec(
                *command("serve", "--port", "0"),
                cwd=self._folder,
                env=self._environ,
                stderr=said,
                start_new_session=True,
            )

    async def serving(self) -> None:
        """Wait until it serves. Raises RuntimeError, with all that it said, where it does not."""
        began = time.monotonic()
        while not (line := self._line_of_address()):
            ended = self._process is None or self._process.returncode is not None
            if ended or time.monotonic() - began > _START_SECONDS:
                raise RuntimeError(f"the service did not start: {self._lines()}")
            await asyncio.sleep(0.02)
        self.start_seconds = time.monotonic() - began
        self.url = line.split()[2]

    async def start(self) -> None:
        await self.spawn()
        await self.serving()

    def _lines(self) -> list[str]:
        return self._said.read_bytes()[self._heard :].decode().splitlines()

    def _line_of_address(self) -> str | None:
        return next((line for line in self._lines() if line.startswith("Serving on")), None)

    async def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self.url = ""
        if self._process is not None and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> int | None:
        """End it as an operator does, with SIGTERM; gives its exit status, None where it did not end in time."""
        if self._process is None:
            return None
        self.url = ""
        self._process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            return None

    def faults(self) -> list[str]:
        """What it logged that must never be: a bug, or an attempt that stopped for one."""
        lines = self._said.read_text().splitlines() if self._said.exists() else []
        return [line[:600] for line in lines if any(word in line for word in _NEVER_LOGGED)]


@dataclass
class Fleet:
    """The instances of a service on one database, the sandbox before which they stand, and a client for both."""

    url: str
    sandbox_url: str
    instances: list[Instance]
    client: httpx.AsyncClient

    def serving_urls(self) -> list[str]:
        return [instance.url for instance in self.instances if instance.url]

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.client.request(method, f"{self.sandbox_url}/_sandbox{path}", json=body, timeout=60)
        assert answer.status_code < 300, answer.text
        return answer.json()


@asynccontextmanager
async def running_sandbox() -> AsyncIterator[str]:
    """A sandbox in memory that outlives every service; gives its URL. It ends with us, however we end."""
    process = await asyncio.create_subprocess_exec(
        *command("sandbox", "--port", "0", "--json", "--until-stdin-ends"),
        env=clean_environ(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield str(json.loads(await process.stdout.readline())["url"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def running_fleet(kind: str, sandbox_url: str, instances: int, **more: str) -> AsyncIterator[Fleet]:
    """So many instances on an empty database of a kind, before a sandbox that is set back; killed at the end."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
    with tempfile.TemporaryDirectory(prefix="checkout-proof-") as name:
        folder = Path(name)
        async with (
            database_url(kind, folder) as url,
            httpx.AsyncClient(trust_env=False, timeout=20, limits=limits) as client,
        ):
            at = {"CHECKOUT_LOCALLY_BASE_URL": sandbox_url, "CHECKOUT_STRIPE_API_BASE": sandbox_url}
            environ = clean_environ(**{**ENVIRON, **SPANS, **at, "CHECKOUT_DATABASE_URL": url, **more})
            fleet = Fleet(url, sandbox_url, [Instance(folder, n, environ) for n in range(instances)], client)
            try:
                await fleet.control("DELETE", "/faults")
                await fleet.control("DELETE", "")
                for instance in fleet.instances:  # The first makes the tables.
                    await instance.start()
                yield fleet
            finally:
                for instance in fleet.instances:
                    await instance.kill()
    await _close_given_up()


async def _close_given_up() -> None:
    """Close the sockets of shoppers who hung up while they connected: httpx forgets those without closing them."""
    for each in gc.get_objects():
        if issubclass(type(each), asyncio.Transport) and type(each.get_protocol()).__module__.startswith("anyio"):
            with suppress(RuntimeError):  # Of a loop that is over.
                each.abort()
    await asyncio.sleep(0)
