"""Headless API 1.0, finding: places, the brand's product, and the stores that have it."""

from typing import Any

from checkout.sandbox.clock import SandboxClock
from checkout.sandbox.incoming import Caller, Incoming, Json, Reply, refuse
from checkout.sandbox.markers import STOCK_STATUSES, marker, options
from checkout.sandbox.places import KM_PER_MILE, Box, miles_between, nearest, suggest
from checkout.sandbox.products import COMPANY_ID, COMPANY_NAME, COMPANY_SLUG, Product
from checkout.sandbox.records import Books, Session
from checkout.sandbox.stores import Store
from checkout.sandbox.switches import SwitchBoard
from checkout.sandbox.world import World

_STATUS_PATHS = {"PTP_BOPIS": "bopis", "PTP_ROPIS": "ropis", "PTP_SDD": "sdd", "PTP_STS": "sts"}
_LOCATE_DEFAULT = 3
_LOCAL_STORES = 5


class Locating:
    def __init__(self, clock: SandboxClock, world: World, books: Books, switches: SwitchBoard) -> None:
        self._clock = clock
        self._switches = switches
        self._world = world
        self._books = books

    def location_suggest(self, _: Caller, incoming: Incoming) -> Reply:
        query = incoming.text("query")
        if not query:
            raise refuse(400, "query is required")
        session = self._books.session(incoming.session_id)
        suggestions = [
            {
                "value": place.label,
                "postcode": place.postal_code,
                "data": {"lat": place.lat, "lng": place.lng, "relevance": round(1 - rank / 10, 2)},
            }
            for rank, place in enumerate(list(suggest(query))[:10])
        ]
        data = {"query": query.lower(), "suggestions": suggestions, "from": [f"{session.lat}", f"{session.lng}"]}
        return 200, _ok(data | {"session": {"id": session.id}})

    def location_switch(self, _: Caller, incoming: Incoming) -> Reply:
        try:
            lat, lng = float(incoming.path["lat"]), float(incoming.path["lng"])
        except ValueError:
            raise refuse(400, "lat and lng must be numbers") from None
        if not (-90 <= lat <= 90 and -180 <= lng <= 180):
            raise refuse(400, "lat and lng must be coordinates")
        session = self._books.session(incoming.session_id)
        session.lat, session.lng, session.located = lat, lng, True
        self._books.keep_session(session)
        return 200, _ok(self._location(session, incoming.text("location_change_to_string")))

    def _location(self, session: Session, name: str) -> Json:
        place = nearest(session.lat, session.lng)
        return {
            "city_label": name or place.city_label,
            "country": place.country,
            "zip_label": place.postal_code,
            "postal_code": place.postal_code,
            "lat": f"{session.lat:.8f}",
            "lng": f"{session.lng:.8f}",
            "source": "region",
            "base_url": f"/in/{place.city.lower().replace(' ', '-')}-{place.state.lower()}",
            "distance_unit": "km" if place.country == "CA" else "mi",
            "session": {"id": session.id},
        }

    def address_suggest(self, _: Caller, incoming: Incoming) -> Reply:
        query = incoming.text("query")
        return 200, _ok({"query": query.lower(), "suggestions": [{"value": place.label} for place in suggest(query)]})

    def address_validate(self, _: Caller, incoming: Incoming) -> Reply:
        for name in ("dropoff_address", "store_id", "upc"):
            if not incoming.text(name):
                raise refuse(400, f"{name} is required")
        store = self._store(incoming, "store_id")
        return 200, _ok({"is_valid": int("sdd" in self._world.paths(store.id)), "store_id": store.id})

    def start(self, _: Caller, incoming: Incoming) -> Reply:
        """The product, and the nearest store that has it; a style alone is answered with its most common local UPC."""
        wanted = [product for product in self._wanted(incoming) if _fits(product, incoming)]
        if incoming.number("company_id") != COMPANY_ID or not wanted:
            raise refuse(404, "The product was not found")
        session = self._books.session(incoming.session_id)
        near = sorted(self._world.stores.values(), key=lambda store: self._distance(session, store))
        product = max(wanted, key=lambda one: len(self._stocking(near[:_LOCAL_STORES], one)))
        return 200, _ok(
            {
                "style": product.style,
                "company_id": COMPANY_ID,
                "upc": product.upc,
                "company_name": COMPANY_NAME,
                "initial_store_id": (self._stocking(near, product) or near)[0].id,
                "company_logo": "ridgeline.svg",
                "user_geo": _user_geo(session),
                "session": {"id": session.id},
            }
        )

    def _stocking(self, stores: list[Store], product: Product) -> list[Store]:
        return [store for store in stores if self._world.stock(store.id, product.upc)]

    def store_data(self, _: Caller, incoming: Incoming) -> Reply:
        """Stores within the box that stock the UPC; in single-store mode that store, stocked or not."""
        unit = incoming.text("map_distance_unit")
        diagonal = incoming.number("map_distance_diag")
        if unit not in ("mi", "km") or diagonal is None:
            raise refuse(400, "map_distance_unit (mi or km) and map_distance_diag are required")
        company = incoming.number("company_id")
        if company is None and not incoming.text("company_slug"):
            raise refuse(400, "company_id is required")
        if not incoming.text("upc", "style"):
            raise refuse(400, "upc or style is required")
        session = self._books.session(incoming.session_id)
        ours = company == COMPANY_ID or (company is None and incoming.text("company_slug") == COMPANY_SLUG)
        wanted = self._wanted(incoming) if ours else []
        stores = self._stores(incoming, diagonal / (1 if unit == "mi" else KM_PER_MILE), wanted) if ours else []
        now = self._clock.now()
        markers = [
            marker(self._world, store, wanted, now, self._distance(session, store) if session.located else 0)
            for store in stores
        ]
        carried = {upc: None for store in stores for upc in self._carried(store, wanted)}
        return 200, _ok({"all_upcs_carried": list(carried), "markers": markers, "total_marker_count": len(markers)})

    def _stores(self, incoming: Incoming, diagonal_miles: float, wanted: list[Product]) -> list[Store]:
        if incoming.text("only_store_id"):
            only = self._world.stores.get(incoming.number("only_store_id") or -1)
            return [only] if only else []
        lat, lng = incoming.degrees("map_center_lat"), incoming.degrees("map_center_lng")
        if lat is None or lng is None:
            raise refuse(400, "map_center_lat and map_center_lng are required")
        box = Box(lat, lng, diagonal_miles)
        upcs = [product.upc for product in wanted]
        statuses = [status for status in incoming.text("statuses").upper().split(",") if status]
        return [
            store
            for store in self._world.stores.values()
            if box.holds(store.lat, store.lng) and self._has(store, upcs) and self._passes(store, upcs, statuses)
        ]

    def _has(self, store: Store, upcs: list[str]) -> bool:
        """Whether the store has one of them, or the brand would ship one to it."""
        if any(self._world.stock(store.id, upc) for upc in upcs):
            return True
        return self._switches.now.sts_stores_listed and "sts" in options(self._world, store, upcs)

    def _passes(self, store: Store, upcs: list[str], statuses: list[str]) -> bool:
        paths = options(self._world, store, upcs)
        return all(_STATUS_PATHS[status] in paths for status in statuses if status in _STATUS_PATHS)

    def _carried(self, store: Store, wanted: list[Product]) -> list[str]:
        styles = {product.style for product in wanted}
        variants = [product.upc for style in sorted(styles) for product in self._world.variants(style)]
        return [upc for upc in variants if self._world.stock(store.id, upc)]

    def _wanted(self, incoming: Incoming) -> list[Product]:
        """The products of the request's UPCs (comma or pipe separated), or else of its style or colour."""
        products = self._world.products
        if upcs := incoming.text("upc", "upcs"):
            codes = [code.strip().zfill(12) for code in upcs.replace("|", ",").split(",")]
            return [products[code] for code in codes if code in products]
        if style := incoming.text("style"):
            return self._world.variants(style)
        color = incoming.text("color").casefold()
        return [product for product in products.values() if color and product.color.casefold() == color]

    def locate(self, _: Caller, incoming: Incoming) -> Reply:
        """The nearest stores with any of the wanted variants, whatever is in stock there."""
        lat = incoming.degrees("lat", "latitude", "map_center_lat")
        lng = incoming.degrees("lng", "longitude", "map_center_lng")
        if incoming.number("company_id") is None or lat is None or lng is None:
            raise refuse(400, "company_id, lat and lng are required")
        wanted = self._wanted(incoming) if incoming.number("company_id") == COMPANY_ID else []
        styles = {product.style for product in wanted}
        if incoming.text("upc") and "," not in incoming.text("upc"):
            wanted = [product for style in styles for product in self._world.variants(style)]
        now = self._clock.now()
        found = [
            marker(self._world, store, wanted, now, distance) | {"variants": self._variants(store, wanted)}
            for distance, store in self._near(lat, lng, incoming)
            if self._sells(store, wanted, incoming.text("paths", "ptp"))
        ][: max(incoming.number("limit", "n_stores", "number_of_stores") or _LOCATE_DEFAULT, 0)]
        upcs = sorted({variant["upc"] for one in found for variant in one["variants"]})
        return 200, _ok({"upcs": upcs, "stores": found, "total": len(found)})

    def _near(self, lat: float, lng: float, incoming: Incoming) -> list[tuple[float, Store]]:
        miles = incoming.number("radius_miles", "radius", "radius_mi")
        kilometres = incoming.number("radius_kilometers", "radius_km")
        reach = miles if miles is not None else kilometres / KM_PER_MILE if kilometres is not None else float("inf")
        country = incoming.text("country", "country_code").upper()
        measured = [(miles_between(lat, lng, store.lat, store.lng), store) for store in self._world.stores.values()]
        kept = [(far, store) for far, store in measured if far <= reach and country in ("", store.country)]
        return sorted(kept, key=lambda pair: pair[0])

    def _sells(self, store: Store, wanted: list[Product], paths: str) -> bool:
        upcs = [product.upc for product in wanted]
        offered = set(options(self._world, store, upcs))
        return self._has(store, upcs) and (not paths or bool(set(paths.split(",")) & offered))

    def _variants(self, store: Store, wanted: list[Product]) -> list[dict[str, Any]]:
        stocked = [product for product in wanted if self._world.stock(store.id, product.upc)]
        return [
            {"upc": product.upc, "qoh": self._world.stock(store.id, product.upc), **product.attributes}
            for product in stocked
        ]

    def product_data(self, _: Caller, incoming: Incoming) -> Reply:
        wanted = self._wanted(incoming)
        if incoming.number("company_id") != COMPANY_ID or not wanted:
            raise refuse(404, "The product was not found")
        variants = [
            {"upc": product.upc, "product_id": product.product_id, **product.attributes}
            for product in self._world.variants(wanted[0].style)
        ]
        first = wanted[0]
        data = {"company_id": COMPANY_ID, "company_name": COMPANY_NAME, "style": first.style, "name": first.name}
        return 200, _ok({**data, "upc": first.upc, "product_id": first.product_id, "variants": variants})

    def ecommerce_data(self, _: Caller, __: Incoming) -> Reply:
        return 200, _ok({"buy_online": []})

    def common(self, _: Caller, __: Incoming) -> Reply:
        constants = [{"key": name, "value": f"{code}"} for code, name in STOCK_STATUSES]
        return 200, _ok({"stock_status_constants": constants, "distance_units": ["mi", "km"]})

    def location_data(self, _: Caller, incoming: Incoming) -> Reply:
        store = self._world.stores.get(incoming.path_number("store_id") or -1)
        if store is None or incoming.path["type"] != "store":
            raise refuse(404, "The store was not found", 1329)
        return 200, _ok({"store": marker(self._world, store, [], self._clock.now(), 0)})

    def _store(self, incoming: Incoming, name: str) -> Store:
        store = self._world.stores.get(incoming.number(name) or -1)
        if store is None:
            raise refuse(404, "The store was not found", 1329)
        return store

    def _distance(self, session: Session, store: Store) -> float:
        return miles_between(session.lat, session.lng, store.lat, store.lng)


def _user_geo(session: Session) -> Json:
    """Where the shopper is: coordinates are strings here."""
    place = nearest(session.lat, session.lng)
    return {
        "lat": f"{session.lat}",
        "lng": f"{session.lng}",
        "city_label": place.city_label,
        "country": place.country,
        "distance_unit": "km" if place.country == "CA" else "mi",
    }


def _fits(product: Product, incoming: Incoming) -> bool:
    """Whether style and product id, where they were sent beside the UPC, belong to this product."""
    style, product_id = incoming.text("style"), incoming.number("product_id")
    return style in ("", product.style) and product_id in (None, product.product_id)


def _ok(data: Json) -> Json:
    return {"success": True, "data": data, "msg": ""}
