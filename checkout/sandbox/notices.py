"""Locally's webhooks: four keys, one item each, to the address that was configured."""

import json
from typing import Any

from checkout.sandbox.courier import Courier, Parcel
from checkout.sandbox.records import Cart, Line
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.switches import SwitchBoard

WEBHOOK_TOKEN = "sandbox_webhook_c2b5e9"  # noqa: S105 - a made-up shared secret of a made-up world.
_HOST = "https://www.locally.com"


class Notices:
    """Where notices go is configured from outside; nothing configured means that none are sent."""

    def __init__(self, shelf: Shelf, switches: SwitchBoard) -> None:
        self._shelf = shelf
        self._switches = switches
        self._courier = Courier()
        kept = shelf.load("webhooks").get("locally", {})
        self.url: str | None = kept.get("url")
        self.token: str = kept.get("token", WEBHOOK_TOKEN)

    def configure(self, url: str | None, token: str) -> None:
        self.url, self.token = url, token
        self._shelf.put("webhooks", "locally", {"url": url, "token": token})

    def drop_waiting(self) -> None:
        self._courier.drop_all()

    def tell(self, cart: Cart, line: Line, status: str, *, sts: bool = False) -> None:
        """Send that an item of an order has a new status, in Locally's lower-case spelling."""
        if self.url is None:
            return
        payload = {
            "upc": line.upc,
            "order_id": cart.hash,
            "sts_status" if sts else "status": status,
            "order_url": f"{_HOST}/api/v2/cart/{cart.hash}",
        }
        self._courier.send(self._parcel(self.url, payload))

    def _parcel(self, url: str, payload: dict[str, Any]) -> Parcel:
        headers = {"Content-Type": "application/json", "locally-webhook-token": self.token}
        switches = self._switches.now
        return Parcel(switches.webhook_method, url, headers, json.dumps(payload).encode(), switches.webhook_attempts)
