"""What the address of the checkout page asks for. Nothing in it is a fault but a cart that is none."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError

from checkout.availability import WIDEST_RADIUS
from checkout.orders import Location, PathToPurchase
from checkout.schemas import AskedItem, AskedItems, Near

Asked = TypeVar("Asked")

_ITEMS: TypeAdapter[tuple[AskedItem, ...]] = TypeAdapter(AskedItems)
_NEAR: TypeAdapter[Location] = TypeAdapter(Near)
_KEPT = (
    *("items", "upc", "quantity", "path", "without", "lang"),
    *("appearance", "ec_version", "ec_color_scheme", "ec_delegate"),
)
_SEARCHED = ("q", "near", "radius", "unit", "store", "shown")
_APPEARANCES = {"light", "dark"}
_UNITS = {"mi", "km"}
_LARGEST_STORE = 2**31 - 1
FEW_STORES = 5
MOST_STORES = 50


@dataclass(frozen=True)
class Ask:
    """What a shopper wants to buy, and where. No items mean that the address names none, or not properly.

    `without` are stores that are not to be shown: they said no to what is bought.
    """

    given: Mapping[str, str]
    items: tuple[AskedItem, ...]
    q: str
    near: Location | None
    radius: int | None
    unit: str | None
    path: PathToPurchase | None
    store: int | None
    without: frozenset[int]
    shown: int

    @property
    def is_framed(self) -> bool:
        """Whether the page was asked for as the content of a frame (UCP's Embedded Checkout Protocol)."""
        return "ec_version" in self.given

    @property
    def appearance(self) -> str:
        """`light`, `dark` or `auto`."""
        wished = self.given.get("ec_color_scheme") or self.given.get("appearance") or ""
        return wished if wished in _APPEARANCES else "auto"

    @property
    def items_text(self) -> str:
        """The cart as it stands in addresses."""
        return ",".join(f"{item.upc}:{item.quantity}" for item in self.items)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the next search has to carry on."""
        return [(name, self.given[name]) for name in _KEPT if name in self.given]

    def link(self, **changes: object) -> str:
        """The address of the page with another search; what is None is left out."""
        searched: dict[str, Any] = {name: self.given[name] for name in _SEARCHED if name in self.given}
        wanted = {**dict(self.kept), **searched, **changes}
        return "/checkout?" + urlencode({name: value for name, value in wanted.items() if value is not None}, safe=":,")


def read_ask(given: Mapping[str, str]) -> Ask:
    """Parameters that we do not know or cannot read are passed over: a link may have picked up all kinds of them."""
    return Ask(
        given=given,
        items=_read(_ITEMS, _cart_text(given)) or (),
        q=" ".join(_printable(given.get("q", "")).split())[:100],
        near=_read(_NEAR, given.get("near")),
        radius=_number(given.get("radius"), WIDEST_RADIUS),
        unit=given.get("unit") if given.get("unit") in _UNITS else None,
        path=next((path for path in PathToPurchase if path == given.get("path")), None),
        store=_number(given.get("store"), _LARGEST_STORE),
        without=_stores(given.get("without", "")),
        shown=_number(given.get("shown"), MOST_STORES) or FEW_STORES,
    )


def _cart_text(given: Mapping[str, str]) -> str:
    """`items`, else its shorthand for one item: `upc` and `quantity`."""
    return given.get("items") or f"{given.get('upc', '')}:{given.get('quantity') or '1'}"


def _read(kind: TypeAdapter[Asked], value: str | None) -> Asked | None:
    try:
        return kind.validate_python(value) if value else None
    except ValidationError:
        return None


def _number(text: str | None, most: int) -> int | None:
    """A whole number from 1 on, and no more than `most`."""
    if not text or not re.fullmatch("[0-9]{1,10}", text) or int(text) == 0:
        return None
    return min(int(text), most)


def _stores(text: str) -> frozenset[int]:
    found = (_number(part, _LARGEST_STORE) for part in text.split(",", MOST_STORES)[:MOST_STORES])
    return frozenset(store for store in found if store is not None)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
