"""What shoppers' browsers and operators know and ask, as calls to the HTTP API that may still be under way."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.proof.machine_service import PLACE_WAIT, WEBHOOK_TOKEN, Ground
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, SERVICE_URL, SHOPPER, STORE_ID

Json = dict[str, Any]
UPCS = ("068648100001", "068648100117")
_ANSWERED_WITHIN = 90.0  # Seconds that a rule waits for an answer; what takes longer is a violation.


@dataclass
class Key:
    """What the uses of one Idempotency-Key were told last: `new`, `hopeful` (there may be an order) or `failed`."""

    name: str
    in_flight: int = 0
    state: str = "new"
    # Per body: status and bytes of the first final answer.
    finals: dict[str, tuple[int, bytes]] = field(default_factory=dict)


@dataclass
class Shopping:
    """One checkout as its shopper's browser knows it. Her address tells it apart at Locally."""

    number: int
    id: str = ""
    token: str = ""
    version: int = 0
    total: Json = field(default_factory=lambda: {"amount": 1, "currency": "USD"})
    cards: list[str] = field(default_factory=list)
    order: Json | None = None
    keys: dict[int, Key] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return f"june.{self.number}@example.com"

    def key(self, number: int) -> Key:
        return self.keys.setdefault(number, Key(f"key-number-{number}-of-shopping-{self.number}"))

    def learn(self, checkout: Json) -> None:
        """What an answer said of the checkout."""
        self.id, self.version = checkout["id"], checkout["version"]
        self.token = checkout.get("token") or self.token
        self.total = (checkout["totals"] or {}).get("total") or self.total
        self.order = checkout["order"] or self.order


@dataclass
class Call:
    """One request and, once it is answered, what was told. `existed`: there was an order before it was asked for."""

    what: str
    shopping: Shopping | None
    request: httpx.Request
    began: float
    existed: bool
    wait: float | None = None
    key: Key | None = None
    sent: str = ""
    status: int = 0
    raw: bytes = b""
    body: Any = None
    replayed: bool = False
    took: float = 0.0

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""

    @property
    def checkout(self) -> Json | None:
        """The checkout that the answer shows, by itself or within a problem."""
        if not isinstance(self.body, dict):
            return None
        shown = self.body if self.body.get("object") == "checkout" else self.body.get("checkout")
        return shown if isinstance(shown, dict) else None


class Callers:
    """Sends requests as tasks and lets `hear` judge each answer. `exists` says whether a checkout has an order."""

    def __init__(self, ground: Ground, exists: Callable[[Shopping], bool], hear: Callable[[Call], None]) -> None:
        self._ground = ground
        self._exists = exists
        self._hear = hear
        # In the order in which they were asked: a set of tasks has another order each time.
        self.in_flight: dict[asyncio.Task[None], None] = {}
        self.answered = 0

    async def open_checkout(self, shopping: Shopping, path: str, quantities: tuple[int, ...], again: int) -> Call:
        """`again` sends another body with the same key."""
        items = [{"upc": upc, "quantity": many} for upc, many in zip(UPCS, quantities, strict=False)]
        shopper = {**SHOPPER, "email": shopping.email, "last_name": f"Harper{again or ''}"}
        body = {"store_id": STORE_ID, "path_to_purchase": path, "items": items, "shopper": shopper}
        headers = {"Idempotency-Key": f"create-of-shopping-{shopping.number}"}
        return await self._answered("POST /v1/checkouts", shopping, body, PUBLISHABLE_KEY, headers)

    async def take_card(self, shopping: Shopping, card: str) -> None:
        """Ask for a SetupIntent and confirm it at Stripe; some cards leave it waiting for 3-D Secure."""
        handed = await self._answered(f"POST /v1/checkouts/{shopping.id}/setup-intent", shopping, {}, shopping.token)
        if handed.status not in {200, 201}:
            return
        intent = handed.body
        form = {"client_secret": intent["client_secret"], "payment_method": f"pm_card_{card}"}
        await self._ground.at_stripe(f"/v1/setup_intents/{intent['id']}/confirm", form, intent["publishable_key"])
        if intent["id"] not in shopping.cards:
            shopping.cards.append(intent["id"])

    def place(self, shopping: Shopping, key: Key, card: str | None, less: int, wait: int | None) -> asyncio.Task[None]:
        total = {**shopping.total, "amount": max(shopping.total["amount"] - less, 0)}
        body = {"expected_total": total, **({"setup_intent_id": card} if card else {})}
        headers = {"Idempotency-Key": key.name, **({} if wait is None else {"Prefer": f"wait={wait}"})}
        call = self._call(f"POST /v1/checkouts/{shopping.id}/place", shopping, body, shopping.token, headers)
        call.key, call.sent = key, json.dumps(body)
        call.wait = PLACE_WAIT if wait is None else wait
        key.in_flight += 1
        return self._start(call)

    def read(self, shopping: Shopping) -> asyncio.Task[None]:
        return self._start(self._call(f"GET /v1/checkouts/{shopping.id}", shopping, None, shopping.token))

    def read_order(self, shopping: Shopping) -> asyncio.Task[None]:
        assert shopping.order is not None
        path = f"GET /v1/orders/{shopping.order['id']}"
        return self._start(self._call(path, shopping, None, shopping.order["token"]))

    def change(self, shopping: Shopping, patch: Json, if_match: str | None) -> asyncio.Task[None]:
        headers = {} if if_match is None else {"If-Match": if_match}
        path = f"PATCH /v1/checkouts/{shopping.id}"
        return self._start(self._call(path, shopping, patch, shopping.token, headers))

    def cancel(self, shopping: Shopping) -> asyncio.Task[None]:
        return self._start(self._call(f"POST /v1/checkouts/{shopping.id}/cancel", shopping, {}, shopping.token))

    async def as_operator(self, what: str, body: Json | None = None, shopping: Shopping | None = None) -> Call:
        return await self._answered(what, shopping, body, SECRET_KEY)

    async def webhook(self, body: Json, token: str = WEBHOOK_TOKEN) -> Call:
        return await self._answered("POST /webhooks/locally", None, body, None, {"locally-webhook-token": token})

    async def linger(self, seconds: float | None) -> None:
        """Let time pass; with None until every request is answered. Not beyond the end of the process."""
        if seconds is None:
            answers = asyncio.gather(*self.in_flight)
            await self._ground.process.unless_ended(answers, _ANSWERED_WITHIN)
        else:
            await self._ground.process.unless_ended(asyncio.ensure_future(asyncio.sleep(seconds)))

    async def _answered(
        self, what: str, shopping: Shopping | None, body: Any, token: str | None, headers: Json | None = None
    ) -> Call:
        call = self._call(what, shopping, body, token, headers)
        await self._ground.process.unless_ended(self._start(call), _ANSWERED_WITHIN)
        return call

    def _call(
        self, what: str, shopping: Shopping | None, body: Any, token: str | None, headers: Json | None = None
    ) -> Call:
        method, _, path = what.partition(" ")
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        request = httpx.Request(method, SERVICE_URL + path, json=body, headers=sent)
        existed = shopping is not None and self._exists(shopping)
        return Call(what, shopping, request, self._ground.loop.time(), existed)

    def _start(self, call: Call) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self._exchange(call, self._ground.process))
        self.in_flight[task] = None
        task.add_done_callback(lambda done: self.in_flight.pop(done, None))
        return task

    async def _exchange(self, call: Call, process: Any) -> None:
        """One request to one process; whatever it is told after the end of that process, nobody hears."""
        try:
            answer, call.raw = await process.request(call.request)
        except BaseException:
            # The end of the process, or a client that hung up: from outside both look like a lost connection.
            self._lose(call)
            if not process.life.has_ended:
                raise
            return
        if process.life.has_ended:
            self._lose(call)
            return
        call.status, call.body = answer.status_code, json.loads(call.raw)
        call.replayed = "idempotent-replayed" in answer.headers
        call.took = self._ground.loop.time() - call.began
        if call.key is not None:
            call.key.in_flight -= 1
        self.answered += 1
        if call.shopping is not None and call.checkout is not None and not call.replayed:
            call.shopping.learn(call.checkout)
        self._hear(call)

    def _lose(self, call: Call) -> None:
        if call.key is not None:
            call.key.in_flight -= 1
            call.key.state = "hopeful"
