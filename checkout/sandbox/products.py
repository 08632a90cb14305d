"""What the brand sells, from `styles.json`: Ridgeline makes bicycles and what goes with them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMPANY_ID = 1
COMPANY_NAME = "Ridgeline"
COMPANY_SLUG = "ridgeline"

_MAKER_PREFIXES = ("068648", "868648")


@dataclass(frozen=True)
class Product:
    """One UPC. `price` is the brand's list price in minor units of US dollars."""

    upc: str
    product_id: int
    style: str
    name: str
    category: str
    color: str
    size: str
    price: int
    alias: tuple[str, ...]

    @property
    def attributes(self) -> dict[str, str]:
        return {"color": self.color, "size": self.size}


def with_check_digit(body: str) -> str:
    """A UPC-A from its first eleven digits."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(body))
    return body + str(-weighted % 10)


def _products() -> tuple[Product, ...]:
    styles = json.loads(Path(__file__).with_name("styles.json").read_bytes())
    return tuple(
        _product(row, index, variant, color, size)
        for index, row in enumerate(styles)
        for variant, (color, size) in enumerate(row["variants"])
    )


def _product(row: dict[str, Any], index: int, variant: int, color: str, size: str) -> Product:
    item_reference = 10000 + 1017 * index + 11 * variant
    return Product(
        upc=with_check_digit(f"{_MAKER_PREFIXES[index // 5]}{item_reference}"),
        product_id=7001 + 4 * index + variant,
        style=row["style"],
        name=row["name"],
        category=row["category"],
        color=color,
        size=size,
        price=row["price"],
        alias=(f"{row['style']}-{color[:3].upper()}-{size.upper()}",),
    )


PRODUCTS = _products()
