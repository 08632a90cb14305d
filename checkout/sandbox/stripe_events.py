"""Events of the sandbox's Stripe: kept for `GET /v1/events`, and sent as signed webhooks if an endpoint is set."""

import hashlib
import hmac
import json
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.stripe_errors import Body
from checkout.sandbox.stripe_gate import NEWEST_VERSION, Call
from checkout.sandbox.stripe_objects import SetupIntent, new_id
from checkout.sandbox.stripe_records import Records

_SECONDS_TO_ANSWER = 10
_RETRY_AFTER_SECONDS = (0.5, 2.0, 10.0)


@dataclass(frozen=True)
class Endpoint:
    """Where webhooks go. `thin` chooses event notifications (ids only) in place of snapshots."""

    url: str
    secret: str
    thin: bool = False


class Events:
    """Records what happened to SetupIntents and tells the endpoint."""

    def __init__(self, clock: SandboxClock, records: Records) -> None:
        self._clock = clock
        self._records = records
        self._deliveries = Deliveries()
        self.endpoint: Endpoint | None = None

    def record(self, what: str, setup_intent: SetupIntent, call: Call | None) -> None:
        """Keep the event `setup_intent.<what>`, a snapshot. `call` is None where the shopper acted."""
        now = self._clock.now()
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": NEWEST_VERSION,
            "created": int(now.timestamp()),
            "data": {"object": setup_intent.body()},
            "livemode": False,
            "pending_webhooks": 0 if self.endpoint is None else 1,
            "request": {
                "id": None if call is None else call.request_id,
                "idempotency_key": None if call is None else call.idempotency_key,
            },
            "type": f"setup_intent.{what}",
        }
        if setup_intent.account is not None:
            event["account"] = setup_intent.account
        self._records.events.put(setup_intent.owner, str(event["id"]), event)
        if self.endpoint is not None:
            message = thin_event(event, now) if self.endpoint.thin else event
            self._deliveries.send(self.endpoint, json.dumps(message).encode(), int(now.timestamp()))

    def reset(self) -> None:
        self._deliveries.forget()


def thin_event(event: Body, now: datetime) -> Body:
    """The notification of an event: it names the object and carries none of it."""
    setup_intent = event["data"]["object"]
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "livemode": False,
        "created": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "context": event.get("account"),
        "related_object": {
            "id": setup_intent["id"],
            "type": "setup_intent",
            "url": f"/v1/setup_intents/{setup_intent['id']}",
        },
        "reason": {"type": "request", "request": event["request"]},
    }


def signature_header(body: bytes, secret: str, timestamp: int) -> str:
    """The value of `Stripe-Signature` for a body sent at a time (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Deliveries:
    """Sends webhooks from a thread of its own, so that no call waits and no event loop needs to outlive one."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[partial[None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._world = 0

    def forget(self) -> None:
        """Send nothing more of what was waiting: it belongs to a world that is gone."""
        self._world += 1

    def send(self, endpoint: Endpoint, body: bytes, timestamp: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="stripe-webhooks", daemon=True)
            self._thread.start()
        self._waiting.put(partial(self._attempt, endpoint, body, timestamp, 0, self._world))

    def _work(self) -> None:
        while True:
            self._waiting.get()()

    def _attempt(self, endpoint: Endpoint, body: bytes, timestamp: int, tries: int, world: int) -> None:
        if world != self._world or _delivered(endpoint, body, timestamp) or tries == len(_RETRY_AFTER_SECONDS):
            return
        again = partial(self._attempt, endpoint, body, timestamp, tries + 1, world)
        timer = threading.Timer(_RETRY_AFTER_SECONDS[tries], self._waiting.put, (again,))
        timer.daemon = True
        timer.start()


def _delivered(endpoint: Endpoint, body: bytes, timestamp: int) -> bool:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (sandbox)",
        "Stripe-Signature": signature_header(body, endpoint.secret, timestamp),
    }
    # The address is what the owner of this sandbox configured, and `set_webhook` let only http and https pass.
    request = urllib.request.Request(endpoint.url, body, headers, method="POST")  # noqa: S310 - see above
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_TO_ANSWER):  # noqa: S310 - see above
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, ValueError):
        return False
