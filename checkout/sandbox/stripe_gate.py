"""What stands before every Stripe call: keys, versions, accounts, idempotency, and the shape of every answer."""

import base64
import binascii
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.reading import read_query
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stripe_errors import Body, StripeError
from checkout.sandbox.stripe_forms import Params, parse_form
from checkout.sandbox.stripe_objects import new_id

NEWEST_VERSION = "2026-10-28.endive"
# The version that an account made some years ago still has when a request names none.
DEFAULT_VERSION = "2024-06-20"

_KEPT_SECONDS = 24 * 60 * 60
_KEY = re.compile(r"(sk|rk|pk)_(test|live)_([A-Za-z0-9_]+)")
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z0-9_]+)*")


@dataclass(frozen=True)
class Call:
    """One authenticated request. `owner` is the account it acts on; `account` is None where that is the platform."""

    owner: str
    account: str | None
    publishable: bool
    version: str
    params: Params
    path: Mapping[str, str]
    request_id: str
    idempotency_key: str | None
    base_url: str

    def since(self, day: str) -> bool:
        """Whether the caller's API version is of this day or later."""
        return self.version[:10] >= day


@dataclass(frozen=True)
class Operation:
    """One call of the API: where it is, what it does, and whether browsers may make it."""

    method: str
    path: str
    handle: Callable[[Call], Body]
    publishable: bool = False


@dataclass(frozen=True)
class _Answer:
    status: int
    content: bytes
    headers: Mapping[str, str]


class Gate:
    """Turns operations into routes."""

    def __init__(self, clock: SandboxClock, shelf: Shelf) -> None:
        self._remembered = RememberedAnswers(clock, shelf)

    def route(self, operation: Operation) -> Route:
        async def endpoint(request: Request) -> Response:
            request_id = new_id("req")
            try:
                answer = await self._answer(request, operation, request_id)
            except StripeError as error:
                answer = _refusal(error, request_id)
            headers = {"Request-Id": request_id, "Cache-Control": "no-cache, no-store", **answer.headers}
            return Response(answer.content, answer.status, headers, media_type="application/json")

        return Route(operation.path, endpoint, methods=[operation.method])

    def reset(self) -> None:
        self._remembered.clear()

    async def _answer(self, request: Request, operation: Operation, request_id: str) -> _Answer:
        key = request.headers.get("idempotency-key")
        if operation.method != "POST" or key is None:
            return _perform(await _read_call(request, operation, request_id), operation)
        scope = f"{request.headers.get('authorization')} {request.headers.get('stripe-account')} {key}"
        with self._remembered.in_progress(scope, key):
            call = await _read_call(request, operation, request_id)
            return self._remembered.once(call, request.scope["path"], lambda: _perform(call, operation))


class RememberedAnswers:
    """Idempotency keys: the first answer that a key got, by account, kept for 24 hours of the sandbox's clock."""

    def __init__(self, clock: SandboxClock, shelf: Shelf) -> None:
        self._clock = clock
        self._shelf = shelf
        self._open: set[str] = set()
        # Oldest first, so that forgetting looks at the front only.
        kept = sorted(shelf.load("stripe_idempotency").items(), key=lambda item: float(item[1]["at"]))
        self._kept: OrderedDict[str, Body] = OrderedDict(kept)

    @contextmanager
    def in_progress(self, scope: str, key: str) -> Iterator[None]:
        """Holds a key from the moment its request arrived; a second request meanwhile is a conflict."""
        if len(key) > 255:
            raise StripeError(400, "Idempotency keys have at most 255 characters.", kind="idempotency_error")
        if scope in self._open:
            message = f"Another request with the idempotency key {key} is in progress. Try again later."
            raise StripeError(409, message, kind="idempotency_error", code="idempotency_key_in_use")
        self._open.add(scope)
        try:
            yield
        finally:
            self._open.discard(scope)

    def once(self, call: Call, path: str, perform: Callable[[], _Answer]) -> _Answer:
        """Perform the call, or repeat what its key was answered. Raises StripeError if the key was for another call."""
        place = f"{call.owner} {call.idempotency_key}"
        fingerprint = hashlib.sha256(f"{path} {json.dumps(call.params.plain(), sort_keys=True)}".encode()).hexdigest()
        self._forget_old()
        kept = self._kept.get(place)
        if kept is None:
            answer = perform()
            self._keep(place, fingerprint, call.request_id, answer)
            return answer
        if kept["fingerprint"] != fingerprint:
            message = "This idempotency key was first used for a call with other parameters or another path."
            raise StripeError(400, message, kind="idempotency_error")
        headers = {**kept["headers"], "Idempotent-Replayed": "true", "Original-Request": kept["request_id"]}
        return _Answer(kept["status"], kept["content"].encode(), headers)

    def clear(self) -> None:
        self._kept.clear()
        self._shelf.clear("stripe_idempotency")

    def _keep(self, place: str, fingerprint: str, request_id: str, answer: _Answer) -> None:
        kept = {
            "fingerprint": fingerprint,
            "request_id": request_id,
            "at": self._clock.now().timestamp(),
            "status": answer.status,
            "content": answer.content.decode(),
            "headers": dict(answer.headers),
        }
        self._kept[place] = kept
        self._shelf.put("stripe_idempotency", place, kept)

    def _forget_old(self) -> None:
        oldest_kept = self._clock.now().timestamp() - _KEPT_SECONDS
        while self._kept and next(iter(self._kept.values()))["at"] < oldest_kept:
            self._kept.popitem(last=False)


def _perform(call: Call, operation: Operation) -> _Answer:
    """Run the operation. Raises StripeError for a refusal that an idempotency key does not remember."""
    try:
        status, body = 200, operation.handle(call)
    except StripeError as error:
        if not error.saved:
            raise
        status, body = error.status, error.body(call.request_id)
    return _Answer(status, json.dumps(body, indent=2).encode(), _echoes(call))


def _echoes(call: Call) -> dict[str, str]:
    echoes = {"Stripe-Version": call.version}
    if call.account is not None:
        echoes["Stripe-Account"] = call.account
    if call.idempotency_key is not None:
        echoes["Idempotency-Key"] = call.idempotency_key
    return echoes


def _refusal(error: StripeError, request_id: str) -> _Answer:
    headers = {"WWW-Authenticate": 'Basic realm="Stripe"'} if error.status == 401 else {}
    return _Answer(error.status, json.dumps(error.body(request_id), indent=2).encode(), headers)


async def _read_call(request: Request, operation: Operation, request_id: str) -> Call:
    params = parse_form(read_query(request) + await _read_form(request))
    kind, suffix = _authenticate(request, params)
    if kind == "pk" and not operation.publishable:
        message = "This API call cannot be made with a publishable key; it needs a secret key."
        raise StripeError(403, message, code="secret_key_required")
    platform = platform_account(suffix)
    account = _named_account(request, params)
    return Call(
        owner=account or platform,
        account=None if account in (None, platform) else account,
        publishable=kind == "pk",
        version=_version(request, params),
        params=Params(params),
        path=request.path_params,
        request_id=request_id,
        idempotency_key=request.headers.get("idempotency-key"),
        base_url=str(request.base_url).rstrip("/"),
    )


async def _read_form(request: Request) -> list[tuple[str, str]]:
    body = await request.body()
    if body and request.headers.get("content-type", "").startswith("application/json"):
        raise StripeError(400, "API v1 reads form-encoded bodies (application/x-www-form-urlencoded), not JSON.")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise StripeError(400, "The body is not a form in UTF-8.") from error


def _authenticate(request: Request, params: Body) -> tuple[str, str]:
    """Kind (`sk`, `rk`, `pk`) and suffix of the key, which comes by Bearer, by Basic or, from browsers, as `key`."""
    given = _given_key(request.headers.get("authorization", "")) or str(params.get("key", ""))
    if not given:
        raise StripeError(401, "No API key was given. Send it as `Authorization: Bearer YOUR_SECRET_KEY`.")
    match = _KEY.fullmatch(given)
    if match is None:
        raise StripeError(401, f"Invalid API Key provided: {given[:8]}****{given[-4:] if len(given) > 16 else ''}")
    if match[2] == "live":
        raise StripeError(401, "This is a sandbox: it takes test keys only, never a live key.")
    return match[1], match[3]


def _given_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def platform_account(suffix: str) -> str:
    """The id of the account that keys with this suffix belong to."""
    return f"acct_{hashlib.sha256(suffix.encode()).hexdigest()[:16]}"


def _named_account(request: Request, params: Body) -> str | None:
    named = request.headers.get("stripe-account") or params.get("_stripe_account")
    if named is not None and re.fullmatch(r"acct_[A-Za-z0-9_]+", str(named)) is None:
        message = f"The key does not have access to account '{named}' (or that account does not exist)."
        raise StripeError(403, message, code="account_invalid")
    return None if named is None else str(named)


def _version(request: Request, params: Body) -> str:
    version = request.headers.get("stripe-version") or params.get("_stripe_version") or DEFAULT_VERSION
    if _VERSION.fullmatch(str(version)) is None or str(version)[:10] > NEWEST_VERSION[:10]:
        raise StripeError(400, f"Invalid Stripe API version: {version}. The newest here is {NEWEST_VERSION}.")
    return str(version)
