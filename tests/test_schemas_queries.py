"""The parameters of queries."""

from datetime import UTC, datetime
from typing import Any

import pytest

from checkout import schemas
from checkout.errors import InvalidField, PathNotOffered
from checkout.orders import Location

UPC = "686487455948"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def query_faults(read: Any, **values: str) -> set[tuple[str, str]]:
    with pytest.raises(InvalidField) as caught:
        read(values.items())
    return {(fault.pointer, fault.code) for fault in caught.value.fields}


def test_store_search_has_defaults() -> None:
    found = schemas.read_store_search({"items": f"0{UPC}:2,12345678:1", "near": "41.88,-87.63"}.items())
    assert [(item.upc, item.quantity) for item in found.items] == [(UPC, 2), ("000012345678", 1)]
    assert (found.near, found.radius, found.unit, found.path) == (Location(lat=41.88, lng=-87.63), 25, "mi", None)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("items", "", "invalid"),
        ("items", UPC, "invalid"),
        ("items", f"{UPC}:0", "invalid"),
        ("items", f"{UPC}:100", "invalid"),
        ("items", f"{UPC}:1,", "invalid"),
        ("items", f"{UPC}:1,0{UPC}:1", "duplicate_item"),
        ("items", ",".join(f"{number:012}:1" for number in range(1, 22)), "too_long"),
        ("near", "41.88", "invalid"),
        ("near", "91,0", "invalid"),
        ("near", "0,181", "invalid"),
        ("near", "nan,nan", "invalid"),
        ("radius", "0", "invalid"),
        ("radius", "251", "invalid"),
        ("radius", "2.5", "invalid"),
        ("unit", "feet", "invalid"),
        ("page", "2", "unknown_field"),
    ],
)
def test_store_search_points_at_bad_parameter(name: str, value: str, code: str) -> None:
    values = {"items": f"{UPC}:1", "near": "41.88,-87.63", name: value}
    assert query_faults(schemas.read_store_search, **values) == {(f"/query/{name}", code)}


def test_store_search_refuses_unknown_path() -> None:
    with pytest.raises(PathNotOffered) as caught:
        schemas.read_store_search({"items": f"{UPC}:1", "near": "41.88,-87.63", "path": "teleport"}.items())
    assert [fault.pointer for fault in caught.value.fields] == ["/query/path"]


def test_store_search_needs_items_and_near() -> None:
    assert query_faults(schemas.read_store_search) == {("/query/items", "missing"), ("/query/near", "missing")}


def test_repeated_parameter_is_refused() -> None:
    with pytest.raises(InvalidField) as caught:
        schemas.read_places_query([("q", "Chicago"), ("q", "Boston")])
    assert caught.value.fields[0].pointer == "/query/q"


def test_places_query_has_one_to_100_characters() -> None:
    assert schemas.read_places_query([("q", " 60605 ")]).q == "60605"
    assert query_faults(schemas.read_places_query, q="") == {("/query/q", "too_short")}
    assert query_faults(schemas.read_places_query, q="x" * 101) == {("/query/q", "too_long")}


def test_order_list_reads_time_and_limit() -> None:
    query = schemas.read_order_list({"since": "2026-11-22T14:00:00+02:00", "status": "open", "limit": "5"}.items())
    assert (query.since, query.status, query.limit, query.cursor) == (NOON, "open", 5, None)
    for since in ("yesterday", "2026-11-22", "2026-11-22T12:00:00", "0001-01-01T00:00:00+14:00"):
        assert query_faults(schemas.read_order_list, since=since) == {("/query/since", "invalid")}
