"""Locally's webhooks: one item each, to the address that was configured, in whatever way the switches say."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from checkout.sandbox.cart_v2 import CartApi
from checkout.sandbox.courier import Courier, Parcel
from checkout.sandbox.records import Cart, Line
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.switches import SwitchBoard

WEBHOOK_TOKEN = "sandbox_webhook_c2b5e9"  # noqa: S105 - a made-up shared secret of a made-up world.
CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded", "none": None}
_HOST = "https://www.locally.com"
_REMEMBERED = 200
_LONGEST_KEPT_BACK_SECONDS = 2


@dataclass
class Notice:
    """A webhook as the controls tell of it. `answers` holds one status for each copy, null where nobody answered."""

    to: str
    at: str
    order_id: str
    upc: str
    status: str
    lost: bool
    answers: list[int | None]


@dataclass(frozen=True)
class Retailer:
    """Where the notices of a retailer's stores go: of all stores without a `store_id`."""

    url: str | None = None
    token: str = WEBHOOK_TOKEN
    store_id: int | None = None


class Notices:
    """Where notices go is configured from outside; nothing configured means that none are sent.

    `url` and `token` are the brand's, who hears of every order; a retailer hears of those that it may see.
    """

    def __init__(self, shelf: Shelf, switches: SwitchBoard, now: Callable[[], str], api: CartApi) -> None:
        self._shelf = shelf
        self._switches = switches
        self._now = now
        self._api = api
        self._courier = Courier()
        self._told = 0
        self._losing = False
        self._kept_back: tuple[Notice, Parcel] | None = None
        self.log: deque[Notice] = deque(maxlen=_REMEMBERED)
        kept = shelf.load("webhooks").get("locally", {})
        self.url: str | None = kept.get("url")
        self.token: str = kept.get("token", WEBHOOK_TOKEN)
        self.retailer = Retailer(**shelf.load("webhooks").get("retailer", {}))

    def configure(self, url: str | None, token: str) -> None:
        self.url, self.token = url, token
        self._shelf.put("webhooks", "locally", {"url": url, "token": token})

    def configure_retailer(self, retailer: Retailer) -> None:
        self.retailer = retailer
        self._shelf.put("webhooks", "retailer", asdict(retailer))

    def forget(self) -> None:
        """Send nothing more of what waits, and begin to count anew."""
        self._courier.drop_all()
        self._kept_back, self._told = None, 0
        self.log.clear()

    def log_documents(self) -> list[dict[str, Any]]:
        """The last notices, oldest first."""
        return [asdict(notice) for notice in self.log]

    @contextmanager
    def losing(self, lost: bool) -> Iterator[None]:
        """What is told meanwhile gets lost on its way."""
        self._losing = lost
        try:
            yield
        finally:
            self._losing = False

    def tell(self, cart: Cart, line: Line, word: str, *, method: str = "") -> None:
        """Send that an item of an order has a new status, in Locally's lower-case spelling."""
        if self.url is not None:
            self._tell("brand", self.url, self.token, cart, line, word, method)
        retailer = self.retailer
        if retailer.url is not None and self._api.is_of_retailer(cart, retailer.store_id):
            self._tell("retailer", retailer.url, retailer.token, cart, line, word, method)

    def _tell(self, to: str, url: str, token: str, cart: Cart, line: Line, word: str, method: str) -> None:
        self._told += 1
        every = self._switches.now.webhook_lose_every
        lost = self._losing or bool(every and not self._told % every)
        notice = Notice(to, self._now(), cart.hash, line.upc, word, lost, [])
        self.log.append(notice)
        if notice.lost:
            return
        whole = self._switches.now.webhook_form == "cart"
        body = self._api.document(cart) if whole else short_form(cart.hash, line.upc, word, sts=cart.path == "sts")
        self._send(notice, self.parcel(url, token, json.dumps(body).encode(), method))

    def parcel(self, url: str, token: str, body: bytes, method: str = "") -> Parcel:
        """A body packed as the switches say, unless there is a `method` of its own."""
        switches = self._switches.now
        content_type = CONTENT_TYPES[switches.webhook_content_type]
        headers = {"locally-webhook-token": token} | ({"Content-Type": content_type} if content_type else {})
        return Parcel(
            method or switches.webhook_method,
            url,
            headers,
            body,
            switches.webhook_attempts,
            switches.webhook_copies,
            switches.webhook_delay,
        )

    def _send(self, notice: Notice, parcel: Parcel) -> None:
        """Hand over; with `webhook_reorder` every other notice lets the next one overtake it."""
        earlier = self._kept_back
        if self._switches.now.webhook_reorder and earlier is None:
            self._kept_back = notice, parcel
            asyncio.get_running_loop().call_later(_LONGEST_KEPT_BACK_SECONDS, self._let_go, notice)
            return
        self._courier.send(parcel, notice.answers.append)
        if earlier is not None:
            self._let_go(earlier[0])

    def _let_go(self, notice: Notice) -> None:
        """Hand over the notice that was kept back, if it still is this one."""
        if self._kept_back is not None and self._kept_back[0] is notice:
            self._courier.send(self._kept_back[1], notice.answers.append)
            self._kept_back = None


def short_form(cart_hash: str, upc: str, word: str, *, sts: bool = False, order_url: str = "") -> dict[str, str]:
    """The four keys of the later documents."""
    return {
        "upc": upc,
        "order_id": cart_hash,
        "sts_status" if sts else "status": word,
        "order_url": order_url or f"{_HOST}/api/v2/cart/{cart_hash}",
    }
