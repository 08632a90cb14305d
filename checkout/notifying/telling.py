"""What the log says when the outbox cannot be worked on."""

import structlog

from checkout.errors import CheckoutError

log = structlog.get_logger(__name__)


def tell_pause(error: Exception) -> None:
    """Log a failure that passes by itself; anything but an error of ours is a bug, told with its traceback."""
    if isinstance(error, CheckoutError):
        log.warning("webhooks_paused", code=error.code)
    else:
        log.error("webhooks_paused", error=type(error).__name__, exc_info=error)
