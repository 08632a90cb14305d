"""The evidence adds up what proofs count, tells each violation, and lets no proof end unnoticed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.proof import evidence
from tests.proof.evidence import Asked, Evidence, gather
from tests.proof.evidence_page import Ledger, Run, page, readme_numbers, so_far, with_numbers
from tests.proof.evidence_proofs import PROOFS, Proof
from tests.proof.evidence_running import Turn, commit_of, judged
from tests.proof.tally import Tally

ROOT = Path(__file__).parent.parent
README = f"before\n{readme_numbers(Ledger(Path()), [])}\nafter\n"
COUNTING = Proof("counting", "proofs.counting", "It counts", "It counts to ten.", {"tries": 100})
RUN = Run(
    proof="counting",
    seed=7,
    seconds=60,
    counts={"tries": 10, "others": 3, "p99 seconds": 8},
    violations=[],
    crashed="",
    commit="abc",
    versions={"Python": "3.11.7"},
    date="2026-05-04T12:00:00+00:00",
)

_FAKES = {
    "counting": "print(json.dumps({'counts': {'tries': 10}, 'violations': []}))",
    "violating": "print(json.dumps({'counts': {'tries': 3}, 'violations': ['seed=1 two orders']})); sys.exit(1)",
    "crashing": "raise RuntimeError('out of order')",
    "silent": "print(json.dumps({'counts': {}, 'violations': []}))",
    "lying": "print(json.dumps({'counts': {'tries': 3}, 'violations': ['two orders']}))",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with proofs that do very little."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "proofs").mkdir()
    (tmp_path / "README.md").write_text(README)
    for name, line in _FAKES.items():
        (tmp_path / "proofs" / f"{name}.py").write_text(f"import json, sys\n{line}\n")
    return tmp_path


def ran(folder: Path, *names: str, seconds: float = 8, goals: dict[str, int] | None = None) -> int:
    """Let each of these proofs run once; gives how many runs were bad."""
    proofs = [Proof(name, f"proofs.{name}", name, "It does.", goals or {}, is_short=True) for name in names]
    return asyncio.run(gather(folder, proofs, Asked(seconds / 3600, 2, frozenset(names))))


def runs(folder: Path) -> dict[str, Run]:
    return {run.proof: run for run in Ledger.load(folder / "docs" / "evidence.jsonl").runs}


def test_run_is_kept_with_everything_that_repeats_it(folder: Path) -> None:
    assert ran(folder, "counting") == 0
    run = runs(folder)["counting"]
    assert (run.counts, run.violations, run.crashed) == ({"tries": 10}, [], "")
    assert run.seed > 0
    assert {"checkout", "Python", "SQLite", "PostgreSQL"} == run.versions.keys()


def test_violation_is_kept_and_makes_the_run_bad(folder: Path) -> None:
    assert ran(folder, "counting", "violating") == 1
    assert runs(folder)["violating"].violations == ["seed=1 two orders"]
    assert "`seed=1 two orders`" in (folder / "docs" / "evidence.md").read_text()
    assert "| violating | 3 tries | 1 |" in (folder / "README.md").read_text()


def test_proof_that_ends_without_a_tally_is_loud(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "_TOO_SHORT", 0)
    assert ran(folder, "crashing", "silent", "lying") == 3
    told = {name: run.crashed for name, run in runs(folder).items()}
    assert "RuntimeError: out of order" in told["crashing"]
    assert told["silent"] == "it counted nothing"
    assert "exit status 0" in told["lying"]
    assert "out of order" in (folder / "docs" / "evidence.md").read_text()


def test_turn_too_short_to_count_anything_is_no_run(folder: Path) -> None:
    assert ran(folder, "silent") == 0
    assert runs(folder) == {}


def test_runs_add_up_over_several_evenings(folder: Path) -> None:
    ran(folder, "counting")
    first = (folder / "docs" / "evidence.jsonl").read_text()
    ran(folder, "counting")
    assert (folder / "docs" / "evidence.jsonl").read_text().startswith(first)
    both = Ledger.load(folder / "docs" / "evidence.jsonl")
    assert both.counts(COUNTING) == {"tries": 20}
    assert both.runs[0].seed != both.runs[1].seed


def test_proofs_short_of_their_goal_share_the_time(tmp_path: Path) -> None:
    proofs = [replace(COUNTING, name=name) for name in ("done", "long", "brief")]
    proofs[0] = replace(proofs[0], goals={"tries": 10})
    spent = {"done": 1, "long": 90, "brief": 60}
    ledger = Ledger(tmp_path / "none", [replace(RUN, proof=name, seconds=spent[name]) for name in spent])
    state = Evidence(tmp_path, proofs, frozenset(spent), ledger, environ={}, versions={}, ends=0, turn_seconds=1)
    order = []
    while (proof := state.next_proof()) is not None:
        order.append(proof.name)
        state.turns.append(Turn(proof, seed=1, seconds=1))
    assert order == ["brief", "long", "done"]
    state.turns.clear()
    state.crashes["brief"] = 3
    assert state.next_proof() is proofs[1]


def test_tally_without_what_its_goal_names_is_a_fault(folder: Path) -> None:
    assert ran(folder, "counting", goals={"cases": 5}) == 1
    assert runs(folder)["counting"].crashed == "it counts nothing that its goals name"


def test_counts_are_summed_and_measures_are_the_worst(tmp_path: Path) -> None:
    slower = replace(RUN, counts={"tries": 5, "others": 1, "p99 seconds": 60})
    ledger = Ledger(tmp_path / "none", [RUN, slower, replace(RUN, proof="another")])
    assert ledger.counts(COUNTING) == {"tries": 15, "others": 4, "p99 seconds": 60}
    assert ledger.share(COUNTING) == 0.15


def test_page_names_commits_seeds_versions_and_dates(tmp_path: Path) -> None:
    later = replace(RUN, seed=9, commit="def-dirty", versions={"Python": "3.12.1"}, date="2026-05-06T12:00:00+00:00")
    text = page(Ledger(tmp_path / "none", [RUN, later]), [COUNTING])
    row = "| It counts | 20 tries | 100 tries | 0 | 7 to 9 (2 runs) | abc to def-dirty |"
    assert f"{row} Python 3.11.7 to 3.12.1 | 2026-05-04 to 2026-05-06 |" in text
    assert "Also counted: 6 others" in text
    assert "What went wrong" not in text


def test_proof_that_never_ran_is_said_to_be_so(tmp_path: Path) -> None:
    assert so_far(Ledger(tmp_path / "none"), COUNTING) == "not run yet"
    assert "| It counts | not run yet | 100 tries | 0 |" in page(Ledger(tmp_path / "none"), [COUNTING])


def test_readme_keeps_all_but_its_numbers() -> None:
    written = with_numbers(README, readme_numbers(Ledger(Path(), [RUN]), [COUNTING]))
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")
    assert "| It counts | 10 tries | 0 |" in written
    with pytest.raises(ValueError, match="no place for the numbers"):
        with_numbers("nothing", "")


def test_pages_in_the_repository_tell_the_runs_in_the_repository() -> None:
    ledger = Ledger.load(ROOT / "docs" / "evidence.jsonl")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8") == page(ledger, PROOFS)
    assert readme == with_numbers(readme, readme_numbers(ledger, PROOFS))


def test_every_proof_is_a_module_with_goals_of_its_own() -> None:
    assert len({proof.name for proof in PROOFS}) == len(PROOFS) == 7
    assert [proof.name for proof in PROOFS if not (ROOT / f"{proof.module.replace('.', '/')}.py").exists()] == []
    assert [proof.name for proof in PROOFS if bool(proof.goals) == proof.is_short] == []


@pytest.mark.parametrize(
    ("status", "violations", "wrong"), [(0, 0, ""), (1, 2, ""), (1, 0, "exit status 1"), (-9, 0, "exit status -9")]
)
def test_tally_and_exit_status_have_to_agree(status: int, violations: int, wrong: str) -> None:
    tally = Tally("counting", 7, {"tries": 1}, ["two orders"] * violations)
    counts, found, told = judged(status, f"something\n{tally.as_json()}\n", "")
    assert (counts, len(found)) == ({"tries": 1}, violations)
    assert told.startswith(wrong)
    assert bool(told) == bool(wrong)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True, env=environ
    )
    return done.stdout.strip()


def test_commit_is_dirty_where_the_code_differs(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == "unknown"
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "app.py").write_text("first = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "One")
    commit = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    (tmp_path / "README.md").write_text("a page\n")
    assert commit_of(tmp_path) == commit
    (tmp_path / "checkout" / "app.py").write_text("second = 2\n")
    assert commit_of(tmp_path) == f"{commit}-dirty"


_WAITING = """
import sys, time
print("waiting", file=sys.stderr, flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    open("put_away", "w").close()
    raise
"""

_CALLER = """
import asyncio
from pathlib import Path
from tests.proof.evidence import Asked, gather
from tests.proof.evidence_proofs import Proof
names = ("counting", "waiting")
proofs = [Proof(name, f"proofs.{name}", name, "It does.", is_short=True) for name in names]
asyncio.run(gather(Path.cwd(), proofs, Asked(1, 2, frozenset(names))))
"""


def test_ctrl_c_keeps_what_was_finished_and_ends_what_runs(folder: Path) -> None:
    (folder / "proofs" / "waiting.py").write_text(_WAITING)
    environ: dict[str, Any] = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    with subprocess.Popen(
        [sys.executable, "-c", _CALLER],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as caller:
        assert caller.stdout is not None
        while "10 tries" not in caller.stdout.readline():
            assert caller.poll() is None
        caller.send_signal(signal.SIGINT)
        told, _ = caller.communicate()
    assert "Written: docs/evidence.md" in told
    assert [json.loads(line)["proof"] for line in (folder / "docs" / "evidence.jsonl").read_text().splitlines()] == [
        "counting"
    ]
