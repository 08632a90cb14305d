"""Placing the checkout: repeated only as the answer allows, and waited for where the outcome is open."""

import asyncio
import time
import uuid

import httpx

from checkout.trying.calling import (
    UNSETTLED,
    Call,
    Caller,
    Document,
    Stopped,
    bearer,
    make_problem,
    read_body,
    read_problem,
)

UNDER_WAY = {"request_in_progress", "placing"}
REPEATABLE = {
    "price_changed": "the price has changed: accepting the new total once, under the same key",
    "authorization_unknown": "nobody knows whether the card was held: trying once more, under the same key",
    "authorization_lapsed": "the hold is too old to use: trying once more, under the same key",
    "outcome_unread": "no order so far: asking once more how it ended, under the same key",
}


class Placing:
    """Places one checkout; every repetition carries the same key, so that two orders cannot come of it."""

    def __init__(self, caller: Caller, checkout: Document, token: str, setup_intent: str | None) -> None:
        self._caller = caller
        self._checkout = checkout
        self._token = token
        self._setup_intent = setup_intent
        self._key = str(uuid.uuid4())
        self._deadline = time.monotonic() + caller.case.timeout

    async def run(self) -> Document:
        """The placed checkout."""
        repeated: set[str] = set()
        while (problem := await self._place_once()) is not None:
            code = problem.get("code", "")
            if code not in REPEATABLE or code in repeated or problem.get("next") not in ("retry", "accept_total"):
                raise Stopped(problem)
            repeated.add(code)
            self._caller.narrator.note(REPEATABLE[code])
        return self._checkout

    async def _place_once(self) -> Document | None:
        """None once the order is placed, else the problem that kept it from being so."""
        try:
            response, body = await self._caller.exchange(self._describe_place())
        except Stopped as lost:
            self._caller.narrator.note(f"{lost.problem['title']}: reading what became of it")
            return await self._wait_until_settled(1.0)
        if response.status_code == httpx.codes.ACCEPTED or body.get("code") in UNDER_WAY or not body:
            return await self._wait_until_settled(read_pause(response))
        if not response.is_success:
            self._learn(body.get("checkout"))
            return read_problem(response.status_code, body)
        self._learn(body)
        return None

    def _describe_place(self) -> Call:
        path = f"/v1/checkouts/{self._checkout['id']}/place"
        seconds = min(20, int(self._caller.case.timeout))
        headers = {**bearer(self._token), "Idempotency-Key": self._key, "Prefer": f"wait={seconds}"}
        body = {"setup_intent_id": self._setup_intent} if self._setup_intent else {}
        body = {**body, "expected_total": self._checkout["totals"]["total"]}
        show = ("id", "status", "problems", "order")
        return Call("place", f"Place the order (up to {seconds} s)", "POST", path, headers, body=body, show=show)

    def _learn(self, checkout: Document | None) -> None:
        if checkout:
            self._checkout = self._caller.record.checkout = checkout

    async def _wait_until_settled(self, pause: float) -> Document | None:
        """Reads the checkout until it is no longer being placed, as `_place_once` answers."""
        started = time.monotonic()
        status = None
        while (left := self._deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(pause, left))
            status = await self._read_checkout()
            if status == httpx.codes.OK and self._checkout["status"] != "placing":
                break
            self._tell_progress(time.monotonic() - started)
        self._caller.record.note_step("wait", status, started)
        return self._judge(settled=status == httpx.codes.OK)

    async def _read_checkout(self) -> int | None:
        response = await self._caller.read_quietly(f"/v1/checkouts/{self._checkout['id']}", bearer(self._token))
        if response is None:
            return None
        if response.is_success:
            self._learn(read_body(response))
        return response.status_code

    def _tell_progress(self, seconds: float) -> None:
        reasons = " ".join(str(problem.get("detail", "")) for problem in self._checkout.get("problems") or [])
        self._caller.narrator.note(f"{seconds:.0f} s: not settled yet. {reasons}".rstrip())

    def _judge(self, *, settled: bool) -> Document | None:
        """None for a placed checkout; one that is open again is a problem; anything else has run out of time."""
        status = self._checkout["status"]
        if settled and status == "placed":
            return None
        if settled and status != "placing":
            detail = f"The checkout is {status}, without an order."
            return make_problem("outcome_unread", "Placing ended without an order", detail, "retry")
        detail = (
            f"{self._checkout['id']} may still become an order. After {self._caller.case.timeout:g} s this gave up."
        )
        raise Stopped(make_problem("unsettled", "The order is not settled yet", detail, "wait"), UNSETTLED)


def read_pause(response: httpx.Response) -> float:
    """Seconds that `Retry-After` asks for; two where it says nothing."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 2.0
