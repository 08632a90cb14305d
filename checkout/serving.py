"""Runs the application under uvicorn: on a socket that we open ourselves, so that every fault has a clear line."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from checkout.edge import Edge
from checkout.errors import CheckoutError, SettingsFault
from checkout.settings import Settings

# Longer than the idle time of common proxies, so that they and not we close an idle connection.
_IDLE_SECONDS = 75


class CannotServe(Exception):
    """The service did not start; the message says why and what to do."""


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises CannotServe."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotServe(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a listening socket is reached; for every address of this machine, by its own name for itself."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  Only compared with.
        host = "127.0.0.1" if listener.family is socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: ASGIApp, settings: Settings, listener: socket.socket, *, on_ready: Callable[[], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is in flight. Raises CannotServe or SettingsFault."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=_IDLE_SECONDS,
    )
    server = _Server(config, settings, on_ready)
    try:
        server.run(sockets=[listener])
    except SystemExit:  # How uvicorn gives up on a start; why, only the application knows.
        error = app.startup_error if isinstance(app, Edge) else None
        if isinstance(error, SettingsFault):
            raise error from None
        reason = error.detail if isinstance(error, CheckoutError) else repr(error)
        raise CannotServe(f"the service did not start: {reason}") from error


# Of the time that a stop may take, this share is for requests to finish; the rest is for what goes on without one.
_FOR_REQUESTS = 0.8


class _Server(uvicorn.Server):
    """Tells when it serves, and ends quietly on a signal, all within the drain time.

    On SIGTERM readiness goes first: requests are taken for as long as balancers need to see it. Then nothing new is
    begun, requests in flight finish, and the application waits for the calls in flight.
    """

    def __init__(self, config: uvicorn.Config, settings: Settings, on_ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._notice = min(settings.drain_notice, settings.drain / 2)
        self._on_ready = on_ready
        self._is_term = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        placing = self.lifespan.state["placing"]
        placing.leave()
        if self._is_term:
            await self._tell_balancers()
        placing.park()
        # uvicorn takes a float as well; without connections it does not wait at all.
        self.config.timeout_graceful_shutdown = _FOR_REQUESTS * placing.leave()
        await super().shutdown(sockets)

    async def _tell_balancers(self) -> None:
        """Go on serving while `/readyz` says that we leave; a second signal ends it."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._notice
        while loop.time() < ends and not self.force_exit:  # noqa: ASYNC110  A signal's handler sets it.
            await asyncio.sleep(0.05)

    def handle_exit(self, sig: int, frame: object) -> None:
        """A signal is the ordinary way to end, so it is not raised again afterwards."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self._is_term = sig == signal.SIGTERM


def set_up_logging(level: str) -> None:
    """One JSON object per line on standard error; libraries speak only when something is wrong."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # What uvicorn says of a failed start is said by us, in one line.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class _Patient:
    """A stream that loses what it cannot write: a log on a full disk must not stop an order that is under way."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
