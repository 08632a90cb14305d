"""A thousand requests at once to place one checkout: one order, and nobody is told anything that is not documented."""

import asyncio

import pytest

from tests.databases import KINDS
from tests.proof.load_processes import running_sandbox
from tests.proof.rivals import REQUESTS, judge_answers, judge_bytes, rival_batch
from tests.proof.rivals_sockets import Answer, read_answer
from tests.proof.tally import Tally

_ROUNDS = {"sqlite": 2 if len(KINDS) > 1 else 3, "postgresql": 1}
_SEED = 7
_REPLAYED = {"idempotent-replayed": "true"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
async def test_thousand_rivals_make_one_order(kind: str) -> None:
    tally = Tally("rivals", _SEED)
    async with running_sandbox() as sandbox_url:
        await asyncio.wait_for(rival_batch(kind, _ROUNDS[kind], _SEED, sandbox_url, tally), 880)
    print(tally.as_json())  # noqa: T201  What happened on the way.
    assert tally.violations == []
    assert tally.counts["orders"] == 2 * _ROUNDS[kind]
    assert tally.counts["requests"] >= 3 * REQUESTS * _ROUNDS[kind]


def answer(status: int, code: str = "", body: bytes = b"", **headers: str) -> Answer:
    return Answer(status, headers, body or b'{"code": "%s"}' % code.encode())


def test_answer_that_is_not_documented_is_wrong() -> None:
    allowed = frozenset({(409, "placing")})
    tally = Tally("rivals", _SEED)
    answers = [
        answer(409, "placing"),
        Answer(503, {"retry-after": "1"}, b'{"code": "database_unavailable"}'),
        answer(503, "database_unavailable"),
        answer(500, "internal_error"),
        Answer(0, {}, b""),
    ]
    wrong = list(judge_answers(answers, allowed, tally))
    assert wrong == ["answered 503 database_unavailable", "answered 500 internal_error", "answered 0 no answer"]
    assert tally.counts["turned away"] == 1


def test_final_answers_of_one_key_differ_in_no_byte() -> None:
    one, other = Answer(200, _REPLAYED, b"{}"), Answer(200, _REPLAYED, b"{ }")
    assert list(judge_bytes([answer(409, "request_in_progress")], [one, one])) == []
    assert list(judge_bytes([other], [one])) == ["one key was given 2 final answers"]
    assert list(judge_bytes([one], [Answer(200, {}, b"{}")])) == ["a replay does not say that it is one"]


def test_answer_is_read_only_when_it_is_whole() -> None:
    data = b'HTTP/1.1 409 Conflict\r\nContent-Length: 19\r\nRetry-After: 1\r\n\r\n{"code": "placing"}'
    whole = read_answer(data)
    assert (whole.status, whole.code, whole.headers["retry-after"]) == (409, "placing", "1")
    assert {read_answer(data[:cut]).status for cut in (0, 10, 60, len(data) - 1)} == {0}
