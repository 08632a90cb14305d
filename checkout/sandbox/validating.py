"""Headless API 1.0: `cart/validate`, which checks a whole cart in one call and places the holds."""

from checkout.sandbox.amounts import as_grouped, tax_on
from checkout.sandbox.cart_jwt import Mint
from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.drafts import Draft, DraftItem, read_draft
from checkout.sandbox.incoming import Caller, Incoming, Json, Reply, refuse
from checkout.sandbox.payments import Authorization, Payments
from checkout.sandbox.records import Books, Cart, Line
from checkout.sandbox.splits import agreed_shares
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.world import World

ITEM_GONE, STORE_UNKNOWN, TAX_TOO_LOW = 1327, 1329, 1335


def unit_tax(world: World, switches: SwitchBoard, store_id: int, path: str, price: int) -> int:
    """Locally's tax per unit. It never collects tax on reservations: the store's till does."""
    if path == "ropis" and not switches.now.ropis_tax:
        return 0
    return tax_on(price, world.tax_rate(store_id))


def answer_of(success: bool, data: Json, msg: str, error_code: int | None, switches: SwitchBoard) -> Json:
    """Locally's samples of failures say nothing of the reason: so does this with the switch `error_codes` off."""
    told = switches.now.error_codes
    body: Json = {"success": success, "data": data, "msg": msg if told else ""}
    return body if error_code is None or not told else body | {"error_code": error_code}


class Validating:
    def __init__(
        self, clock: SandboxClock, world: World, books: Books, payments: Payments, mint: Mint, switches: SwitchBoard
    ) -> None:
        self._clock = clock
        self._world = world
        self._books = books
        self._payments = payments
        self._mint = mint
        self._switches = switches

    def validate(self, caller: Caller, incoming: Incoming) -> Reply:
        draft = read_draft(incoming.body)
        if draft.store_id not in self._world.stores:
            return self._refused(caller, incoming, draft, [False] * len(draft.items), "The store was not found")
        fit = [not self._fault(draft, item) for item in draft.items]
        if not all(fit):
            return self._refused(caller, incoming, draft, fit, self._first_fault(draft))
        self._check_taxes(draft)
        cart = self._open(caller, incoming, draft, draft.items)
        if draft.card_token is None or draft.path == "ropis":
            cart.state = "validated"
            outcome = Authorization(200, ["SKIPPED"] * len(draft.items))
        else:
            outcome = self._payments.authorize(cart, draft.card_token)
            cart.state = "validated" if outcome.held else "open"
        self._books.keep(cart)
        rows = [
            {"upc": item.upc, "auth": word, "in_cart": 1, "qty": item.quantity}
            for item, word in zip(draft.items, outcome.words, strict=True)
        ]
        return outcome.status, self._body(cart, rows, outcome.held, outcome.msg, outcome.error_code)

    def _fault(self, draft: Draft, item: DraftItem) -> str:
        """Why an item cannot be put into the cart, "" if it can."""
        world, store_id = self._world, draft.store_id
        if item.upc not in world.products:
            return "The item is not sold here"
        if draft.path == "sdd" or draft.path not in world.paths(store_id):
            return f"The store does not sell by {draft.path}"
        if item.price not in self._prices(draft, item):
            return "The price is not the store's price"
        if item.quantity > world.on_hand(store_id, item.upc, draft.path):
            return "The item is no longer available"
        return ""

    def _prices(self, draft: Draft, item: DraftItem) -> set[int]:
        """The store's own price; for ship-to-store, which the brand sends, its list price in dollars will do, too."""
        prices = {self._world.price(draft.store_id, item.upc)}
        listed = draft.path == "sts" and self._world.stores[draft.store_id].currency == "USD"
        return prices | {self._world.products[item.upc].price} if listed else prices

    def _first_fault(self, draft: Draft) -> str:
        return next(fault for fault in (self._fault(draft, item) for item in draft.items) if fault)

    def _tax(self, draft: Draft, item: DraftItem) -> int:
        return unit_tax(self._world, self._switches, draft.store_id, draft.path, item.price or 0)

    def _check_taxes(self, draft: Draft) -> None:
        for item in draft.items:
            computed = self._tax(draft, item)
            if item.tax is not None and item.tax < computed:
                texts = f"requested {as_grouped(item.tax)}, calculated {as_grouped(computed)}"
                raise refuse(400, f"The tax override for {item.upc} is too low: {texts}", TAX_TOO_LOW)

    def _open(self, caller: Caller, incoming: Incoming, draft: Draft, items: list[DraftItem]) -> Cart:
        session = self._books.session(incoming.session_id)
        cart = self._books.open_cart(
            caller.token, "cart/validate", draft.path, draft.store_id, draft.host_domain, session
        )
        cart.shopper, cart.mute_comms = draft.shopper, draft.mute_comms
        cart.lines = [self._line(draft, item) for item in items]
        for line, item in zip(cart.lines, items, strict=True):
            line.say("customer", item.message, cart.created_at)
        return cart

    def _line(self, draft: Draft, item: DraftItem) -> Line:
        line = Line(item.upc, item.quantity, item.price or 0, self._tax(draft, item) if item.tax is None else item.tax)
        if draft.path == "sts" and draft.store_id in self._world.stores:
            terms = self._world.sts_terms(draft.store_id, item.upc)
            line.shipping = terms.shipping if terms else 0
            percent = self._switches.now.sts_percent
            shares = agreed_shares(line.quantity, line.price, line.shipping, terms, percent)
            line.split_brand, line.split_retailer = shares.brand, shares.retailer
        return line

    def _refused(self, caller: Caller, incoming: Incoming, draft: Draft, fit: list[bool], fault: str) -> Reply:
        """200 with `success: false`: no authorization is tried, and a cart of the good items stays behind."""
        good = [item for item, fits in zip(draft.items, fit, strict=True) if fits]
        cart = self._open(caller, incoming, draft, good)
        self._books.keep(cart)
        rows = [
            {"upc": item.upc, "auth": "SKIPPED", "in_cart": int(fits), "qty": item.quantity if fits else 0}
            for item, fits in zip(draft.items, fit, strict=True)
        ]
        codes = {"The store was not found": STORE_UNKNOWN, "The item is no longer available": ITEM_GONE}
        return 200, self._body(cart, rows, False, fault, codes.get(fault))

    def _body(self, cart: Cart, rows: list[Json], success: bool, msg: str, error_code: int | None) -> Json:
        data = {
            "items": rows,
            "cart_hash": cart.hash,
            "cart_hash_jwt": self._mint.issue(cart.hash, int(self._clock.now().timestamp())),
            "session": {"id": cart.session_id},
        }
        return answer_of(success, data, msg, error_code, self._switches)
