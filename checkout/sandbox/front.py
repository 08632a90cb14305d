"""The front of the sandbox: every upstream call passes here, is recorded, and goes wrong if a fault says so."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from checkout.sandbox.faults import SOCKET_KINDS, Fault, Faults
from checkout.sandbox.ledger import Ledger, call_name
from checkout.sandbox.listener import WIRE, Wire

Headers = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """An answer held back until it is known whether the caller gets it."""

    status: int = 500
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    async def collect(self, message: Message) -> None:
        """An ASGI `send` that keeps what it is given."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def give(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    def first_part(self) -> bytes:
        """The beginning of this answer on the wire: its head, and half the body that the head promises."""
        lines = [b"HTTP/1.1 %d OK" % self.status, *(name + b": " + value for name, value in self.headers)]
        return b"\r\n".join([*lines, b"", b""]) + self.body[: len(self.body) // 2]


def _answer(status: int, content_type: bytes, body: bytes) -> Answer:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    return Answer(status, headers, body)


def _garbage() -> Answer:
    return _answer(200, b"text/html; charset=utf-8", b"<!doctype html><title>Hold on</title><p>Back in a moment.</p>")


def _server_error(call: str) -> Answer:
    """A 500 in the words of the API that was called."""
    message = "App server error. Lookup number: SBX-500"
    if call.startswith("stripe/"):
        body: dict[str, object] = {"error": {"type": "api_error", "message": "An unknown error occurred."}}
    elif call.startswith("v2/"):
        body = {"status": False, "message": message}
    else:
        body = {"success": False, "msg": message, "error_code": 1000}
    return _answer(500, b"application/json", json.dumps(body).encode())


class Front:
    """The outermost ASGI app. `tick` is run before each request so that what fell due has happened."""

    def __init__(self, app: ASGIApp, faults: Faults, ledger: Ledger, tick: Callable[[], None]) -> None:
        self._app = app
        self._faults = faults
        self._ledger = ledger
        self._tick = tick

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._tick()
        call = call_name(scope["path"])
        if call is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Answer(204, _cors(scope, preflight=True)).give(send)
        else:
            await self._serve(call, scope, receive, send)

    async def _serve(self, call: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(scope, receive)
        if body is None:
            return
        try:
            await self._answer(call, scope, body, send)
        except asyncio.CancelledError:
            # The sandbox is ending: the caller sees the connection go, as with any process that ends.
            if WIRE not in scope:
                raise
            scope[WIRE].abort()

    async def _answer(self, call: str, scope: Scope, body: bytes, send: Send) -> None:
        fault = self._faults.take(call)
        entry = self._ledger.begin_call(call, scope["method"], scope["path"], fault.kind if fault else None)
        done = fault is None or fault.done
        answer = await self._carry_out(scope, body) if done else _server_error(call)
        self._ledger.end_call(entry, done=done, status=None)
        if fault is not None:
            if fault.kind in SOCKET_KINDS:
                await _break(scope.get(WIRE), fault, answer)
                return
            answer = await _spoil(call, fault, answer)
        # Recorded before it is sent: whoever has the answer finds it in the ledger.
        self._ledger.end_call(entry, done=done, status=answer.status)
        answer.headers += _cors(scope, preflight=False)
        await answer.give(send)

    async def _carry_out(self, scope: Scope, body: bytes) -> Answer:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        answer = Answer()
        await self._app(scope, receive, answer.collect)
        return answer


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, also of a caller who hung up after sending it; None if it did not arrive whole."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            wire: Wire | None = scope.get(WIRE)
            rest = None if wire is None else wire.arrived_body()
            return None if rest is None else body + rest
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


async def _spoil(call: str, fault: Fault, answer: Answer) -> Answer:
    """The faults that still answer."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return answer
    return _garbage() if fault.kind == "garbage" else _server_error(call)


async def _break(wire: Wire | None, fault: Fault, answer: Answer) -> None:
    """The faults that only a socket can have."""
    if wire is None:
        raise RuntimeError(f"the fault {fault.kind!r} breaks a socket: serve the sandbox on a port to use it")
    if fault.kind == "hang":
        await wire.hung_up()
    elif fault.kind == "reset":
        await wire.reset(answer.first_part())
    else:
        await wire.close()


def _cors(scope: Scope, *, preflight: bool) -> Headers:
    """Pages call Stripe, and the SDK calls Locally with credentials, from any origin."""
    sent = dict(scope["headers"])
    origin = sent.get(b"origin")
    if origin is None:
        return []
    headers = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]
    if preflight:
        headers += [
            (b"access-control-allow-methods", b"GET, POST, DELETE"),
            (b"access-control-allow-headers", sent.get(b"access-control-request-headers", b"*")),
            (b"access-control-max-age", b"600"),
        ]
    return headers
