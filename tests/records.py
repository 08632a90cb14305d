"""Records that several tests build on."""

from datetime import timedelta

from checkout.money import Money
from checkout.orders import Checkout, CheckoutStatus, Order, Shopper

# Somebody of whom everything is known that placing an order needs.
JANE = Shopper(
    email="jane@example.com",
    phone="+13125550142",
    first_name="Jane",
    last_name="Doe",
    address="600 S Michigan Ave",
    city="Chicago",
    state="IL",
    zip="60605",
    country="US",
)


def usd(amount: int) -> Money:
    return Money(amount=amount, currency="USD")


def checkout_of(order: Order, locale: str | None = None) -> Checkout:
    """The placed checkout of an order."""
    return Checkout(
        id=order.story_id,
        brand=order.brand,
        version=1,
        status=CheckoutStatus.PLACED,
        store=order.store,
        currency="USD",
        path_to_purchase=order.path_to_purchase,
        items=(),
        shopper=order.shopper,
        payment=None,
        locale=locale,
        created_at=order.placed_at,
        expires_at=order.placed_at + timedelta(hours=1),
    )
