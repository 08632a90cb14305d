"""The search for stores as shoppers see it: a list of cards, or why there is none and what to try."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from checkout.availability import PlaceFound, StoreOffer, StoreSearchResult
from checkout.catalogue import Catalogue
from checkout.errors import Refused, UpstreamError
from checkout.money import Money
from checkout.orders import Location, PathToPurchase
from checkout.pages.asking import MOST_STORES, Ask
from checkout.pages.path_words import label_of
from checkout.schemas import AskedItem
from checkout.state import State
from checkout.wording.hours import describe_opening
from checkout.wording.languages import Language, unit_of
from checkout.wording.reaching import Phone, address_line, directions_url, read_phone

_RADIUS = {"mi": 25, "km": 40}
_MOST_PLACES = 4
_MOST_INCOMPLETE = 3
_STEP = 10
_FEW = 5
COUNT_FRESH = timedelta(minutes=2)  # Locally was down if a count is older, and the last ones of a kind go fast.


class Stock(NamedTuple):
    """What a store has of the cart; `kind` is `in`, `few`, `call`, `ship` or `none`."""

    kind: str
    words: str


@dataclass(frozen=True)
class Card:
    """One store. `paths` are the ways in which the whole cart can be had there; without any it cannot be chosen."""

    id: int
    name: str
    address: str
    distance: str | None
    hours: str | None
    is_open: bool | None
    stock: Stock
    price: str | None
    paths: tuple[str, ...]
    path_words: tuple[str, ...]
    phone: Phone | None
    map_url: str | None


class OtherPlace(NamedTuple):
    label: str
    url: str


@dataclass(frozen=True)
class Found:
    """What the search gave, in words."""

    cards: tuple[Card, ...] = ()
    notice: str | None = None
    heading: str | None = None
    other_places: tuple[OtherPlace, ...] = ()
    chosen: int | None = None
    more_url: str | None = None
    widen_url: str | None = None
    widen_words: str | None = None
    country: str | None = None


class _Around(NamedTuple):
    """Where to look. `label` is None for a shopper's own position."""

    at: Location
    label: str | None
    country: str | None
    others: tuple[PlaceFound, ...] = ()


async def search_stores(state: State, ask: Ask, language: Language) -> Found:
    """The stores for an ask; failures are told in words."""
    if not ask.items or not (ask.q or ask.near or ask.store):
        return Found()
    try:
        around = await _find_around(state, ask)
        if around is None and not ask.q:
            return Found()  # A wanted store that is not there: she may search for others.
        if around is None:
            return Found(notice=language.say("We do not know this place. Try a postal code, or a city with its state."))
        unit = ask.unit or (unit_of(around.country) if around.country else language.unit)
        found = await state["availability"].find_stores(
            {item.upc: item.quantity for item in ask.items}, around.at, ask.radius or _RADIUS[unit], unit
        )
    except (UpstreamError, Refused):
        return Found(notice=language.say("We cannot look for stores right now. Please try again in a moment."))
    return _Telling(state, ask, language).tell(found, around)


async def _find_around(state: State, ask: Ask) -> _Around | None:
    """The point around which to look: given (perhaps under a name), named, or where the wanted store is."""
    availability = state["availability"]
    if ask.near is not None:
        return _Around(ask.near, ask.q or None, None)
    if ask.q:
        places = await availability.find_places(ask.q)
        if not places:
            return None
        first = places[0]
        return _Around(Location(lat=first.lat, lng=first.lng), first.label, first.country, places[1:_MOST_PLACES])
    assert ask.store is not None  # noqa: S101  For the type checker: an ask without any of the three is not searched.
    store = (await availability.read_stores(ask.store, [item.upc for item in ask.items])).store
    if store is None or store.location is None:
        return None
    return _Around(store.location, store.name, store.address.country)


class _Telling:
    """Tells what was found for one ask, in one language."""

    def __init__(self, state: State, ask: Ask, language: Language) -> None:
        self._now: datetime = state["clock"]()
        self._ask = ask
        self._language = language
        price = price_of_cart(state["catalogue"], ask.items)
        self._price = language.money(price) if price else None

    def tell(self, found: StoreSearchResult, around: _Around) -> Found:
        say = self._language.say
        stores = [offer for offer in found.stores if offer.store.id not in self._ask.without]
        offers = [offer for offer in stores if usable_paths(offer)]
        shown = offers[: self._ask.shown]
        cards = [self._card(offer, found) for offer in shown]
        distance = self._language.distance(found.radius, found.unit)
        return Found(
            cards=tuple(cards or [self._card(offer, found) for offer in stores[:_MOST_INCOMPLETE]]),
            notice=None if cards else say("No store within %(distance)s has all of this right now.", distance=distance),
            heading=self._heading(around, len(offers)) if cards else None,
            other_places=tuple(self._other_place(place, found.unit) for place in around.others),
            chosen=next((card.id for card in cards if card.id == self._ask.store), None),
            more_url=self._more(len(offers)),
            widen_url=self._ask.link(radius=found.widen, unit=found.unit)
            if found.widen and len(offers) < _FEW
            else None,
            widen_words=self._widen_words(found),
            country=around.country,
        )

    def _other_place(self, place: PlaceFound, unit: str) -> OtherPlace:
        unit = unit_of(place.country) if place.country else unit
        near = f"{place.lat},{place.lng}"
        link = self._ask.link(q=place.label, near=near, unit=unit, radius=None, shown=None, store=None)
        return OtherPlace(place.label, link)

    def _heading(self, around: _Around, count: int) -> str:
        place = around.label
        if place is None:
            return self._language.say_many("%(num)s store near you", "%(num)s stores near you", count)
        return self._language.say_many(
            "%(num)s store near %(place)s", "%(num)s stores near %(place)s", count, place=place
        )

    def _more(self, count: int) -> str | None:
        shown = self._ask.shown
        return self._ask.link(shown=min(shown + _STEP, MOST_STORES)) if shown < min(count, MOST_STORES) else None

    def _widen_words(self, found: StoreSearchResult) -> str | None:
        if found.widen is None:
            return None
        distance = self._language.distance(found.widen, found.unit)
        return self._language.say("Look within %(distance)s", distance=distance)

    def _card(self, offer: StoreOffer, found: StoreSearchResult) -> Card:
        store, paths = offer.store, usable_paths(offer)
        opening = describe_opening(store, self._now, self._language)
        return Card(
            id=store.id,
            name=store.name,
            address=address_line(store.address),
            distance=self._language.distance(offer.distance_value, found.unit),
            hours=opening.words if opening else None,
            is_open=opening.is_open if opening else None,
            stock=describe_stock(offer, self._language, is_fresh=self._now - found.as_of <= COUNT_FRESH),
            price=self._price if paths else None,
            paths=paths,
            path_words=tuple(self._language.say(label_of(path)) for path in paths),
            phone=read_phone(store),
            map_url=directions_url(store.location) if store.location else None,
        )


def usable_paths(offer: StoreOffer) -> tuple[PathToPurchase, ...]:
    """The ways in which the store can hand over the whole cart: what it lacks can only be shipped there."""
    return offer.paths if offer.has_all else tuple(path for path in offer.paths if path is PathToPurchase.STS)


def describe_stock(offer: StoreOffer, language: Language, *, is_fresh: bool) -> Stock:
    """What the store has, told by the item it has least of. A small count is told only while it is fresh."""
    if not offer.has_all:
        return _describe_lack(offer, language)
    least = min((item.quantity_on_hand for item in offer.items if item.quantity_on_hand is not None), default=None)
    if least is None or least >= _FEW:
        return Stock("in", language.say("In stock"))
    if not is_fresh:
        return Stock("call", language.say("Call to check"))
    return Stock("few", language.say_many("Only %(num)s left", "Only %(num)s left", least))


def _describe_lack(offer: StoreOffer, language: Language) -> Stock:
    if PathToPurchase.STS in offer.paths:
        return Stock("ship", language.say("Shipped to the store for you"))
    there = sum(not item.missing for item in offer.items)
    if not there:
        return Stock("none", language.say("Out of stock"))
    return Stock("none", language.say("Has %(there)s of %(all)s items", there=there, all=len(offer.items)))


def price_of_cart(catalogue: Catalogue, items: Iterable[AskedItem]) -> Money | None:
    """What the cart costs by the brand's catalogue; None unless it has a price for everything, in one currency."""
    prices = [(catalogue.get(item.upc), item.quantity) for item in items]
    lines = [product.price * quantity for product, quantity in prices if product and product.price]
    if len(lines) != len(prices) or len({line.currency for line in lines}) != 1:
        return None
    return sum(lines[1:], lines[0])
