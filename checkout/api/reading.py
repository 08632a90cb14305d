"""What the handlers share: reading a request, and writing an answer."""

import hashlib
import re
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from checkout import strictjson
from checkout.callers import Caller, Credential, identify
from checkout.checkouts import Found
from checkout.database import KeyName
from checkout.errors import KeyMissing, UnknownResource, UnsupportedMediaType
from checkout.idempotency import Answer, Claim
from checkout.keyring import same_secret, token_hash
from checkout.problems import MEDIA_TYPE as PROBLEM
from checkout.state import State

_KEY = re.compile(r'("?)([A-Za-z0-9_-]{20,255})\1')
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])")
MOST_WAIT = 25


def caller_of(request: Request[State], *allowed: Credential) -> Caller:
    """The caller. Raises Unauthenticated or NotAllowed."""
    return identify(request.headers, request.state["settings"], *allowed)


async def checkout_of(
    request: Request[State], *allowed: Credential, operation: str | None = None
) -> tuple[Caller, Found]:
    """The checkout that the path names, if the caller may use it. Raises UnknownResource for every reason not to.

    For an `operation` with a key, what is known of the request's key comes with it.
    """
    caller = caller_of(request, *allowed)
    checkouts, checkout_id = request.state["checkouts"], request.path_params["checkout_id"]
    key = _key_name(request, operation, checkout_id) if operation is not None else None
    found = await checkouts.find(checkout_id, key)
    if not caller.is_trusted:
        right = same_secret(token_hash(caller.token), found.token_hash)
        if not right or checkouts.token_expired(found.checkout):
            raise UnknownResource
    return caller, found


async def read_json(request: Request[State]) -> Any:
    """The parsed body. Raises UnsupportedMediaType, BodyTooLarge or MalformedJson."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {"application/json", "application/merge-patch+json"}:
        raise UnsupportedMediaType
    return strictjson.parse(await request.body())


async def read_optional_json(request: Request[State]) -> Any:
    """The parsed body, `{}` where none was sent."""
    if not await request.body():
        return {}
    return await read_json(request)


def claim_of(request: Request[State], operation: str, scope: str, body: Any) -> Claim:
    """The use of the request's Idempotency-Key. Raises KeyMissing."""
    name = _key_name(request, operation, scope)
    if name is None:
        raise KeyMissing
    fingerprint = hashlib.sha256(request.url.path.encode() + b"\n" + strictjson.canonical(body)).hexdigest()
    return Claim(name, fingerprint, request.scope["request_id"])


def _key_name(request: Request[State], operation: str, scope: str) -> KeyName | None:
    """The request's Idempotency-Key in its scope; None where it is missing or malformed."""
    found = _KEY.fullmatch(request.headers.get("idempotency-key", ""))
    return KeyName(request.state["settings"].brand, operation, scope, found[2]) if found else None


def wait_of(request: Request[State]) -> float:
    """How many seconds the caller is ready to wait (`Prefer: wait=N`)."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(float(found[1]), MOST_WAIT) if found else request.state["settings"].place_wait


def reads_through(request: Request[State]) -> bool:
    """Whether the caller wants nothing kept (`Cache-Control: no-cache`)."""
    return "no-cache" in request.headers.get("cache-control", "").lower()


def body_response(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status, headers, media_type="application/json")


def answer_response(answer: Answer, headers: dict[str, str] | None = None) -> Response:
    """An answer that may be a replay of a stored one."""
    media_type = PROBLEM if answer.status >= 400 else "application/json"
    replayed = {"Idempotent-Replayed": "true"} if answer.replayed else {}
    return Response(answer.body, answer.status, {**(headers or {}), **replayed}, media_type=media_type)
