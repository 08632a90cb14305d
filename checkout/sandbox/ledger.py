"""The ledger: what really happened in this world, for whoever wants to compare it with what the service believes."""

import re
from dataclasses import dataclass
from typing import Any

from checkout.sandbox.records import Books, Cart
from checkout.sandbox.shelf import Shelf

_HEADLESS = "/headless/api/1.0/"
_CALL_NAMES = (
    (re.compile(r"/headless/api/1\.0/location/switch/.*"), "location/switch"),
    (re.compile(r"/headless/api/1\.0/conversion/location_data/.*"), "conversion/location_data"),
    (re.compile(r"/api/v2/carts(/.*)?"), "v2/carts"),
    (re.compile(r"/api/v2/cart/[^/]+/?"), "v2/cart"),
    (re.compile(r"/api/v2/cart/.+"), "v2/update"),
    (re.compile(r"/api/v2/.*"), "v2/stores"),
)


def call_name(path: str) -> str | None:
    """The name of the upstream call at a path, None for what is no upstream call."""
    for pattern, name in _CALL_NAMES:
        if pattern.fullmatch(path):
            return name
    if path.startswith(_HEADLESS):
        return path.removeprefix(_HEADLESS).strip("/")
    if path.startswith("/v1/"):
        return f"stripe/{path.split('/')[2]}"
    return None


@dataclass
class Call:
    """One upstream call; `status` is that of a complete answer, `done` whether the call was carried out."""

    number: int
    at: str
    call: str
    method: str
    path: str
    fault: str | None
    status: int | None = None
    done: bool = False


class Ledger:
    """The calls received, and the books as a caller of the controls sees them."""

    def __init__(self, books: Books, shelf: Shelf) -> None:
        self._books = books
        self._shelf = shelf
        kept = [Call(**document) for document in shelf.load("calls").values()]
        self._calls = {call.number: call for call in kept}

    def clear(self) -> None:
        self._calls.clear()
        self._shelf.clear("calls")

    def begin_call(self, call: str, method: str, path: str, fault: str | None) -> Call:
        """Record an arrived call. Hand it to `end_call` with its outcome."""
        number = self._books.next_number("call")
        begun = Call(number, self._books.now(), call, method, path, fault)
        self._calls[number] = begun
        self._keep(begun)
        return begun

    def end_call(self, call: Call, *, done: bool, status: int | None) -> None:
        """The outcome of a call, which is not written down any more if the sandbox started afresh meanwhile."""
        call.done, call.status = done, status
        if call.number in self._calls:
            self._keep(call)

    def _keep(self, call: Call) -> None:
        self._shelf.put("calls", str(call.number), vars(call))

    def as_document(self) -> dict[str, Any]:
        books = self._books
        orders = [cart for world in books.orders.values() for cart in world]
        return {
            "orders": [_order(cart) for cart in sorted(orders, key=lambda cart: (cart.ordered_at or "", cart.id))],
            "holds": [_hold(vars(hold)) for hold in books.holds.values()],
            "charges": [vars(charge).copy() for charge in books.charges.values()],
            "carts": [_cart(cart) for cart in books.carts.values()],
            "calls": [_call(call) for call in self._calls.values()],
        }


def _order(cart: Cart) -> dict[str, Any]:
    return {
        "hash": cart.hash,
        "token": cart.token,
        "store_id": cart.store_id,
        "path": cart.path,
        "items": [{"upc": line.upc, "qty": line.quantity, "status": line.status} for line in cart.lines],
        "shopper": {"email": cart.shopper.get("email", "")},
        "ordered_at": cart.ordered_at,
    }


def _hold(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "expires_at"}


def _cart(cart: Cart) -> dict[str, Any]:
    return {
        "hash": cart.hash,
        "state": cart.state,
        "source": cart.source,
        "made_by": cart.made_by,
        "mute_comms": cart.mute_comms,
        "fulfillment_url": cart.fulfillment_url,
    }


def _call(call: Call) -> dict[str, Any]:
    return {name: value for name, value in vars(call).items() if name != "number"}
