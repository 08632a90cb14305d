"""The outermost layer: one pure ASGI middleware for request id, CORS, headers, limits, log and last-resort errors."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from checkout.errors import BodyTooLarge, CheckoutError, OriginNotAllowed
from checkout.problems import problem_response
from checkout.settings import Settings

MOST_BODY = 64 * 1024
MOST_WEBHOOK_BODY = 256 * 1024
MOST_FEED_BODY = 200 * 1024 * 1024  # It goes to the disk in pieces, never into memory.
FEED_PATH = "/v1/feeds/available-to-sell"
_METHODS = "GET, POST, PATCH, PUT, DELETE, OPTIONS"
_REQUEST_HEADERS = "Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, Prefer"
_EXPOSED = "ETag, Location, Retry-After, Request-Id, Idempotent-Replayed"
_TOKEN = re.compile(r"\b(ol|ot|ct|cl|cpk|csk)_[^/]+")
_FEED = re.compile(r"(?is)(/+feeds/).+")
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"

log = structlog.get_logger(__name__)


class Edge:
    """Wraps the application; everything that leaves the process passes here once."""

    def __init__(
        self, app: ASGIApp, settings: Settings, *, refresh_clock: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._app = app
        self._origins = settings.allowed_origins
        self._refresh_clock = refresh_clock
        self._https = settings.public_url.startswith("https://")
        self.startup_error: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._live(scope, receive, send)
            return
        scope["request_id"] = f"req_{secrets.token_hex(12)}"
        await _Exchange(self, scope, receive, send).run()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the lifespan; why it failed is kept for whoever started the server."""
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            self.startup_error = error
            raise

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights and foreign origins here, all else in the application."""
        request_headers = Headers(scope=scope)
        origin = request_headers.get("origin")
        if _is_api(scope["path"]) and origin is not None and origin not in self._origins:
            raise OriginNotAllowed
        if scope["method"] == "OPTIONS" and "access-control-request-method" in request_headers:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        length = request_headers.get("content-length", "")
        if length.isdecimal():
            _check_size(int(length), scope["path"])
        if self._refresh_clock is not None:
            await self._refresh_clock()
        await self._app(scope, receive, send)

    def set_headers(self, scope: Scope, headers: MutableHeaders) -> None:
        headers["Request-Id"] = scope["request_id"]
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Referrer-Policy", "strict-origin")
        headers.setdefault("Content-Security-Policy", _API_POLICY)
        if self._https:
            headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        if _is_api(scope["path"]):
            headers.setdefault("Cache-Control", "no-store")
            headers.add_vary_header("Origin")
            self._set_cors(Headers(scope=scope).get("origin"), scope["method"], headers)

    def _set_cors(self, origin: str | None, method: str, headers: MutableHeaders) -> None:
        if origin is None or origin not in self._origins:
            return
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED
        if method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = _METHODS
            headers["Access-Control-Allow-Headers"] = _REQUEST_HEADERS
            headers["Access-Control-Max-Age"] = "600"


class _Exchange:
    """One request and its answer on their way through the edge."""

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self._edge = edge
        self._scope = scope
        self._receive = receive
        self._send = send
        self._received = 0
        self._status: int | None = None

    async def run(self) -> None:
        began = time.perf_counter()
        try:
            await self._edge.answer(self._scope, self.receive, self.send)
        except ClientDisconnect:
            pass  # It went away in the middle of its request: nothing was done, and nobody is there to tell.
        except Exception as error:
            await self._fail(error)
        finally:
            self._tell(time.perf_counter() - began)

    async def receive(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        _check_size(self._received, self._scope["path"])
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": list(message["headers"])}
            self._edge.set_headers(self._scope, MutableHeaders(raw=message["headers"]))
        await self._send(message)

    async def _fail(self, error: Exception) -> None:
        """Tell an error of ours as a problem; anything else is a bug, told as a 500 without a word of its cause."""
        if not isinstance(error, CheckoutError):
            log.error("bug", request_id=self._scope["request_id"], error=type(error).__name__, exc_info=error)
        if self._status is None:
            response = problem_response(error, request_id=self._scope["request_id"])
            await response(self._scope, self._receive, self.send)

    def _tell(self, seconds: float) -> None:
        log.info(
            "request",
            request_id=self._scope["request_id"],
            method=self._scope["method"],
            path=_without_secrets(self._scope["path"]),
            status=self._status,
            ms=round(seconds * 1000, 1),
        )


def request_id_of(request: Request) -> str:
    return str(request.scope["request_id"])


def _check_size(received: int, path: str) -> None:
    """Raises BodyTooLarge; whoever sends webhooks may send whole carts, and a feed is a file."""
    most = MOST_WEBHOOK_BODY if path.startswith("/webhooks/") else MOST_FEED_BODY if path == FEED_PATH else MOST_BODY
    if received > most:
        raise BodyTooLarge(f"The body is larger than {most // 1024} KiB.")


def _is_api(path: str) -> bool:
    return path.startswith("/v1/") or path == "/v1"


def _without_secrets(path: str) -> str:
    """The path as it may be logged: the link to an order page or a feed is a right to see it, however it is spelled."""
    if feed := _FEED.fullmatch(path):
        return f"{feed[1]}..."
    return _TOKEN.sub(r"\1_...", path)
