"""Cart API v2, reading: the list of orders, and one order in detail."""

from checkout.sandbox.amounts import as_grouped, as_number
from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.dealers import OFF
from checkout.sandbox.incoming import Caller, Incoming, Json, Refusal, Reply
from checkout.sandbox.payments import Payments
from checkout.sandbox.products import COMPANY_NAME
from checkout.sandbox.records import Books, Cart, Line, as_moment
from checkout.sandbox.splits import payable
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.world import World

_PAGE = 50
_TYPES = {"ropis": "HOLD", "bopis": "ORDER", "sdd": "ORDER", "sts": "SHIP"}
_COMMISSION_PER_MILLE = 35


class CartApi:
    """What a token may see: test tokens their own orders, the others those of the live world."""

    def __init__(
        self, clock: SandboxClock, world: World, books: Books, payments: Payments, switches: SwitchBoard
    ) -> None:
        self._clock = clock
        self._world = world
        self._books = books
        self._payments = payments
        self._switches = switches

    def refuse(self, status: int, message: str) -> Refusal:
        """A refusal in v2's envelope; the documents do not say which HTTP status it has."""
        return Refusal(200 if self._switches.now.v2_errors_as_200 else status, {"status": False, "message": message})

    def find(self, caller: Caller, cart_hash: str) -> Cart:
        cart = self._books.carts.get(cart_hash)
        if (
            cart is None
            or not self.sees(caller, cart)
            or (cart.ordered_at is None and not self._switches.now.v2_shows_uncommitted)
        ):
            raise self.refuse(404, "The cart was not found")
        return cart

    def sees(self, caller: Caller, cart: Cart) -> bool:
        """Whether the cart is of the caller's world and, to retailers, of a store of theirs that takes part."""
        if caller.world != ("live" if cart.live else cart.token):
            return False
        return caller.role != "retailer" or self.is_of_retailer(cart, caller.store_id)

    def is_of_retailer(self, cart: Cart, store_id: int | None) -> bool:
        """Whether a live order is of this store, or of any where there is none, and PushCart takes the store's."""
        theirs = cart.live and store_id in (None, cart.store_id)
        if not theirs or self._world.dealers.pushcart(cart.store_id) == OFF:
            return False
        return cart.path != "sts" or self._switches.now.retailer_sees_sts

    def _seen(self, caller: Caller) -> list[Cart]:
        """The orders that the caller may see, oldest first."""
        orders = self._books.orders.get(caller.world, [])
        return [cart for cart in orders if self.sees(caller, cart)] if caller.role == "retailer" else orders

    def list_carts(self, caller: Caller, incoming: Incoming) -> Reply:
        """Newest first, 50 a page from page 0 on; beyond the last page the list is empty."""
        page = incoming.path_number("page") if "page" in incoming.path else 0
        if page is None:
            raise self.refuse(404, "Not found")
        orders = self._seen(caller)
        end = max(len(orders) - page * _PAGE, 0)
        shown = reversed(orders[max(end - _PAGE, 0) : end])
        properties = {
            "date_time": _zoneless(self._books.now()),
            "current_page": page,
            "total_pages": -(-len(orders) // _PAGE),
        }
        return 200, {"status": True, "properties": properties, "carts": [self._summary(cart) for cart in shown]}

    def _summary(self, cart: Cart) -> Json:
        return {
            "hash": cart.hash,
            "type": _TYPES[cart.path],
            "source": cart.source,
            "n_items": len(cart.lines),
            "ordered_at": _zoneless(cart.ordered_at),
            "updated_at": _zoneless(cart.updated_at),
            "delivery_status": "",
            "pickup_window": "",
            "items": [self._summary_item(cart, line) for line in cart.lines],
        }

    def _summary_item(self, cart: Cart, line: Line) -> Json:
        product = self._world.products[line.upc]
        return {
            "currency": self._world.stores[cart.store_id].currency,
            "total": as_number(line.total),
            "status": line.status.upper(),
            "sts_status": line.sts_status.upper() or "N/A",
            "qty": line.quantity,
            "product_id": product.product_id,
            "order_resolution": line.resolution,
            "upc": line.upc,
            "alias": list(product.alias),
        }

    def detail(self, caller: Caller, incoming: Incoming) -> Reply:
        return 200, self.document(self.find(caller, incoming.path["cart_hash"]), incoming.origin)

    def document(self, cart: Cart, origin: str = "https://www.locally.com") -> Json:
        """A cart in detail, as `GET /cart/{hash}` answers it, and as webhooks of the long form carry it.

        The invoice is a page of `origin`: whoever follows it in a demo finds the page of this sandbox.
        """
        properties = {
            "date_time": _zoneless(self._books.now()),
            "updated_at": _zoneless(cart.updated_at),
            "ordered_at": _zoneless(cart.ordered_at),
            "type": _TYPES[cart.path],
            "hash": cart.hash,
            "pickup_window": "",
            "delivery_status": "",
            "invoice": f"{origin}/order/{cart.hash}/{cart.access_token}?print=1",
        }
        return {
            "status": True,
            "properties": properties,
            "customer": _customer(cart),
            "store": self._store(cart),
            "items": [self._item(cart, line) for line in cart.lines],
        }

    def _store(self, cart: Cart) -> Json:
        store = self._world.stores[cart.store_id]
        return {
            "name": store.name,
            "address": store.address,
            "address_2": "",
            "phone": store.phone,
            "city": store.city,
            "state": store.state,
            "zip": store.zip,
            "country": store.country,
            "store_id": store.id,
            "vendor_id": store.vendor_id,
        }

    def _item(self, cart: Cart, line: Line) -> Json:
        """Money is text with thousands commas here. `refunded` and `shipping` are this sandbox's own fields.

        No source names any for these. Test mode takes no commission and remits no tax.
        """
        product = self._world.products[line.upc]
        goods = line.quantity * line.price
        return {
            "status": line.status,
            "sts_status": line.sts_status or False,
            "product_id": product.product_id,
            "qty": line.quantity,
            "brand": COMPANY_NAME,
            "name": product.name,
            "upc": line.upc,
            "alias": list(product.alias),
            "attrib_1": product.size,
            "attrib_2": product.color,
            "currency": self._world.stores[cart.store_id].currency,
            "msrp": as_grouped(product.price),
            "product_price": as_grouped(line.price),
            "product_price_less_vat": as_grouped(line.price),
            "subtotal": as_grouped(goods),
            "tax": as_grouped(line.quantity * line.tax),
            "tax_rate": float(self._world.tax_rate(cart.store_id) * 100),
            "tax_is_vat": False,
            "tax_remitted": cart.live and cart.path == "bopis",
            "commission": as_grouped((goods * _COMMISSION_PER_MILLE + 500) // 1000 if cart.live else 0),
            "stripe_fee": as_grouped(self._stripe_fee(line)),
            "total": as_grouped(line.total),
            "shipping": as_grouped(line.quantity * line.shipping),
            "refunded": as_grouped(line.refunded),
            **_splits(line),
            "order_resolution": line.resolution,
            "resolution_notes": line.notes,
            "messages": [message | {"created_at": _zoneless(message["created_at"])} for message in line.messages],
        }

    def _stripe_fee(self, line: Line) -> int:
        charge = self._payments.charge_of(line)
        return (charge.amount * 29 + 500) // 1000 + 30 if charge else 0


def _splits(line: Line) -> Json:
    """What was agreed on, which is nothing but for ship-to-store, and what of it is payable now."""
    now = payable(line)
    return {
        "disbursement": as_grouped(now.retailer),
        "split_brand": as_grouped(line.split_brand),
        "split_retailer": as_grouped(line.split_retailer),
        "disbursement_brand": as_grouped(now.brand),
        "disbursement_retail": as_grouped(now.retailer),
    }


def _customer(cart: Cart) -> Json:
    shopper = cart.shopper
    copied = ("first_name", "last_name", "email", "phone", "city", "state", "zip", "country")
    return {
        **{name: shopper.get(name, "") for name in copied},
        "address_1": shopper.get("address", ""),
        "address_2": shopper.get("address_2", ""),
        "marketing_active_consent": bool(shopper.get("is_opt_in_consent")),
    }


def _zoneless(text: str | None) -> str:
    """As v2 writes times: UTC without saying so."""
    return as_moment(text).strftime("%Y-%m-%d %H:%M:%S") if text else ""
