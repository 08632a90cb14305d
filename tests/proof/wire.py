"""The way to the upstreams: counts the commits that leave, lets chosen calls fail, and ends lives around calls.

The upstreams are the sandbox, carried out in the task that asks. What is simulated is the way: calls that never leave,
get lost, arrive late, and answers that are lost, late or wrong (`tests.proof.faults`).
"""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from checkout.sandbox.ledger import call_name
from tests.proof.crashes import Life
from tests.upstreams import Happening, not_sent


@dataclass(frozen=True)
class Arriving:
    """The call is carried out so many seconds after we have given it up. The upstream does not care that we have."""

    after: float


Fault = Happening | Arriving


class Late(NamedTuple):
    """A call that the upstream carries out at `due`, whatever its sender has made of it meanwhile."""

    due: float
    request: httpx.Request


class WireKept(NamedTuple):
    """How the wire stood at a moment; what is late is `due` in so many seconds from it."""

    next: dict[str, tuple[Fault, ...]]
    until_healed: dict[str, Fault]
    commits: Counter[str]
    late: tuple[Late, ...]


class Wire(httpx.AsyncBaseTransport):
    """What stands between a process and the upstreams. `write_timeout` is when validate and commit are given up.

    The calls in `read_once` are reads of what never changes in its world, and carried out once for each question.
    """

    life: Life

    def __init__(self, sandbox: Any, write_timeout: float, read_once: frozenset[str] = frozenset()) -> None:
        self._sandbox = sandbox
        self._write_timeout = write_timeout
        self._read_once = read_once
        self._reads: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.late: dict[asyncio.Task[httpx.Response], Late] = {}
        self.reset()

    def reset(self) -> None:
        self.commits: Counter[str] = Counter()
        self.heal()

    def heal(self) -> None:
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._until_healed: dict[str, Fault] = {}
        self.latency = 0.0

    def keep(self) -> WireKept:
        now = asyncio.get_running_loop().time()
        late = tuple(Late(due - now, request) for task, (due, request) in self.late.items() if not task.done())
        following = {call: tuple(waiting) for call, waiting in self._next.items()}
        return WireKept(following, dict(self._until_healed), self.commits.copy(), late)

    def restore(self, kept: WireKept) -> None:
        self._next = defaultdict(deque, {call: deque(waiting) for call, waiting in kept.next.items()})
        self._until_healed = dict(kept.until_healed)
        self.commits = kept.commits.copy()
        self.late.clear()
        for late in kept.late:
            self._arrive(late.request, late.due)

    def on(self, call: str, faults: Sequence[Fault]) -> None:
        """What happens to the next calls of a name, one each."""
        self._next[call].extend(faults)

    def until_healed(self, call: str, fault: Fault) -> None:
        self._until_healed[call] = fault

    @property
    def is_down(self) -> bool:
        """Whether some call fails until the upstream heals."""
        return bool(self._until_healed)

    def has_late_calls(self) -> bool:
        return any(not task.done() for task in self.late)

    async def end_life(self, *, everything: bool = False) -> None:
        """The process is gone: its tasks end without another write or call. Late calls go on, at the upstream."""
        self.life.end()
        kept = {asyncio.current_task(), *(() if everything else self.late)}
        while tasks := sorted(asyncio.all_tasks() - kept, key=_name_of):
            for task in tasks:
                task.cancel()
            with suppress(Exception):
                await asyncio.gather(*tasks, return_exceptions=True)
        if everything:
            self.late.clear()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = call_name(request.url.path) or request.url.path
        life = self.life
        life.boundary()
        fault = self._next[call].popleft() if self._next[call] else self._until_healed.get(call)
        if call == "cart/commit" and fault is not not_sent:
            self.commits[request.headers["Locally-Pl-Jwt"]] += 1
        try:
            await self._take_time()
            return await self._happen(fault, call, request)
        finally:
            await self._take_time()
            life.boundary()

    async def _take_time(self) -> None:
        if self.latency:
            await asyncio.sleep(self.latency / 2)

    async def _happen(self, fault: Fault | None, call: str, request: httpx.Request) -> httpx.Response:
        if isinstance(fault, Arriving):
            return await asyncio.shield(self._arrive(request, self._write_timeout + fault.after))
        if fault is not None:
            return await fault(request, lambda: self._forward(request))
        return await (self._read_again(request) if call in self._read_once else self._forward(request))

    def _arrive(self, request: httpx.Request, after: float) -> asyncio.Task[httpx.Response]:
        async def arrive() -> httpx.Response:
            await asyncio.sleep(after)
            return await self._forward(request)

        task = asyncio.create_task(arrive())
        self.late[task] = Late(asyncio.get_running_loop().time() + after, request)
        return task

    async def _read_again(self, request: httpx.Request) -> httpx.Response:
        name = str(request.url), request.headers.get("Stripe-Account", "")
        if name not in self._reads:
            answer = await self._forward(request)
            self._reads[name] = answer.status_code, answer.content
        status, content = self._reads[name]
        return httpx.Response(status, content=content, request=request)

    async def _forward(self, request: httpx.Request) -> httpx.Response:
        """Let the sandbox carry out a request, in this task."""
        url = request.url
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 123),
            "root_path": "",
        }
        body = await request.aread()
        told: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self._sandbox(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in told[1:])
        return httpx.Response(told[0]["status"], headers=told[0]["headers"], content=content, request=request)


def _name_of(task: "asyncio.Task[Any]") -> str:
    """Sorts tasks the same way each time."""
    return task.get_name()
