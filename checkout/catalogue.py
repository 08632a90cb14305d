"""The brand's catalogue: names, pictures and prices by UPC, from a CSV or JSON file (`CHECKOUT_CATALOGUE`)."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from babel.numbers import is_currency
from pydantic import Field

from checkout.errors import SettingsFault
from checkout.money import Money, parse_decimal
from checkout.orders import Record, normalize_upc
from checkout.settings import origin_of

VARIABLE = "CHECKOUT_CATALOGUE"
DEFAULT_CURRENCY = "USD"
# A comma only separates thousands: "19,99" is a fault, not one thousand nine hundred and ninety-nine.
_PRICE = re.compile(r"(\d+|\d{1,3}(,\d{3})+)(\.\d+)?")

Row = Mapping[str, Any]


class Product(Record):
    """What the brand says of one UPC. `price` is its own, "from" price, not a store's."""

    upc: str
    name: str
    image_url: str | None = None
    price: Money | None = None
    style: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict)


class Catalogue:
    """Products by UPC (12 digits where it fits)."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = {product.upc: product for product in products}

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """Read the file; no path is an empty catalogue. Raises SettingsFault with a line for every fault in it."""
        if path is None:
            return cls(())
        return cls.parse(_read_text(path))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The catalogue of a CSV or JSON text. Raises SettingsFault with a line for every fault in it."""
        rows = _read_json(text) if text.lstrip()[:1] in {"[", "{"} else _read_csv(text)
        return cls(_read_products(rows))

    def get(self, upc: str) -> Product | None:
        return self._products.get(upc)

    @cached_property
    def image_origins(self) -> frozenset[str]:
        """Where the pictures come from."""
        origins = (origin_of(product.image_url) for product in self if product.image_url)
        return frozenset(origin for origin in origins if origin)

    def __iter__(self) -> Iterator[Product]:
        return iter(self._products.values())


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsFault((f"{VARIABLE}: cannot read {path}: {error.strerror}",)) from None
    except UnicodeDecodeError:
        raise SettingsFault((f"{VARIABLE}: {path} is not UTF-8 text",)) from None


def _read_json(text: str) -> list[tuple[int, Row]]:
    """The numbered rows of a list of objects, or of `{"products": [...]}`; the first is row 1."""
    try:
        document = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise SettingsFault((f"{VARIABLE}: not JSON: {error}",)) from None
    products = document.get("products") if isinstance(document, dict) else document
    if not isinstance(products, list):
        raise SettingsFault((f'{VARIABLE}: must be a list of products, or {{"products": [...]}}',))
    faults = tuple(_fault(n, "is not an object") for n, row in enumerate(products, 1) if not isinstance(row, dict))
    if faults:
        raise SettingsFault(faults)
    return [(number, {_column(name): row[name] for name in row}) for number, row in enumerate(products, 1)]


def _read_csv(text: str) -> list[tuple[int, Row]]:
    """The numbered rows of a CSV text as a spreadsheet counts them: the header is row 1."""
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise SettingsFault((f"{VARIABLE}: not CSV: {error}",)) from None
    names = [_column(name) for name in records[0]] if records else []
    missing = [name for name in ("upc", "name") if name not in names]
    if missing:
        raise SettingsFault(tuple(f"{VARIABLE}: row 1: the column {name} is missing" for name in missing))
    return [
        (number, dict(zip(names, record, strict=False)))
        for number, record in enumerate(records[1:], 2)
        if any(cell.strip() for cell in record)
    ]


def _column(name: str) -> str:
    return name.strip().lower()


def _fault(row: int, fact: str) -> str:
    return f"{VARIABLE}: row {row}: {fact}"


def _read_products(rows: Iterable[tuple[int, Row]]) -> list[Product]:
    faults: list[str] = []
    products: dict[str, Product] = {}
    rows_of: dict[str, int] = {}
    for number, row in rows:
        values, facts = _read_row(row)
        upc = values.get("upc")
        if upc in rows_of:
            facts.append(f"upc {upc} stands in row {rows_of[upc]} already")
        faults += [_fault(number, fact) for fact in facts]
        if not facts:
            product = Product(**values)
            products[product.upc] = product
            rows_of[product.upc] = number
    if faults:
        raise SettingsFault(tuple(faults))
    return list(products.values())


def _read_row(row: Row) -> tuple[dict[str, Any], list[str]]:
    """The values of one product and what is wrong with them."""
    readers = {
        "upc": _read_upc,
        "name": _read_name,
        "image_url": _read_image_url,
        "price": _read_price,
        "style": _read_style,
        "attributes": _read_attributes,
    }
    values: dict[str, Any] = {}
    facts = []
    for name, read in readers.items():
        try:
            values[name] = read(row)
        except ValueError as error:
            facts.append(f"{name} {error}")
    return values, facts


def _cell(row: Row, name: str) -> str:
    """The trimmed text of a cell, "" where there is none. Numbers of JSON count as their text."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("is neither text nor a number")  # noqa: TRY004  # A fault of the file, like all others here.
    return str(value).strip()


def _read_upc(row: Row) -> str:
    text = _cell(row, "upc")
    if not text:
        raise ValueError("is missing")
    try:
        return normalize_upc(text)
    except ValueError as error:
        raise ValueError(f'"{text}" {error}') from None


def _read_name(row: Row) -> str:
    text = _cell(row, "name")
    if not text:
        raise ValueError("is missing")
    return text


def _read_image_url(row: Row) -> str | None:
    text = _cell(row, "image_url")
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f'"{text}" is not an http(s) address')
    return text


def _read_price(row: Row) -> Money | None:
    text = _cell(row, "price")
    if not text:
        return None
    currency = (_cell(row, "currency") or DEFAULT_CURRENCY).upper()
    if not is_currency(currency):
        raise ValueError(f'has the currency "{currency}", which is none')
    value = parse_decimal(text) if _PRICE.fullmatch(text) else None
    if value is None:
        raise ValueError(f'"{text}" is not an amount such as 1299.99 or 1,299.99')
    try:
        return Money.from_decimal(value, currency)
    except ValueError:
        raise ValueError(f'"{text}" is too large') from None


def _read_style(row: Row) -> str | None:
    return _cell(row, "style") or None


def _read_attributes(row: Row) -> dict[str, str]:
    """`{"size": "M"}` in JSON, or `size=M|color=red`."""
    value = row.get("attributes")
    if isinstance(value, dict):
        return _read_attribute_map(value)
    text = _cell(row, "attributes")
    if not text.startswith("{"):
        return dict(_read_attribute(part) for part in text.split("|") if part.strip())
    try:
        return _read_attribute_map(json.loads(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"are not JSON: {error.msg}") from None


def _read_attribute_map(attributes: dict[str, Any]) -> dict[str, str]:
    return {name.strip(): _cell(attributes, name) for name in attributes}


def _read_attribute(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals or not name.strip():
        raise ValueError(f'"{part.strip()}" is not like size=M')
    return name.strip(), value.strip()
