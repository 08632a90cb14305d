"""Headless API 1.0: shopper sessions, and carts built one item at a time (flows 1 and 2)."""

import re
from typing import Any

from checkout.sandbox.amounts import as_number
from checkout.sandbox.cart_jwt import Mint
from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.incoming import Caller, Incoming, Json, Reply, refuse
from checkout.sandbox.ordering import USER_NOT_FOUND, Ordering
from checkout.sandbox.payments import Authorization, Payments
from checkout.sandbox.records import Books, Cart, Line, Session
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.validating import ITEM_GONE, STORE_UNKNOWN, answer_of, unit_tax
from checkout.sandbox.world import World

_BILLING = {"firstName": "first_name", "lastName": "last_name", "address": "address", "city": "city", "zip": "zip"}
_ADDRESS = ("first_name", "last_name", "address", "address_2", "city", "state", "zip", "email", "phone", "country")


class Shopping:
    def __init__(
        self,
        clock: SandboxClock,
        world: World,
        books: Books,
        payments: Payments,
        ordering: Ordering,
        mint: Mint,
        switches: SwitchBoard,
    ) -> None:
        self._clock = clock
        self._world = world
        self._books = books
        self._payments = payments
        self._ordering = ordering
        self._mint = mint
        self._switches = switches

    def session_id(self, _: Caller, incoming: Incoming) -> Reply:
        session = self._books.session(incoming.session_id)
        return 200, _ok({"id": session.id, "session": {"id": session.id}})

    def session_user(self, _: Caller, incoming: Incoming) -> Reply:
        session = self._books.session(incoming.session_id)
        return 200, _ok({"user": _user(session, {}), "session": {"id": session.id}})

    def add_item(self, caller: Caller, incoming: Incoming) -> Reply:
        """Add one UPC to the caller's cart; an unknown session or JWT silently begins a new cart and user."""
        upc, store_id = incoming.text("upc"), incoming.number("store_id")
        for name in ("store_id", "upc", "host_domain"):
            if not incoming.text(name):
                raise refuse(400, f"{name} is required")
        if store_id not in self._world.stores:
            raise refuse(404, "The store was not found", STORE_UNKNOWN)
        quantity = incoming.number("qty", "quantity") or 1
        path = "ropis" if incoming.text("hold").lower() in ("true", "1") else "bopis"
        cart = self._ordering.cart_of(caller, incoming)
        if cart is not None and (cart.state == "committed" or not cart.lines):
            cart = None
        kept = cart.line(upc) if cart else None
        self._check_addable(cart, store_id, upc, path, quantity + (kept.quantity if kept else 0))
        if cart is None:
            session = self._books.session(incoming.session_id)
            domain = incoming.text("host_domain")
            cart = self._books.open_cart(caller.token, "cart/items/add", path, store_id, domain, session)
        self._put(cart, upc, quantity + (kept.quantity if kept else 0))
        return 200, _ok(self._content(cart))

    def _check_addable(self, cart: Cart | None, store_id: int, upc: str, path: str, quantity: int) -> None:
        if cart is not None and (cart.store_id, cart.path) != (store_id, path):
            raise refuse(200, "A cart holds items of one store and one path to purchase")
        if path not in self._world.paths(store_id):
            raise refuse(200, f"The store does not sell by {path}")
        if quantity < 1 or quantity > self._world.stock(store_id, upc):
            raise refuse(200, "The item is no longer available", ITEM_GONE)

    def _put(self, cart: Cart, upc: str, quantity: int) -> None:
        """Set a line's quantity at today's price; none removes the line. What was authorized no longer fits."""
        self._payments.release(cart)
        cart.state = "open"
        cart.lines = [line for line in cart.lines if line.upc != upc or quantity > 0]
        line = cart.line(upc)
        if line is not None:
            line.quantity = quantity
        elif quantity > 0:
            price = self._world.price(cart.store_id, upc)
            tax = unit_tax(self._world, self._switches, cart.store_id, cart.path, price)
            cart.lines.append(Line(upc, quantity, price, tax))
        self._books.keep(cart)

    def read_cart(self, caller: Caller, incoming: Incoming) -> Reply:
        cart = self._ordering.cart_of(caller, incoming)
        if cart is None:
            session = self._books.session(incoming.session_id)
            return 200, _ok({"n_in_cart": 0, "cart_hash": "", "cart_content": {}, "session": {"id": session.id}})
        return 200, _ok(self._content(cart))

    def adjust(self, caller: Caller, incoming: Incoming) -> Reply:
        """Set quantities: `items` of `{upc, qty}`, or one `upc` and `qty`; a quantity of 0 removes the item."""
        cart = self._open_cart(caller, incoming)
        wanted = incoming.fields.get("items", [incoming.fields])
        if not isinstance(wanted, list) or not all(isinstance(item, dict) for item in wanted):
            raise refuse(400, "items must be a list of objects with upc and qty")
        changes = [(str(item.get("upc", "")), _quantity(item.get("qty", item.get("quantity")))) for item in wanted]
        for upc, quantity in changes:
            if cart.line(upc) is None or quantity is None:
                raise refuse(400, "items must name a upc of the cart and a qty of 0 or more")
            if quantity > self._world.stock(cart.store_id, upc):
                raise refuse(200, "The item is no longer available", ITEM_GONE)
        for upc, quantity in changes:
            self._put(cart, upc, quantity or 0)
        return 200, _ok(self._content(cart))

    def validate_email(self, _: Caller, incoming: Incoming) -> Reply:
        email = incoming.text("email")
        if not _is_email(email):
            return 200, {"success": False, "data": {"email": email}, "msg": "The e-mail address is not valid"}
        return 200, _ok({"email": email})

    def billing(self, caller: Caller, incoming: Incoming) -> Reply:
        for name in (*_BILLING, "country", "email"):
            if not incoming.text(name):
                raise refuse(400, f"{name} is required")
        if not _is_email(incoming.text("email")):
            raise refuse(400, "email must be an e-mail address")
        cart = self._open_cart(caller, incoming)
        cart.shopper |= {ours: incoming.text(theirs) for theirs, ours in _BILLING.items()}
        cart.shopper |= {name: incoming.text(name) for name in ("email", "country", "state", "phone")}
        self._books.keep(cart)
        return 200, _ok(self._content(cart))

    def authorize(self, caller: Caller, incoming: Incoming) -> Reply:
        """`cart/auth`: holds for the items of an existing cart."""
        cart = self._open_cart(caller, incoming)
        outcome = self._authorize(cart, incoming.text("card_token"))
        return outcome.status, self._authorized(cart, outcome)

    def order(self, caller: Caller, incoming: Incoming) -> Reply:
        """`cart/order`: authorize and place in one call."""
        cart = self._books.carts.get(incoming.text("hash"))
        if cart is None or cart.token != caller.token or cart.state == "committed" or not cart.lines:
            raise refuse(404, "The cart was not found")
        for name in ("full_name", "email"):
            if not incoming.text(name) and "referral" not in incoming.fields:
                raise refuse(400, f"{name} is required")
        first, _, last = incoming.text("full_name").partition(" ")
        cart.shopper |= {"first_name": first, "last_name": last, "email": incoming.text("email")}
        outcome = self._authorize(cart, incoming.text("card_token"))
        if not outcome.held:
            return outcome.status, self._authorized(cart, outcome)
        return 200, self._ordering.place(cart)

    def _authorize(self, cart: Cart, card_token: str) -> Authorization:
        if cart.path == "ropis":
            outcome = Authorization(200, ["SKIPPED"] * len(cart.lines))
        else:
            self._payments.release(cart)
            outcome = self._payments.authorize(cart, card_token)
        cart.state = "validated" if outcome.held else "open"
        self._books.keep(cart)
        return outcome

    def _authorized(self, cart: Cart, outcome: Authorization) -> Json:
        rows = [
            {"upc": line.upc, "auth": word, "in_cart": 1, "qty": line.quantity}
            for line, word in zip(cart.lines, outcome.words, strict=True)
        ]
        jwt = self._jwt(cart)
        data = {"items": rows, "cart_hash": cart.hash, "cart_hash_jwt": jwt, "session": {"id": cart.session_id}}
        return answer_of(outcome.held, data, outcome.msg, outcome.error_code, self._switches)

    def _open_cart(self, caller: Caller, incoming: Incoming) -> Cart:
        cart = self._ordering.cart_of(caller, incoming)
        if cart is None or cart.state == "committed" or not cart.lines:
            raise refuse(404, "The cart was not found", USER_NOT_FOUND)
        return cart

    def note(self, _: Caller, __: Incoming) -> Reply:
        """Analytics and template mails: taken and forgotten."""
        return 200, _ok({})

    def _jwt(self, cart: Cart) -> str:
        return self._mint.issue(cart.hash, int(self._clock.now().timestamp()))

    def _content(self, cart: Cart) -> Json:
        """A cart in the headless API's shape: totals are JSON numbers, flags 0 or 1."""
        session = self._books.session(cart.session_id)
        subtotal = sum(line.quantity * line.price for line in cart.lines)
        shipping = sum(line.quantity * line.shipping for line in cart.lines)
        total = sum(line.total for line in cart.lines)
        address = {name: cart.shopper.get(name, "") for name in _ADDRESS}
        summary = {
            "id": cart.id,
            "user_id": session.user_id,
            "hash": cart.hash,
            "subtotal": as_number(subtotal),
            "tax_total": as_number(total - subtotal - shipping),
            "shipping_cost_total": as_number(shipping),
            "grand_total": as_number(total),
            **address,
            "locale": "en-us",
            "origin": cart.host_domain,
            "for_hold": int(cart.path == "ropis"),
            "for_delivery": int(cart.path == "sdd"),
            "delivery_first_name": "",
            "delivery_last_name": "",
            "items": [self._item(cart, line) for line in cart.lines],
        }
        return {
            "n_in_cart": sum(line.quantity for line in cart.lines),
            "cart_hash": cart.hash,
            "cart_content": {"user": _user(session, cart.shopper), "cart": summary},
            "session": {"id": session.id},
        }

    def _item(self, cart: Cart, line: Line) -> Json:
        return {
            "upc": line.upc,
            "qty": line.quantity,
            "store_id": cart.store_id,
            "name": self._world.products[line.upc].name,
            "price": as_number(line.price),
            "tax": as_number(line.quantity * line.tax),
            "total": as_number(line.total),
            "currency": self._world.stores[cart.store_id].currency,
        }


def _user(session: Session, shopper: dict[str, Any]) -> Json:
    names = {name: shopper.get(name, "") for name in ("first_name", "last_name", "phone")}
    places = {"preferred_zip": shopper.get("zip", ""), "preferred_country": shopper.get("country", "")}
    return {"id": session.user_id, "email": shopper.get("email") or session.email, **names, **places}


def _is_email(text: str) -> bool:
    return re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) is not None


def _quantity(value: object) -> int | None:
    return int(str(value)) if re.fullmatch(r"\d{1,4}", str(value)) else None


def _ok(data: Json) -> Json:
    return {"success": True, "data": data, "msg": ""}
