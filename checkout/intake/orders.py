"""The order that a cart becomes which no checkout of ours placed. Pure.

Locally tells who ordered, at which store and what; of the store it tells neither the hours nor the time zone.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from checkout.locally_client import CartDetail, CartItem, CartShopper, CartStore
from checkout.money import Money, currency_of_country
from checkout.orders import Address, ItemStatus, Order, OrderItem, OrderTotals, PathToPurchase, Shopper, Store
from checkout.tracking.applying import with_cart

# Whole carts are of one kind; only ship-to-store shows in the items, too, and there it counts.
_PATHS = {"HOLD": PathToPurchase.ROPIS, "SHIP": PathToPurchase.STS}
_CURRENCY = re.compile("[A-Z]{3}")
_LOCALLYS_OWN = "USD"  # Where neither item nor store tells: Locally is an American company.


def order_of_cart(
    cart: CartDetail, brand: str, now: datetime, *, answer_window: float, currencies: Mapping[str, str]
) -> Order:
    """The order that a cart is, kept under the name of `brand`.

    `currencies` are those of single stores, by their ids. The time to answer is told as if the store were always open,
    `answer_window` hours after it was asked: it can run out later, but not earlier.
    """
    placed_at = cart.ordered_at or cart.updated_at or now
    path = _path_of(cart)
    total = _total_of(cart, _currency_of(cart, currencies))
    nothing = Money.zero(total.currency)
    held = nothing if path is PathToPurchase.ROPIS else total
    order = Order(
        id=f"ord_{secrets.token_hex(16)}",
        checkout_id=None,
        brand=brand,
        path_to_purchase=path,
        cart_hash=cart.hash,
        locally_order_url=None,
        placed_at=placed_at,
        answer_by=None if path is PathToPurchase.STS else placed_at + timedelta(hours=answer_window),
        store=_store_of(cart.store),
        items=tuple(_items_of(cart.items, path)),
        shopper=_shopper_of(cart.shopper),
        totals=OrderTotals(total=total, authorized=held, charged=nothing, refunded=nothing),
    )
    return with_cart(order, cart)


def _path_of(cart: CartDetail) -> PathToPurchase:
    if any(item.sts_status for item in cart.items):
        return PathToPurchase.STS
    return _PATHS.get((cart.type or "").upper(), PathToPurchase.BOPIS)


def _currency_of(cart: CartDetail, currencies: Mapping[str, str]) -> str:
    told = next((item.currency for item in cart.items if item.currency and _CURRENCY.fullmatch(item.currency)), None)
    known = told or currencies.get(str(cart.store_id)) or currency_of_country(cart.store.country)
    return known or _LOCALLYS_OWN


def _total_of(cart: CartDetail, currency: str) -> Money:
    """What its items cost, as far as they tell; `with_cart` says what of it was charged."""
    told = (item.total for item in cart.items if item.total is not None and item.total >= 0)
    return sum((Money.from_decimal(total, currency) for total in told), start=Money.zero(currency))


def _items_of(items: Iterable[CartItem], path: PathToPurchase) -> Iterable[OrderItem]:
    """One for each UPC, as Locally addresses them; what became of it is then read from the cart."""
    first = ItemStatus.PENDING_BRAND if path is PathToPurchase.STS else ItemStatus.ORDERED
    for item in {item.upc: item for item in items}.values():
        yield OrderItem(upc=item.upc, name=item.name, quantity=item.quantity, status=first)


def _store_of(store: CartStore) -> Store:
    address = {name: getattr(store, name) for name in Address.model_fields}
    # Every cart of the samples has a store with its id: 0 is none of Locally's, and says that it was not told.
    return Store(id=store.id or 0, name=store.name or "", address=Address(**address), phone=store.phone)


def _shopper_of(shopper: CartShopper) -> Shopper:
    return Shopper(**shopper.model_dump())
