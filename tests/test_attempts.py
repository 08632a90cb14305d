"""What read-backs prove, and when the next one is due."""

from datetime import UTC, datetime, timedelta

import pytest

from checkout.attempts import (
    Attempt,
    AttemptEvent,
    AttemptStatus,
    ReadBackSpans,
    judge,
    next_late_look,
    next_read,
    note_read,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SPANS = ReadBackSpans(
    delays=(1, 2, 5, 10, 20, 30),
    interval=60,
    until=900,
    not_placed_after=600,
    not_placed_after_refusal=120,
    late_looks=(1800, 7200, 86400),
)
DAY = timedelta(days=1)


def unknown(*, refused: bool = False) -> Attempt:
    """An attempt whose commit was lost just now."""
    return Attempt(
        id="att_1",
        checkout_id="chk_1",
        brand="acme",
        status=AttemptStatus.UNKNOWN,
        idempotency_key="k" * 20,
        setup_intent_id="seti_1",
        external_intent=False,
        expected_amount=100,
        created_at=NOW,
        updated_at=NOW,
        unknown_since=NOW,
        commit_refused=refused,
    )


def after_reads(attempt: Attempt, *at: float, healthy: bool = True) -> Attempt:
    """The attempt after reads so many seconds from NOW."""
    for seconds in at:
        attempt = note_read(attempt, healthy=healthy, now=NOW + timedelta(seconds=seconds))
    return attempt


def verdict(attempt: Attempt, seconds: float, *, healthy: bool = True) -> AttemptEvent | None:
    """What the reads prove so many seconds from NOW, when the last of them was made; `healthy` says how it went."""
    return judge(attempt, SPANS, NOW + timedelta(seconds=seconds), healthy=healthy)


@pytest.mark.parametrize(("reads", "delay"), [(0, 1), (1, 2), (2, 5), (3, 10), (4, 20), (5, 30), (6, 60), (20, 60)])
def test_reads_follow_the_ladder(reads: int, delay: float) -> None:
    due = next_read(unknown().changed(reads=reads), SPANS, NOW, 1)
    assert due == NOW + timedelta(seconds=delay)


def test_jitter_only_shortens_a_wait() -> None:
    late = unknown().changed(reads=6)
    assert next_read(late, SPANS, NOW, 0) == NOW + timedelta(seconds=48)
    assert next_read(late, SPANS, NOW, 1) == NOW + timedelta(seconds=60)


def test_reads_slow_down_after_a_day_and_stop_with_the_hold() -> None:
    late = unknown().changed(reads=2000, status=AttemptStatus.REVIEW)
    assert next_read(late, SPANS, NOW + DAY, 1) == NOW + DAY + timedelta(seconds=600)
    assert next_read(late, SPANS, NOW + 7 * DAY, 1) is None


def test_late_looks_follow_the_settings() -> None:
    looks = [NOW + timedelta(seconds=after) for after in SPANS.late_looks]
    for now, due in zip([NOW, *looks], [*looks, None], strict=True):
        assert next_late_look(NOW, SPANS, now, answered=True) == due


def test_late_look_without_an_answer_is_made_up_for() -> None:
    assert next_late_look(NOW, SPANS, NOW + DAY, answered=False) == NOW + DAY + timedelta(seconds=60)
    assert next_late_look(NOW, SPANS, NOW + 7 * DAY, answered=False) is None


def test_silence_after_healthy_reads_proves_nothing() -> None:
    """The order may have turned up after the last healthy read."""
    attempt = after_reads(after_reads(unknown(), 1, 3, 8), 600, 660, healthy=False)
    assert verdict(attempt, 660, healthy=False) is None
    assert verdict(after_reads(attempt, 720), 720) is AttemptEvent.ORDER_ABSENT


def test_time_in_which_nobody_looked_proves_nothing() -> None:
    """A clock that was moved on by an hour, or a service that stood still for one."""
    attempt = after_reads(unknown(), 1, 3).changed(next_read_at=NOW + timedelta(seconds=8))
    moved = after_reads(attempt, 3608)
    assert verdict(moved, 3608) is not AttemptEvent.ORDER_ABSENT
    on_time = moved.changed(next_read_at=NOW + timedelta(seconds=4201))
    assert verdict(after_reads(on_time, 4201), 4201) is AttemptEvent.ORDER_ABSENT


def test_clock_that_was_set_back_begins_the_span_anew() -> None:
    attempt = after_reads(unknown(), 1, 3, -3595)
    assert attempt.first_healthy_read_at == attempt.unknown_since == NOW - timedelta(seconds=3595)
    assert verdict(after_reads(attempt, -2995), -2995) is AttemptEvent.ORDER_ABSENT
    assert verdict(after_reads(attempt, -2996), -2996) is None


def test_unhealthy_read_counts_only_for_the_ladder() -> None:
    noted = after_reads(unknown(), 1, 3, healthy=False)
    assert (noted.reads, noted.healthy_reads, noted.first_healthy_read_at) == (2, 0, None)


def test_healthy_reads_count_from_the_first() -> None:
    noted = after_reads(unknown(), 1, 3)
    assert (noted.reads, noted.healthy_reads) == (2, 2)
    assert noted.first_healthy_read_at == NOW + timedelta(seconds=1)


def test_two_healthy_reads_prove_nothing() -> None:
    assert verdict(after_reads(unknown(), 1, 700), 700) is None


def test_three_healthy_reads_in_a_short_span_prove_nothing() -> None:
    assert verdict(after_reads(unknown(), 1, 3, 600), 600) is None


def test_three_healthy_reads_over_ten_minutes_prove_absence() -> None:
    assert verdict(after_reads(unknown(), 1, 3, 601), 601) is AttemptEvent.ORDER_ABSENT


def test_refused_commit_needs_two_minutes() -> None:
    refused = unknown(refused=True)
    assert verdict(after_reads(refused, 1, 3, 120), 120) is None
    assert verdict(after_reads(refused, 1, 3, 121), 121) is AttemptEvent.ORDER_ABSENT


def test_unhealthy_reads_need_a_person_in_the_end() -> None:
    attempt = after_reads(unknown(), 1, 3, 8, healthy=False)
    assert verdict(attempt, 899, healthy=False) is None
    assert verdict(attempt, 900, healthy=False) is AttemptEvent.EVIDENCE_MISSING


def test_late_healthy_reads_need_a_person() -> None:
    attempt = after_reads(unknown(), 400, 460, 900)
    assert verdict(attempt, 900) is AttemptEvent.EVIDENCE_MISSING


def test_proof_of_absence_outweighs_the_end_of_time() -> None:
    assert verdict(after_reads(unknown(), 1, 3, 900), 900) is AttemptEvent.ORDER_ABSENT


def test_review_is_live_and_the_ends_are_not() -> None:
    live = {status for status in AttemptStatus if unknown().changed(status=status).is_live}
    ends = {AttemptStatus.PLACED, AttemptStatus.NOT_PLACED, AttemptStatus.REJECTED}
    assert set(AttemptStatus) - live == ends | {AttemptStatus.HOLD_UNKNOWN, AttemptStatus.LAPSED}
