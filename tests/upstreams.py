"""What may stand between the service and the sandbox in one process: it loses, spoils or precedes chosen calls."""

import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.types import ASGIApp

from checkout.sandbox.ledger import call_name

Forward = Callable[[], Awaitable[httpx.Response]]
Happening = Callable[[httpx.Request, Forward], Awaitable[httpx.Response]]


class Upstreams(httpx.AsyncBaseTransport):
    """Forwards to the sandbox, except where a test says what happens to the next calls of a name instead."""

    def __init__(self, sandbox: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(sandbox)
        self._next: defaultdict[str, deque[Happening]] = defaultdict(deque)
        self.sent: list[tuple[str, httpx.Request]] = []

    def on(self, call: str, *happenings: Happening) -> None:
        """What happens to the next calls of this name, one each."""
        self._next[call].extend(happenings)

    def always(self, call: str, happening: Happening) -> None:
        """What happens to very many calls of this name from now on."""
        self._next[call].extend([happening] * 10_000)

    def clear(self) -> None:
        self._next.clear()

    def count(self, call: str) -> int:
        """How often the service tried this call, whatever became of it."""
        return sum(name == call for name, _ in self.sent)

    def bodies(self, call: str) -> list[Any]:
        return [json.loads(request.content) for name, request in self.sent if name == call]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = call_name(request.url.path) or request.url.path
        await request.aread()
        self.sent.append((call, request))

        async def forward() -> httpx.Response:
            return await self._inner.handle_async_request(request)

        waiting = self._next[call]
        return await (waiting.popleft()(request, forward) if waiting else forward())


async def not_sent(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """The connection could not be made: provably nothing left."""
    raise httpx.ConnectError("refused")


async def lost_request(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """The connection broke before the request arrived; the sender cannot know that."""
    raise httpx.ReadError("reset")


async def lost_answer(_request: httpx.Request, forward: Forward) -> httpx.Response:
    """The call was carried out and its answer never came."""
    await (await forward()).aread()
    raise httpx.ReadTimeout("silence")


def answers(status: int, body: Any = None, *, done: bool = False, **headers: str) -> Happening:
    """An answer of the test's own: JSON, or text as it is; `done` carries the call out all the same."""

    async def happening(request: httpx.Request, forward: Forward) -> httpx.Response:
        if done:
            await (await forward()).aread()
        content = body if isinstance(body, str) else json.dumps(body)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, content=content.encode(), headers=sent, request=request)

    return happening


def after(action: Callable[[], Awaitable[Any]], then: Happening | None = None) -> Happening:
    """Something happens in the world just before the call arrives."""

    async def happening(request: httpx.Request, forward: Forward) -> httpx.Response:
        await action()
        return await (then(request, forward) if then else forward())

    return happening


def changed(change: Callable[[Any], None]) -> Happening:
    """The sandbox's own answer with its JSON changed in place."""

    async def happening(request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        body = json.loads(await answer.aread())
        change(body)
        return httpx.Response(answer.status_code, json=body, request=request)

    return happening
