"""Cart API v2, writing: what a store, a brand and the order screen do with one item of an order."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from checkout.sandbox.amounts import as_grouped, read_amount
from checkout.sandbox.cart_v2 import CartApi
from checkout.sandbox.dealers import Dealers
from checkout.sandbox.incoming import Caller, Incoming, Json, Reply
from checkout.sandbox.notices import Notices
from checkout.sandbox.ordering import Ordering
from checkout.sandbox.payments import Payments
from checkout.sandbox.records import Books, Cart, Line
from checkout.sandbox.switches import SwitchBoard

# By `status`: each word with the states of the item that it may follow.
STORE_MOVES = {
    "received": ("Ordered",),
    "confirmed": ("Ordered",),
    "rejected": ("Ordered",),
    "buyer-canceled": ("Ordered",),
    "fulfilled": ("Confirmed", "Charge_Failed", "Partially_Refunded"),
    "refund": ("Confirmed", "Fulfilled", "Partially_Refunded"),
}
# Ship-to-store: each word with the states it may follow and the state it leads to. The last two are the store's own
# steps, taken on Locally's order screen only.
STS_MOVES = {
    "confirm-brand": (("Pending Brand",), "Confirmed"),
    "reject-brand": (("Pending Brand",), "Rejected"),
    "processing": (("Pending Brand", "Confirmed"), "Processing"),
    "shipped": (("Confirmed", "Processing"), "Shipped"),
    "ready-for-pickup": (("Shipped",), "Ready for Pickup"),
    "picked-up": (("Shipped", "Ready for Pickup"), "Picked Up"),
}
_SCREEN_ONLY = ("ready-for-pickup", "picked-up")
# What makes a share of the price payable.
_EVENTS = {"shipped": "shipped", "picked-up": "picked_up"}
_POSTED = tuple(word for word in STORE_MOVES if word != "buyer-canceled")
_TOLD_STS = {state: word for word, (_, state) in STS_MOVES.items()} | {"Pending Brand": "confirm-store"}


@dataclass(frozen=True)
class Item:
    """The item that is moved, and what was sent to move it."""

    cart: Cart
    line: Line
    fields: Json

    def text(self, name: str) -> str:
        return str(self.fields.get(name) or "").strip()


@dataclass(frozen=True)
class Outcome:
    """What the order screen says of how an item ended; "" leaves what is there."""

    resolution: str = ""
    notes: str = ""


class OrderMoves:
    def __init__(
        self,
        api: CartApi,
        books: Books,
        payments: Payments,
        ordering: Ordering,
        notices: Notices,
        switches: SwitchBoard,
        dealers: Dealers,
    ) -> None:
        self._api = api
        self._dealers = dealers
        self._books = books
        self._payments = payments
        self._ordering = ordering
        self._notices = notices
        self._switches = switches
        self._moves: dict[str, Callable[[Item], str]] = {
            "received": self._receive,
            "confirmed": self._confirm,
            "rejected": self._reject,
            "buyer-canceled": self._cancel,
            "fulfilled": self._fulfil,
            "refund": self._refund,
        }

    def update(self, caller: Caller, incoming: Incoming) -> Reply:
        """`POST /cart/{hash}/{upc}`: by `sts_status` for the brand, by `status` for the store."""
        cart = self._api.find(caller, incoming.path["cart_hash"])
        if not self._may_answer(caller, incoming, cart):
            raise self._api.refuse(403, "This token may not answer for this item")
        if caller.role == "retailer" and self._dealers.is_stale(cart.store_id):
            raise self._api.refuse(403, "PushCart is off: the store's inventory is too old")
        if incoming.text("sts_status") in _SCREEN_ONLY or incoming.text("status") == "buyer-canceled":
            raise self._api.refuse(403, "This is done on the order screen only")
        self.move(cart, incoming.path["upc"], incoming.fields)
        return 200, {"status": True}

    def _may_answer(self, caller: Caller, incoming: Incoming, cart: Cart) -> bool:
        """Ship-to-store is the brand's to answer and, until it is shipped, to refund; everything else is the store's.

        With the switch the brand may answer for the store, too.
        """
        line = cart.line(incoming.path["upc"])
        brands = cart.path == "sts" and line is not None and not line.has_shipped
        if "sts_status" in incoming.fields or brands:
            return caller.role != "retailer"
        return caller.role != "brand" or self._switches.now.brand_answers_for_stores

    def legal(self, cart: Cart, line: Line) -> list[str]:
        """The words by which this item can be moved now, those of the order screen among them."""
        if cart.path == "sts":
            words = [word for word, (before, _) in STS_MOVES.items() if line.sts_status in before]
        else:
            words = [word for word, before in STORE_MOVES.items() if line.status in before and word != "refund"]
        refunds = line.status in STORE_MOVES["refund"] and self._payments.refundable(line)
        return [*words, "refund"] if refunds else words

    def move(self, cart: Cart, upc: str, fields: Json, outcome: Outcome | None = None) -> None:
        """Move one item of an order, and tell. Refuses what does not follow from the item's present state."""
        line = cart.line(upc)
        if line is None or cart.ordered_at is None:
            raise self._api.refuse(404, "The item was not found in this cart")
        item = Item(cart, line, fields)
        word = self._make(item)
        cart.fulfillment_url = item.text("fulfillment_url") or cart.fulfillment_url
        self._keep(cart, line, word, outcome)

    def note(self, cart: Cart, line: Line, outcome: Outcome | None = None, *, sender: str = "", text: str = "") -> None:
        """Add a message or an outcome to an item that stays where it is, and tell."""
        line.say(sender, text, self._books.now())
        present = line.status.lower()
        self._keep(cart, line, _TOLD_STS.get(line.sts_status, present) if cart.path == "sts" else present, outcome)

    def _keep(self, cart: Cart, line: Line, word: str, outcome: Outcome | None) -> None:
        if outcome is not None:
            line.resolution, line.notes = outcome.resolution or line.resolution, outcome.notes or line.notes
        self._books.keep(cart)
        self._notices.tell(cart, line, word)

    def _make(self, item: Item) -> str:
        """Do what was sent; the word that webhooks have for it."""
        if not re.fullmatch(r"(https?://[^\s/?#]+\S*)?", item.text("fulfillment_url")):
            raise self._api.refuse(400, "fulfillment_url must be an http or https URL")
        if "sts_status" in item.fields:
            return self._move_sts(item)
        if item.text("status") not in self._moves:
            raise self._api.refuse(400, f"status must be one of {', '.join(_POSTED)}")
        return self._moves[item.text("status")](item)

    def _receive(self, item: Item) -> str:
        self._expect(item)
        return "received"

    def _confirm(self, item: Item) -> str:
        """Confirming charges the card, which a reservation has not. Where that fails the store collects."""
        self._expect(item)
        self._say(item)
        charged = item.cart.path == "ropis" or self._payments.capture(item.line)
        item.line.status = "Confirmed" if charged else "Charge_Failed"
        item.line.resolution = "SUCCESS" if charged else ""
        self._move_stock(item)
        return item.line.status.lower()

    def _reject(self, item: Item) -> str:
        if not item.text("reason"):
            raise self._api.refuse(400, "reason is required with a rejection")
        word = self._drop(item, "DECLINED")
        self._say(item)
        return word

    def _cancel(self, item: Item) -> str:
        return self._drop(item, "BUYER_DECLINED")

    def _drop(self, item: Item, resolution: str) -> str:
        self._expect(item)
        item.line.status, item.line.resolution, item.line.notes = "Canceled", resolution, item.text("reason")
        self._payments.release(item.cart, item.line)
        return "canceled"

    def _fulfil(self, item: Item) -> str:
        self._expect(item)
        self._say(item)
        item.line.status, item.line.resolution = "Fulfilled", "SUCCESS"
        return "fulfilled"

    def _refund(self, item: Item) -> str:
        """Back to the card at once; without `refund_amount` all that is left."""
        self._expect(item)
        charge = self._payments.charge_of(item.line)
        if charge is None:
            raise self._api.refuse(400, "The item was not charged")
        left = self._payments.refundable(item.line)
        sent = item.fields.get("refund_amount")
        amount = left if sent is None else read_amount(sent)
        if amount is None or not 0 < amount <= left:
            raise self._api.refuse(400, f"refund_amount must be more than 0 and at most {as_grouped(left)}")
        self._payments.refund(charge, amount)
        self._say(item)
        item.line.refunded = charge.refunded
        if item.cart.path == "sts":
            self._note_event(item, "refund", amount)
        item.line.status = "Refunded" if charge.refunded == charge.amount else "Partially_Refunded"
        if item.cart.path == "sts" and item.line.status == "Refunded":
            item.line.sts_status = "Refunded"
        return item.line.status.lower()

    def _move_sts(self, item: Item) -> str:
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
        if word in _EVENTS:
            self._note_event(item, _EVENTS[word], 0)
        self._say(item, sender="locally" if word in _SCREEN_ONLY else "retailer")
        item.line.sts_status = after
        return word

    def _note_event(self, item: Item, what: str, amount: int) -> None:
        item.line.events.append({"at": self._books.now(), "what": what, "amount": amount})

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

    def _expect(self, item: Item) -> None:
        word = item.text("status")
        if item.cart.path == "sts" and word != "refund":
            raise self._api.refuse(400, "A ship-to-store order is moved by sts_status")
        if item.line.status not in STORE_MOVES[word]:
            raise self._api.refuse(400, f"The item is {item.line.status}, so it cannot be {word}")
