"""Which stores can hand over the whole cart.

Locally answers for one UPC at a time. We ask for all UPCs in parallel, keep each answer for everybody who asks from
about the same place, and join them by store.
"""

import asyncio
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from checkout.caching import Cache, Cached, Spans
from checkout.errors import Refused, UpstreamError
from checkout.locally_client import StoreStock, SuggestedPlace, SwitchedLocation
from checkout.orders import BUILT_PATHS, Location, PathToPurchase, Store

WIDEST_RADIUS = 250
# Reads that are under way at Locally at one moment; a cart of 20 lines must not crowd out everybody else.
PARALLEL_READS = 40
# Each place costs one more call for its country; nobody reads a longer list.
MOST_PLACES = 8
# An answer may hold hundreds of stores, so that fewer of them are kept than of smaller ones.
KEPT_SEARCHES = 2_000

_EARTH_RADIUS = {"mi": 3958.7613, "km": 6371.0088}
_CELL_DIGITS = 2
# How far a point may be from its cell's centre in one direction, in radians of the great circle.
_HALF_CELL = math.radians(0.5 * 10**-_CELL_DIGITS)
# A wide circle bulges out of a box that is drawn in degrees, and everybody's Earth has another radius.
_SLACK = 1.01


class StoreReads(Protocol):
    """The calls of `LocallyClient` that we make."""

    async def suggest_places(self, query: str) -> tuple[SuggestedPlace, ...]: ...

    async def switch_location(self, lat: float, lng: float, label: str) -> SwitchedLocation: ...

    async def find_stores(
        self, upc: str, *, lat: float, lng: float, diagonal: int, unit: str
    ) -> tuple[StoreStock, ...]: ...

    async def read_stock(self, upc: str, store_id: int) -> StoreStock | None: ...


@dataclass(frozen=True)
class PlaceFound:
    """A place that the shopper may have meant. `country` is its two letters, None where Locally did not tell."""

    label: str
    lat: float
    lng: float
    postal_code: str | None
    country: str | None


@dataclass(frozen=True)
class StoreOfferItem:
    """What a store has of one item. `missing` is how many it lacks; `quantity_on_hand` None where nobody told."""

    upc: str
    quantity: int
    in_stock: bool
    quantity_on_hand: int | None
    missing: int


@dataclass(frozen=True)
class StoreOffer:
    """What a store can do for the cart. `distance_value` is in the unit of the search, with one decimal."""

    store: Store
    distance_value: float
    paths: tuple[PathToPurchase, ...]
    has_all: bool
    items: tuple[StoreOfferItem, ...]


@dataclass(frozen=True)
class StoreSearchResult:
    """The stores around a point. `as_of` is the oldest part's time, `widen` the next radius worth trying."""

    stores: tuple[StoreOffer, ...]
    near: Location
    radius: int
    unit: str
    as_of: datetime
    stale: bool
    widen: int | None


@dataclass(frozen=True)
class StoreReading:
    """What one store has: by UPC, None where Locally does not list the store for it."""

    stocks: Mapping[str, StoreStock | None]
    as_of: datetime
    stale: bool

    @property
    def store(self) -> Store | None:
        """The store as its first answer describes it, None where no answer does."""
        return next((stock.store for stock in self.stocks.values() if stock is not None), None)


@dataclass(frozen=True)
class _Region:
    """What we ask Locally for: a box around the centre of a cell. Everybody in the cell shares the answer."""

    lat: float
    lng: float
    diagonal: int
    unit: str


class Availability:
    """Places, stores and stock, as Locally tells them; kept for the spans given."""

    def __init__(
        self,
        locally: StoreReads,
        *,
        paths: Iterable[PathToPurchase],
        stock: Spans,
        places: Spans,
        now: Callable[[], float],
        clock: Callable[[], datetime],
    ) -> None:
        """`paths` are those that the brand may use; `now` is a monotonic clock, `clock` tells the time of day."""
        self._locally = locally
        allowed = BUILT_PATHS.intersection(paths)
        self._paths = tuple(path for path in PathToPurchase if path in allowed)
        self._limit = asyncio.Semaphore(PARALLEL_READS)
        self._suggestions = Cache[str, tuple[SuggestedPlace, ...]](places, now=now, clock=clock)
        self._locations = Cache[SuggestedPlace, SwitchedLocation](places, now=now, clock=clock)
        self._searches = Cache[tuple[str, _Region], tuple[StoreStock, ...]](
            stock, now=now, clock=clock, size=KEPT_SEARCHES
        )
        self._stocks = Cache[tuple[str, int], StoreStock | None](stock, now=now, clock=clock)

    async def close(self) -> None:
        caches = (self._suggestions, self._locations, self._searches, self._stocks)
        await asyncio.gather(*(cache.close() for cache in caches))

    async def find_places(self, query: str, *, through: bool = False) -> tuple[PlaceFound, ...]:
        """The places that a text (postal code, city, address) may mean. Raises what the suggestions raise."""
        text = _normalize_query(query)
        if not text:
            return ()

        async def ask() -> tuple[SuggestedPlace, ...]:
            async with self._limit:
                return await self._locally.suggest_places(text)

        places = (await self._suggestions.get(text, ask, through=through)).value[:MOST_PLACES]
        return tuple(await asyncio.gather(*(self._locate(place, through=through) for place in places)))

    async def find_stores(
        self,
        items: Mapping[str, int],
        near: Location,
        radius: int,
        unit: str,
        path: PathToPurchase | None = None,
        *,
        through: bool = False,
    ) -> StoreSearchResult:
        """The stores within `radius` ("mi" or "km") of a point, those with the whole cart first, then by distance.

        `items` are quantities by UPC. With `path`, only stores that offer it. Raises UpstreamError or Refused as soon
        as one UPC has no answer, not even a kept one: half a cart tells nothing about stores.
        """
        region = _region(near, radius, unit)
        answers = await asyncio.gather(*(self._search(upc, region, through=through) for upc in items))
        by_store = _join(dict(zip(items, (answer.value for answer in answers), strict=True)))
        offers = []
        for store, stocks in by_store:
            distance = _distance(near, store.location, unit) if store.location else math.inf
            offer = self._offer(store, distance, items, stocks)
            if distance <= radius and (path is None or path in offer.paths):
                offers.append((not offer.has_all, distance, store.id, offer))
        offers.sort(key=lambda ranked: ranked[:3])
        return StoreSearchResult(
            stores=tuple(offer for *_, offer in offers),
            near=near,
            radius=radius,
            unit=unit,
            as_of=min(answer.as_of for answer in answers),
            stale=any(answer.stale for answer in answers),
            widen=min(2 * radius, WIDEST_RADIUS) if radius < WIDEST_RADIUS else None,
        )

    async def read_stores(self, store_id: int, upcs: Sequence[str], *, through: bool = False) -> StoreReading:
        """What one store has of each UPC. Raises StoreUnknown, or UpstreamError where there is no answer."""
        answers = await asyncio.gather(*(self._read_stock(upc, store_id, through=through) for upc in upcs))
        return StoreReading(
            stocks=dict(zip(upcs, (answer.value for answer in answers), strict=True)),
            as_of=min(answer.as_of for answer in answers),
            stale=any(answer.stale for answer in answers),
        )

    async def _locate(self, place: SuggestedPlace, *, through: bool) -> PlaceFound:
        """The suggestion with its country, which Locally only tells of the location that a session has switched to."""

        async def ask() -> SwitchedLocation:
            async with self._limit:
                return await self._locally.switch_location(place.lat, place.lng, place.label)

        try:
            switched = await self._locations.get(place, ask, through=through)
        except (UpstreamError, Refused):
            return PlaceFound(place.label, place.lat, place.lng, place.postal_code, None)
        postal_code = place.postal_code or switched.value.postal_code
        return PlaceFound(place.label, place.lat, place.lng, postal_code, switched.value.country)

    async def _search(self, upc: str, region: _Region, *, through: bool) -> Cached[tuple[StoreStock, ...]]:
        async def ask() -> tuple[StoreStock, ...]:
            async with self._limit:
                return await self._locally.find_stores(
                    upc, lat=region.lat, lng=region.lng, diagonal=region.diagonal, unit=region.unit
                )

        return await self._searches.get((upc, region), ask, through=through)

    async def _read_stock(self, upc: str, store_id: int, *, through: bool) -> Cached[StoreStock | None]:
        async def ask() -> StoreStock | None:
            async with self._limit:
                return await self._locally.read_stock(upc, store_id)

        return await self._stocks.get((upc, store_id), ask, through=through)

    def _offer(
        self, store: Store, distance: float, items: Mapping[str, int], stocks: Mapping[str, StoreStock]
    ) -> StoreOffer:
        parts = tuple(judge_item(upc, quantity, stocks.get(upc)) for upc, quantity in items.items())
        return StoreOffer(
            store=store,
            distance_value=round(distance, 1),
            paths=tuple(path for path in self._paths if _is_offered(path, parts, stocks)),
            has_all=not any(part.missing for part in parts),
            items=parts,
        )


def _is_offered(path: PathToPurchase, parts: Iterable[StoreOfferItem], stocks: Mapping[str, StoreStock]) -> bool:
    """Whether the path is offered for every item that the store has.

    What is shipped to the store comes from the brand: there it has to be offered for the whole cart, and the store's
    own shelf does not matter.
    """
    if path is PathToPurchase.STS:
        return all(part.upc in stocks and path in stocks[part.upc].paths for part in parts)
    offered = [path in stocks[part.upc].paths for part in parts if part.in_stock]
    return bool(offered) and all(offered)


def judge_item(upc: str, quantity: int, stock: StoreStock | None) -> StoreOfferItem:
    """What a store's stock means for an item. Without a count, "in stock" is taken as enough."""
    on_hand = stock.quantity_on_hand if stock else None
    if on_hand is not None:
        on_hand = max(0, on_hand)  # Stock systems count below zero when goods were sold before they were booked in.
    in_stock = stock is not None and stock.in_stock and on_hand != 0
    if not in_stock:
        return StoreOfferItem(upc, quantity, in_stock=False, quantity_on_hand=on_hand, missing=quantity)
    missing = 0 if on_hand is None else max(0, quantity - on_hand)
    return StoreOfferItem(upc, quantity, in_stock=True, quantity_on_hand=on_hand, missing=missing)


def _normalize_query(query: str) -> str:
    return " ".join(unicodedata.normalize("NFC", query).split()).lower()


def _region(near: Location, radius: int, unit: str) -> _Region:
    """A box that holds the circle of the radius around every point of the cell.

    `map_distance_diag` is the box's diagonal. A circle of radius r needs sides of 2r, and the point may be up to half
    a cell from the centre.
    """
    side = 2 * (_SLACK * radius + _HALF_CELL * _EARTH_RADIUS[unit])
    diagonal = math.ceil(side * math.sqrt(2))
    return _Region(round(near.lat, _CELL_DIGITS), round(near.lng, _CELL_DIGITS), diagonal, unit)


def _distance(a: Location, b: Location, unit: str) -> float:
    """The great-circle distance by the haversine formula."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    across = math.radians(b.lng - a.lng)
    chord = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(across / 2) ** 2
    return 2 * _EARTH_RADIUS[unit] * math.asin(min(1.0, math.sqrt(chord)))


def _join(answers: Mapping[str, tuple[StoreStock, ...]]) -> list[tuple[Store, dict[str, StoreStock]]]:
    """Every store of the answers, with its stock by UPC."""
    stores: dict[int, tuple[Store, dict[str, StoreStock]]] = {}
    for upc, stocks in answers.items():
        for stock in stocks:
            stores.setdefault(stock.store.id, (stock.store, {}))[1][upc] = stock
    return list(stores.values())
