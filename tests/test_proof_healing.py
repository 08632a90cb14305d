"""Once the upstream answers again, the truth is known in time: with the product's own spans, in virtual time."""

from itertools import dropwhile

import pytest

from tests.proof.enumerating import proven
from tests.proof.healing import Case, Healing, count, heal, judge_swiftness, open_healing
from tests.proof.tally import Tally

_CASES = 40


async def healed(cases: int, **spans: str) -> Tally:
    tally = Tally("healing", 1)
    async with open_healing(**spans) as world:
        for number in range(cases):
            count(tally, await heal(world, f"1/{number}"))
    judge_swiftness(tally)
    print(tally.as_json())  # noqa: T201  What a run of the tests counted.
    return tally


@pytest.mark.timeout(0)
def test_truth_is_known_in_time_once_upstream_answers() -> None:
    tally = proven(healed(_CASES))
    assert tally.violations == []
    assert tally.counts["orders found"] + tally.counts["not placed"] == tally.counts["healed"] == _CASES
    assert min(tally.counts["orders found"], tally.counts["not placed"], tally.counts["restarts meanwhile"]) > 0


@pytest.mark.timeout(0)
def test_reading_back_too_seldom_is_noticed() -> None:
    assert proven(healed(6, readback_interval="400")).violations != []


def test_case_is_decided_by_its_name() -> None:
    assert Case.of("1/7") == Case.of("1/7") != Case.of("1/8")


async def told_in(name: str) -> Healing:
    async with open_healing() as world:
        return await heal(world, name)


def test_shopper_is_told_to_wait_until_then() -> None:
    name = next(f"wait/{number}" for number in range(1000) if Case.of(f"wait/{number}").heals_after > 600)
    codes = [told.code for told in proven(told_in(name)).told]
    after = list(dropwhile(lambda code: code == "202", codes))
    assert len(codes) - len(after) > 1
    assert set(after) in ({"200"}, {"order_not_placed"})
