import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from checkout.availability import Availability, PlaceFound, StoreOffer, StoreSearchResult, judge_item
from checkout.caching import Spans
from checkout.errors import RefusedUpstream, StoreUnknown, UpstreamBusy, UpstreamUnavailable
from checkout.locally_client import StoreStock, SuggestedPlace, SwitchedLocation
from checkout.orders import Address, Location, PathToPurchase, Store

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHOE, SOCK = "686487455948", "686487455955"
HERE = Location(lat=41.88, lng=-87.63)
BOPIS, ROPIS, SDD, STS = PathToPurchase.BOPIS, PathToPurchase.ROPIS, PathToPurchase.SDD, PathToPurchase.STS
MILES_PER_DEGREE = 3958.7613 * math.pi / 180


def store(number: int, miles_north: float = 1) -> Store:
    location = Location(lat=HERE.lat + miles_north / MILES_PER_DEGREE, lng=HERE.lng)
    return Store(id=number, name=f"Store {number}", address=Address(country="US"), location=location)


def stock(
    at: Store, on_hand: int | None = 5, *paths: PathToPurchase, in_stock: bool = True, no_path: bool = False
) -> StoreStock:
    offered = frozenset() if no_path else frozenset(paths or (BOPIS, ROPIS))
    return StoreStock(store=at, paths=offered, quantity_on_hand=on_hand, in_stock=in_stock)


class Locally:
    """Locally's part: what it has, what it was asked, and how it fails."""

    def __init__(self) -> None:
        self.stocks: dict[str, tuple[StoreStock, ...]] = {}
        self.countries: dict[str, str] = {}
        self.failures: dict[str, Exception] = {}
        self.calls: Counter[str] = Counter()
        self.regions: list[tuple[float, float, int, str]] = []
        self.under_way = self.most_under_way = 0

    async def _answer(self, call: str, subject: str) -> None:
        self.calls[call] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        failure = self.failures.get(subject) or self.failures.get(call)
        if failure:
            raise failure

    async def suggest_places(self, query: str) -> tuple[SuggestedPlace, ...]:
        await self._answer("suggest", query)
        return tuple(
            SuggestedPlace.model_validate({"value": label, "postcode": "60605", "data": {"lat": 41.87, "lng": -87.62}})
            for label in self.countries
        )

    async def switch_location(self, lat: float, lng: float, label: str) -> SwitchedLocation:
        await self._answer("switch", label)
        return SwitchedLocation.model_validate({"country": self.countries[label], "distance_unit": "mi"})

    async def find_stores(
        self, upc: str, *, lat: float, lng: float, diagonal: int, unit: str
    ) -> tuple[StoreStock, ...]:
        self.regions.append((lat, lng, diagonal, unit))
        await self._answer("find", upc)
        return self.stocks.get(upc, ())

    async def read_stock(self, upc: str, store_id: int) -> StoreStock | None:
        await self._answer("read", upc)
        return next((stock for stock in self.stocks.get(upc, ()) if stock.store.id == store_id), None)


class Bench:
    """An Availability over a made-up Locally, with clocks moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.locally = Locally()
        self.availability = self.build(BOPIS, ROPIS, SDD, STS)

    def build(self, *paths: PathToPurchase) -> Availability:
        return Availability(
            self.locally,
            paths=paths,
            stock=Spans(fresh=30, renew=60, keep=600),
            places=Spans(fresh=86400),
            now=lambda: self.seconds,
            clock=lambda: START + timedelta(seconds=self.seconds),
        )

    async def search(self, items: dict[str, int], near: Location = HERE, radius: int = 25) -> StoreSearchResult:
        return await self.availability.find_stores(items, near, radius, "mi")

    async def offers(self, items: dict[str, int]) -> list[StoreOffer]:
        return list((await self.search(items)).stores)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.availability.close()


async def test_answers_are_joined_by_store(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1), 3),), SOCK: (stock(store(1), 7),)}
    [offer] = await bench.offers({SHOE: 2, SOCK: 1})
    assert offer.has_all
    assert [(item.upc, item.quantity, item.quantity_on_hand, item.missing) for item in offer.items] == [
        (SHOE, 2, 3, 0),
        (SOCK, 1, 7, 0),
    ]


async def test_item_the_store_does_not_list_is_missing(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1)),)}
    [offer] = await bench.offers({SHOE: 1, SOCK: 2})
    sock = offer.items[1]
    assert not offer.has_all
    assert (sock.in_stock, sock.quantity_on_hand, sock.missing) == (False, None, 2)


@pytest.mark.parametrize(
    ("on_hand", "in_stock", "told"),
    [
        (5, True, (True, 5, 0)),
        (2, True, (True, 2, 1)),
        (None, True, (True, None, 0)),
        (None, False, (False, None, 3)),
        (0, True, (False, 0, 3)),
        (-2, True, (False, 0, 3)),
        (9, False, (False, 9, 3)),
    ],
)
def test_missing_is_what_the_store_lacks(on_hand: int | None, in_stock: bool, told: tuple[bool, int, int]) -> None:
    item = judge_item(SHOE, 3, stock(store(1), on_hand, in_stock=in_stock))
    assert (item.in_stock, item.quantity_on_hand, item.missing) == told


async def test_whole_cart_comes_first_then_distance(bench: Bench) -> None:
    bench.locally.stocks = {
        SHOE: (stock(store(1, 1), 1), stock(store(2, 8)), stock(store(3, 3)), stock(store(4, 20), 1)),
    }
    result = await bench.search({SHOE: 2})
    assert [(offer.store.id, offer.has_all) for offer in result.stores] == [
        (3, True),
        (2, True),
        (1, False),
        (4, False),
    ]


async def test_distance_is_ours_with_one_decimal(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1, 2.44)),)}
    [offer] = await bench.offers({SHOE: 1})
    assert offer.distance_value == 2.4


async def test_distance_is_told_in_the_unit_asked(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1, 10)),)}
    result = await bench.availability.find_stores({SHOE: 1}, HERE, 25, "km")
    assert (result.unit, result.stores[0].distance_value) == ("km", 16.1)


async def test_store_beyond_the_radius_is_left_out(bench: Bench) -> None:
    nowhere = store(3).changed(location=None)
    bench.locally.stocks = {SHOE: (stock(store(1, 24.9)), stock(store(2, 25.1)), stock(nowhere))}
    assert [offer.store.id for offer in await bench.offers({SHOE: 1})] == [1]


async def test_paths_are_those_of_every_item_in_stock(bench: Bench) -> None:
    bench.locally.stocks = {
        SHOE: (stock(store(1), 5, BOPIS, ROPIS, SDD),),
        SOCK: (stock(store(1), 5, ROPIS, SDD),),
        "012345678905": (stock(store(1), 0, no_path=True),),
    }
    [offer] = await bench.offers({SHOE: 1, SOCK: 1, "012345678905": 1})
    assert offer.paths == (ROPIS,)


async def test_store_with_nothing_offers_no_path(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1), 0),)}
    [offer] = await bench.offers({SHOE: 1})
    assert offer.paths == ()


async def test_shipping_to_the_store_needs_no_stock_there(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1), 0, STS),), SOCK: (stock(store(1), 5, BOPIS, STS),)}
    [offer] = await bench.offers({SHOE: 1, SOCK: 1})
    assert offer.paths == (BOPIS, STS)


async def test_shipping_to_the_store_takes_the_whole_cart(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1), 5, BOPIS, STS),)}
    [offer] = await bench.offers({SHOE: 1, SOCK: 1})
    assert offer.paths == (BOPIS,)


async def test_paths_are_those_the_brand_may_use(bench: Bench) -> None:
    availability = bench.build(BOPIS, SDD)
    bench.locally.stocks = {SHOE: (stock(store(1), 5, BOPIS, ROPIS, SDD),)}
    result = await availability.find_stores({SHOE: 1}, HERE, 25, "mi")
    assert result.stores[0].paths == (BOPIS,)


async def test_path_asked_for_leaves_out_other_stores(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1), 5, BOPIS), stock(store(2), 5, ROPIS))}
    result = await bench.availability.find_stores({SHOE: 1}, HERE, 25, "mi", ROPIS)
    assert [offer.store.id for offer in result.stores] == [2]


@pytest.mark.parametrize(("radius", "widen"), [(25, 50), (200, 250), (249, 250), (250, None)])
async def test_wider_radius_is_proposed_up_to_the_widest(bench: Bench, radius: int, widen: int | None) -> None:
    assert (await bench.search({SHOE: 1}, radius=radius)).widen == widen


async def test_points_of_one_cell_share_the_answer(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1, 1)),)}
    near = Location(lat=41.8849, lng=-87.6251)
    assert (await bench.search({SHOE: 1})).stores[0].distance_value == 1.0
    result = await bench.search({SHOE: 1}, near=near)
    assert bench.locally.calls["find"] == 1
    assert (result.near, result.stores[0].distance_value) == (near, 0.7)


@pytest.mark.parametrize("unit", ["mi", "km"])
@pytest.mark.parametrize("lat", [0.0, 41.8849, -69.9949])
@pytest.mark.parametrize("radius", [1, 25, 250])
async def test_region_holds_the_circle_around_every_point_of_the_cell(
    bench: Bench, radius: int, lat: float, unit: str
) -> None:
    near = Location(lat=lat, lng=-87.6249)
    await bench.availability.find_stores({SHOE: 1}, near, radius, unit)
    [(centre_lat, centre_lng, diagonal, told)] = bench.locally.regions
    earth = {"mi": 3958.7613, "km": 6371.0088}[unit]
    half_side, reach = diagonal / (2 * math.sqrt(2)) / earth, radius / earth
    # How far east the circle bulges, where the box is as wide as at its centre.
    bulge = math.asin(math.sin(reach) / math.cos(math.radians(lat)))
    assert told == unit
    assert math.radians(abs(near.lat - centre_lat)) + reach <= half_side
    assert math.radians(abs(near.lng - centre_lng)) + bulge <= half_side / math.cos(math.radians(centre_lat))


async def test_equal_searches_make_one_call_per_upc(bench: Bench) -> None:
    await asyncio.gather(*(bench.search({SHOE: 1, SOCK: 2}) for _ in range(100)))
    assert bench.locally.calls == {"find": 2}


async def test_quantity_is_no_part_of_the_question(bench: Bench) -> None:
    await bench.search({SHOE: 1})
    await bench.search({SHOE: 5})
    assert bench.locally.calls["find"] == 1


async def test_calls_under_way_are_bounded(bench: Bench) -> None:
    await bench.search({f"{number:012}": 1 for number in range(100)})
    assert bench.locally.calls["find"] == 100
    assert 1 < bench.locally.most_under_way <= 40


async def test_result_is_as_old_as_its_oldest_part(bench: Bench) -> None:
    await bench.search({SHOE: 1})
    bench.seconds = 20
    result = await bench.search({SHOE: 1, SOCK: 1})
    assert (result.as_of, result.stale) == (START, False)
    bench.seconds = 40
    result = await bench.search({SHOE: 1, SOCK: 1})
    assert (result.as_of, result.stale) == (START, True)


async def test_reading_through_asks_again(bench: Bench) -> None:
    await bench.search({SHOE: 1})
    bench.locally.stocks = {SHOE: (stock(store(1)),)}
    result = await bench.availability.find_stores({SHOE: 1}, HERE, 25, "mi", through=True)
    assert [offer.store.id for offer in result.stores] == [1]


async def test_one_upc_without_an_answer_fails_the_search(bench: Bench) -> None:
    bench.locally.failures[SOCK] = UpstreamUnavailable()
    with pytest.raises(UpstreamUnavailable):
        await bench.search({SHOE: 1, SOCK: 1})


async def test_kept_answer_carries_the_search_through_an_outage(bench: Bench) -> None:
    bench.locally.stocks = {SHOE: (stock(store(1)),)}
    await bench.search({SHOE: 1})
    bench.locally.failures["find"] = UpstreamBusy()
    bench.seconds = 300
    result = await bench.search({SHOE: 1})
    assert (len(result.stores), result.stale) == (1, True)


async def test_stock_is_read_for_each_upc(bench: Bench) -> None:
    has = stock(store(1))
    bench.locally.stocks = {SHOE: (has,)}
    reading = await bench.availability.read_stores(1, [SHOE, SOCK])
    assert reading.stocks == {SHOE: has, SOCK: None}
    assert (reading.store, reading.as_of, reading.stale) == (store(1), START, False)


async def test_store_that_no_answer_describes_is_none(bench: Bench) -> None:
    assert (await bench.availability.read_stores(1, [SHOE])).store is None


async def test_unknown_store_is_told(bench: Bench) -> None:
    bench.locally.failures["read"] = StoreUnknown()
    with pytest.raises(StoreUnknown):
        await bench.availability.read_stores(1, [SHOE])


async def test_stock_for_placing_is_read_afresh(bench: Bench) -> None:
    await bench.availability.read_stores(1, [SHOE])
    bench.locally.failures["read"] = UpstreamUnavailable()
    assert (await bench.availability.read_stores(1, [SHOE])).stocks == {SHOE: None}
    with pytest.raises(UpstreamUnavailable):
        await bench.availability.read_stores(1, [SHOE], through=True)


async def test_places_carry_their_country(bench: Bench) -> None:
    bench.locally.countries = {"Chicago, IL": "US", "Toronto, ON": "CA"}
    assert await bench.availability.find_places("60605") == (
        PlaceFound("Chicago, IL", 41.87, -87.62, "60605", "US"),
        PlaceFound("Toronto, ON", 41.87, -87.62, "60605", "CA"),
    )


@pytest.mark.parametrize("failure", [UpstreamUnavailable(), RefusedUpstream()])
async def test_country_that_cannot_be_read_is_unknown(bench: Bench, failure: Exception) -> None:
    bench.locally.countries = {"Chicago, IL": "US"}
    bench.locally.failures["switch"] = failure
    [place] = await bench.availability.find_places("60605")
    assert place.country is None
    bench.locally.failures.clear()
    [place] = await bench.availability.find_places("60605")
    assert place.country == "US"


async def test_equal_texts_for_a_place_share_the_answer(bench: Bench) -> None:
    bench.locally.countries = {"Montréal": "CA"}
    for query in ("Montréal", "  montre\u0301AL ", "MONTRÉAL"):
        assert len(await bench.availability.find_places(query)) == 1
    assert bench.locally.calls == {"suggest": 1, "switch": 1}


async def test_empty_text_finds_no_place(bench: Bench) -> None:
    assert await bench.availability.find_places("  ") == ()
    assert bench.locally.calls == {}


async def test_failed_suggestions_are_told(bench: Bench) -> None:
    bench.locally.failures["suggest"] = UpstreamUnavailable()
    with pytest.raises(UpstreamUnavailable):
        await bench.availability.find_places("60605")
