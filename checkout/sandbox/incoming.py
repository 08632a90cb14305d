"""What a caller sent, read as leniently as Locally reads it, and what a handler answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checkout.sandbox.reading import parse_json, read_query

BRAND_TOKEN = "sandbox_brand_4f1d2c8a90b7e6d5c3a1"  # noqa: S105 - a made-up token of a made-up world.
RETAILER_TOKEN = "sandbox_retailer_7be03a5519c2d8f4e6b0"  # noqa: S105 - a made-up token of a made-up world.

Json = dict[str, Any]
_BRACKETS = re.compile(r"\[([^\]]*)\]")
_DEEPEST = 16
_OF_ONE_STORE = re.compile(r"sandbox_retailer_([1-9][0-9]{4})")


class Refusal(Exception):
    """A handler's no: a status and the whole body of the answer."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def refuse(status: int, msg: str, error_code: int | None = None) -> Refusal:
    """A refusal in the headless API's envelope."""
    return Refusal(status, {"success": False, "msg": msg} | ({} if error_code is None else {"error_code": error_code}))


@dataclass(frozen=True)
class Caller:
    """Who a token stands for: the brand, a retailer, or a developer in Locally's test mode.

    A retailer with a `store_id` has that store alone, one without has all of them.
    """

    token: str
    role: str
    store_id: int | None = None

    @property
    def world(self) -> str:
        """The list of orders this caller may see."""
        return self.token if self.role == "test" else "live"


def identify(token: str) -> Caller | None:
    if token == BRAND_TOKEN:
        return Caller(token, "brand")
    if token == RETAILER_TOKEN:
        return Caller(token, "retailer")
    if of_one_store := _OF_ONE_STORE.fullmatch(token):
        return Caller(token, "retailer", int(of_one_store[1]))
    if token.startswith("test_") and len(token) > len("test_"):
        return Caller(token, "test")
    return None


@dataclass(frozen=True)
class Incoming:
    """A request's content. `fields` joins the query and a JSON object in the body, the body winning.

    `origin` is the address under which we were asked.
    """

    fields: Json
    body: Any
    path: dict[str, str]
    session_id: str
    jwt: str
    origin: str = ""

    def text(self, *names: str) -> str:
        """The first of these fields that was sent, as text; "" when none was."""
        return next((str(self.fields[name]) for name in names if self.fields.get(name) not in (None, "")), "")

    def number(self, *names: str) -> int | None:
        text = self.text(*names)
        return int(text) if re.fullmatch(r"-?\d{1,15}", text) else None

    def degrees(self, *names: str) -> float | None:
        text = self.text(*names)
        return float(text) if re.fullmatch(r"-?\d{1,3}(\.\d+)?", text) else None

    def path_number(self, name: str) -> int | None:
        text = self.path.get(name, "")
        return int(text) if re.fullmatch(r"\d{1,15}", text) else None


Reply = tuple[int, Json]
Handler = Callable[[Caller, Incoming], Reply]
Endpoint = Callable[[Request], Any]


def headless(handler: Handler) -> Endpoint:
    """A handler behind the headless API's token check and envelope."""
    return _endpoint(handler, Refusal(401, {"success": False, "msg": "Not authorized", "error_code": 1102}), False)


def cart_api(handler: Handler) -> Endpoint:
    """A handler behind the token check of the v2 APIs, whose errors say `message`."""
    return _endpoint(handler, Refusal(401, {"status": False, "message": "Not authorized"}), True)


def _endpoint(handler: Handler, unauthorized: Refusal, open_to_retailers: bool) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = identify(request.headers.get("locally-api-token", ""))
        try:
            if caller is None:
                raise unauthorized
            if caller.role == "retailer" and not open_to_retailers:
                raise refuse(403, "This account has no access to this service", 1101)
            status, body = handler(caller, read(request, await request.body()))
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        return JSONResponse(body, status)

    return endpoint


def read(request: Request, raw: bytes) -> Incoming:
    """Real callers send JSON under any content type, and parameters of a POST in the query."""
    body = parse_body(raw)
    fields = nest(read_query(request))
    return Incoming(
        fields=fields | body if isinstance(body, dict) else fields,
        body=body,
        path={name: str(value) for name, value in request.path_params.items()},
        session_id=request.headers.get("locally-api-session-id", ""),
        jwt=request.headers.get("locally-pl-jwt", ""),
        origin=str(request.base_url).rstrip("/"),
    )


def parse_body(raw: bytes) -> Any:
    """A JSON value; a form's fields if it is none; None for an empty body or one that is neither."""
    if not raw.strip():
        return None
    try:
        return parse_json(raw)
    except ValueError:
        text = raw.decode("latin-1")
        return nest(parse_qsl(text)) if "=" in text and not text.lstrip().startswith(("{", "[")) else None


def nest(pairs: list[tuple[str, str]]) -> Json:
    """`items[0][upc]=1` as `{"items": [{"upc": "1"}]}`: how the SDK writes lists into a query."""
    tree: Json = {}
    for key, value in pairs:
        head, *rest = [key.split("[", 1)[0], *_BRACKETS.findall(key)[:_DEEPEST]]
        branch = tree
        for step in rest:
            below = branch.setdefault(head, {})
            if not isinstance(below, dict):
                below = branch[head] = {}
            branch, head = below, step
        branch[head] = value
    return {key: _as_list(value) for key, value in tree.items()}


def _as_list(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _as_list(below) for key, below in value.items()}
    return list(inner.values()) if inner and all(key.isdigit() for key in inner) else inner
