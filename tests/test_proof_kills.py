"""`kill -9` of the real service under load: each checkout becomes one order at most, and nobody is told otherwise."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.databases import KINDS, NOW
from tests.proof.kills import Batch, kill_batch
from tests.proof.load import DECLINING, VISA, Purchase, Told
from tests.proof.load_judging import Books, judge_books, judge_holds, judge_purchase, judge_replays
from tests.proof.load_processes import running_fleet, running_sandbox
from tests.proof.tally import Tally
from tests.proof.warm_starts import running_forge

_KILLS = 20
_SEED = 7


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
async def test_killed_service_makes_one_order_each(kind: str) -> None:
    tally = Tally("kills", _SEED)
    async with running_sandbox() as sandbox_url:
        batch = Batch(kind, _KILLS // len(KINDS), _SEED, between=4, shoppers=12)
        await asyncio.wait_for(kill_batch(batch, sandbox_url, tally), 880)
    print(tally.as_json())  # noqa: T201  What happened on the way.
    assert tally.violations == []
    assert tally.counts["kills"] >= batch.kills
    assert tally.counts["orders"] > batch.kills
    assert tally.counts["requests cut"] > 0
    assert tally.counts["double orders"] == 0


async def test_forked_service_ends_like_any_process() -> None:
    async with (
        running_sandbox() as sandbox_url,
        running_forge() as forge,
        running_fleet("sqlite", sandbox_url, 1) as fleet,
    ):
        (instance,) = fleet.instances
        await instance.kill()
        instance.forge = forge
        await instance.start()
        assert (await fleet.client.get(f"{instance.url}/readyz")).status_code == 200
        assert await instance.stop() == 0
        await instance.start()
        url = instance.url
        await instance.kill()
        with pytest.raises(httpx.ConnectError):
            await fleet.client.get(f"{url}/readyz")
        await instance.start()


def order(cart_hash: str) -> dict[str, Any]:
    return {"hash": cart_hash, "ordered_at": NOW.isoformat()}


def hold(cart_hash: str, **changes: Any) -> dict[str, Any]:
    return {"cart_hash": cart_hash, "amount": 100, "state": "open", "setup_intent": "seti_1", **changes}


def booked(cart_hash: str | None, amount: int = 100) -> dict[str, Any]:
    return {"cart_hash": cart_hash, "amount": {"amount": amount}, "setup_intent_id": "seti_1"}


def told(code: str, using: str = "key", status: int = 200, *, late: bool = True, **changes: Any) -> Told:
    """An answer to a request that was sent after the order was there, or before."""
    sent_at = NOW + timedelta(seconds=1 if late else -1)
    values = {"next": "", "body": b"{}", "replayed": False, **changes}
    return Told(key=using, status=status, code=code, sent_at=sent_at, **values)


def books(*hashes: str, status: str = "placed", **changes: Any) -> Books:
    """The books after one purchase that is on both sides, unless changed."""
    values = {
        "upstream": {"shopper-1@example.com": [order(each) for each in hashes]},
        "upstream_holds": [],
        "commits": len(hashes),
        "ours": list(hashes),
        "holds": [],
        "marked": len(hashes),
        "checkouts": {"shopper-1@example.com": {"status": status, "problems": []}},
    }
    return Books(**{**values, **changes})


def purchase(*answers: Told, card: str = VISA, **changes: Any) -> Purchase:
    return Purchase(1, "bopis", card, {"id": "chk_1"}, list(answers), **changes)


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (books("A"), ""),
        (books("A", ours=[]), "is upstream and not on our books"),
        (books("A", ours=["A", "B"]), "is on our books and not upstream"),
        (books("A", commits=2), "2 commits arrived"),
    ],
)
def test_judge_compares_both_books(kept: Books, found: str) -> None:
    assert found in "; ".join(judge_books(kept))
    assert bool(found) == bool(list(judge_books(kept)))


@pytest.mark.parametrize(
    ("there", "here", "is_wrong"),
    [
        ([hold("A")], [], False),  # It belongs to the order.
        ([hold("B", state="released")], [], False),
        ([hold("B")], [booked("B")], False),
        ([hold("B")], [booked(None)], False),
        ([hold("B")], [], True),
        ([hold("B")], [booked("B", 99)], True),
        ([hold("B"), hold("C")], [booked(None)], True),
        ([hold("B", setup_intent="seti_2")], [booked(None)], True),
    ],
)
def test_judge_finds_hold_that_is_not_booked(there: list[Any], here: list[Any], is_wrong: bool) -> None:
    assert bool(list(judge_holds(books("A", upstream_holds=there, holds=here)))) == is_wrong


@pytest.mark.parametrize(
    ("bought", "kept", "found"),
    [
        (purchase(told("placed")), books("A"), ""),
        (purchase(told("authorization_unknown", status=503, late=False), told("placed")), books("A"), ""),
        (purchase(told("placed")), books("A", "B"), "2 orders"),
        (purchase(told("placed")), books(status="ready"), "there is no order"),
        (purchase(), books(status="placed"), "it is placed, and there is no order"),
        (purchase(), books(status="placing"), "still being placed"),
        (purchase(), books("A", status="expired"), "called failed"),
        (purchase(told("authorization_unknown", status=503)), books("A"), "called failed"),
        (purchase(told("order_not_placed", status=409, late=False)), books("A"), "called failed"),
        (purchase(told("card_declined", status=402)), books("A"), "called failed"),
        (purchase(told("card_declined", status=402), card=DECLINING, declined={"key"}), books("A"), ""),
    ],
)
def test_judge_finds_order_that_is_denied(bought: Purchase, kept: Books, found: str) -> None:
    assert found in "; ".join(judge_purchase(bought, kept))
    assert bool(found) == bool(list(judge_purchase(bought, kept)))


@pytest.mark.parametrize(
    ("again", "found"),
    [
        (told("placed", replayed=True), ""),
        (told("placed", replayed=True, body=b"{ }"), "other bytes"),
        (told("order_not_placed", status=409, replayed=True), "changed"),
        (told("placed"), "stored under none"),
    ],
)
def test_judge_finds_answer_that_changed(again: Told, found: str) -> None:
    wrong = list(judge_replays(purchase(told("placed")), [(again, again)]))
    assert found in "; ".join(wrong)
    assert bool(found) == bool(wrong)
