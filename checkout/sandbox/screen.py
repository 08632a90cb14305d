"""Screens in HTML, without scripts: the store's, with its orders, the shopper's page of one order, and the clock."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from checkout.sandbox.amounts import read_amount
from checkout.sandbox.asking import told_of
from checkout.sandbox.controls import as_duration
from checkout.sandbox.incoming import Json, Refusal
from checkout.sandbox.parts import Parts
from checkout.sandbox.records import Cart
from checkout.sandbox.screen_views import Button, Views, as_local
from checkout.sandbox.stores import Store

_PAGES = Path(__file__).with_name("screen_pages")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
_REFRESH_SECONDS = 10
_STORES = "/_sandbox/stores"
# Whoever writes on the shopper's page is the shopper.
_SENDERS = {"message": {"sender": "customer"}}

Asked = dict[str, str]
"""Which form is open: `order` and `upc` of the item, `form` and, of a message, its `sender`."""


class Screen:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._views = Views(parts.world, parts.books, parts.payments, parts.ordering, parts.desk)
        self._pages = Environment(
            loader=FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[BaseRoute]:
        store = _STORES + "/{store_id:int}"
        return [
            Route("/_sandbox/screen.css", _style, methods=["GET"]),
            Route("/_sandbox/screen/clock", self.move_clock, methods=["POST"]),
            Route(_STORES, self.show_stores, methods=["GET"]),
            Route(store, self.show_store, methods=["GET"]),
            Route(store + "/orders/{cart_hash}", self.let_charge_fail, methods=["POST"]),
            Route(store + "/orders/{cart_hash}/{upc}", self.act, methods=["POST"]),
            Route("/order/{cart_hash}/{access_token}", self.show_order, methods=["GET"]),
            Route("/order/{cart_hash}/{access_token}/{upc}", self.act_as_shopper, methods=["POST"]),
        ]

    async def show_stores(self, _: Request) -> Response:
        facts = {"stores": self._views.stores(), "others": self._views.other_stores()}
        clock = f"{self._parts.clock.now():%a %-d %b %Y, %H:%M} UTC"
        return self._render("stores.html", facts | {"clock": clock, "store_id": "", "here": _STORES}, {})

    async def show_store(self, request: Request) -> Response:
        store = self._store(request)
        return _no_store() if store is None else self._show(store, _asked(request.query_params))

    async def act(self, request: Request) -> Response:
        """A button of an item. What is refused is shown above the orders, with the form still open."""
        store, fields = self._store(request), await _fields(request)
        if store is None:
            return _no_store()
        cart_hash, upc = request.path_params["cart_hash"], request.path_params["upc"]
        try:
            self._parts.desk.act(self._parts.desk.find(cart_hash), upc, _wanted(fields))
        except (ValueError, Refusal) as trouble:
            return self._show(store, _asked({**fields, "order": cart_hash, "upc": upc}), trouble)
        return _see(f"{_STORES}/{store.id}#{cart_hash}")

    async def let_charge_fail(self, request: Request) -> Response:
        store, fields = self._store(request), await _fields(request)
        if store is None:
            return _no_store()
        try:
            cart = self._parts.desk.find(request.path_params["cart_hash"])
            self._parts.desk.set_knobs(cart, {"capture_fails": fields.get("capture_fails") == "yes"})
        except Refusal as trouble:
            return self._show(store, {}, trouble)
        return _see(f"{_STORES}/{store.id}#{cart.hash}")

    async def show_order(self, request: Request) -> Response:
        """Where `target_uri` of a commit leads: the shopper's page at Locally, or the one that the retailer named."""
        cart = self._shoppers_order(request)
        if cart is not None and cart.fulfillment_url:
            return RedirectResponse(cart.fulfillment_url, 302, _HEADERS)
        return _no_order() if cart is None else self._show_shopper(cart, _asked(request.query_params))

    async def act_as_shopper(self, request: Request) -> Response:
        cart, fields = self._shoppers_order(request), await _fields(request)
        if cart is None or fields.get("action") not in ("cancel", "message"):
            return _no_order()
        upc = request.path_params["upc"]
        try:
            self._parts.desk.act(cart, upc, _wanted(fields | _SENDERS.get(fields["action"], {})))
        except (ValueError, Refusal) as trouble:
            return self._show_shopper(cart, _asked({**fields, "order": cart.hash, "upc": upc}), trouble)
        return _see(_page_of(cart))

    def _shoppers_order(self, request: Request) -> Cart | None:
        cart = self._parts.books.carts.get(request.path_params["cart_hash"])
        shown = cart is not None and cart.ordered_at and cart.access_token == request.path_params["access_token"]
        return cart if shown else None

    async def move_clock(self, request: Request) -> Response:
        fields = await _fields(request)
        try:
            self._parts.advance(as_duration(fields.get("advance")))
            await self._parts.feed.settle()
        except ValueError as trouble:
            return PlainTextResponse(str(trouble), 400)
        known = fields.get("store", "") in map(str, self._parts.world.stores)
        return _see(f"{_STORES}/{fields['store']}" if known else _STORES)

    def _store(self, request: Request) -> Store | None:
        return self._parts.world.stores.get(request.path_params["store_id"])

    def _show(self, store: Store, asked: Asked, trouble: Exception | None = None) -> Response:
        now = self._parts.clock.now()
        facts = {"store": self._views.store(store, now), "clock": as_local(now, store), "store_id": store.id}
        return self._render("store.html", facts | {"here": f"{_STORES}/{store.id}"}, asked, trouble)

    def _show_shopper(self, cart: Cart, asked: Asked, trouble: Exception | None = None) -> Response:
        order, store = self._views.order(cart)
        clock = as_local(self._parts.clock.now(), self._parts.world.stores[cart.store_id])
        facts = {"order": order, "store": store, "clock": clock, "store_id": store["id"]}
        return self._render("shopper.html", facts | {"here": _page_of(cart)}, asked, trouble)

    def _render(self, page: str, facts: dict[str, Any], asked: Asked, trouble: Exception | None = None) -> Response:
        told, status = _told(trouble)
        shown = facts | {"open": asked if asked.get("form") else {}, "trouble": told, "opening": _opening}
        return HTMLResponse(self._pages.get_template(page).render(refresh=_REFRESH_SECONDS, **shown), status, _HEADERS)


def _style(_: Request) -> Response:
    return FileResponse(_PAGES / "screen.css", media_type="text/css", headers={"Cache-Control": "no-cache"})


def _no_store() -> Response:
    return PlainTextResponse("There is no store of that id.", 404)


def _no_order() -> Response:
    return PlainTextResponse("There is no such order.", 404)


def _page_of(cart: Cart) -> str:
    return f"/order/{cart.hash}/{cart.access_token}"


def _see(path: str) -> Response:
    """Back to a screen, so that a reload does nothing twice."""
    return RedirectResponse(path, 303, _HEADERS)


def _asked(names: Mapping[str, str]) -> Asked:
    return {name: names.get(name, "") for name in ("order", "upc", "form", "sender")}


def _opening(order: str, upc: str, button: Button) -> str:
    """The address at which this screen asks for what the button needs."""
    return "?" + urlencode({"order": order, "upc": upc, "form": button.form, "sender": button.sender})


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form that were filled in."""
    pairs = parse_qsl((await request.body()).decode("latin-1"))
    return {name: value for name, value in pairs if value.strip()}


def _wanted(fields: dict[str, str]) -> Json:
    """The form as the desk takes it: its amount is money as people write it."""
    wanted: Json = {name: value for name, value in fields.items() if name != "form"}
    if "amount" in wanted:
        wanted["amount"] = read_amount(wanted["amount"])
        if wanted["amount"] is None:
            raise ValueError('amount must be money such as "12.50"')
    return wanted


def _told(trouble: Exception | None) -> tuple[str, int]:
    if trouble is None:
        return "", HTTPStatus.OK
    if isinstance(trouble, Refusal):
        return str(told_of(trouble)["error"]), max(trouble.status, 400)
    return str(trouble), HTTPStatus.BAD_REQUEST
