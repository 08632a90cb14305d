"""The parameters of queries. Each `read_...` takes the decoded pairs of the query; faults point at `/query/NAME`."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, model_validator

from checkout.availability import WIDEST_RADIUS
from checkout.database import DeliveryState
from checkout.errors import FieldError, InvalidField
from checkout.orders import Location
from checkout.schemas import fields
from checkout.schemas.faults import fault, query_pointer, validate

Pairs = Iterable[tuple[str, str]]
Model = TypeVar("Model", bound=BaseModel)


class Query(BaseModel):
    """Base of the queries: frozen, and a parameter we do not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PlacesQuery(Query):
    """Where a shopper says she is: a postal code, a city, an address."""

    q: Annotated[StrictStr, AfterValidator(fields.clean_text), Field(min_length=1, max_length=100)]


class AskedItem(BaseModel):
    """One line of the cart that stores are searched for."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    upc: fields.Upc
    quantity: fields.Quantity


def _split_items(value: Any) -> list[dict[str, Any]]:
    return [_split_item(part) for part in str(value).split(",")]


def _split_item(part: str) -> dict[str, Any]:
    found = re.fullmatch(r"([0-9]{8,14}):([0-9]{1,4})", part.strip())
    if not found:
        raise fault("invalid", "This must be a list such as 686487455948:1,686487455955:2.")
    return {"upc": found[1], "quantity": int(found[2])}


def _each_upc_once(items: tuple[AskedItem, ...]) -> tuple[AskedItem, ...]:
    if len({item.upc for item in items}) != len(items):
        raise fault("duplicate_item", "A UPC stands in this list twice; raise its quantity instead.")
    return items


def _split_near(value: Any) -> dict[str, float]:
    number = r"(-?[0-9]{1,3}(?:\.[0-9]{1,15})?)"
    found = re.fullmatch(rf"{number},{number}", str(value).replace(" ", ""))
    if not found or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        raise fault("invalid", "This must be a latitude and a longitude, such as 41.88,-87.63.")
    return {"lat": float(found[1]), "lng": float(found[2])}


def _whole_number(value: Any) -> int:
    if not re.fullmatch("[0-9]{1,6}", str(value)):
        raise fault("invalid", "This must be a whole number.")
    return int(value)


def _yes_or_no(value: Any) -> bool:
    if value not in {"true", "false"}:
        raise fault("invalid", "This must be true or false.")
    return bool(value == "true")


AskedItems = Annotated[
    tuple[AskedItem, ...],
    BeforeValidator(_split_items),
    AfterValidator(_each_upc_once),
    Field(min_length=1, max_length=20),
]
Near = Annotated[Location, BeforeValidator(_split_near)]


class StoreSearch(Query):
    """Which stores can hand over this cart, near a point. `path` None means any."""

    items: AskedItems
    near: Near
    radius: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=WIDEST_RADIUS)] = 25
    unit: Literal["mi", "km"] = "mi"
    path: fields.Path | None = None


def _read_time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(str(value))
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):  # The first and last hours of the calendar have no time in UTC.
        pass
    raise fault("invalid", "This must be a time with its zone, such as 2026-11-22T09:30:00Z.")


class OrderListQuery(Query):
    """Which orders to list; `cursor` is the `next_cursor` of the page before.

    Sorted by `answer_by` are the open ones alone, those first whose time runs out.
    """

    status: Literal["open", "confirmed", "completed", "canceled", "refunded"] | None = None
    since: Annotated[datetime, BeforeValidator(_read_time)] | None = None
    cart_hash: Annotated[str, Field(pattern="^[A-Za-z0-9]{1,64}$")] | None = None
    sort: Literal["placed_at", "answer_by"] = "placed_at"
    path: fields.Path | None = None
    cursor: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=100)] = 25

    @model_validator(mode="after")
    def _sorts_what_is_open(self) -> Self:
        if self.sort == "answer_by" and self.status not in {None, "open"}:
            raise fault("invalid", "Only open orders have a time to answer by.")
        return self


class DeliveryListQuery(Query):
    """Which deliveries of webhooks to list; `subject` is a checkout or an order, `cursor` as above."""

    state: DeliveryState | None = None
    subject: Annotated[str, Field(pattern="^(chk|ord)_[A-Za-z0-9]{1,64}$")] | None = None
    cursor: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=100)] = 25


class FeedImportQuery(Query):
    """`force` replaces the feed also where it shrank by more than half."""

    force: Annotated[bool, BeforeValidator(_yes_or_no)] = False


def read_places_query(pairs: Pairs) -> PlacesQuery:
    return _read(PlacesQuery, pairs)


def read_store_search(pairs: Pairs) -> StoreSearch:
    return _read(StoreSearch, pairs)


def read_order_list(pairs: Pairs) -> OrderListQuery:
    return _read(OrderListQuery, pairs)


def read_feed_import(pairs: Pairs) -> FeedImportQuery:
    return _read(FeedImportQuery, pairs)


def read_delivery_list(pairs: Pairs) -> DeliveryListQuery:
    return _read(DeliveryListQuery, pairs)


def _read(model: type[Model], pairs: Pairs) -> Model:
    given = tuple(pairs)
    twice = [name for name, count in Counter(name for name, _ in given).items() if count > 1]
    if twice:
        detail = "This parameter is given more than once."
        raise InvalidField(fields=tuple(FieldError(query_pointer((name,)), "invalid", detail) for name in twice))
    return validate(model, dict(given), pointer=query_pointer)
