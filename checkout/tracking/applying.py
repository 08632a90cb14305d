"""What a cart makes of its order. Pure.

The cart is the truth: what it says now is taken, whatever was said before. What it does not say changes nothing.
"""

import re
from decimal import Decimal
from functools import partial

from checkout.locally_client import CartDetail, CartItem
from checkout.money import Balance, Money
from checkout.orders import (
    WITHOUT_SALE,
    ItemAccounting,
    ItemProduct,
    ItemStatus,
    Order,
    OrderItem,
    OrderMessage,
    OrderTotals,
    PathToPurchase,
    read_item_status,
)

_NOT_CHARGED = frozenset({ItemStatus.ORDERED, ItemStatus.PENDING_BRAND, ItemStatus.CHARGE_FAILED})
_KNOWN = frozenset(ItemStatus)
_WEB = re.compile(r"https?://")  # It becomes a link on a page.


def with_cart(order: Order, cart: CartDetail) -> Order:
    """The order as its cart shows it."""
    told = {item.upc: item for item in cart.items}
    items = tuple(_follow(order, item, told[item.upc]) if item.upc in told else item for item in order.items)
    followed = order.changed(items=items, totals=_add_up(order.totals, items))
    invoice = cart.invoice if cart.invoice and _WEB.match(cart.invoice) else None
    return followed.changed(
        answer_by=order.answer_by if followed.status == "open" else None,
        messages=_messages(cart) if cart.items else order.messages,
        invoice_url=invoice or order.invoice_url,
    )


def _messages(cart: CartDetail) -> tuple[OrderMessage, ...]:
    return tuple(OrderMessage(sender=each.sender, text=each.text, created_at=each.created_at) for each in cart.messages)


def _follow(order: Order, item: OrderItem, told: CartItem) -> OrderItem:
    """One item as its cart shows it."""
    currency = order.totals.total.currency
    # Amounts of another currency than the order's would be added to what they cannot be added to.
    money = partial(_money, currency=currency if told.currency in {None, currency} else None)
    total = money(told.total) or item.total
    status = _status(order, item, told, money(told.refunded), total)
    ended = status in WITHOUT_SALE
    followed = item.changed(
        name=item.name or told.name,
        status=status,
        reason=(told.reason or told.resolution_notes or item.reason) if ended else None,
        total=total,
        refunded=_refunded(status, money(told.refunded), total, item.refunded),
        order_resolution=told.order_resolution,
        resolution_notes=told.resolution_notes,
        pays_in_store=item.pays_in_store or status == ItemStatus.CHARGE_FAILED,
        product=_product(told, money),
        accounting=_accounting(told, money, partial(_balance, currency=money.keywords["currency"])),
    )
    return followed.changed(charged=_charged(order, followed, item.charged))


def _status(order: Order, item: OrderItem, told: CartItem, refunded: Money | None, total: Money | None) -> str:
    status = read_item_status(told.said, ships_to_store=order.path_to_purchase is PathToPurchase.STS) or item.status
    # One word may stand for both kinds of refund; where the amount is told, it decides.
    if status == ItemStatus.REFUNDED and refunded and total and 0 < refunded.amount < total.amount:
        return ItemStatus.PARTIALLY_REFUNDED
    return status


def _refunded(status: str, told: Money | None, total: Money | None, before: Money | None) -> Money | None:
    """What went back; None for nothing, and where nobody says how much."""
    if told is not None and told.amount:
        return told
    return total if status == ItemStatus.REFUNDED else before


def _charged(order: Order, item: OrderItem, before: Money | None) -> Money | None:
    """What of an item the card was charged: all of it when it is confirmed. None for what is paid in the store."""
    if not order.totals.authorized.amount:
        return None
    nothing = Money.zero(order.totals.total.currency)
    if item.status in _NOT_CHARGED:
        return nothing
    paid_in_store = item.pays_in_store and item.status == ItemStatus.PICKED_UP
    if item.status in WITHOUT_SALE or item.status not in _KNOWN or paid_in_store:
        return before or nothing
    return item.total


def _add_up(totals: OrderTotals, items: tuple[OrderItem, ...]) -> OrderTotals:
    total = _sum(totals.total.currency, [item.total for item in items])
    if any(item.total is None for item in items):
        total = totals.total
    return OrderTotals(
        total=total,
        authorized=total if totals.authorized.amount else totals.authorized,
        charged=_sum(total.currency, [item.charged for item in items]),
        refunded=_sum(total.currency, [item.refunded for item in items]),
    )


def _sum(currency: str, amounts: list[Money | None]) -> Money:
    return sum((amount for amount in amounts if amount is not None), start=Money.zero(currency))


def _money(value: Decimal | None, *, currency: str | None) -> Money | None:
    if value is None or currency is None:
        return None
    try:
        return Money.from_decimal(value, currency)
    except ValueError:
        return None


def _balance(value: Decimal | None, *, currency: str | None) -> Balance | None:
    if value is None or currency is None:
        return None
    try:
        return Balance.from_decimal(value, currency)
    except ValueError:
        return None


def _product(told: CartItem, money: "partial[Money | None]") -> ItemProduct:
    return ItemProduct(
        brand=told.brand,
        attributes=tuple(attribute for attribute in (told.attrib_1, told.attrib_2) if attribute),
        alias=told.alias,
        msrp=money(told.msrp),
        product_id=told.product_id,
    )


def _accounting(told: CartItem, money: "partial[Money | None]", balance: "partial[Balance | None]") -> ItemAccounting:
    return ItemAccounting(
        price=money(told.price),
        price_less_vat=money(told.price_less_vat),
        subtotal=money(told.subtotal),
        tax=money(told.tax),
        rate=told.tax_rate,
        is_vat=told.tax_is_vat,
        remitted=told.tax_remitted,
        commission=money(told.commission),
        stripe_fee=money(told.stripe_fee),
        split_brand=money(told.split_brand),
        split_retailer=money(told.split_retailer),
        disbursement=money(told.disbursement),
        disbursement_brand=balance(told.disbursement_brand),
        disbursement_retail=balance(told.disbursement_retail),
    )
