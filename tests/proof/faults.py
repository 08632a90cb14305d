"""What can go wrong with an upstream call, by name, so that a failing run can be read.

The tables of `tests.proof.scenarios` are enumerated; from those of `tests.proof.machine_faults` Hypothesis chooses.
"""

import asyncio
import json

import httpx

from tests.proof.wire import Arriving, Fault
from tests.upstreams import Forward, Happening, answers, lost_answer, lost_request, not_sent

_LONGER_THAN_WE_WAIT = 60.0  # Seconds.
ARRIVES_LATE = Arriving(1.2)
ARRIVES_AFTER_ALL = Arriving(13)  # By then it counts as not placed in the enumeration, unless nobody looked.


async def times_out(_request: httpx.Request, forward: Forward) -> httpx.Response:
    """The known killer: the upstream records, sleeps past our timeout, then answers."""
    answer = await forward()
    await asyncio.sleep(_LONGER_THAN_WE_WAIT)
    return answer


async def hangs(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """Nobody answers, and nothing arrives."""
    await asyncio.sleep(2 * _LONGER_THAN_WE_WAIT)
    raise httpx.ReadTimeout("silence")


async def short(request: httpx.Request, forward: Forward) -> httpx.Response:
    """Validated, but with fewer pieces than asked; a refusal stays what it is."""
    answer = await forward()
    body = json.loads(await answer.aread())
    for item in body["data"].get("items", ()):
        item["qty"] = 0
    return httpx.Response(answer.status_code, json=body, request=request)


def _no(status: int, auth: str, in_cart: int) -> Happening:
    item = {"upc": "068648100001", "auth": auth, "in_cart": in_cart, "qty": in_cart}
    return answers(status, {"success": False, "data": {"items": [item]}, "msg": ""})


OOPS = answers(500, "oops")
OOPS_DONE = answers(500, "oops", done=True)
GARBAGE = answers(200, "<html>")
GARBAGE_DONE = answers(200, "<html>", done=True)
BUSY = answers(429, {"success": False, "data": {}, "msg": "slow down"}, Retry_After="3")
DECLINED = _no(401, "FAILED", 1)
REFUSED = _no(200, "SKIPPED", 0)
COMMIT_REFUSED = answers(400, {"success": False, "data": {}, "msg": "no"})

VALIDATE: dict[str, tuple[Fault, ...]] = {
    "ok": (),
    "not_sent": (not_sent,),
    "never_sent": (not_sent, not_sent),
    "lost_request": (lost_request,),
    "lost_answer": (lost_answer,),
    "lost_twice": (lost_answer, lost_answer),
    "500": (OOPS,),
    "garbage": (GARBAGE_DONE,),
    "declined": (DECLINED,),
    "refused": (REFUSED,),
    "short": (short,),
    "429": (BUSY,),
}
COMMIT: dict[str, tuple[Fault, ...]] = {
    "ok": (),
    "not_sent": (not_sent,),
    "never_sent": (not_sent, not_sent),
    "lost_request": (lost_request,),
    "lost_answer": (lost_answer,),
    "500": (OOPS,),
    "500_done": (OOPS_DONE,),
    "garbage": (GARBAGE_DONE,),
    "refused": (COMMIT_REFUSED,),
    "429": (BUSY,),
    "times_out": (times_out,),
    "arrives_late": (ARRIVES_LATE,),
    "arrives_after_all": (ARRIVES_AFTER_ALL,),
}
# A read is repeated once by itself, so that it takes two bad answers to spoil one.
READ: dict[str, tuple[Fault, ...]] = {"ok": (), "down_once": (OOPS, OOPS), "down": (OOPS,), "garbage": (GARBAGE,)}
UNTIL_HEALED = frozenset({"down", "garbage"})
