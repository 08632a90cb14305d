"""Every place of ending of a reservation under every fault; the rest stands in `test_proof_enumeration.py`."""

from pathlib import Path

import pytest

from tests.proof.enumerating import tried


@pytest.mark.timeout(0)
def test_every_end_of_a_reservation_keeps_the_promise_in_memory() -> None:
    assert tried(None, "ropis", 10_000).violations == []


@pytest.mark.timeout(0)
def test_every_end_of_a_reservation_keeps_the_promise_on_a_file(tmp_path: Path) -> None:
    assert tried(tmp_path, "ropis", 1_000).violations == []
