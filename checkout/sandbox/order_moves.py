"""Cart API v2, writing: what a store, a brand and the order screen do with one item of an order."""

from collections.abc import Callable
from dataclasses import dataclass

from checkout.sandbox.amounts import as_grouped, read_amount
from checkout.sandbox.cart_v2 import CartApi
from checkout.sandbox.incoming import Caller, Incoming, Json, Reply
from checkout.sandbox.notices import Notices
from checkout.sandbox.ordering import Ordering
from checkout.sandbox.payments import Payments
from checkout.sandbox.records import Books, Cart, Line
from checkout.sandbox.switches import SwitchBoard

# Ship-to-store: each POSTed token with the states it may follow and the state it leads to. The last two are the
# store's own steps, taken on Locally's order screen only.
STS_MOVES = {
    "confirm-brand": (("Pending Brand",), "Confirmed"),
    "reject-brand": (("Pending Brand",), "Rejected"),
    "processing": (("Pending Brand", "Confirmed"), "Processing"),
    "shipped": (("Confirmed", "Processing"), "Shipped"),
    "ready-for-pickup": (("Shipped",), "Ready for Pickup"),
    "picked-up": (("Shipped", "Ready for Pickup"), "Picked Up"),
}
_SCREEN_ONLY = ("ready-for-pickup", "picked-up")
_ALIVE = ("Confirmed", "Fulfilled", "Partially_Refunded")


@dataclass(frozen=True)
class Item:
    """The item that is moved, and what was sent to move it."""

    cart: Cart
    line: Line
    fields: Json

    def text(self, name: str) -> str:
        return str(self.fields.get(name) or "").strip()


class OrderMoves:
    def __init__(
        self,
        api: CartApi,
        books: Books,
        payments: Payments,
        ordering: Ordering,
        notices: Notices,
        switches: SwitchBoard,
    ) -> None:
        self._api = api
        self._books = books
        self._payments = payments
        self._ordering = ordering
        self._notices = notices
        self._switches = switches
        self._moves: dict[str, Callable[[Item], None]] = {
            "received": self._receive,
            "confirmed": self._confirm,
            "rejected": self._reject,
            "fulfilled": self._fulfil,
            "refund": self._refund,
        }

    def update(self, caller: Caller, incoming: Incoming) -> Reply:
        """`POST /cart/{hash}/{upc}`: by `sts_status` for the brand, by `status` for the store."""
        cart = self._api.find(caller, incoming.path["cart_hash"])
        if not self._may_answer(caller, incoming):
            raise self._api.refuse(403, "This token may not answer for this item")
        if incoming.text("sts_status") in _SCREEN_ONLY or incoming.text("status") == "buyer-canceled":
            raise self._api.refuse(403, "This is done on the order screen only")
        self.move(cart, incoming.path["upc"], incoming.fields)
        return 200, {"status": True}

    def _may_answer(self, caller: Caller, incoming: Incoming) -> bool:
        """Ship-to-store is the brand's to answer, everything else the store's (and, with the switch, the brand's)."""
        if "sts_status" in incoming.fields:
            return caller.role != "retailer"
        return caller.role != "brand" or self._switches.now.brand_answers_for_stores

    def move(self, cart: Cart, upc: str, fields: Json) -> None:
        """Move one item of an order, and tell. Refuses what does not follow from the item's present state."""
        line = cart.line(upc)
        if line is None or cart.ordered_at is None:
            raise self._api.refuse(404, "The item was not found in this cart")
        item = Item(cart, line, fields)
        self._make(item)
        cart.fulfillment_url = item.text("fulfillment_url") or cart.fulfillment_url
        self._books.keep(cart)

    def _make(self, item: Item) -> None:
        if "sts_status" in item.fields:
            self._move_sts(item)
        elif item.text("status") == "buyer-canceled":
            self._drop(item, "BUYER_DECLINED", item.text("reason"))
        elif item.text("status") in self._moves:
            self._moves[item.text("status")](item)
        else:
            raise self._api.refuse(400, f"status must be one of {', '.join(self._moves)}")

    def _receive(self, item: Item) -> None:
        self._expect(item, ("Ordered",))
        self._notices.tell(item.cart, item.line, "received")

    def _confirm(self, item: Item) -> None:
        """Confirming charges the card, which a reservation has not. Where that fails the store collects."""
        self._expect(item, ("Ordered",))
        self._say(item)
        charged = item.cart.path == "ropis" or self._payments.capture(item.line)
        item.line.status = "Confirmed" if charged else "Charge_Failed"
        item.line.resolution = "SUCCESS" if charged else ""
        self._move_stock(item)
        self._notices.tell(item.cart, item.line, item.line.status.lower())

    def _reject(self, item: Item) -> None:
        if not item.text("reason"):
            raise self._api.refuse(400, "reason is required with a rejection")
        self._drop(item, "DECLINED", item.text("reason"))
        self._say(item)

    def _drop(self, item: Item, resolution: str, notes: str) -> None:
        self._expect(item, ("Ordered",))
        item.line.status, item.line.resolution, item.line.notes = "Canceled", resolution, notes
        self._payments.release(item.cart, item.line)
        self._notices.tell(item.cart, item.line, "canceled")

    def _fulfil(self, item: Item) -> None:
        self._expect(item, ("Confirmed", "Charge_Failed", "Partially_Refunded"))
        item.line.status, item.line.resolution = "Fulfilled", "SUCCESS"
        self._notices.tell(item.cart, item.line, "fulfilled")

    def _refund(self, item: Item) -> None:
        """Back to the card at once; without `refund_amount` all that is left."""
        self._expect(item, _ALIVE)
        charge = self._payments.charge_of(item.line)
        if charge is None:
            raise self._api.refuse(400, "The item was not charged")
        left = charge.amount - charge.refunded
        sent = item.fields.get("refund_amount")
        amount = left if sent is None else read_amount(sent)
        if amount is None or not 0 < amount <= left:
            raise self._api.refuse(400, f"refund_amount must be more than 0 and at most {as_grouped(left)}")
        self._payments.refund(charge, amount)
        item.line.refunded = charge.refunded
        item.line.status = "Refunded" if charge.refunded == charge.amount else "Partially_Refunded"
        sts = item.cart.path == "sts"
        if sts and item.line.status == "Refunded":
            item.line.sts_status = "Refunded"
        self._notices.tell(item.cart, item.line, item.line.status.lower(), sts=sts)

    def _move_sts(self, item: Item) -> None:
        word = item.text("sts_status")
        if word not in STS_MOVES or item.cart.path != "sts":
            raise self._api.refuse(400, f"sts_status must be one of {', '.join(STS_MOVES)}, for a ship-to-store order")
        before, after = STS_MOVES[word]
        if item.line.sts_status not in before:
            raise self._api.refuse(400, f"The item is {item.line.sts_status}, so it cannot be moved by {word}")
        if word == "reject-brand":
            self._reject_sts(item)
        elif item.line.status == "Ordered":
            self._charge_sts(item)
        if word == "picked-up":
            item.line.status = "Fulfilled"
        self._say(item, sender="locally" if word in _SCREEN_ONLY else "retailer")
        item.line.sts_status = after
        self._notices.tell(item.cart, item.line, word, sts=True)

    def _reject_sts(self, item: Item) -> None:
        if not item.text("reason"):
            raise self._api.refuse(400, "reason is required with a rejection")
        item.line.status, item.line.resolution, item.line.notes = "Canceled", "DECLINED", item.text("reason")
        self._payments.release(item.cart, item.line)

    def _charge_sts(self, item: Item) -> None:
        """The brand's first step charges the card, also when it goes straight to processing."""
        if not self._payments.capture(item.line):
            raise self._api.refuse(402, "The card could not be charged")
        item.line.status, item.line.resolution = "Confirmed", "SUCCESS"
        self._move_stock(item)

    def _move_stock(self, item: Item) -> None:
        if item.cart.live and self._switches.now.stock_moves_at == "confirmed":
            self._ordering.move_stock(item.cart, item.line.upc, item.line.quantity)

    def _say(self, item: Item, sender: str = "retailer") -> None:
        item.line.say(sender, item.text("message"), self._books.now())

    def _expect(self, item: Item, states: tuple[str, ...]) -> None:
        if item.cart.path == "sts" and item.fields.get("status") != "refund":
            raise self._api.refuse(400, "A ship-to-store order is moved by sts_status")
        if item.line.status not in states:
            raise self._api.refuse(400, f"The item is {item.line.status}, so it cannot be {item.fields.get('status')}")
