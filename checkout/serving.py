"""Runs the application under uvicorn: on a socket that we open ourselves, so that every fault has a clear line."""

import logging
import socket
import sys
from collections.abc import Callable

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
        timeout_graceful_shutdown=round(settings.drain),
    )
    server = _Server(config, on_ready)
    try:
        server.run(sockets=[listener])
    except SystemExit:  # How uvicorn gives up on a start; why, only the application knows.
        error = app.startup_error if isinstance(app, Edge) else None
        if isinstance(error, SettingsFault):
            raise error from None
        reason = error.detail if isinstance(error, CheckoutError) else repr(error)
        raise CannotServe(f"the service did not start: {reason}") from error


class _Server(uvicorn.Server):
    """Tells when it serves, and ends quietly on a signal."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready()

    def handle_exit(self, sig: int, frame: object) -> None:
        """A signal is the ordinary way to end, so it is not raised again afterwards."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # What uvicorn says of a failed start is said by us, in one line.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
