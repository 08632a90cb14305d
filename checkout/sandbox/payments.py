"""Money in the sandbox: holds on cards, captures, releases and refunds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.records import Books, Cart, Charge, Hold, Line, as_moment, as_text
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.timers import Timers
from checkout.sandbox.world import World

HOLD_LASTS = timedelta(days=7)
STRIPE_TROUBLE = 1328


class SetupIntent(Protocol):
    """What Locally needs to know of a SetupIntent."""

    account: str | None
    status: str

    def declines_line(self, line_index: int) -> bool: ...


class SetupIntents(Protocol):
    def find_setup_intent(self, setup_intent_id: str) -> SetupIntent | None: ...


@dataclass(frozen=True)
class Authorization:
    """The outcome for a whole cart: HTTP status, one word per line, and Locally's message."""

    status: int
    words: list[str]
    msg: str = ""
    error_code: int | None = None

    @property
    def held(self) -> bool:
        return self.status == 200


class Payments:
    def __init__(
        self,
        clock: SandboxClock,
        books: Books,
        world: World,
        switches: SwitchBoard,
        timers: Timers,
        cards: SetupIntents,
    ) -> None:
        self._clock = clock
        self._books = books
        self._world = world
        self._switches = switches
        self._timers = timers
        self._cards = cards
        self._used = {hold.setup_intent for hold in books.holds.values()}
        for hold in books.holds.values():
            self._watch(hold)

    def forget(self) -> None:
        self._used.clear()

    def authorize(self, cart: Cart, setup_intent_id: str) -> Authorization:
        """Place one hold per line; at the first decline the holds placed so far are released at once."""
        intent = self._cards.find_setup_intent(setup_intent_id)
        trouble = self._trouble(cart, setup_intent_id, intent)
        skipped = ["SKIPPED"] * len(cart.lines)
        if intent is None or trouble:
            return Authorization(402, ["FAILED", *skipped[1:]], trouble, STRIPE_TROUBLE)
        cart.setup_intent = setup_intent_id
        self._used.add(setup_intent_id)
        for index, line in enumerate(cart.lines):
            if intent.declines_line(index):
                self.release(cart)
                return Authorization(401, ["SUCCESS"] * index + ["FAILED", *skipped[index + 1 :]])
            self._hold(cart, line)
        return Authorization(200, ["SUCCESS"] * len(cart.lines))

    def _trouble(self, cart: Cart, setup_intent_id: str, intent: SetupIntent | None) -> str:
        """Why a SetupIntent cannot be used for this cart, "" if it can."""
        required = self._required_account(cart)
        if intent is None or (required is not None and intent.account != required):
            return f"No such setupintent: '{setup_intent_id}'"
        if intent.status != "succeeded":
            return f"The SetupIntent has the status {intent.status}"
        if self._switches.now.setup_intent_single_use and setup_intent_id in self._used:
            return "The provided PaymentMethod was used before and may not be used again"
        return ""

    def _required_account(self, cart: Cart) -> str | None:
        """The store charges what it sells, Locally itself what the brand ships."""
        if cart.path == "sts":
            return self._switches.now.sts_account or None
        return self._world.dealers.required_account(cart.store_id)

    def _hold(self, cart: Cart, line: Line) -> None:
        hold = Hold(
            id=f"hold_{self._books.next_number('hold')}",
            cart_hash=cart.hash,
            upc=line.upc,
            amount=line.total,
            currency=self._world.stores[cart.store_id].currency,
            state="open",
            setup_intent=cart.setup_intent,
            expires_at=as_text(self._clock.now() + HOLD_LASTS),
        )
        line.hold = hold.id
        self._books.keep_hold(hold)
        self._watch(hold)

    def hold_again(self, cart: Cart) -> None:
        """Authorize a copied cart on the card of its original, which is known to be good."""
        for line in cart.lines:
            self._hold(cart, line)

    def _watch(self, hold: Hold) -> None:
        if hold.state == "open":
            self._timers.at(as_moment(hold.expires_at), lambda: self._end_hold(hold, "expired"))

    def _end_hold(self, hold: Hold, state: str) -> None:
        if hold.state == "open":
            hold.state = state
            self._books.keep_hold(hold)

    def release(self, cart: Cart, line: Line | None = None) -> None:
        """Give the holds of a cart, or of one line, back to the shopper."""
        for one in cart.lines if line is None else [line]:
            if one.hold is not None:
                self._end_hold(self._books.holds[one.hold], "released")

    def all_held(self, cart: Cart) -> bool:
        return all(line.hold is not None and self._books.holds[line.hold].state == "open" for line in cart.lines)

    def capture(self, line: Line) -> bool:
        """Charge the card for one line. False without an open hold, or where order or switch say that it fails."""
        hold = self._books.holds.get(line.hold or "")
        if hold is None or hold.state != "open":
            return False
        if self._switches.now.captures_fail or self._books.carts[hold.cart_hash].capture_fails:
            self._end_hold(hold, "released")
            return False
        self._end_hold(hold, "captured")
        self._books.keep_charge(Charge(f"charge_{self._books.next_number('charge')}", hold.id, hold.amount))
        return True

    def hold_of(self, line: Line) -> Hold | None:
        return self._books.holds[line.hold] if line.hold else None

    def charge_of(self, line: Line) -> Charge | None:
        return self._books.charge_of(line.hold) if line.hold else None

    def refundable(self, line: Line) -> int:
        """What is left of the charge, 0 without one."""
        charge = self.charge_of(line)
        return charge.amount - charge.refunded if charge else 0

    def refund(self, charge: Charge, amount: int) -> None:
        charge.refunded += amount
        self._books.keep_charge(charge)
