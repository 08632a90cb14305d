"""Markers: how Locally's conversion calls show a store."""

from datetime import datetime, timedelta
from typing import Any

from checkout.sandbox.hours import DAYS
from checkout.sandbox.products import Product
from checkout.sandbox.stores import Store
from checkout.sandbox.world import World

STOCK_STATUSES = (
    (0, "PRODUCT_NO_VARIANT_NO_BIL_NO"),
    (1, "PRODUCT_YES_VARIANT_NO_BIL_NO"),
    (2, "PRODUCT_YES_VARIANT_YES_BIL_NO"),
    (3, "PRODUCT_YES_VARIANT_YES_BIL_YES"),
)
_FEATURES = (("DELIVERY_AVAILABLE", "Same-day delivery"), ("IN_STORE_PICKUP_AVAILABLE", "In-store pickup"))
_CLOSES_SOON = timedelta(hours=1)


def options(world: World, store: Store, upcs: list[str]) -> list[str]:
    """The paths by which at least one of these UPCs can be bought at this store now."""
    return [path for path in world.paths(store.id) if any(world.on_hand(store.id, upc, path) > 0 for upc in upcs)]


def marker(world: World, store: Store, wanted: list[Product], now: datetime, distance: float) -> dict[str, Any]:
    """One store with its stock of the wanted variants. Flags are 0 or 1, coordinates are strings, as documented."""
    upcs = [product.upc for product in wanted]
    on_hand = sum(world.stock(store.id, upc) for upc in upcs)
    styles = {product.style for product in wanted}
    carried = [product for style in styles for product in world.variants(style)]
    stocks_product = any(world.stock(store.id, product.upc) for product in carried)
    paths = options(world, store, upcs)
    status = 0 if not stocks_product else 1 if not on_hand else 3 if paths else 2
    return {
        "id": store.id,
        "name": store.name,
        "lat": f"{store.lat}",
        "lng": f"{store.lng}",
        "address": store.address,
        "city": store.city,
        "state": store.state,
        "zip": store.zip,
        "phone": store.phone,
        "country": store.country,
        "company_id": store.company_id,
        "image": "",
        "vendor_id": f"{store.vendor_id}",
        "user_distance": round(distance, 2),
        "stock_status": status,
        "stocking_product": int(stocks_product),
        "stocking_variant": int(on_hand > 0),
        "acquisition_options": dict.fromkeys(paths, 1),
        "disclaimer": "Item is in Stock!" if on_hand else "Item is out of stock",
        "qoh": on_hand,
        "stock_status_constants": [{"key": name, "value": f"{code}"} for code, name in STOCK_STATUSES],
        "feature_constants": [{"key": key, "value": value} for key, value in _FEATURES],
        "web_address": "",
        **_hours(store, now),
    }


def _hours(store: Store, now: datetime) -> dict[str, Any]:
    today = now.astimezone(store.week.zone).weekday()
    span = store.week.open_span(now)
    opens = next(opens for opens, _ in store.week.spans_from(now) if opens > now).astimezone(store.week.zone)
    return {
        "dow": today,
        "display_dow": [
            {"bil_hrs": store.week.label(day), "label": name, "day_index": day} for day, name in enumerate(DAYS)
        ],
        "today_hours": store.week.label(today),
        "hours_known": 1,
        "is_open": int(span is not None),
        "next_open": f"{DAYS[opens.weekday()]} {store.week.label(opens.weekday()).split('-')[0]}",
        "is_closing_soon": int(span is not None and span[1] - now <= _CLOSES_SOON),
        "phone_link": f"tel:{store.phone}",
        "is_tmp_closed": 0,
        "status_class": "success" if span else "danger",
        "status_label": "Open" if span else "Closed",
    }
