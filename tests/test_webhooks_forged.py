"""Ten thousand forged and mutated webhooks: no state changes, and no host but the configured one is asked."""

import asyncio
import hashlib
import hmac
import json
import random
import time
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from checkout.database.tables import attempts, checkouts, holds, inbox, orders, outbox, timeline
from tests.placing_world import World, running_world
from tests.proof.quiet import quiet
from tests.service import SANDBOX_URL
from tests.test_webhooks import NEW, OLD, PATIENT, TOKENS, notice, placed, whole_cart

SECRET = "whsec_forged"
FORGED = 10_000
AT_ONCE = 100
STATE = (attempts, orders, holds, timeline, outbox, checkouts)
EVIL = (
    "https://evil.example/api/v2/cart/1",
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "//evil.example",
    "\u0000",
)
WORDS = (
    "canceled",
    "refunded",
    "fulfilled",
    "charge_failed",
    "never heard of",
    "",
    "reject-brand",
    "<script>",
    "9" * 500,
)
HUGE = b'{"order_id": "' + b"A" * 300_000 + b'"}'
DEEP = b'{"order_id":' * 3_000


Forged = tuple[str, str, dict[bytes, bytes], bytes]


class Forger:
    """Makes webhooks as somebody would who knows the order's hash, and some who know a token too."""

    def __init__(self, cart_hash: str, setup_intent_id: str) -> None:
        self._random = random.Random(20_261_122)  # noqa: S311  The same ones in every run.
        self._hash = cart_hash
        self._card = setup_intent_id

    def request(self) -> Forged:
        """Method, path, headers and body."""
        chance = self._random.random()
        if chance < 0.25:
            return self._of_stripe()
        body = self._body()
        if self._random.random() < 0.4:
            body = self._mutate(body)
        token = self._token(honest=0.3)
        method = self._random.choice(["POST", "POST", "POST", "PUT", "PATCH", "DELETE", "GET"])
        return method, "/webhooks/locally", {} if token is None else {b"locally-webhook-token": token}, body

    def _of_stripe(self) -> Forged:
        shown: dict[str, Any] = {
            "id": self._random.choice([self._card, "seti_1", "", None, 7]),
            "status": "canceled",
            "metadata": {},
        }
        body = json.dumps({"type": "setup_intent.canceled", "data": {"object": shown}}).encode()
        stamp = int(time.time()) - self._random.choice([0, 0, 301, 10**6])
        digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        if self._random.random() < 0.7 or self._card.encode() in body:  # Signed for another body, or not at all.
            body, digest = self._mutate(body + b" "), self._random.choice([digest, digest[:-1], "", "00"])
        return "POST", "/webhooks/stripe", {b"stripe-signature": f"t={stamp},v1={digest}".encode()}, body

    def _body(self) -> bytes:
        known = self._random.choice([self._hash, self._hash, self._hash.lower(), f"{self._hash}X", "ZZZZ9", "../x"])
        word, evil = self._random.choice(WORDS), self._random.choice(EVIL)
        forms: list[Any] = [
            notice(known, word, order_url=evil),
            {**notice(known), "sts_status": word, "order_url": evil},
            {**whole_cart(known), "order_url": evil, "items": [{"upc": "1", "status": word, "refunded": "98.12"}]},
            {"cart": {"hash": known}, "properties": {"hash": known, "invoice": evil}},
            {"order_id": [known], "hash": {"$ne": None}, "status": word},
            [notice(known, word)],
        ]
        return json.dumps(self._random.choice(forms)).encode()

    def _mutate(self, body: bytes) -> bytes:
        kind = self._random.randrange(6)
        if kind == 0:
            place = self._random.randrange(len(body))
            return body[:place] + bytes([self._random.randrange(256)]) + body[place + 1 :]
        if kind == 1:
            return body[: self._random.randrange(len(body))]
        if kind == 2:
            return self._random.randbytes(self._random.randrange(200))
        if kind == 3:
            return body.replace(b'"', b"'")
        if kind == 4:
            return body + body
        return self._random.choice([HUGE, DEEP]) if self._random.random() < 0.02 else b"upc=1&order_id=" + body

    def _token(self, honest: float) -> bytes | None:
        if self._random.random() < honest:
            return self._random.choice([NEW, OLD]).encode()
        return self._random.choice([None, b"", b"\xff\xfe", NEW[:-1].encode(), NEW.upper().encode(), b"Bearer x" * 500])


async def send(app: ASGIApp, forged: Forged) -> int:
    """The status of the answer. No client stands between: it would take longer than all that is tested."""
    method, path, headers, body = forged
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def answer(message: Message) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"service.test"), (b"content-length", b"%d" % len(body)), *headers.items()],
        "client": ("203.0.113.9", 4711),
        "server": ("service.test", 80),
    }
    await app(scope, receive, answer)
    return int(told[0]["status"])


async def state(world: World) -> list[list[dict[str, Any]]]:
    return [await world.rows(table) for table in STATE]


async def test_ten_thousand_forged_webhooks_change_nothing(tmp_path: Path) -> None:
    secrets = {"locally_webhook_tokens": TOKENS, "stripe_webhook_secrets": SECRET}
    chosen = {**secrets, **PATIENT, "recovery_interval": "0.05", "sweep_interval": "86400"}
    async with running_world("sqlite", tmp_path, **chosen) as world:
        order = await placed(world)
        (attempt,) = await world.rows(attempts)
        was, asked = await state(world), len(world.upstreams.sent)
        forger, answered = Forger(order["cart_hash"], attempt["setup_intent_id"]), set()
        with quiet():
            for _ in range(FORGED // AT_ONCE):
                batch = [forger.request() for _ in range(AT_ONCE)]
                answered.update(await asyncio.gather(*(send(world.service.app, forged) for forged in batch)))
        assert answered == {200, 400, 401, 405, 413, 422}
        ends = time.monotonic() + 60
        while not all(row["applied_at"] for row in await world.rows(inbox)):  # Whatever is to be read, is read.
            assert time.monotonic() < ends
            world.service.clock.advance(minutes=1)
            await asyncio.sleep(0.05)
        assert await state(world) == was
        calls = world.upstreams.sent[asked:]
        assert {request.url.host for _, request in calls} <= {httpx.URL(SANDBOX_URL).host}
        assert {name for name, _ in calls} <= {"v2/cart", "stripe/setup_intents"}
