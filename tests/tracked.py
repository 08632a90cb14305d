"""An order and its cart, made up: what the tests of tracking change and compare."""

from datetime import UTC, datetime
from typing import Any

from checkout.locally_client import CartDetail
from checkout.orders import Address, Order, OrderItem, OrderTotals, PathToPurchase, Store
from tests.records import JANE, usd

PLACED = datetime(2026, 11, 20, 12, tzinfo=UTC)
UPC, SECOND = "068648100001", "068648100117"


def order_of(path: str = "bopis", *items: OrderItem, held: bool | None = None, **values: Any) -> Order:
    """An order of one item for 98.12 dollars, unless others are given."""
    items = items or (item_of(),)
    total = sum((item.total or usd(0) for item in items), start=usd(0))
    pays_online = path != "ropis" if held is None else held
    fields: dict[str, Any] = {
        "id": "ord_1",
        "checkout_id": "chk_1",
        "brand": "acme",
        "path_to_purchase": PathToPurchase(path),
        "cart_hash": "O3V36",
        "locally_order_url": None,
        "placed_at": PLACED,
        "answer_by": PLACED.replace(hour=20),
        "store": Store(id=1, name="Main Street Sports", address=Address()),
        "items": items,
        "shopper": JANE,
        "totals": OrderTotals(
            total=total, authorized=total if pays_online else usd(0), charged=usd(0), refunded=usd(0)
        ),
    }
    return Order(**{**fields, **values})


def item_of(upc: str = UPC, status: str = "ordered", total: int = 9812, **values: Any) -> OrderItem:
    return OrderItem(upc=upc, quantity=1, status=status, total=usd(total), **values)


def told(status: str = "Ordered", upc: str = UPC, total: str = "98.12", **values: Any) -> dict[str, Any]:
    """One item as the Cart API's detail writes it."""
    return {"upc": upc, "qty": 1, "status": status, "sts_status": False, "currency": "USD", "total": total, **values}


def cart_of(*items: dict[str, Any], **properties: Any) -> CartDetail:
    shown = {"hash": "O3V36", "ordered_at": "2026-11-20 12:00:00", **properties}
    return CartDetail.model_validate({"status": True, "properties": shown, "items": items or [told()]})


def amounts(order: Order) -> tuple[int, int, int, int]:
    """Total, authorized, charged, refunded."""
    totals = order.totals
    return (totals.total.amount, totals.authorized.amount, totals.charged.amount, totals.refunded.amount)
