"""The faults that Hypothesis chooses from, by call and name."""

import asyncio

import httpx

from tests.proof import faults
from tests.proof.wire import Fault
from tests.upstreams import Forward, answers, lost_answer, lost_request, not_sent


async def slow(_request: httpx.Request, forward: Forward) -> httpx.Response:
    """It arrives, and its answer too, within what we wait for writes."""
    await asyncio.sleep(2)
    answer = await forward()
    await asyncio.sleep(2)
    return answer


_ANY: dict[str, Fault] = {
    "not_sent": not_sent,
    "lost_request": lost_request,
    "lost_answer": lost_answer,
    "500": faults.OOPS,
    "503": answers(503, {"message": "maintenance"}),
    "429": faults.BUSY,
    "garbage": faults.GARBAGE,
    "other_json": answers(200, [1, {"success": True}]),
    "slow": slow,
    "hangs": faults.hangs,
}
_OF_WRITES: dict[str, Fault] = {
    "arrives_late": faults.ARRIVES_LATE,
    "times_out": faults.times_out,
    "500_done": faults.OOPS_DONE,
    "garbage_done": faults.GARBAGE_DONE,
    "404": answers(404, {"success": False, "data": {}, "msg": "Not found"}),
}
_OF_VALIDATE: dict[str, Fault] = {
    "declined": faults.DECLINED,
    "refused": faults.REFUSED,
    "short": faults.short,
    "unauthorized": answers(401, {"success": False, "data": {}, "msg": "token"}),
}

FAULTS: dict[str, dict[str, Fault]] = {
    "cart/validate": _ANY | _OF_WRITES | _OF_VALIDATE,
    "cart/commit": _ANY | _OF_WRITES | {"refused": faults.COMMIT_REFUSED},
    "v2/cart": _ANY | {"404": answers(404, {"status": False, "message": "no"})},
    "conversion/store_data": _ANY,
    "cart/items/add": _ANY,
    "stripe/setup_intents": _ANY,
}
# Calls that cannot be taken back, and the one that looks what became of them.
PLACING = frozenset({"cart/validate", "cart/commit", "v2/cart"})
# Faults of the calls that cannot be taken back come up more often.
EVERY = [(call, name) for call, named in FAULTS.items() for name in named for _ in range(3 if call in PLACING else 1)]
