"""Starts of the service that do not wait for its imports: a process that has made them all forks for each start.

More than a second of each start is the import of libraries, in which nothing happens that a kill could harm; with it, a
proof of a thousand kills would mostly import. What is forked runs the command `checkout serve` from its first line on,
with settings, folder and log of its own, and is a process like any other to whoever kills it.
"""

import asyncio
import gc
import json
import os
import select
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.processes import clean_environ

_LOOKS_EVERY = 0.02  # Seconds between two looks at who has ended.
_ROOT = Path(__file__).parent.parent.parent
_IMPORTED = (
    "checkout.__main__",
    "checkout.app",
    "checkout.serving",
    "checkout.stripe_client.sdk",
    "checkout.database.postgres",
    "asyncpg",
    "uvloop",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
)


class Forked:
    """A process that was forked for us; as much of asyncio's Process as its owner needs."""

    def __init__(self, pid: int, ended: "asyncio.Future[int]") -> None:
        self.pid = pid
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


class Forge:
    """The process that forks, as those see it who want a start."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._forked: asyncio.Queue[Forked] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._turn = asyncio.Lock()

    async def serve(self, folder: Path, environ: dict[str, str], said: Path) -> Forked:
        """`checkout serve` on a free port, in a folder; what it says is added to a file."""
        assert self._process.stdin is not None
        order = {"folder": str(folder), "environ": environ, "said": str(said)}
        async with self._turn:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            return await self._forked.get()

    async def listen(self) -> None:
        """Hear which processes began and ended, until the forge itself ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            pid = told["pid"]
            if "status" in told:
                self._ended.pop(pid).set_result(told["status"])
            else:
                ended = self._ended[pid] = asyncio.get_running_loop().create_future()
                self._forked.put_nowait(Forked(pid, ended))


@asynccontextmanager
async def running_forge() -> AsyncIterator[Forge]:
    """A forge that ends with us, however we end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.warm_starts"),
        cwd=_ROOT,
        env=clean_environ(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    forge = Forge(process)
    listening = asyncio.create_task(forge.listen())
    try:
        yield forge
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening


def main() -> None:
    for name in _IMPORTED:
        import_module(name)
    gc.freeze()  # So that collecting garbage does not copy what is shared.
    while True:
        asked, _, _ = select.select([sys.stdin], [], [], _LOOKS_EVERY)
        if asked:
            line = sys.stdin.readline()  # One at most: who asks waits for the answer.
            if not line:
                return
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line))
                return
            with suppress(OSError):  # It has done so itself, or has ended.
                os.setpgid(pid, pid)
            _tell({"pid": pid})
        _tell_ends()


def _become(order: dict[str, Any]) -> None:
    """Be `checkout serve` from now on."""
    os.setpgid(0, 0)
    os.chdir(order["folder"])
    said, nothing = os.open(order["said"], os.O_WRONLY | os.O_APPEND | os.O_CREAT), os.open(os.devnull, os.O_RDWR)
    for number, put in enumerate((nothing, nothing, said)):
        os.dup2(put, number)
    os.environ.clear()
    os.environ.update(order["environ"])
    import_module("checkout.__main__").main(["serve", "--port", "0"])


def _tell_ends() -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _tell({"pid": ended[0], "status": os.waitstatus_to_exitcode(ended[1])})


def _tell(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
