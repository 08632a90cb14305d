"""What webhooks say, true or forged. Nothing of it may be believed but that a cart is worth a look."""

from typing import Any

from checkout.sandbox.records import Cart
from tests.proof.machine_service import WEBHOOK_TOKEN
from tests.proof.machine_shopping import UPCS

NEWS = ("truth", "lie", "foreign_address", "wrong_token", "unknown_cart", "another_cart", "rubbish")


def news(kind: str, which: int, carts: list[Cart]) -> tuple[dict[str, Any], str]:
    """The body of a webhook and the token that comes with it; the carts with an order come first."""
    cart = carts[which % len(carts)] if carts else None
    line = cart.lines[0] if cart and cart.lines else None
    body: dict[str, Any] = {
        "upc": line.upc if line else UPCS[0],
        "order_id": cart.hash if cart else "NOSUCHCART",
        "status": (line.status if line else "ordered").lower(),
        "order_url": f"https://www.locally.com/api/v2/cart/{cart.hash if cart else ''}",
    }
    forged: dict[str, dict[str, Any]] = {
        "lie": {"status": "fulfilled"},
        "foreign_address": {"order_url": "https://evil.example/cart", "status": "canceled"},
        "unknown_cart": {"order_id": f"NOSUCH{which}"},
        "another_cart": {"order_id": carts[-1 - which % len(carts)].hash if carts else "NOSUCHCART"},
        "rubbish": {"order_id": {"": which}},
    }
    token = "forged_token_of_somebody" if kind == "wrong_token" else WEBHOOK_TOKEN
    return {**body, **forged.get(kind, {})}, token
