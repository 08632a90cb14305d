"""A TCP proxy in front of a server, which cuts, refuses, falls silent, and swallows what answers a commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 65536


class Proxy:
    """Listens on a port of its own and forwards to a server, as long as it is not told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._server_address = (host, port)
        self._listener: asyncio.Server | None = None
        self._pipes: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        # Counts down with each COMMIT that passes; at zero it reaches the server and its answer never comes.
        self.commits_until_cut: int | None = None

    async def listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Break every connection; new ones are taken."""
        for pipe in self._pipes:
            pipe.transport.abort()

    def fall_silent(self) -> None:
        """Take everything and forward nothing."""
        self._flowing.clear()

    def speak(self) -> None:
        self._flowing.set()

    async def close(self) -> None:
        await self.vanish()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self._server_address)
        except OSError:
            writer.transport.abort()
            return
        self._pipes |= {writer, back}
        for task in (self._forward(reader, back, writer), self._forward(there, writer, None)):
            running = asyncio.create_task(task)
            self._tasks.add(running)
            running.add_done_callback(self._tasks.discard)

    async def _forward(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, client: asyncio.StreamWriter | None
    ) -> None:
        """Until one side ends. `client` is given on the way to the server: whom to cut off after a commit."""
        with suppress(OSError):
            while chunk := await source.read(_CHUNK):
                await self._flowing.wait()
                if client is not None and self._is_fatal(chunk):
                    client.transport.abort()
                target.write(chunk)
                await target.drain()
        with suppress(OSError, RuntimeError):
            # What was sent still arrives: the server carries out the last statement.
            target.close()
        self._pipes.discard(target)

    def _is_fatal(self, chunk: bytes) -> bool:
        if self.commits_until_cut is None or b"COMMIT" not in chunk:
            return False
        self.commits_until_cut -= 1
        return self.commits_until_cut == 0


@asynccontextmanager
async def proxy_of(host: str, port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(host, port)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()
