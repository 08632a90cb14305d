"""What the public sees of places and of the search for stores."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from checkout.availability import PlaceFound, StoreOffer, StoreOfferItem, StoreSearchResult
from checkout.orders import Location, OpeningHours, PathToPurchase
from checkout.schemas.responses import AddressBody, Body, Time

Unit = Annotated[str, Field(pattern="^(mi|km)$")]


class PlaceBody(Body):
    label: str
    lat: float
    lng: float
    postal_code: str | None
    country: str | None


class PlacesBody(Body):
    places: tuple[PlaceBody, ...]


def places_body(places: Iterable[PlaceFound]) -> PlacesBody:
    return PlacesBody(
        places=tuple(
            PlaceBody(
                label=place.label, lat=place.lat, lng=place.lng, postal_code=place.postal_code, country=place.country
            )
            for place in places
        )
    )


class DistanceBody(Body):
    value: float
    unit: Unit


class RadiusBody(Body):
    value: int
    unit: Unit


class WidenBody(Body):
    """The radius to ask with next when too little was found."""

    radius: int
    unit: Unit


class OfferItemBody(Body):
    """One line of the cart at one store; `missing` is how many of it the store lacks."""

    upc: str
    quantity: int
    in_stock: bool
    quantity_on_hand: int | None
    missing: int


class OfferBody(Body):
    """A store and how much of the cart it can hand over."""

    id: int
    name: str
    address: AddressBody
    location: Location | None
    distance: DistanceBody
    phone: str | None
    time_zone: str | None
    open_now: bool | None
    today_hours: str | None
    hours: tuple[OpeningHours, ...]
    paths: tuple[PathToPurchase, ...]
    has_all: bool
    items: tuple[OfferItemBody, ...]


class StoresBody(Body):
    stores: tuple[OfferBody, ...]
    near: Location
    radius: RadiusBody
    as_of: Time
    stale: bool
    widen: WidenBody | None


def stores_body(found: StoreSearchResult) -> StoresBody:
    return StoresBody(
        stores=tuple(offer_body(offer, found.unit) for offer in found.stores),
        near=found.near,
        radius=RadiusBody(value=found.radius, unit=found.unit),
        as_of=found.as_of,
        stale=found.stale,
        widen=WidenBody(radius=found.widen, unit=found.unit) if found.widen else None,
    )


def offer_body(offer: StoreOffer, unit: str) -> OfferBody:
    """A store of a search; its distance is in `unit`."""
    store = offer.store
    return OfferBody(
        id=store.id,
        name=store.name,
        address=AddressBody.of(store.address),
        location=store.location,
        distance=DistanceBody(value=round(offer.distance_value, 1), unit=unit),
        phone=store.phone,
        time_zone=store.time_zone,
        open_now=store.open_now,
        today_hours=store.today_hours,
        hours=store.hours,
        paths=offer.paths,
        has_all=offer.has_all,
        items=tuple(_item_body(item) for item in offer.items),
    )


def _item_body(item: StoreOfferItem) -> OfferItemBody:
    return OfferItemBody(
        upc=item.upc,
        quantity=item.quantity,
        in_stock=item.in_stock,
        quantity_on_hand=item.quantity_on_hand,
        missing=item.missing,
    )
