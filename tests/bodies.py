"""Request bodies as a page sends them, and what reading them finds wrong."""

from typing import Any

import pytest

from checkout import schemas
from checkout.errors import InvalidField

UPC = "686487455948"
ORIGIN = "https://www.example.com"


def cart(**values: Any) -> dict[str, Any]:
    return {
        "store_id": 37175,
        "path_to_purchase": "bopis",
        "items": [{"upc": UPC, "quantity": 1}],
        **values,
    }


def create(**values: Any) -> schemas.CreateCheckout:
    return schemas.read_create_checkout(cart(**values), trusted=False, allowed_origins=(ORIGIN,))


def faults_of(**values: Any) -> set[tuple[str, str]]:
    """Pointer and code of each fault of a new checkout with these values."""
    with pytest.raises(InvalidField) as caught:
        create(**values)
    return {(fault.pointer, fault.code) for fault in caught.value.fields}
