"""The parts of one sandbox, put together."""

from datetime import timedelta
from pathlib import Path

from checkout.sandbox.cart_jwt import Mint
from checkout.sandbox.cart_v2 import CartApi
from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.dealers import Dealers
from checkout.sandbox.faults import Faults
from checkout.sandbox.feed import Feed
from checkout.sandbox.ledger import Ledger
from checkout.sandbox.locating import Locating
from checkout.sandbox.mailbox import Mailbox
from checkout.sandbox.marketing import Marketing
from checkout.sandbox.notices import Notices
from checkout.sandbox.order_desk import OrderDesk
from checkout.sandbox.order_moves import OrderMoves
from checkout.sandbox.ordering import Ordering
from checkout.sandbox.payments import Payments
from checkout.sandbox.records import Books
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.shopping import Shopping
from checkout.sandbox.statements import Statements
from checkout.sandbox.stripe import StripeWorld
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.timers import Timers
from checkout.sandbox.validating import Validating
from checkout.sandbox.world import World


class Parts:
    """Everything a sandbox consists of. With a `state` file it goes on where it was left."""

    def __init__(self, state: Path | None) -> None:
        self.clock, self.shelf, self.faults = SandboxClock(), Shelf(state), Faults()
        self.clock.advance(timedelta(seconds=self.shelf.load("clock").get("ahead", {}).get("seconds", 0)))
        self.timers, self.switches = Timers(self.clock), SwitchBoard(self.shelf)
        self.dealers = Dealers(self.clock, self.shelf, self.switches)
        self.feed = Feed(self.clock, self.timers, self.shelf, self.switches)
        self.world, self.mint = World(self.shelf, self.dealers, self.feed), Mint(self.shelf)
        self.books = Books(self.clock, self.shelf)
        self.ledger = Ledger(self.books, self.shelf)
        self.mailbox = Mailbox(self.clock.now)
        self.stripe = StripeWorld(self.clock, self.shelf)
        self.stripe_webhook: dict[str, str | None] = {"stripe_url": None, "stripe_secret": None}
        self.set_stripe_webhook(self.shelf.load("webhooks").get("stripe", {}))
        self._join_locally()

    def _join_locally(self) -> None:
        clock, world, books, mint, switches = self.clock, self.world, self.books, self.mint, self.switches
        self.payments = Payments(clock, books, world, switches, self.timers, self.stripe)
        self.cart_api = CartApi(clock, world, books, self.payments, switches)
        self.notices = Notices(self.shelf, switches, books.now, self.cart_api)
        self.ordering = Ordering(world, books, self.payments, mint, switches, self.notices, self.timers)
        self.locating = Locating(clock, world, books, switches)
        self.shopping = Shopping(clock, world, books, self.payments, self.ordering, mint, switches)
        self.validating = Validating(clock, world, books, self.payments, mint, switches)
        self.moves = OrderMoves(
            self.cart_api, books, self.payments, self.ordering, self.notices, switches, self.dealers
        )
        self.desk = OrderDesk(books, self.payments, self.moves, self.notices)
        self.marketing = Marketing(world)
        self.statements = Statements(world, books)

    def set_stripe_webhook(self, changes: dict[str, str | None]) -> None:
        """Change `stripe_url` or `stripe_secret`; webhooks are sent while both are known."""
        self.stripe_webhook |= changes
        self.shelf.put("webhooks", "stripe", self.stripe_webhook)
        self.stripe.set_webhook(self.stripe_webhook["stripe_url"], self.stripe_webhook["stripe_secret"])

    def advance(self, by: timedelta) -> None:
        """Move the clock, and let happen what fell due."""
        self.clock.advance(by)
        self.shelf.put("clock", "ahead", {"seconds": self.clock.ahead.total_seconds()})
        self.timers.run_due()

    def start_afresh(self) -> None:
        """Seeded stock, prices, stores, switches and clock; no records. Where webhooks go stays as configured."""
        self.timers.clear()
        self.notices.forget()
        for kept in (self.books, self.faults, self.ledger, self.mailbox):
            kept.clear()
        for seeded in (self.clock, self.world, self.switches, self.stripe):
            seeded.reset()
        self.payments.forget()
        self.shelf.clear("clock")
