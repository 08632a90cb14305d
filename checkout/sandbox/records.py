"""The sandbox's books: carts, holds, charges and shopper sessions, by id, in memory and on the shelf."""

import secrets
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.shelf import Shelf

_HASH_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@dataclass
class Line:
    """One line item of a cart. Amounts are minor units; tax and shipping are per unit, the splits for the whole line.

    `events` of ship-to-store are what money depends on: `{"at", "what": "shipped" | "picked_up" | "refund", "amount"}`.
    """

    upc: str
    quantity: int
    price: int
    tax: int
    shipping: int = 0
    split_brand: int = 0
    split_retailer: int = 0
    status: str = ""
    sts_status: str = ""
    resolution: str = ""
    notes: str = ""
    hold: str | None = None
    refunded: int = 0
    messages: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def say(self, sender: str, description: str, created_at: str) -> None:
        """Add a message of the shopper ("customer"), the store ("retailer") or "locally" itself, if there is a text."""
        if description:
            self.messages.append({"sender": sender, "description": description, "created_at": created_at})

    @property
    def has_shipped(self) -> bool:
        return any(event["what"] == "shipped" for event in self.events)

    @property
    def total(self) -> int:
        return self.quantity * (self.price + self.tax + self.shipping)


@dataclass
class Cart:
    """Locally's cart; an order once `ordered_at` is set. Times are ISO 8601 in UTC."""

    id: int
    hash: str
    token: str
    made_by: str
    path: str
    store_id: int
    host_domain: str
    session_id: str
    created_at: str
    updated_at: str
    state: str = "open"
    mute_comms: bool = False
    setup_intent: str | None = None
    access_token: str = field(default_factory=lambda: secrets.token_hex(6).upper())
    ordered_at: str | None = None
    fulfillment_url: str | None = None
    capture_fails: bool = False
    answer_hours: int = 8
    lines: list[Line] = field(default_factory=list)
    shopper: dict[str, Any] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether it belongs to the sandbox's live world, as opposed to Locally's test mode."""
        return not self.token.startswith("test_")

    @property
    def source(self) -> str:
        return f"From {self.host_domain or 'Locally.com'}"

    def line(self, code: str) -> Line | None:
        return next((line for line in self.lines if line.upc == code), None)


@dataclass
class Hold:
    """An authorization on the shopper's card; `state` is open, captured, released or expired."""

    id: str
    cart_hash: str
    upc: str
    amount: int
    currency: str
    state: str
    setup_intent: str | None
    expires_at: str


@dataclass
class Charge:
    id: str
    hold: str
    amount: int
    refunded: int = 0


@dataclass
class Session:
    """A shopper's session: where she is and which cart is hers. `user_id` is that of her anonymous user."""

    id: str
    user_id: int
    lat: float = 41.8832
    lng: float = -87.6290
    located: bool = False
    cart_hash: str | None = None

    @property
    def email(self) -> str:
        return f"anon-{self.user_id}.1@locally.com"


class Books:
    """All records. Change a record, then `keep` it."""

    def __init__(self, clock: SandboxClock, shelf: Shelf) -> None:
        self._clock = clock
        self._shelf = shelf
        self._counters = {key: int(document["last"]) for key, document in shelf.load("counters").items()}
        self.carts = {key: _cart(document) for key, document in shelf.load("carts").items()}
        self.holds = {key: Hold(**document) for key, document in shelf.load("holds").items()}
        self.charges = {key: Charge(**document) for key, document in shelf.load("charges").items()}
        self.sessions = {key: Session(**document) for key, document in shelf.load("sessions").items()}
        self._charge_of_hold = {charge.hold: charge for charge in self.charges.values()}
        self.orders: dict[str, list[Cart]] = {}
        ordered = [cart for cart in self.carts.values() if cart.ordered_at is not None]
        for cart in sorted(ordered, key=lambda cart: (cart.ordered_at or "", cart.id)):
            self.list_order(cart)

    def clear(self) -> None:
        """Forget all records. The counters go on, so that no id or hash is ever used again."""
        for records in (self.carts, self.holds, self.charges, self.sessions, self._charge_of_hold, self.orders):
            records.clear()
        for kind in ("carts", "holds", "charges", "sessions"):
            self._shelf.clear(kind)

    def next_number(self, kind: str) -> int:
        number = self._counters.get(kind, 0) + 1
        self._counters[kind] = number
        self._shelf.put("counters", kind, {"last": number})
        return number

    def now(self) -> str:
        return as_text(self._clock.now())

    def open_cart(self, token: str, made_by: str, path: str, store_id: int, host_domain: str, session: Session) -> Cart:
        number = self.next_number("cart")
        now = self.now()
        cart_hash = _unused_hash(number)
        cart = Cart(number, cart_hash, token, made_by, path, store_id, host_domain, session.id, now, now)
        session.cart_hash = cart_hash
        self.keep_session(session)
        self.keep(cart)
        return cart

    def copy_cart(self, cart: Cart) -> Cart:
        """A cart of the same content under a hash of its own, without holds."""
        number = self.next_number("cart")
        document = {**asdict(cart), "id": number, "hash": _unused_hash(number), "created_at": self.now()}
        copied = _cart({**document, "access_token": secrets.token_hex(6).upper(), "ordered_at": None})
        for line in copied.lines:
            line.hold = None
        self.keep(copied)
        return copied

    def keep(self, cart: Cart) -> None:
        cart.updated_at = self.now()
        self.carts[cart.hash] = cart
        self._shelf.put("carts", cart.hash, asdict(cart))

    def list_order(self, cart: Cart) -> None:
        """Put a cart among the orders, each world of tokens having a list of its own, oldest first."""
        self.orders.setdefault("live" if cart.live else cart.token, []).append(cart)

    def keep_hold(self, hold: Hold) -> None:
        self.holds[hold.id] = hold
        self._shelf.put("holds", hold.id, asdict(hold))

    def keep_charge(self, charge: Charge) -> None:
        self.charges[charge.id] = charge
        self._charge_of_hold[charge.hold] = charge
        self._shelf.put("charges", charge.id, asdict(charge))

    def charge_of(self, hold_id: str) -> Charge | None:
        return self._charge_of_hold.get(hold_id)

    def session(self, session_id: str) -> Session:
        """The session of that id, or a new one with a new anonymous user when it is not known."""
        known = self.sessions.get(session_id)
        if known is not None:
            return known
        session = Session(secrets.token_hex(20), self.next_number("user"))
        self.keep_session(session)
        return session

    def keep_session(self, session: Session) -> None:
        self.sessions[session.id] = session
        self._shelf.put("sessions", session.id, asdict(session))


def as_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _cart(document: dict[str, Any]) -> Cart:
    return Cart(**{**document, "lines": [Line(**line) for line in document["lines"]]})


def _unused_hash(number: int) -> str:
    """Four random characters and a counter: unlike any other hash, here and most probably in other sandboxes."""
    tail = ""
    while number:
        number, place = divmod(number, len(_HASH_LETTERS))
        tail = _HASH_LETTERS[place] + tail
    return "".join(secrets.choice(_HASH_LETTERS) for _ in range(4)) + tail
