"""What the store's screen shows of an order: words for people, in the store's own time and currency."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checkout.sandbox.amounts import as_grouped
from checkout.sandbox.order_desk import OrderDesk
from checkout.sandbox.ordering import Ordering
from checkout.sandbox.payments import Payments
from checkout.sandbox.products import Product
from checkout.sandbox.records import Books, Cart, Hold, Line, as_moment
from checkout.sandbox.stores import Store
from checkout.sandbox.world import World

View = dict[str, Any]

PATHS = {
    "bopis": "Paid online, collected here",
    "ropis": "Reserved, paid here",
    "sts": "Shipped here by the brand",
    "sdd": "Delivered today",
}
_SENDERS = {"retailer": "Store", "customer": "Shopper", "locally": "Locally"}
_SHOWN = 50


@dataclass(frozen=True)
class Button:
    """One thing to do. One with a `form` asks for something first."""

    action: str
    label: str
    form: str = ""
    sender: str = ""


_STORE = (
    Button("confirm", "Confirm"),
    Button("decline", "Decline", form="decline"),
    Button("ready", "Ready for pickup"),
    Button("picked_up", "Picked up"),
    Button("refund", "Refund", form="refund"),
    Button("message", "Message", form="message", sender="retailer"),
)
_BRAND = (
    Button("confirm", "Confirm"),
    Button("decline", "Decline", form="decline"),
    Button("process", "Start processing"),
    Button("ship", "Ship", form="ship"),
    Button("refund", "Refund", form="refund"),
)
SHOPPER = "Shopper"
_SHOPPER = (Button("cancel", "Cancel"), Button("message", "Message", form="message", sender="customer"))
_BRANDS_OWN = {"confirm", "decline", "process", "ship"}
_BEFORE_SHIPPING = ("Confirmed", "Processing")


class Views:
    """The screen's contents, from the books."""

    def __init__(self, world: World, books: Books, payments: Payments, ordering: Ordering, desk: OrderDesk) -> None:
        self._world = world
        self._books = books
        self._payments = payments
        self._ordering = ordering
        self._desk = desk

    def stores(self) -> list[View]:
        """Stores with orders, the one with the newest order first."""
        newest: dict[int, Cart] = {}
        counts: dict[int, tuple[int, int]] = {}
        for cart in self._orders():
            newest.setdefault(cart.store_id, cart)
            orders, waiting = counts.get(cart.store_id, (0, 0))
            counts[cart.store_id] = orders + 1, waiting + any(line.status == "Ordered" for line in cart.lines)
        return [self._store_row(self._world.stores[store_id], *counts[store_id]) for store_id in newest]

    def _store_row(self, store: Store, orders: int, waiting: int) -> View:
        return {"id": store.id, "name": store.name, "city": store.city, "orders": orders, "waiting": waiting}

    def other_stores(self) -> list[Store]:
        busy = {cart.store_id for cart in self._orders()}
        return [store for store in self._world.stores.values() if store.id not in busy]

    def store(self, store: Store, now: datetime) -> View:
        orders = [cart for cart in self._orders() if cart.store_id == store.id]
        today = now.astimezone(store.week.zone).weekday()
        return {
            **_place(store),
            "hours": store.week.label(today),
            "is_open": store.week.open_span(now) is not None,
            "trouble": self._trouble(store),
            "orders": [self._order(store, cart) for cart in orders[:_SHOWN]],
            "more": max(len(orders) - _SHOWN, 0),
        }

    def _trouble(self, store: Store) -> str:
        """Why the store does not sell all that it could, "" for no reason."""
        dealers = self._world.dealers
        if missing := dealers.missing(store):
            return f"Nothing is offered here: Buy it Locally lacks {', '.join(missing).replace('_', ' ')}."
        if dealers.is_stale(store.id):
            return f"PushCart is off: the inventory is more than {dealers.feed_hours(store.id)} hours old."
        return ""

    def order(self, cart: Cart) -> tuple[View, View]:
        """One order as its shopper sees it, and its store."""
        store = self._world.stores[cart.store_id]
        order = self._order(store, cart)
        for item in order["lines"]:
            item["desks"] = [desk for desk in item["desks"] if desk["who"] == SHOPPER]
        return order, _place(store)

    def _orders(self) -> list[Cart]:
        """Newest first."""
        orders = [cart for world in self._books.orders.values() for cart in world]
        return sorted(orders, key=lambda cart: (cart.ordered_at or "", cart.id), reverse=True)

    def _order(self, store: Store, cart: Cart) -> View:
        answer_by = self._ordering.answer_by(cart)
        waits = answer_by is not None and any(line.status == "Ordered" for line in cart.lines)
        return {
            "hash": cart.hash,
            "path": PATHS[cart.path],
            "sts": cart.path == "sts",
            "test": not cart.live,
            "ordered_at": as_local(as_moment(cart.ordered_at), store) if cart.ordered_at else "",
            "answer_by": as_local(answer_by, store) if waits and answer_by else "",
            "shopper": f"{cart.shopper.get('first_name', '')} {cart.shopper.get('last_name', '')}".strip(),
            "contact": " · ".join(filter(None, (cart.shopper.get("phone"), cart.shopper.get("email")))),
            "capture_fails": cart.capture_fails,
            "can_fail": any(_is_open(self._payments.hold_of(line)) for line in cart.lines),
            "lines": [self._item(store, cart, line) for line in cart.lines],
        }

    def _item(self, store: Store, cart: Cart, line: Line) -> View:
        product = self._world.products[line.upc]
        legal = self._desk.legal(cart, line)
        sts = cart.path == "sts"
        return {
            "order": cart.hash,
            "upc": line.upc,
            "name": product.name,
            "picture": f"/images/{product.style.lower()}.svg",
            "detail": _detail(product, line, store.currency),
            "status": line.status.replace("_", " "),
            "tone": _tone(line),
            "sts_status": line.sts_status,
            "resolution": ": ".join(filter(None, (line.resolution, line.notes))),
            "money": self._money(store, cart, line),
            "refundable": as_grouped(self._payments.refundable(line)),
            "currency": store.currency,
            "messages": [
                {
                    "sender": _SENDERS[each["sender"]],
                    "text": each["description"],
                    "at": as_local(as_moment(each["created_at"]), store),
                }
                for each in line.messages
            ],
            "desks": [
                {"who": who, "buttons": [button for button in buttons if _offered(button, who, line, legal, sts=sts)]}
                for who, buttons in (("Store", _STORE), ("Brand", _BRAND if sts else ()), (SHOPPER, _SHOPPER))
            ],
        }

    def _money(self, store: Store, cart: Cart, line: Line) -> str:
        """What happened to the card for this item."""
        total = f"{as_grouped(line.total)} {store.currency}"
        hold, charge = self._payments.hold_of(line), self._payments.charge_of(line)
        if charge is not None:
            if not charge.refunded:
                return f"{total} charged"
            part = "all of it" if charge.refunded == charge.amount else f"{as_grouped(charge.refunded)} of it"
            return f"{total} charged, {part} refunded"
        if line.status == "Charge_Failed":
            return f"The charge failed: {total} is to be paid here"
        if hold is None:
            return f"No card: {total} is to be paid here" if cart.path == "ropis" else "No card"
        if hold.state == "open":
            return f"{total} held on the card"
        return f"The hold of {total} {'was released' if hold.state == 'released' else 'expired'}"


def _place(store: Store) -> View:
    address = f"{store.address}, {store.city}, {store.state} {store.zip}"
    return {"id": store.id, "name": store.name, "address": address, "phone": store.phone}


def _is_open(hold: Hold | None) -> bool:
    return hold is not None and hold.state == "open"


def _offered(button: Button, who: str, line: Line, legal: list[str], *, sts: bool) -> bool:
    """Whether the action is possible now and this desk's to do: before shipping, ship-to-store is the brand's."""
    if button.action not in legal:
        return False
    if not sts or who == SHOPPER:
        return True
    if button.action == "refund":
        return (who == "Brand") == (line.sts_status in _BEFORE_SHIPPING)
    return (who == "Brand") == (button.action in _BRANDS_OWN)


def _detail(product: Product, line: Line, currency: str) -> str:
    tax = f" + {as_grouped(line.quantity * line.tax)} tax" if line.tax else ""
    shipping = f" + {as_grouped(line.quantity * line.shipping)} shipping" if line.shipping else ""
    price = f"{line.quantity} at {as_grouped(line.price)}{tax}{shipping} {currency}"
    return f"{product.color}, {product.size} · {price} · UPC {line.upc}"


def _tone(line: Line) -> str:
    if line.status in ("Canceled", "Charge_Failed"):
        return "bad"
    return "wait" if line.status == "Ordered" else "good"


def as_local(moment: datetime, store: Store) -> str:
    """In the store's own time: "Mon 22 Nov, 10:32 CST"."""
    return moment.astimezone(store.week.zone).strftime("%a %-d %b, %H:%M %Z")
