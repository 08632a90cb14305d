"""The body of `cart/validate`, checked against its schema field by field."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from checkout.sandbox.amounts import read_amount
from checkout.sandbox.incoming import refuse

PATHS = ("bopis", "ropis", "sdd", "sts")
_FLAGS = (True, False, 0, 1, "0", "1", None)
_SHOPPER_TEXTS = ("email", "phone", "first_name", "last_name", "address", "city", "state", "zip", "country")


@dataclass(frozen=True)
class DraftItem:
    """`price` is None for an amount finer than a cent, which is no store's price. Amounts are minor units."""

    upc: str
    quantity: int
    price: int | None
    tax: int | None
    message: str


@dataclass(frozen=True)
class Draft:
    """A validate request whose schema holds."""

    store_id: int
    path: str
    items: list[DraftItem]
    shopper: dict[str, Any]
    card_token: str | None
    host_domain: str
    mute_comms: bool


def read_draft(body: Any) -> Draft:
    """A draft from a parsed body. Refuses with 400 and a message that names the first field at fault."""
    if not isinstance(body, dict):
        raise refuse(400, "The body must be a JSON object")
    store_id = _require(body, "store_id", "an integer", _is_whole(body.get("store_id")))
    path = _require(body, "path_to_purchase", "one of " + ", ".join(PATHS), body.get("path_to_purchase") in PATHS)
    _check("mute_comms", "0 or 1", _is_flag(body.get("mute_comms")))
    return Draft(
        store_id=store_id,
        path=path,
        items=_items(body.get("items")),
        shopper=_shopper(body.get("shopper")),
        card_token=_text(body, "card_token") or None,
        host_domain=_text(body, "host_domain"),
        mute_comms=body.get("mute_comms") in (True, 1, "1"),
    )


def _items(items: Any) -> list[DraftItem]:
    _check("items", "a list of at least one item", isinstance(items, list) and bool(items))
    drafts = [_item(item, f"items[{index}]") for index, item in enumerate(items)]
    for index, draft in enumerate(drafts):
        repeated = any(draft.upc == earlier.upc for earlier in drafts[:index])
        _check(f"items[{index}].upc", "a UPC that no other item has", not repeated)
    return drafts


def _item(item: Any, where: str) -> DraftItem:
    _check(where, "an object", isinstance(item, dict))
    upc, quantity, price, tax = (item.get(name) for name in ("upc", "qty", "price_per_unit", "tax_per_unit"))
    _check(f"{where}.upc", "a string of 12 digits", isinstance(upc, str) and re.fullmatch(r"\d{12}", upc) is not None)
    _check(f"{where}.qty", "an integer of at least 1", _is_whole(quantity) and quantity >= 1)
    _check(f"{where}.price_per_unit", "a number of at least 0", _is_money(price))
    _check(f"{where}.tax_per_unit", "a number of at least 0", tax is None or _is_money(tax))
    tax_amount = None if tax is None else read_amount(tax)
    _check(f"{where}.tax_per_unit", "an amount without fractions of a cent", tax is None or tax_amount is not None)
    return DraftItem(upc, quantity, read_amount(price), tax_amount, _text(item, "message", where))


def _shopper(shopper: Any) -> dict[str, Any]:
    _check("shopper", "an object", isinstance(shopper, dict))
    for name in _SHOPPER_TEXTS:
        value = shopper.get(name)
        _check(f"shopper.{name}", "a non-empty string", isinstance(value, str) and bool(value.strip()))
    email = shopper["email"]
    _check("shopper.email", "an e-mail address", re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email) is not None)
    _text(shopper, "address_2", "shopper")
    for name in ("is_opt_in_consent", "is_opt_in_consent_brand"):
        _check(f"shopper.{name}", "a boolean", _is_flag(shopper.get(name)))
    consents = {name: shopper.get(name) in (True, 1, "1") for name in ("is_opt_in_consent", "is_opt_in_consent_brand")}
    texts = {name: shopper.get(name) or "" for name in (*_SHOPPER_TEXTS, "address_2")}
    return texts | consents


def _text(owner: dict[str, Any], name: str, where: str = "") -> str:
    value = owner.get(name)
    _check(f"{where}.{name}" if where else name, "a string", value is None or isinstance(value, str))
    return value or ""


def _require(body: dict[str, Any], name: str, what: str, holds: bool) -> Any:
    _check(name, what, holds)
    return body[name]


def _check(name: str, what: str, holds: bool) -> None:
    if not holds:
        raise refuse(400, f"{name} is required and must be {what}" if what != "a string" else f"{name} must be {what}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def _is_money(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value >= 0


def _is_flag(value: Any) -> bool:
    return value in _FLAGS if isinstance(value, (bool, int, str, type(None))) else False
