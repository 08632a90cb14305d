"""Records that several tests build on."""

from checkout.money import Money
from checkout.orders import Shopper

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
