"""The listener: uvicorn with a hand on the wire, so that a fault really breaks its socket."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

WIRE = "sandbox.wire"
"""The key of the request's `Wire` in the ASGI scope."""

_IDLE_SECONDS = 75
_SHUTDOWN_SECONDS = 1


class Wire:
    """The connection under one request."""

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        self._transport = transport
        self._cycle = cycle

    def arrived_body(self) -> bytes | None:
        """What is left of a body that arrived whole before its sender hung up; None if it never came whole."""
        return None if self._cycle.more_body else bytes(self._cycle.body)

    async def hung_up(self) -> None:
        """Wait for the end of the connection."""
        while (await self._cycle.receive())["type"] != "http.disconnect":
            pass

    async def close(self) -> None:
        """Close the connection without a further byte."""
        self._transport.close()
        await self.hung_up()

    async def reset(self, last_words: bytes) -> None:
        """Send these bytes and then a TCP reset."""
        self._transport.write(last_words)
        while self._transport.get_write_buffer_size():  # noqa: ASYNC110 - a transport has no event for that.
            await asyncio.sleep(0.001)
        # Linger of zero makes the close a reset; a duplicate of the descriptor works on every event loop.
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as handle:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self.hung_up()

    def abort(self) -> None:
        """Drop the connection now, as the end of the process would: uvicorn then has nobody to answer."""
        self._cycle.disconnected = True
        self._transport.abort()


class WireProtocol(HttpToolsProtocol):
    """Puts the `Wire` into each request's scope."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]  # ASGI lets a server add keys of its own.
        scope[WIRE] = Wire(self.transport, self.cycle)


class Listener(uvicorn.Server):
    """Serves until `should_exit` is set or a signal comes; tells the bound port once it listens."""

    def __init__(
        self,
        app: Any,
        host: str,
        port: int,
        on_ready: Callable[[int], None] | None = None,
        *,
        mail_port: int | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=WireProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="error",
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            )
        )
        self._on_ready = on_ready
        self._mailbox = app.state.parts.mailbox
        self._mail_port = mail_port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._mail_port is not None:
            await self._mailbox.listen(self.config.host, self._mail_port)
        await super().startup(sockets)
        if self._on_ready is not None:
            self._on_ready(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._mailbox.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Leave quietly: a signal is the ordinary way to end the sandbox, so it is not raised again afterwards."""
        self.should_exit = True
