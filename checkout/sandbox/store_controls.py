"""Controls of stores: what one has set up with Locally, and the inventory file that it sends."""

import csv
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from checkout.sandbox.amounts import read_amount
from checkout.sandbox.asking import control, flag_of, only, read_object
from checkout.sandbox.dealers import OFF, PROFILES
from checkout.sandbox.drafts import PATHS
from checkout.sandbox.feed_sheet import as_upc, read_units
from checkout.sandbox.incoming import Json
from checkout.sandbox.parts import Parts
from checkout.sandbox.stores import Store

_ACCOUNT = re.compile(r"acct_\w+")
_UPC_DIGITS = re.compile(r"[0-9]{8,14}")
_PUSHCART = (*PROFILES, OFF)
Rows = dict[str, tuple[int, int | None]]


class StoreControls:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[BaseRoute]:
        store = "/_sandbox/stores/{store_id}"
        return [
            Route(store, control(self.store), methods=["POST"]),
            Route(store + "/inventory", control(self.inventory), methods=["GET", "PUT"]),
        ]

    async def store(self, request: Request) -> Any:
        body = await read_object(request)
        only(body, set(_CHANGES))
        store = self._named(request)
        self._parts.dealers.change(store.id, {name: _CHANGES[name](body, name) for name in body})
        return self._parts.world.store_document(store)

    async def inventory(self, request: Request) -> Any:
        """The documented store file, as CSV: upc, quantity and perhaps price. It replaces the store's whole stock."""
        store = self._named(request)
        told: Json = {}
        if request.method == "PUT":
            rows = _read_inventory(await request.body())
            known = {upc: row for upc, row in rows.items() if upc in self._parts.world.products}
            self._parts.world.replace_stock(store.id, known)
            told = {"rows": len(rows), "known": len(known)}
        document = self._parts.dealers.document(store)
        facts = {name: document[name] for name in ("pushcart", "inventory_at", "inventory_stale")}
        return {**told, **facts, "feed_hours": self._parts.dealers.feed_hours(store.id)}

    def _named(self, request: Request) -> Store:
        named = request.path_params["store_id"]
        for store in self._parts.world.stores.values():
            if str(store.id) == named:
                return store
        raise ValueError("there is no store of that id")


def _paths(body: Json, name: str) -> list[str]:
    paths = body[name]
    if not isinstance(paths, list) or not all(path in PATHS for path in paths):
        raise ValueError(f"{name} must be a list of {', '.join(PATHS)}")
    return paths


def _account(body: Json, name: str) -> str | None:
    account: str | None = body[name]
    if account is not None and not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
        raise ValueError(f'{name} must be an account id ("acct_...") or null')
    return account


def _tax_rate(body: Json, name: str) -> str | None:
    value = body[name]
    if value is None:
        return None
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not 0 <= rate < 1:
        raise ValueError(f'{name} must be a rate from 0 to below 1, such as "0.1025", or null for none entered')
    return str(rate)


def _pushcart(body: Json, name: str) -> str | None:
    profile: str | None = body[name]
    if profile is not None and profile not in _PUSHCART:
        raise ValueError(f"{name} must be one of {', '.join(_PUSHCART)}, or null for what the setting says")
    return profile


def _flag(body: Json, name: str) -> bool:
    return flag_of(body, name, default=True)


_CHANGES: dict[str, Callable[[Json, str], Any]] = {
    "paths": _paths,
    "requires_account": _account,
    "tax_rate": _tax_rate,
    "stripe_connected": _flag,
    "payment_method": _flag,
    "sts_approved": _flag,
    "pushcart": _pushcart,
}


def _read_inventory(raw: bytes) -> Rows:
    """Quantity and price by UPC. Raises ValueError, naming line and column."""
    rows: Rows = {}
    try:
        table = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        raise ValueError("the body must be CSV in UTF-8") from None
    for number, cells in enumerate(table, 1):
        upc, quantity, price = [*(cell.strip() for cell in cells), "", "", ""][:3]
        if not any(cells) or (number == 1 and not _UPC_DIGITS.fullmatch(upc)):
            continue
        try:
            rows[as_upc(_known_shape(upc))] = read_units(quantity, "qty"), _price(price)
        except ValueError as fault:
            raise ValueError(f"line {number}: {fault}") from None
    if not rows:
        raise ValueError("the body must be CSV with at least one row of upc, qty and perhaps price")
    return rows


def _known_shape(upc: str) -> str:
    if not _UPC_DIGITS.fullmatch(upc):
        raise ValueError("upc must be 8 to 14 digits")
    return upc


def _price(text: str) -> int | None:
    amount = read_amount(text) if text else None
    if text and (amount is None or amount < 0):
        raise ValueError("price must be an amount of at least 0 such as 12.50")
    return amount
