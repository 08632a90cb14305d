"""Places the shopper may name, and distances between points."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

_EARTH_RADIUS_MILES = 3958.8
KM_PER_MILE = 1.609344
_MILES_PER_DEGREE = math.radians(1) * _EARTH_RADIUS_MILES


@dataclass(frozen=True)
class Place:
    city: str
    state: str
    postal_code: str
    country: str
    lat: float
    lng: float

    @property
    def city_label(self) -> str:
        return f"{self.city}, {self.state}"

    @property
    def label(self) -> str:
        country = "United States" if self.country == "US" else "Canada"
        return f"{self.city_label} {self.postal_code}, {country}"


PLACES = (
    Place("Chicago", "IL", "60602", "US", 41.8832, -87.6290),
    Place("Chicago", "IL", "60605", "US", 41.8676, -87.6232),
    Place("Chicago", "IL", "60607", "US", 41.8748, -87.6517),
    Place("Chicago", "IL", "60614", "US", 41.9227, -87.6533),
    Place("Chicago", "IL", "60647", "US", 41.9209, -87.7043),
    Place("Chicago", "IL", "60657", "US", 41.9401, -87.6528),
    Place("Evanston", "IL", "60201", "US", 42.0546, -87.6943),
    Place("Oak Park", "IL", "60302", "US", 41.8947, -87.7898),
    Place("Naperville", "IL", "60540", "US", 41.7661, -88.1413),
    Place("Denver", "CO", "80202", "US", 39.7491, -104.9946),
    Place("Denver", "CO", "80209", "US", 39.7066, -104.9669),
    Place("Boulder", "CO", "80302", "US", 40.0176, -105.2797),
    Place("Golden", "CO", "80401", "US", 39.7305, -105.1915),
    Place("Seattle", "WA", "98101", "US", 47.6114, -122.3305),
    Place("Seattle", "WA", "98103", "US", 47.6713, -122.3429),
    Place("Bellevue", "WA", "98004", "US", 47.6155, -122.2070),
    Place("Atlanta", "GA", "30303", "US", 33.7525, -84.3888),
    Place("Atlanta", "GA", "30307", "US", 33.7691, -84.3360),
    Place("Decatur", "GA", "30030", "US", 33.7700, -84.2952),
    Place("New York", "NY", "10001", "US", 40.7506, -73.9972),
    Place("San Francisco", "CA", "94103", "US", 37.7726, -122.4099),
    Place("Portland", "OR", "97209", "US", 45.5311, -122.6839),
    Place("Toronto", "ON", "M5V 2T6", "CA", 43.6426, -79.3871),
    Place("Toronto", "ON", "M6J 1J8", "CA", 43.6450, -79.4130),
    Place("Toronto", "ON", "M4E 1G1", "CA", 43.6710, -79.2960),
)


def suggest(query: str) -> Iterator[Place]:
    """Places whose city or postal code begins with the query, best first.

    A full postal code that is not listed is answered with the listed one of its area (the same first three
    characters), as a geocoder would know it.
    """
    wanted = _fold(query)
    if not wanted:
        return
    found = [place for place in PLACES if _matches(place, wanted)]
    if not found and len(wanted) >= 5:
        found = [place for place in PLACES if _fold(place.postal_code)[:3] == wanted[:3]][:1]
    yield from found


def _matches(place: Place, wanted: str) -> bool:
    names = (place.postal_code, place.city, f"{place.city_label} {place.postal_code}", place.label)
    return any(_fold(name).startswith(wanted) for name in names)


def _fold(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def nearest(lat: float, lng: float) -> Place:
    return min(PLACES, key=lambda place: miles_between(lat, lng, place.lat, place.lng))


def miles_between(lat: float, lng: float, other_lat: float, other_lng: float) -> float:
    """Great-circle distance (haversine)."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    half_height = math.sin((other_phi - phi) / 2) ** 2
    half_width = math.sin(math.radians(other_lng - lng) / 2) ** 2
    # Rounding may carry opposite points out of the range of asin.
    chord = half_height + math.cos(phi) * math.cos(other_phi) * half_width
    return 2 * _EARTH_RADIUS_MILES * math.asin(math.sqrt(min(max(chord, 0.0), 1.0)))


@dataclass(frozen=True)
class Box:
    """A square on the map with the given diagonal: how Locally's `map_distance_diag` bounds a search."""

    lat: float
    lng: float
    diagonal_miles: float

    def holds(self, lat: float, lng: float) -> bool:
        half_side = self.diagonal_miles / (2 * math.sqrt(2))
        north = abs(lat - self.lat) * _MILES_PER_DEGREE
        east = abs(lng - self.lng) * _MILES_PER_DEGREE * math.cos(math.radians(self.lat))
        return north <= half_side and east <= half_side
