"""Local Marketing API: the brand's stores, and those having one of several UPCs."""

from checkout.sandbox.incoming import Caller, Incoming, Json, Refusal, Reply
from checkout.sandbox.products import COMPANY_ID
from checkout.sandbox.stores import Store
from checkout.sandbox.world import World

_MOST = 100
_USUAL = 10


class Marketing:
    def __init__(self, world: World) -> None:
        self._world = world

    def stores(self, _: Caller, incoming: Incoming) -> Reply:
        return self._page(incoming, [self._row(store, []) for store in self._world.stores.values()])

    def stores_by_upc(self, _: Caller, incoming: Incoming) -> Reply:
        upcs = [upc for upc in incoming.path["upcs"].split("|") if upc in self._world.products]
        held = [
            (store, [upc for upc in upcs if self._world.stock(store.id, upc)]) for store in self._world.stores.values()
        ]
        return self._page(incoming, [self._row(store, stocked) for store, stocked in held if stocked])

    def _page(self, incoming: Incoming, rows: list[Json]) -> Reply:
        if incoming.path_number("company_id") != COMPANY_ID:
            raise Refusal(404, {"status": False, "message": "The company was not found"})
        limit = incoming.number("limit")
        offset = max(incoming.number("offset") or 0, 0)
        limit = _USUAL if limit is None else min(max(limit, 0), _MOST)
        return 200, {"total": len(rows), "offset": offset, "results": rows[offset : offset + limit]}

    def _row(self, store: Store, upcs: list[str]) -> Json:
        paths = self._world.paths(store.id)
        row: Json = {
            "store_id": store.id,
            "company_id": store.company_id,
            "name": store.name,
            "company_name": store.name,
            "address": store.address,
            "city": store.city,
            "state": store.state,
            "zip": store.zip,
            "country": store.country,
            "phone": store.phone,
            "lat": f"{store.lat}",
            "lng": f"{store.lng}",
            "rating": "",
            "categories": "Bicycles",
            "slug": store.name.lower().replace(" ", "-"),
            "brand_slug": "ridgeline",
            "brand_bw_logo": "",
            "is_hold_capable": int("ropis" in paths),
            "is_charge_capable": int("bopis" in paths),
            "is_delivery_capable": int("sdd" in paths),
            "is_dropship_capable": int("sts" in paths),
            "store_url": f"https://www.locally.com/sapi/s/{COMPANY_ID}/{store.id}",
        }
        if upcs:
            row["in_stock_upcs"] = [
                {"upc": upc, "product_id": f"{self._world.products[upc].product_id}", "product_url": ""} for upc in upcs
            ]
        return row
