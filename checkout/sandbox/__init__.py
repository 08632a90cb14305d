"""The sandbox: Locally.com and Stripe for people without keys. It imports nothing of the service it serves."""

from collections.abc import Callable
from pathlib import Path

from checkout.sandbox.app import create_sandbox
from checkout.sandbox.incoming import BRAND_TOKEN, RETAILER_TOKEN
from checkout.sandbox.listener import Listener
from checkout.sandbox.notices import WEBHOOK_TOKEN

__all__ = ["BRAND_TOKEN", "RETAILER_TOKEN", "WEBHOOK_TOKEN", "create_sandbox", "run"]


def run(
    *,
    host: str = "127.0.0.1",
    port: int,
    state: Path | None,
    mail_port: int | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> None:
    """Serve the sandbox until SIGINT or SIGTERM. `on_ready` gets the bound port, which matters for port 0.

    With a `mail_port` it takes mail there (0: on a free port, which GET /_sandbox/mails.json tells).
    """
    Listener(create_sandbox(state=state), host, port, on_ready, mail_port=mail_port).run()
