"""The sandbox's own controls, under /_sandbox: look into its world, change it, break it."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from checkout.sandbox.drafts import PATHS
from checkout.sandbox.faults import CALLS, KINDS, parse_fault
from checkout.sandbox.incoming import Refusal
from checkout.sandbox.parts import Parts
from checkout.sandbox.reading import parse_json
from checkout.sandbox.records import as_text

_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_MOST_SECONDS = 10 * 366 * 86400
_ACCOUNT = re.compile(r"acct_\w+")


class Controls:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/_sandbox", _control(self.start_afresh), methods=["DELETE"]),
            Route("/_sandbox/ledger", _control(self.ledger), methods=["GET"]),
            Route("/_sandbox/catalogue", _control(self.catalogue), methods=["GET"]),
            Route("/_sandbox/faults", _control(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/clock", _control(self.clock), methods=["GET", "POST"]),
            Route("/_sandbox/stock", _control(self.stock), methods=["POST"]),
            Route("/_sandbox/settings", _control(self.settings), methods=["GET", "POST"]),
            Route("/_sandbox/stores/{store_id}", _control(self.store), methods=["POST"]),
            Route("/_sandbox/webhooks", _control(self.webhooks), methods=["POST"]),
            Route("/_sandbox/orders/{cart_hash}/{upc}", _control(self.order_item), methods=["POST"]),
        ]

    async def start_afresh(self, _: Request) -> Any:
        self._parts.start_afresh()
        return {"status": "fresh"}

    async def ledger(self, _: Request) -> Any:
        return self._parts.ledger.as_document()

    async def catalogue(self, _: Request) -> Any:
        return self._parts.world.catalogue()

    async def faults(self, request: Request) -> Any:
        if request.method == "DELETE":
            self._parts.faults.clear()
        elif request.method == "POST":
            self._parts.faults.add(parse_fault(await _body(request)))
        return {"faults": self._parts.faults.as_documents(), "calls": list(CALLS), "kinds": list(KINDS)}

    async def clock(self, request: Request) -> Any:
        if request.method == "POST":
            body = await _body(request)
            _only(body, {"advance"})
            self._parts.advance(_duration(body.get("advance")))
        return {"now": as_text(self._parts.clock.now()), "ahead_seconds": self._parts.clock.ahead.total_seconds()}

    async def stock(self, request: Request) -> Any:
        body = await _body(request)
        _only(body, {"store_id", "upc", "quantity", "price"})
        store_id, upc = body.get("store_id"), body.get("upc")
        if type(store_id) is not int or not self._parts.world.knows_place(store_id):
            raise ValueError("store_id must be the id of a store, or 0 for the warehouse")
        if not isinstance(upc, str) or upc not in self._parts.world.products:
            raise ValueError("upc must be one of the catalogue's")
        quantity, price = _amount(body, "quantity"), _amount(body, "price")
        if quantity is None and price is None:
            raise ValueError("quantity or price is required")
        self._parts.world.set_shelf_place(store_id, upc, quantity, price)
        now = {"quantity": self._parts.world.stock(store_id, upc), "price": self._parts.world.price(store_id, upc)}
        return {"store_id": store_id, "upc": upc, **now}

    async def settings(self, request: Request) -> Any:
        if request.method == "POST":
            self._parts.switches.change(await _body(request))
        return self._parts.switches.as_document()

    async def store(self, request: Request) -> Any:
        named = request.path_params["store_id"]
        store_id = next((known for known in self._parts.world.stores if str(known) == named), None)
        body = await _body(request)
        _only(body, {"paths", "requires_account", "tax_rate"})
        if store_id is None:
            raise ValueError("there is no store of that id")
        self._parts.world.override_store(store_id, _store_changes(body))
        return next(store for store in self._parts.world.catalogue()["stores"] if store["id"] == store_id)

    async def webhooks(self, request: Request) -> Any:
        """Keys that are not sent stay as they are; a URL of null sends nothing any more."""
        body = await _body(request)
        _only(body, {"locally_url", "locally_token", "stripe_url", "stripe_secret", "method"})
        for name in body.keys() - {"method"}:
            _text_or_null(body, name)
        for name in ("locally_url", "stripe_url"):
            _url_or_null(body, name)
        if "method" in body:
            self._parts.switches.change({"webhook_method": body["method"]})
        if "locally_url" in body or "locally_token" in body:
            notices = self._parts.notices
            notices.configure(body.get("locally_url", notices.url), body.get("locally_token") or notices.token)
        if "stripe_url" in body or "stripe_secret" in body:
            self._parts.set_stripe_webhook(
                {name: body[name] for name in ("stripe_url", "stripe_secret") if name in body}
            )
        return {
            "locally_url": self._parts.notices.url,
            "method": self._parts.switches.now.webhook_method,
            "stripe_url": self._parts.stripe_webhook["stripe_url"],
        }

    async def order_item(self, request: Request) -> Any:
        """The store's order screen: every move of the Cart API, and those that no API has."""
        cart = self._parts.books.carts.get(request.path_params["cart_hash"])
        if cart is None:
            raise ValueError("there is no order of that hash")
        self._parts.moves.move(cart, request.path_params["upc"], await _body(request))
        return {"status": True}


def _control(handle: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handle(request))
        except ValueError as fault:
            return JSONResponse({"error": str(fault)}, 400)
        except Refusal as refusal:
            return JSONResponse({"error": refusal.body["message"]}, 400)

    return endpoint


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = parse_json(await request.body())
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the one kind that becomes a 400.
    return body


def _only(body: dict[str, Any], known: set[str]) -> None:
    for name in body:
        if name not in known:
            raise ValueError(f"there is no field {name!r}; known are {', '.join(sorted(known))}")


def _duration(text: object) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise ValueError('advance must be an ISO 8601 duration such as "PT2H" or "P1D"')
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
    if total > _MOST_SECONDS:
        raise ValueError("advance must be at most ten years")
    return timedelta(seconds=total)


def _amount(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (type(value) is not int or not 0 <= value < 10**10):
        raise ValueError(f"{name} must be a whole number of at least 0")
    return value


def _text_or_null(body: dict[str, Any], name: str) -> None:
    value = body[name]
    if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
        raise ValueError(f"{name} must be a string of printable ASCII, or null")


def _url_or_null(body: dict[str, Any], name: str) -> None:
    url = body.get(name)
    if url is None:
        return
    address = urlsplit(url)
    # Reading the port raises ValueError where there is none to reach.
    if address.scheme not in ("http", "https") or not address.hostname or address.port == 0 or " " in url:
        raise ValueError(f"{name} must be an http or https URL")


def _store_changes(body: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "paths" in body:
        if not isinstance(body["paths"], list) or not all(path in PATHS for path in body["paths"]):
            raise ValueError(f"paths must be a list of {', '.join(PATHS)}")
        changes["paths"] = body["paths"]
    if "requires_account" in body:
        account = body["requires_account"]
        if account is not None and not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
            raise ValueError('requires_account must be an account id ("acct_...") or null')
        changes["requires_account"] = account
    if "tax_rate" in body:
        changes["tax_rate"] = _tax_rate(body["tax_rate"])
    return changes


def _tax_rate(value: object) -> str:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not 0 <= rate < 1:
        raise ValueError('tax_rate must be a rate from 0 to below 1, such as "0.1025"')
    return str(rate)
