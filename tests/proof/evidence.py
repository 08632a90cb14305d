"""`make evidence HOURS=n`: runs the proofs in turns, adds each run to `docs/evidence.jsonl`, and writes the pages anew.

Proofs that have not reached their goal share the time evenly. The exit status is 1 where a proof found a violation or
ended without a tally.
"""

import argparse
import asyncio
import os
import platform
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from checkout import __version__
from tests.proof.evidence_page import Ledger, Run, page, readme_numbers, so_far, with_numbers
from tests.proof.evidence_proofs import PROOFS, Proof
from tests.proof.evidence_running import Turn, commit_of, judged, outcome, postgres_version

ROOT = Path(__file__).parent.parent.parent
_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
_LONGEST, _SHORTEST = 300.0, 60.0  # Seconds of one turn; some proofs count nothing in less.
_TOO_SHORT = 150.0  # On a busy machine the slowest proof needs so many seconds for its first count.
_CRASHES = 3  # After so many, a proof has no further turn.
_SEEDS = 100_000  # From the seed of one run to that of the next; a run uses its seed and some after it.


@dataclass
class Evidence:
    """The runs so far, and what is running. The pages tell of all `proofs`; those that are `wanted` run."""

    folder: Path  # Of the repository.
    proofs: Sequence[Proof]
    wanted: frozenset[str]
    ledger: Ledger
    environ: dict[str, str]
    versions: dict[str, str]
    ends: float
    turn_seconds: float
    turns: list[Turn] = field(default_factory=list)
    bad: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    async def work(self) -> None:
        """One turn after another, until the time is over."""
        while self.left > min(_SHORTEST, self.turn_seconds) / 2 and (proof := self.next_proof()) is not None:
            seconds = max(min(self.turn_seconds, self.left), 1)
            turn = Turn(proof, self._seed(proof), seconds)
            self.turns.append(turn)
            try:
                self._take(turn, await self._run(turn))
            finally:
                self.turns.remove(turn)

    def next_proof(self) -> Proof | None:
        """The short ones first, then what has run least of those that have not reached their goal, then the rest."""
        return min(filter(self._is_free, self.proofs), key=self._order, default=None)

    def _order(self, proof: Proof) -> tuple[bool, bool, float]:
        return not proof.is_short, self.ledger.share(proof) >= 1, sum(run.seconds for run in self.ledger.of(proof))

    def _is_free(self, proof: Proof) -> bool:
        name = proof.name
        is_over = self.crashes[name] >= _CRASHES or (proof.is_short and self.finished[name] > 0)
        return name in self.wanted and not is_over and name not in {turn.proof.name for turn in self.turns}

    def _seed(self, proof: Proof) -> int:
        return max((run.seed for run in self.ledger.of(proof)), default=0) + _SEEDS

    async def _run(self, turn: Turn) -> Run:
        commit = commit_of(self.folder)
        counts, violations, crashed = judged(*await outcome(turn, self.folder, self.environ))
        if commit_of(self.folder) != commit:
            commit = commit.removesuffix("-dirty") + "-dirty"
        return Run(
            proof=turn.proof.name,
            seed=turn.seed,
            seconds=round(time.monotonic() - turn.began),
            counts=counts,
            violations=violations,
            crashed=crashed,
            commit=commit,
            versions=self.versions,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _take(self, turn: Turn, run: Run) -> None:
        """Keep a run, except one that had no time to count anything; with time, counting nothing is a fault."""
        goals, counted = turn.proof.goals, [name for name, number in run.counts.items() if number]
        if run.is_bad:
            self._keep(run)
        elif counted and goals and not goals.keys() & run.counts:
            self._keep(replace(run, crashed="it counts nothing that its goals name"))
        elif counted:
            self._keep(run)
        elif turn.seconds < _TOO_SHORT:
            self.finished[run.proof] += 1
            say(f"{run.proof}: {turn.seconds:.0f} s were too short to count anything")
        else:
            self._keep(replace(run, crashed="it counted nothing"))

    def _keep(self, run: Run) -> None:
        self.ledger.append(run)
        write_pages(self.folder, self.ledger, self.proofs)
        self.bad += run.is_bad
        self.finished[run.proof] += 1
        counted = ", ".join(f"{number:,} {name}" for name, number in run.counts.items())
        say(f"{run.proof}: {run.seconds} s, seed {run.seed}: {counted or 'nothing counted'}")
        for violation in run.violations:
            say(f"VIOLATION in {run.proof} (seed {run.seed}): {violation}")
        if run.crashed:
            self.crashes[run.proof] += 1
            more = "; it gets no further turn" if self.crashes[run.proof] == _CRASHES else ""
            say(f"NO TALLY from {run.proof} (seed {run.seed}){more}: {run.crashed}")

    async def paint(self) -> None:
        """Show the state: all the time on a terminal, where it stays in its place; each minute in a log."""
        is_terminal = sys.stdout.isatty()
        while True:
            await asyncio.sleep(1 if is_terminal else 60)
            show(self.table())

    def table(self) -> list[str]:
        """How far each proof is, what runs, and how long it goes on."""
        lines = [f"-- {max(self.left, 0) / 60:.0f} min left; {self.bad} runs with violations or without a tally"]
        running = {turn.proof.name: turn for turn in self.turns}
        for proof in self.proofs:
            turn = running.get(proof.name)
            state = f"running for {time.monotonic() - turn.began:.0f} of {turn.seconds:.0f} s" if turn else ""
            share = min(self.ledger.share(proof), 1)
            lines.append(f"   {proof.name:12} {share:4.0%}  {so_far(self.ledger, proof):45} {state}".rstrip())
        return lines


_shown = 0  # Lines of the table that stand at the end of the terminal.


def say(what: str) -> None:
    """Tell what happened, above the table."""
    global _shown
    _print(f"{datetime.now():%H:%M:%S} {what}")  # noqa: DTZ005  For a person who looks at a clock here.
    _shown = 0


def show(table: list[str]) -> None:
    """Put the table into the place of the last one."""
    global _shown
    _print("\n".join(table))
    _shown = len(table) if sys.stdout.isatty() else 0


def _print(text: str) -> None:
    before = f"\x1b[{_shown}F\x1b[J" if _shown else ""
    print(f"{before}{text}", flush=True)  # noqa: T201  It is a command.


def write_pages(folder: Path, ledger: Ledger, proofs: Sequence[Proof]) -> None:
    """Write `docs/evidence.md` and the numbers in the README from all runs."""
    ledger.path.touch()
    _replace(folder / "docs" / "evidence.md", page(ledger, proofs))
    readme = folder / "README.md"
    _replace(readme, with_numbers(readme.read_text(encoding="utf-8"), readme_numbers(ledger, proofs)))


def _replace(path: Path, text: str) -> None:
    """At once, so that whoever reads it meanwhile never finds a half."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@dataclass(frozen=True)
class Asked:
    """What a person asked for: hours, proofs at a time, and which proofs."""

    hours: float
    jobs: int
    names: frozenset[str]


async def prepare(folder: Path, proofs: Sequence[Proof], asked: Asked) -> Evidence:
    url = os.environ.get("CHECKOUT_TEST_POSTGRES_URL") or _POSTGRES
    postgresql = await postgres_version(url)
    environ = {name: value for name, value in os.environ.items() if name != "CHECKOUT_TEST_POSTGRES_URL"}
    if postgresql:
        environ["CHECKOUT_TEST_POSTGRES_URL"] = url
    else:
        say(f"No PostgreSQL answers at {url.rpartition('@')[2]}: kills and rivals run on SQLite alone.")
    versions = {"checkout": __version__, "Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    seconds = asked.hours * 3600
    turn = min(max(seconds * asked.jobs / (4 * len(asked.names)), _SHORTEST), _LONGEST, seconds)
    return Evidence(
        folder=folder,
        proofs=proofs,
        wanted=asked.names,
        ledger=Ledger.load(folder / "docs" / "evidence.jsonl"),
        environ=environ,
        versions={**versions, "PostgreSQL": postgresql or "none"},
        ends=time.monotonic() + seconds,
        turn_seconds=turn,
    )


def _end_by_signals() -> None:
    """Else the proofs, which have sessions of their own, would go on without us."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def gather(folder: Path, proofs: Sequence[Proof], asked: Asked) -> int:
    """Run what was asked for; gives how many runs found a violation or gave no tally."""
    evidence = await prepare(folder, proofs, asked)
    say(f"Gathering evidence for {asked.hours:g} h, {asked.jobs} at a time, in turns of {evidence.turn_seconds:.0f} s.")
    say(f"{len(evidence.ledger.runs)} runs are there already. Ctrl-C ends it and keeps every finished run.")
    write_pages(folder, evidence.ledger, proofs)
    _end_by_signals()
    painting = asyncio.create_task(evidence.paint())
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(asked.jobs):
                group.create_task(evidence.work())
    finally:
        painting.cancel()
        show(evidence.table())
        say("Written: docs/evidence.md, docs/evidence.jsonl, README.md")
    return evidence.bad


def _asked() -> Asked:
    parser = argparse.ArgumentParser(description="Runs the proofs in turns and writes docs/evidence.md.")
    parser.add_argument("--hours", type=float, default=1.0, help="how long (1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many proofs at a time (2)")
    parser.add_argument("--only", default="", help="names of proofs, with commas between them (all)")
    asked = parser.parse_args()
    every = frozenset(proof.name for proof in PROOFS)
    names = frozenset(asked.only.split(",")) if asked.only else every
    if not names <= every:
        parser.error(f"there is no proof {', '.join(sorted(names - every))}; there are {', '.join(sorted(every))}")
    return Asked(asked.hours, asked.jobs, names)


def main() -> None:
    asked = _asked()
    try:
        bad = asyncio.run(gather(ROOT, PROOFS, asked))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("Stopped: the turns that were running do not count, all others do.")
        sys.exit(130)
    if bad:
        say(f"{bad} runs broke the promise or gave no tally: see docs/evidence.md")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
