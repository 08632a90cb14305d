"""The command line as real processes, as a person starts them; and in this process where it is about words only."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner, Result

from checkout.__main__ import main

_PATIENCE = 30  # Seconds; a machine that runs all tests at once is slow to start a process.


def clean_environ(**more: str) -> dict[str, str]:
    """The environment of a person who has set nothing, and `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHECKOUT_")}
    return {**kept, "NO_PROXY": "*", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "checkout", *arguments]


def run(*arguments: str, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=clean_environ(**environ),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def run_here(*arguments: str, cwd: Path, **environ: str) -> Result:
    """Run a command to its end without a process of its own, which takes a second to start."""
    unset = dict.fromkeys(name for name in os.environ if name.startswith("CHECKOUT_"))
    with chdir(cwd):
        return CliRunner().invoke(main, arguments, env={**unset, **environ})


class Running:
    """A command that goes on; what it says is kept in two files."""

    def __init__(self, arguments: tuple[str, ...], cwd: Path, environ: dict[str, str]) -> None:
        number = len(list(cwd.glob("*.out")))
        self._out, self._err = cwd / f"{number}.out", cwd / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command(*arguments), cwd=cwd, env=clean_environ(**environ), stdout=out, stderr=err
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def wait_for(self, said: Callable[[], str | None]) -> str:
        """Wait until it has said something; fails where it ends before."""
        until = time.monotonic() + _PATIENCE
        while not (text := said()):
            assert self.process.poll() is None, self.out + self.err
            assert time.monotonic() < until, "it said nothing: " + self.out + self.err
            time.sleep(0.02)
        return text

    def facts(self) -> dict[str, str]:
        """The one line of JSON that `--json` prints once it serves."""
        return dict(json.loads(self.wait_for(lambda: self.out if self.out.endswith("\n") else None)))

    def url(self) -> str:
        """Where `checkout serve` says that it serves."""
        line = self.wait_for(lambda: next((line for line in self.err.splitlines() if "Serving on" in line), None))
        return line.split()[2]

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it with a signal; gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(_PATIENCE)


@contextmanager
def running(*arguments: str, cwd: Path, **environ: str) -> Iterator[Running]:
    command = Running(arguments, cwd, environ)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait(_PATIENCE)


@contextmanager
def running_demo(folder: Path, **environ: str) -> Iterator[Running]:
    """A demo with a database in a folder, on free ports."""
    ports = ("--port", "0", "--sandbox-port", "0", "--brand-port", "0")
    with running("demo", *ports, "--database", str(folder / "checkout.db"), "--json", cwd=folder, **environ) as demo:
        yield demo


def ask(method: str, url: str, *, token: str = "", body: Any = None, **headers: str) -> httpx.Response:
    """One request; header names are written with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    with httpx.Client(trust_env=False, timeout=_PATIENCE) as client:
        return client.request(method, url, json=body, headers=sent)


def is_up(url: str) -> bool:
    try:
        ask("GET", url)
    except httpx.TransportError:
        return False
    return True


def buy(url: str, key: str, *options: str, cwd: Path) -> dict[str, Any]:
    """What `checkout try --json` prints after a purchase that ended with an order."""
    bought = run_here("try", "--json", "--url", url, "--key", key, *options, cwd=cwd)
    assert bought.exit_code == 0, bought.output
    return dict(json.loads(bought.stdout))


def is_over(condition: Callable[[], bool], seconds: float = _PATIENCE) -> bool:
    """Whether a condition came to be false within a time."""
    until = time.monotonic() + seconds
    while condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
