import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from checkout.caching import RENEWAL_PAUSE, Cache, Cached, Spans
from checkout.errors import StoreUnknown, UpstreamUnavailable

SPANS = Spans(fresh=30, renew=60, keep=600)
START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Time:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000)


class Upstream:
    """Answers "1", "2", ... in turn; can be told to fail, or to wait until released."""

    def __init__(self) -> None:
        self.reads = 0
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self) -> str:
        self.reads += 1
        answer, failure = str(self.reads), self.failure
        await self.gate.wait()
        if failure:
            raise failure
        return answer


class Bench:
    """A cache, its clocks and an upstream."""

    def __init__(self, spans: Spans = SPANS, size: int = 10_000) -> None:
        self.time = Time()
        self.upstream = Upstream()
        self.cache: Cache[str, str] = Cache(spans, now=self.time.now, clock=self.time.clock, size=size)

    async def get(self, key: str = "key", *, through: bool = False) -> Cached[str]:
        return await self.cache.get(key, self.upstream.read, through=through)

    async def filled(self) -> "Bench":
        await self.get()
        return self


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_first_answer_is_read_and_fresh() -> None:
    assert await Bench().get() == Cached("1", START, stale=False)


async def test_fresh_answer_is_not_read_again() -> None:
    bench = await Bench().filled()
    bench.time.seconds += 29
    assert await bench.get() == Cached("1", START, stale=False)
    assert bench.upstream.reads == 1


async def test_thousand_equal_questions_make_one_read() -> None:
    bench = Bench()
    answers = await asyncio.gather(*(bench.get() for _ in range(1000)))
    assert {answer.value for answer in answers} == {"1"}
    assert bench.upstream.reads == 1


async def test_other_keys_are_read_apart() -> None:
    bench = Bench()
    assert (await bench.get("a")).value == "1"
    assert (await bench.get("b")).value == "2"


async def test_caller_who_hangs_up_cancels_nobody() -> None:
    bench = Bench()
    bench.upstream.gate.clear()
    first = asyncio.create_task(bench.get())
    second = asyncio.create_task(bench.get())
    await settle()
    first.cancel()
    await settle()
    bench.upstream.gate.set()
    assert (await second).value == "1"
    assert first.cancelled()
    assert bench.upstream.reads == 1


async def test_failure_that_nobody_awaits_is_silent() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    bench = Bench()
    bench.upstream.failure = UpstreamUnavailable()
    bench.upstream.gate.clear()
    caller = asyncio.create_task(bench.get())
    await settle()
    caller.cancel()
    await settle()
    bench.upstream.gate.set()
    await settle()
    del caller
    assert bench.upstream.reads == 1
    assert complaints == []


async def test_stale_answer_is_served_at_once_and_renewed() -> None:
    bench = await Bench().filled()
    bench.time.seconds += 31
    bench.upstream.gate.clear()
    assert await bench.get() == Cached("1", START, stale=True)
    bench.upstream.gate.set()
    await settle()
    assert (await bench.get()).value == "2"


async def test_renewal_is_shared() -> None:
    bench = await Bench().filled()
    bench.time.seconds += 31
    await asyncio.gather(*(bench.get() for _ in range(50)))
    await settle()
    assert bench.upstream.reads == 2


async def test_failed_renewal_pauses_before_the_next() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = UpstreamUnavailable()
    bench.time.seconds += 31
    for _ in range(3):
        assert (await bench.get()).stale
        await settle()
    assert bench.upstream.reads == 2
    bench.time.seconds += RENEWAL_PAUSE
    assert (await bench.get()).stale
    await settle()
    assert bench.upstream.reads == 3


async def test_answer_past_renewal_is_awaited() -> None:
    bench = await Bench().filled()
    bench.time.seconds += 91
    assert (await bench.get()).value == "2"


async def test_outage_is_bridged_by_the_kept_answer() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = UpstreamUnavailable()
    bench.time.seconds += 600
    assert await bench.get() == Cached("1", START, stale=True)


async def test_outage_does_not_hammer_the_upstream() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = UpstreamUnavailable()
    bench.time.seconds += 200
    for _ in range(10):
        assert (await bench.get()).stale
    assert bench.upstream.reads == 2


async def test_answer_too_old_is_not_served() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = UpstreamUnavailable()
    bench.time.seconds += 631
    with pytest.raises(UpstreamUnavailable):
        await bench.get()


async def test_answer_too_old_is_not_served_while_renewal_pauses() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = UpstreamUnavailable()
    bench.time.seconds += 629
    assert (await bench.get()).stale
    bench.time.seconds += 2
    with pytest.raises(UpstreamUnavailable):
        await bench.get()


async def test_answer_without_keeping_span_ends_with_freshness() -> None:
    bench = await Bench(Spans(fresh=30)).filled()
    bench.upstream.failure = UpstreamUnavailable()
    bench.time.seconds += 30
    with pytest.raises(UpstreamUnavailable):
        await bench.get()


async def test_just_read_answer_is_never_stale() -> None:
    bench = await Bench(Spans(fresh=0, keep=600)).filled()
    assert await bench.get() == Cached("2", START, stale=False)


async def test_failure_is_not_kept() -> None:
    bench = Bench()
    bench.upstream.failure = UpstreamUnavailable()
    with pytest.raises(UpstreamUnavailable):
        await bench.get()
    bench.upstream.failure = None
    assert (await bench.get()).value == "2"


async def test_refusal_is_not_masked_by_a_kept_answer() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = StoreUnknown()
    bench.time.seconds += 91
    with pytest.raises(StoreUnknown):
        await bench.get()


@pytest.mark.parametrize("failure", [StoreUnknown(), ZeroDivisionError()])
async def test_renewal_that_is_refused_or_broken_drops_the_answer(failure: Exception) -> None:
    bench = await Bench().filled()
    bench.upstream.failure = failure
    bench.time.seconds += 31
    assert (await bench.get()).value == "1"
    await settle()
    with pytest.raises(type(failure)):
        await bench.get()


async def test_reading_through_ignores_a_fresh_answer() -> None:
    bench = await Bench().filled()
    assert (await bench.get(through=True)).value == "2"
    assert (await bench.get()).value == "2"


async def test_reading_through_raises_whatever_is_kept() -> None:
    bench = await Bench().filled()
    bench.upstream.failure = UpstreamUnavailable()
    with pytest.raises(UpstreamUnavailable):
        await bench.get(through=True)
    assert (await bench.get()).value == "1"


async def test_reading_through_joins_no_read_that_has_begun() -> None:
    bench = Bench()
    bench.upstream.gate.clear()
    first = asyncio.create_task(bench.get(through=True))
    await settle()
    second = asyncio.create_task(bench.get(through=True))
    await settle()
    bench.upstream.gate.set()
    assert [(await first).value, (await second).value] == ["1", "2"]


async def test_reading_through_at_one_moment_is_shared() -> None:
    bench = Bench()
    answers = await asyncio.gather(*(bench.get(through=True) for _ in range(50)))
    assert {answer.value for answer in answers} == {"1"}


async def test_slow_older_read_does_not_replace_a_newer_answer() -> None:
    bench = Bench()
    bench.upstream.gate.clear()
    older = asyncio.create_task(bench.get())
    await settle()
    bench.time.seconds += 1
    slow_gate, bench.upstream.gate = bench.upstream.gate, asyncio.Event()
    bench.upstream.gate.set()
    assert (await bench.get(through=True)).value == "2"
    slow_gate.set()
    assert (await older).value == "1"
    assert (await bench.get()).value == "2"


async def test_least_recently_used_answer_goes_first() -> None:
    bench = Bench(size=2)
    await bench.get("a")
    await bench.get("b")
    await bench.get("a")
    await bench.get("c")
    assert (await bench.get("a")).value == "1"
    assert (await bench.get("b")).value == "4"


async def test_freshness_counts_from_the_beginning_of_the_read() -> None:
    bench = Bench()
    bench.upstream.gate.clear()
    caller = asyncio.create_task(bench.get())
    await settle()
    bench.time.seconds += 3
    bench.upstream.gate.set()
    assert await caller == Cached("1", START, stale=False)
    bench.time.seconds += 26
    assert not (await bench.get()).stale
    bench.time.seconds += 1
    assert (await bench.get()).stale


async def test_closing_stops_renewals() -> None:
    bench = await Bench().filled()
    bench.time.seconds += 31
    bench.upstream.gate.clear()
    await bench.get()
    await settle()
    before = len(asyncio.all_tasks())
    await bench.cache.close()
    assert len(asyncio.all_tasks()) == before - 1


async def test_closing_tells_waiting_callers() -> None:
    bench = Bench()
    bench.upstream.gate.clear()
    caller = asyncio.create_task(bench.get())
    await settle()
    await bench.cache.close()
    with pytest.raises(UpstreamUnavailable):
        await caller
