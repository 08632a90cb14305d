"""The order desk: what store, brand and shopper do to an item of an order, in words of its own, and what came of it."""

from decimal import Decimal

from checkout.sandbox.amounts import as_grouped
from checkout.sandbox.asking import flag_of, only, text_of
from checkout.sandbox.incoming import Json, Refusal
from checkout.sandbox.notices import Notices
from checkout.sandbox.order_moves import OrderMoves, Outcome
from checkout.sandbox.payments import Payments
from checkout.sandbox.records import Books, Cart, Line

SENDERS = ("retailer", "customer", "locally")
# Each action with the Cart API's word for it: for what the shopper collects or reserves, and for ship-to-store.
_STORE_WORDS = {
    "receive": "received",
    "confirm": "confirmed",
    "decline": "rejected",
    "picked_up": "fulfilled",
    "refund": "refund",
    "cancel": "buyer-canceled",
}
_STS_WORDS = {
    "confirm": "confirm-brand",
    "decline": "reject-brand",
    "process": "processing",
    "ship": "shipped",
    "ready": "ready-for-pickup",
    "picked_up": "picked-up",
    "refund": "refund",
}
# What changes no status can be done at any time.
_NOTES = ("message", "resolve")
ACTIONS = tuple(dict.fromkeys([*_STORE_WORDS, *_STS_WORDS, *_NOTES]))
_ALWAYS_KNOWN = {"action", "webhook", "resolution", "notes"}
_OWN_FIELDS = {
    "decline": {"reason", "message"},
    "cancel": {"reason"},
    "refund": {"amount", "message"},
    "message": {"text", "sender"},
    "receive": set(),
    "resolve": set(),
}


class OrderDesk:
    """Everything is refused with what is legal now, so that a person can go on from the answer."""

    def __init__(self, books: Books, payments: Payments, moves: OrderMoves, notices: Notices) -> None:
        self._books = books
        self._payments = payments
        self._moves = moves
        self._notices = notices

    def find(self, cart_hash: str) -> Cart:
        cart = self._books.carts.get(cart_hash)
        if cart is None or cart.ordered_at is None:
            raise Refusal(404, {"message": "there is no order of that hash"})
        return cart

    def legal(self, cart: Cart, line: Line) -> list[str]:
        """The actions that this item can take now."""
        words = self._moves.legal(cart, line)
        return [action for action, word in _words(cart).items() if word in words] + list(_NOTES)

    def act(self, cart: Cart, upc: str, wanted: Json) -> Json:
        """Do `wanted["action"]` to an item; the item as it is then. Raises ValueError or Refusal."""
        line = cart.line(upc)
        if line is None:
            raise Refusal(404, {"message": "there is no item of that UPC in this order"})
        action, legal = wanted.get("action"), self.legal(cart, line)
        if not isinstance(action, str) or action not in ACTIONS:
            raise Refusal(400, {"message": f"action must be one of {', '.join(ACTIONS)}", "legal": legal})
        only(wanted, _ALWAYS_KNOWN | _OWN_FIELDS.get(action, {"message"}))
        if action not in legal:
            state = line.sts_status or line.status
            raise Refusal(409, {"message": f"action {action} is not possible: the item is {state}", "legal": legal})
        self._do(cart, line, action, wanted)
        return self.item_document(cart, line)

    def _do(self, cart: Cart, line: Line, action: str, wanted: Json) -> None:
        outcome = Outcome(text_of(wanted, "resolution"), text_of(wanted, "notes"))
        with self._notices.losing(not flag_of(wanted, "webhook", True)):
            if action == "message":
                self._moves.note(cart, line, outcome, sender=_sender(wanted), text=text_of(wanted, "text", needed=True))
            elif action == "resolve":
                self._moves.note(cart, line, _needed(outcome))
            else:
                self._moves.move(cart, line.upc, self._fields(cart, line, action, wanted), outcome)

    def _fields(self, cart: Cart, line: Line, action: str, wanted: Json) -> Json:
        """The action as the body of a Cart API call."""
        key = "sts_status" if cart.path == "sts" and action != "refund" else "status"
        fields: Json = {key: _words(cart)[action], "message": text_of(wanted, "message")}
        if action in ("decline", "cancel"):
            fields["reason"] = text_of(wanted, "reason", needed=action == "decline")
        if wanted.get("amount") is not None:
            fields["refund_amount"] = Decimal(_refund(wanted["amount"], self._payments.refundable(line))) / 100
        return fields

    def set_knobs(self, cart: Cart, wanted: Json) -> Json:
        """`capture_fails`: the next charge of this order fails, as a bank's would."""
        only(wanted, {"capture_fails"})
        cart.capture_fails = flag_of(wanted, "capture_fails", cart.capture_fails)
        self._books.keep(cart)
        return self.document(cart)

    def document(self, cart: Cart) -> Json:
        return {
            "hash": cart.hash,
            "store_id": cart.store_id,
            "path": cart.path,
            "ordered_at": cart.ordered_at,
            "capture_fails": cart.capture_fails,
            "items": [self.item_document(cart, line) for line in cart.lines],
        }

    def item_document(self, cart: Cart, line: Line) -> Json:
        """An item with its money and what can be done next. Amounts are integer minor units."""
        hold, charge = self._payments.hold_of(line), self._payments.charge_of(line)
        return {
            "upc": line.upc,
            "qty": line.quantity,
            "status": line.status,
            "sts_status": line.sts_status,
            "resolution": line.resolution,
            "notes": line.notes,
            "messages": line.messages,
            "hold": hold and {"id": hold.id, "amount": hold.amount, "currency": hold.currency, "state": hold.state},
            "charge": charge and {"id": charge.id, "amount": charge.amount, "refunded": charge.refunded},
            "legal": self.legal(cart, line),
        }


def _words(cart: Cart) -> dict[str, str]:
    return _STS_WORDS if cart.path == "sts" else _STORE_WORDS


def _sender(wanted: Json) -> str:
    sender = wanted.get("sender", SENDERS[0])
    if sender not in SENDERS:
        raise ValueError(f"sender must be one of {', '.join(SENDERS)}")
    return str(sender)


def _needed(outcome: Outcome) -> Outcome:
    if outcome == Outcome():
        raise ValueError("resolution or notes is required")
    return outcome


def _refund(amount: object, left: int) -> int:
    if type(amount) is not int or not 1 <= amount <= left:
        raise ValueError(f"amount must be a whole number of minor units from 1 to {left}, which is {as_grouped(left)}")
    return amount
