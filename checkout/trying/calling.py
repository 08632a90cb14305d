"""One request of the purchase after the other: sent, timed, told, and its refusal made a problem."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

from checkout.trying.telling import Narrator, compact

REFUSED, UNSETTLED = 1, 3
WRONG_KEY = {
    "title": "The service does not know this key",
    "detail": "Give its own publishable key (CHECKOUT_PUBLISHABLE_KEY) with --key or CHECKOUT_TRY_KEY.",
}

Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What to buy, where, with which card, and at which service."""

    url: str
    key: str
    card: str
    upcs: tuple[str, ...]
    quantity: int
    near: str
    path: str
    store: int | None
    timeout: float


@dataclass(frozen=True)
class Call:
    """One request; `path` may be a whole URL, `show` names the fields of the answer that are worth printing."""

    step: str
    title: str
    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str] | None = None
    body: Document | None = None
    form: dict[str, str] | None = None
    show: tuple[str, ...] = ()

    @property
    def sent(self) -> Mapping[str, object]:
        return {**self.headers, **(self.body or self.form or {})}


@dataclass(frozen=True)
class Step:
    """How one step went; the status is None where no answer came."""

    step: str
    status: int | None
    ms: float


@dataclass
class Record:
    """What is known so far, however the purchase ends."""

    checkout: Document | None = None
    order: Document | None = None
    steps: list[Step] = field(default_factory=list)

    def note_step(self, step: str, status: int | None, started: float) -> float:
        """Milliseconds since `started`, a reading of the monotonic clock."""
        ms = round((time.monotonic() - started) * 1000, 1)
        self.steps.append(Step(step, status, ms))
        return ms

    def to_document(self) -> Document:
        return {"order": self.order, "checkout": self.checkout, "steps": [asdict(step) for step in self.steps]}


class Stopped(Exception):
    """The purchase ended without an order; carries the problem document and the exit code."""

    def __init__(self, problem: Document, exit_code: int = REFUSED) -> None:
        super().__init__(problem.get("title"))
        self.problem = problem
        self.exit_code = exit_code


class Caller:
    """Sends the calls of one purchase, tells each and keeps the record."""

    def __init__(self, case: Case, client: httpx.AsyncClient, narrator: Narrator) -> None:
        self.case = case
        self.narrator = narrator
        self.record = Record()
        self._client = client

    async def ask(self, call: Call) -> Document:
        """The body of a good answer; any other answer stops the purchase."""
        response, body = await self.exchange(call)
        if not response.is_success or not body:
            raise Stopped(read_problem(response.status_code, body))
        return body

    async def exchange(self, call: Call) -> tuple[httpx.Response, Document]:
        """Sends the request and tells about it; an answer of any status is an answer, none at all is Stopped."""
        request = self._build_request(call)
        line = f"{call.method} {unquote(str(request.url).removeprefix(self.case.url))}"
        self.narrator.request(call.title, line, call.sent)
        started = time.monotonic()
        try:
            response = await self._client.send(request)
        except httpx.TransportError as exc:
            self.record.note_step(call.step, None, started)
            raise Stopped(unreachable(request.url, exc, self.case.url), UNSETTLED) from exc
        body = read_body(response)
        ms = self.record.note_step(call.step, response.status_code, started)
        names = call.show if response.is_success else ("code", "detail", "error")
        self.narrator.answer(response.status_code, ms, {name: body[name] for name in names if name in body})
        return response, body

    async def read_quietly(self, path: str, headers: dict[str, str]) -> httpx.Response | None:
        """The answer to one of many reads that are told and recorded together; None where no answer came."""
        try:
            return await self._client.get(self.case.url + path, headers=headers)
        except httpx.TransportError:
            return None

    def _build_request(self, call: Call) -> httpx.Request:
        url = call.path if call.path.startswith("http") else self.case.url + call.path
        return self._client.build_request(
            call.method, url, headers=call.headers, params=call.query, json=call.body, data=call.form
        )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def read_body(response: httpx.Response) -> Document:
    """The JSON object of the answer, or an empty one where it holds none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def make_problem(code: str, title: str, detail: str, what_next: str) -> Document:
    """A problem of this command's own, in the shape that the service's problem documents have."""
    return {"title": title, "code": code, "detail": detail, "next": what_next}


def read_problem(status: int, body: Document) -> Document:
    """The problem that an answer means: the service's own document, Stripe's error, or neither."""
    if isinstance(body.get("error"), dict):
        return {**read_stripe_error(body["error"]), "status": status}
    if body.get("code") == "unauthenticated":
        return {**body, **WRONG_KEY}
    if "title" in body:
        return body
    detail = f"It answered {compact(body)}, which is no problem document."
    return {**make_problem("unexpected_answer", "This is not the checkout API", detail, "stop"), "status": status}


def read_stripe_error(error: Document) -> Document:
    code = error.get("decline_code") or error.get("code") or "stripe_error"
    detail = error.get("message") or "Stripe gave no reason."
    return make_problem(code, "Stripe refused to set up the card", detail, "new_card")


def unreachable(url: httpx.URL, cause: httpx.TransportError, service: str) -> Document:
    """The problem where no answer came; only the service itself is something that `make demo` starts."""
    origin = f"{url.scheme}://{url.netloc.decode()}"
    ours = str(url).startswith(service)
    advice = "start it with `make demo`, or name a running one with --url" if ours else "the service named this address"
    return make_problem(
        "unreachable", f"No answer from {origin}: {advice}", f"{type(cause).__name__}: {cause}", "retry"
    )
