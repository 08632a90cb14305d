"""Where we tell of events, and how a request is signed so that the receiver knows it is ours.

https://www.standardwebhooks.com: the signature is over the message's id, the time of sending and the body.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple

from standardwebhooks import Webhook

from checkout import __version__
from checkout.settings import Settings, WebhookEndpoint


class Endpoint(NamedTuple):
    """An address that is told. `id` names it in our records, so that the address itself need not stand there."""

    id: str
    url: str
    host: str
    topics: frozenset[str]
    signers: tuple[Webhook, ...]

    def headers(self, message_id: str, body: bytes, at: datetime) -> dict[str, str]:
        """The headers of one try, with a signature by each secret: the receiver knows the old or the new one."""
        text = body.decode()
        signatures = [signer.sign(message_id, at, text) for signer in self.signers]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
            "content-type": "application/json",
            "user-agent": f"local-checkout/{__version__}",
        }


def endpoints_of(settings: Settings) -> tuple[Endpoint, ...]:
    return tuple(_endpoint(settings.brand, configured) for configured in settings.webhooks)


def _endpoint(brand: str, configured: WebhookEndpoint) -> Endpoint:
    digest = hashlib.sha256(f"{brand} {configured.url}".encode()).hexdigest()
    return Endpoint(
        id=f"we_{digest[:16]}",
        url=configured.url,
        host=configured.host,
        topics=frozenset(configured.events),
        signers=tuple(Webhook(secret.get_secret_value()) for secret in configured.secrets),
    )
