"""Forged webhooks: what somebody sends who wants the receiver to believe what is not so."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice

from checkout.sandbox.asking import only, printable_or_null, url_or_null
from checkout.sandbox.courier import Parcel, deliver
from checkout.sandbox.incoming import Json
from checkout.sandbox.notices import Notices, short_form
from checkout.sandbox.records import Books, Cart

KINDS = ("token", "hash", "order_url", "status", "garbage")
_MOST = 10_000
_AT_ONCE = 8
_FOREIGN = "http://forged.invalid"
_UNKNOWN_UPC = "000000000000"
_LIES = ("confirmed", "canceled", "refunded", "fulfilled")


class Forger:
    """Forges one kind, or all of them in turn; only the kind `token` carries a wrong one unless a token is given."""

    def __init__(self, books: Books, notices: Notices) -> None:
        self._books = books
        self._notices = notices

    async def forge(self, wanted: Json) -> Json:
        """Send `count` forged webhooks and tell how they were answered. Raises ValueError."""
        only(wanted, {"kind", "count", "hash", "token", "order_url"})
        kinds, count = _kinds(wanted.get("kind")), _count(wanted.get("count", len(KINDS)))
        for name in wanted.keys() & {"hash", "token", "order_url"}:
            printable_or_null(wanted, name)
        url_or_null(wanted, "order_url")
        url = self._notices.url
        if url is None:
            raise ValueError("locally_url is not set: POST /_sandbox/webhooks first")
        answers: Counter[str] = Counter()
        forged = zip(range(count), cycle(kinds), cycle(_LIES), strict=False)
        while batch := list(islice(forged, _AT_ONCE)):
            parcels = [self._parcel(url, kind, wanted, lie) for _, kind, lie in batch]
            answers.update(str(answer) for answer in await asyncio.gather(*map(deliver, parcels)))
        return {"sent": count, "kinds": list(kinds), "answers": dict(answers)}

    def _parcel(self, url: str, kind: str, wanted: Json, lie: str) -> Parcel:
        token = wanted.get("token") or (secrets.token_hex(12) if kind == "token" else self._notices.token)
        return self._notices.parcel(url, token, self._body(kind, wanted, lie))

    def _body(self, kind: str, wanted: Json, lie: str) -> bytes:
        cart = self._cart(wanted.get("hash"))
        upc = cart.lines[0].upc if cart else _UNKNOWN_UPC
        cart_hash = wanted.get("hash") or (cart.hash if cart and kind != "hash" else _made_up_hash())
        if kind == "garbage":
            return _garbage(cart_hash)
        foreign = wanted.get("order_url") or f"{_FOREIGN}/api/v2/cart/{cart_hash}"
        return json.dumps(short_form(cart_hash, upc, lie, order_url=foreign if kind == "order_url" else "")).encode()

    def _cart(self, cart_hash: str | None) -> Cart | None:
        """The order that is lied about: that of the hash, else the newest."""
        if cart_hash is not None:
            return self._books.carts.get(cart_hash)
        newest = [orders[-1] for orders in self._books.orders.values() if orders]
        return max(newest, key=lambda cart: (cart.ordered_at or "", cart.id), default=None)


def _made_up_hash() -> str:
    return secrets.token_hex(5).upper()


def _garbage(cart_hash: str) -> bytes:
    """Something that is no webhook at all."""
    shapes: tuple[Callable[[], bytes], ...] = (
        lambda: b"",
        lambda: b"{",
        lambda: secrets.token_bytes(200),
        lambda: b"[" * 5000,
        lambda: json.dumps({"order_id": {"hash": cart_hash}}).encode(),
        lambda: json.dumps({"order_id": f"../{cart_hash}?x=1"}).encode(),
        lambda: json.dumps([short_form(cart_hash, _UNKNOWN_UPC, "confirmed")]).encode(),
    )
    return secrets.choice(shapes)()


def _kinds(kind: object) -> tuple[str, ...]:
    if kind is None:
        return KINDS
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    return (kind,)


def _count(count: object) -> int:
    if type(count) is not int or not 1 <= count <= _MOST:
        raise ValueError(f"count must be a whole number from 1 to {_MOST}")
    return count
