"""The judgement can fail: each deliberate defect is caught, in a scenario that the code as it is passes."""

import pytest

from tests.proof.sabotage import CAUGHT, WITHSTOOD, Sabotage, in_virtual_time, search, undamaged
from tests.proof.scenarios import Scenario


def by_name(sabotage: Sabotage) -> str:
    return sabotage.name


def test_defects_are_many_and_named_once() -> None:
    assert len({each.name for each in CAUGHT}) == len(CAUGHT) >= 14


@pytest.mark.parametrize("sabotage", CAUGHT, ids=by_name)
def test_deliberate_defect_is_caught(sabotage: Sabotage) -> None:
    scenario, wrong = in_virtual_time(search(sabotage))
    print(f"{scenario}: {wrong}")  # noqa: T201  How the defect showed itself.
    assert sabotage.found in wrong
    assert wrong


@pytest.mark.parametrize("sabotage", WITHSTOOD, ids=by_name)
def test_database_alone_withstands_the_defect(sabotage: Sabotage) -> None:
    assert in_virtual_time(search(sabotage))[1] == ""


def test_undamaged_code_passes_the_same_scenarios() -> None:
    assert in_virtual_time(undamaged([(Scenario.parse(each.line), each.kind) for each in CAUGHT])) == []
