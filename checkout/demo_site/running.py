"""The site in a thread: it holds nothing that could be lost, so it needs no process of its own."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from checkout.demo_site.app import create_site

HOST = "brand.localhost"  # Browsers take every name under localhost for this machine, and for another site than ours.


@contextmanager
def running_site(listener: socket.socket, service_url: str) -> Iterator[str]:
    """Serve the site on a listening socket; gives its URL."""
    config = uvicorn.Config(
        create_site(service_url),
        loop="asyncio",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="demo site", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
