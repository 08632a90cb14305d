"""The pages of the evidence, written from its runs: `docs/evidence.md`, and the table in the README."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.proof.evidence_proofs import Proof

_BEGIN, _END = "<!-- The numbers of `make evidence`: begin -->", "<!-- The numbers of `make evidence`: end -->"
_NOT_RUN = "not run yet"
# Such counts measure; the worst of all runs is told, not their sum.
_MEASURES = ("p50", "p99", "longest", "slowest", "max")


@dataclass(frozen=True)
class Run:
    """One finished run of a proof: a line of `docs/evidence.jsonl`.

    `crashed` is what the proof said last where it ended without a tally; empty otherwise. `seconds` are real ones,
    `commit` ends with `-dirty` where the code was not what the commit holds.
    """

    proof: str
    seed: int
    seconds: int
    counts: dict[str, int]
    violations: list[str]
    crashed: str
    commit: str
    versions: dict[str, str]
    date: str

    @property
    def is_bad(self) -> bool:
        return bool(self.violations or self.crashed)


@dataclass
class Ledger:
    """All runs so far, oldest first, as they stand in a file that only grows."""

    path: Path
    runs: list[Run] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> "Ledger":
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return cls(path, [Run(**json.loads(line)) for line in lines])

    def append(self, run: Run) -> None:
        self.runs.append(run)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(run)) + "\n")

    def of(self, proof: Proof) -> list[Run]:
        return [run for run in self.runs if run.proof == proof.name]

    def counts(self, proof: Proof) -> dict[str, int]:
        """What all runs of a proof counted together."""
        counts: dict[str, int] = {}
        for run in self.of(proof):
            for name, number in run.counts.items():
                before = counts.get(name, 0)
                counts[name] = max(before, number) if name.startswith(_MEASURES) else before + number
        return counts

    def share(self, proof: Proof) -> float:
        """How much of its goal a proof has reached; above 1 it has gone further."""
        if proof.is_short:
            return float(bool(self.of(proof)))
        counts = self.counts(proof)
        return min(counts.get(name, 0) / goal for name, goal in proof.goals.items())

    def violations(self, proof: Proof) -> int:
        return sum(len(run.violations) for run in self.of(proof))


def so_far(ledger: Ledger, proof: Proof) -> str:
    """The headline of a proof: what its goals count, or all defects of its last run."""
    runs, counts = ledger.of(proof), ledger.counts(proof)
    if not runs:
        return _NOT_RUN
    if proof.is_short:
        name, number = next(iter(runs[-1].counts.items()), ("", 0))
        return f"{number} {name}"
    return _numbers((name, counts.get(name, 0)) for name in proof.goals)


def readme_numbers(ledger: Ledger, proofs: Sequence[Proof]) -> str:
    rows = [f"| {proof.title} | {so_far(ledger, proof)} | {ledger.violations(proof)} |" for proof in proofs]
    return "\n".join([_BEGIN, "| proof | so far | violations |", "|---|---|---|", *rows, _END])


def with_numbers(readme: str, numbers: str) -> str:
    """The README with other numbers between its two marks. Raises ValueError where they are missing."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("README.md has no place for the numbers of the evidence")
    return before + numbers + after


def page(ledger: Ledger, proofs: Sequence[Proof]) -> str:
    """The whole of `docs/evidence.md`."""
    rows = [_row(ledger, proof) for proof in proofs]
    parts = [_HEAD, "\n".join([*_TABLE, *rows]), *_bad(ledger), _REPEAT, *(_about(ledger, each) for each in proofs)]
    return "\n\n".join([*parts, _LIMITS]) + "\n"


def _row(ledger: Ledger, proof: Proof) -> str:
    goal = _numbers(proof.goals.items()) or "all"
    if not (runs := ledger.of(proof)):
        return f"| {proof.title} | {_NOT_RUN} | {goal} | 0 | | | | |"
    seeds = f"{runs[0].seed} to {runs[-1].seed} ({len(runs)} runs)" if len(runs) > 1 else str(runs[0].seed)
    commits = _from_to([run.commit for run in runs])
    versions = ", ".join(f"{name} {_from_to([run.versions[name] for run in runs])}" for name in runs[-1].versions)
    dates = _from_to([run.date[:10] for run in runs])
    return (
        f"| {proof.title} | {so_far(ledger, proof)} | {goal} | {ledger.violations(proof)} |"
        f" {seeds} | {commits} | {versions} | {dates} |"
    )


def _from_to(values: list[str]) -> str:
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else f"{different[0]} to {different[-1]}"


def _numbers(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts)


def _bad(ledger: Ledger) -> list[str]:
    """What went wrong in any run, each with what repeats it."""
    lines = [
        f"- {run.proof}, seed {run.seed}, commit {run.commit}: `{_plain(what)}`"
        for run in ledger.runs
        for what in [*run.violations, *([f"ended without a tally: {run.crashed}"] if run.crashed else [])]
    ]
    return ["## What went wrong", "\n".join(lines)] if lines else []


def _plain(line: Any) -> str:
    return " ".join(str(line).replace("`", "'").split())


def _about(ledger: Ledger, proof: Proof) -> str:
    more = {name: number for name, number in ledger.counts(proof).items() if name not in proof.goals}
    counted = (
        "\n\n" + textwrap.fill(f"Also counted: {_numbers(more.items())}.", 120) if more and not proof.is_short else ""
    )
    return (
        f"## {proof.title}\n\n{textwrap.fill(proof.what, 120)}{counted}\n\n"
        f"```sh\n.venv/bin/python -m {proof.module} --seconds 60 --seed 1\n```"
    )


_HEAD = """# Evidence

What was tried to break the promise, that **a checkout never becomes two orders, and an order that exists is never
called failed**, and how often it broke. `make evidence` writes this page from the runs in
[evidence.jsonl](evidence.jsonl) and adds to them; runs of older commits stay counted, and the table names the commits.
No count is a gate; one violation is.

A violation is any of: two orders for a checkout, an order that exists reported as failed, a hold that may exist and is
not on our books, more than one commit sent for an attempt, two different final answers for one request."""

_TABLE = (
    "| proof | so far | goal | violations | seeds | commits | versions | dates |",
    "|---|---|---|---|---|---|---|---|",
)

_REPEAT = """## Repeat it

All of it, for so many hours; it goes on where the last run ended, and Ctrl-C keeps what was finished:

```sh
make evidence HOURS=1
```

PostgreSQL takes part where `CHECKOUT_TEST_POSTGRES_URL` names a server. One proof alone, or the run that a line above
or in `evidence.jsonl` names: its module with that seed, as below. It prints each violation with what repeats it, and
its counts as JSON. Smaller numbers of the same code run in `make test`."""

_LIMITS = """## What this does not show

- Locally and Stripe are played by the [sandbox](sandbox.md), which follows their documentation. What they do otherwise
  than documented is not in here.
- In the enumeration, the state machine and the healing, a crash is simulated inside one process and time is a clock of
  the test; the kills and the rivals are real processes, real sockets and real time.
- A power loss is a model: files keep what was synced, and of the rest any sector may be lost, kept or older. Disks that
  lie about a sync, or spoil what they were not writing, are not in it. PostgreSQL's own durability is taken as given.
- One machine: no network between service and database that splits, no second data centre.
- Runs with different seeds share some scenarios, which then count twice. Threads and processes are not repeated to the
  instruction: a seed repeats the plan of a run, and where real time takes part not always its outcome."""
