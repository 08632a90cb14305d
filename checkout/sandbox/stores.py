"""The stores of the sandbox's world, from `stores.json`: in Chicago, Denver, Seattle, Atlanta and Toronto."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from checkout.sandbox.hours import Week, read_week


@dataclass(frozen=True)
class Store:
    """A shop with a door. `company_id` is the retailer's company, `vendor_id` the brand's own id for the store."""

    id: int
    name: str
    company_id: int
    vendor_id: int
    address: str
    city: str
    state: str
    zip: str
    country: str
    phone: str
    lat: float
    lng: float
    week: Week
    tax_rate: Decimal
    paths: tuple[str, ...]

    @property
    def currency(self) -> str:
        return "CAD" if self.country == "CA" else "USD"


def _store(row: dict[str, Any]) -> Store:
    week = read_week(row.pop("hours"), row.pop("time_zone"))
    return Store(**{**row, "week": week, "tax_rate": Decimal(row["tax_rate"]), "paths": tuple(row["paths"])})


STORES = tuple(_store(row) for row in json.loads(Path(__file__).with_name("stores.json").read_bytes()))
