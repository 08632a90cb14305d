"""From cart to order: `cart/commit`, and what commit and `cart/order` share."""

from datetime import datetime

from checkout.sandbox.cart_jwt import Mint
from checkout.sandbox.incoming import Caller, Incoming, Reply, refuse
from checkout.sandbox.notices import Notices
from checkout.sandbox.payments import Payments
from checkout.sandbox.records import Books, Cart, as_moment
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.timers import Timers
from checkout.sandbox.world import World

USER_NOT_FOUND = 1206
_SILENT = "The store did not answer in time, so this request was cancelled automatically."


class Ordering:
    def __init__(
        self,
        world: World,
        books: Books,
        payments: Payments,
        mint: Mint,
        switches: SwitchBoard,
        notices: Notices,
        timers: Timers,
    ) -> None:
        self._world = world
        self._books = books
        self._payments = payments
        self._mint = mint
        self._switches = switches
        self._notices = notices
        self._timers = timers
        for cart in books.carts.values():
            self._expect_answer(cart)

    def commit(self, caller: Caller, incoming: Incoming) -> Reply:
        """Turn the validated cart of a JWT, or of a session, into an order.

        Locally documents nothing about a second commit; here it makes a second order, which is the worst case.
        """
        cart = self.cart_of(caller, incoming)
        if cart is None:
            raise refuse(400, "Authentication error: the user was not found", USER_NOT_FOUND)
        if cart.state == "open":
            raise refuse(400, "The cart was not validated")
        if cart.state == "committed":
            cart = self._second(cart)
        elif not self._paid_for(cart):
            raise refuse(402, "The cart is not authorized")
        return 200, self.place(cart)

    def cart_of(self, caller: Caller, incoming: Incoming) -> Cart | None:
        """The caller's cart that the JWT names, or else the session's."""
        session = self._books.sessions.get(incoming.session_id)
        cart_hash = self._mint.cart_hash(incoming.jwt) if incoming.jwt else session.cart_hash if session else None
        cart = self._books.carts.get(cart_hash or "")
        return cart if cart is not None and cart.token == caller.token else None

    def _paid_for(self, cart: Cart) -> bool:
        return cart.path == "ropis" or self._payments.all_held(cart) or self._switches.now.commit_without_card

    def _second(self, cart: Cart) -> Cart:
        copied = self._books.copy_cart(cart)
        for line in copied.lines:
            line.status = line.sts_status = line.resolution = line.notes = ""
            line.refunded, line.events = 0, []
        if copied.setup_intent is not None:
            self._payments.hold_again(copied)
        return copied

    def place(self, cart: Cart) -> dict[str, object]:
        """Make a cart an order and answer as a commit does."""
        cart.state, cart.ordered_at = "committed", self._books.now()
        cart.answer_hours = self._world.dealers.answer_hours(cart.store_id)
        sts = cart.path == "sts"
        for line in cart.lines:
            line.status, line.sts_status = "Ordered", "Pending Brand" if sts else ""
            if cart.live and self._switches.now.stock_moves_at == "ordered":
                self.move_stock(cart, line.upc, line.quantity)
        session = self._books.session(cart.session_id)
        session.cart_hash = None
        self._books.keep_session(session)
        self._books.keep(cart)
        self._books.list_order(cart)
        self._expect_answer(cart)
        for line in cart.lines:
            self._notices.tell(cart, line, "confirm-store" if sts else "ordered")
        data = {
            "message": "Your order has been placed",
            "target_uri": f"/order/{cart.hash}/{cart.access_token}",
            "status_code": 200,
            "session": {"id": session.id},
        }
        return {"success": True, "data": data, "msg": ""}

    def move_stock(self, cart: Cart, upc: str, quantity: int) -> None:
        self._world.take_stock(0 if cart.path == "sts" else cart.store_id, upc, quantity)

    def answer_by(self, cart: Cart) -> datetime | None:
        """When Locally's timer runs out, which test mode does not have, and which knows no ship-to-store."""
        if cart.ordered_at is None or not cart.live or cart.path == "sts":
            return None
        week = self._world.stores[cart.store_id].week
        return week.after(as_moment(cart.ordered_at), cart.answer_hours)

    def _expect_answer(self, cart: Cart) -> None:
        deadline = self.answer_by(cart)
        if deadline is not None:
            self._timers.at(deadline, lambda: self._cancel_silent(cart))

    def _cancel_silent(self, cart: Cart) -> None:
        """The store never answered: what it left open is cancelled and the card let go."""
        silent = [line for line in cart.lines if line.status == "Ordered"]
        if not silent or not self._switches.now.auto_cancel:
            return
        for line in silent:
            line.status, line.resolution = "Canceled", "AUTO_CANCELED"
            line.say("locally", _SILENT, self._books.now())
            self._payments.release(cart, line)
        self._books.keep(cart)
        for line in silent:
            self._notices.tell(cart, line, "canceled", method=self._switches.now.webhook_auto_method)
