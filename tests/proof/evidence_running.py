"""Runs one proof as a process of its own, and tells what came of it and on which code."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import asyncpg

from tests.proof.evidence_proofs import Proof

# Of these a run's outcome depends; pages may differ.
_CODE = ("checkout", "tests", "templates", "static", "pyproject.toml", "requirements.lock")
_GRACE = 600.0  # Seconds past its turn after which a proof is taken for stuck.


@dataclass
class Turn:
    """A proof that is running."""

    proof: Proof
    seed: int
    seconds: float
    began: float = field(default_factory=time.monotonic)


async def outcome(turn: Turn, folder: Path, environ: dict[str, str]) -> tuple[int | str, str, str]:
    """How the proof ended, and what it said on its two outputs."""
    options = ("--seconds", f"{turn.seconds:.0f}", "--seed", str(turn.seed))
    # Files and not pipes: a process that a proof left behind would keep a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", turn.proof.module, *options),
            cwd=folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for us: we end the proofs in order.
        )
        try:
            status: int | str = await asyncio.wait_for(process.wait(), turn.seconds + _GRACE)
        except TimeoutError:
            status = f"none: still running {_GRACE:.0f} s past its turn"
        finally:
            await _end(process)
        return status, _text(output), _text(errors)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a proof put its own processes away; what is left of them after that is killed."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 20)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def judged(status: int | str, output: str, errors: str) -> tuple[dict[str, int], list[str], str]:
    """Counts, violations, and what is wrong with a proof that gave no tally or ended otherwise than its tally says."""
    try:
        tally = json.loads(output.splitlines()[-1])
        counts, violations = dict(tally["counts"]), [str(line) for line in tally["violations"]]
    except (IndexError, KeyError, TypeError, ValueError):
        said = " / ".join(errors.splitlines()[-5:]) or "it said nothing"
        return {}, [], f"exit status {status}: {said}"
    if status != (1 if violations else 0):
        return counts, violations, f"exit status {status}, which is not that of {len(violations)} violations"
    return counts, violations, ""


def commit_of(folder: Path) -> str:
    """The commit of the code, with `-dirty` where the code differs from it; `unknown` without git."""
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--", *_CODE) else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def postgres_version(url: str) -> str:
    """The version of the PostgreSQL server; empty where there is none."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError, ValueError):
        return ""
    try:
        return str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()
