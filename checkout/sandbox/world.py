"""The state of the brand's world: who sells what, at what price, how many are left."""

from decimal import Decimal
from typing import Any

from checkout.sandbox.dealers import Dealers
from checkout.sandbox.feed import Feed
from checkout.sandbox.feed_sheet import FeedRow
from checkout.sandbox.products import PRODUCTS, Product
from checkout.sandbox.shelf import Shelf
from checkout.sandbox.stores import STORES, Store

WAREHOUSE = 0
"""The brand's own warehouse, where ship-to-store items come from; stands beside the stores' ids."""

_WAREHOUSE_STOCK = 500
_STORE_MARKUPS = (0, -500, 300, 0, -1000, 495)
_CAD_PER_USD = Decimal("1.35")


def _seed_stock(store_index: int, product_index: int) -> int:
    """Deterministic and uneven: about a quarter of the shelf places are empty.

    The first style is kept by all stores, so that the first purchase of a newcomer works anywhere.
    """
    if product_index < 4:
        return 12 + (store_index + product_index) % 5
    spread = (store_index * 7 + product_index * 5 + store_index * product_index) % 12
    return max(spread - 2, 0)


def _seed_price(store: Store, store_index: int, product: Product) -> int:
    """The list price, moved by a store's own markup; Canadian stores price in their own dollars."""
    if store.country == "CA":
        return int(product.price * _CAD_PER_USD) // 100 * 100 + 99
    markup = _STORE_MARKUPS[store_index % len(_STORE_MARKUPS)]
    return product.price + markup if product.price > 8000 else product.price


class World:
    """Stores, products, stock and prices, as seeded and as changed since."""

    def __init__(self, shelf: Shelf, dealers: Dealers, feed: Feed) -> None:
        self._shelf = shelf
        self.dealers = dealers
        self._feed = feed
        self.stores = {store.id: store for store in STORES}
        self.products = {product.upc: product for product in PRODUCTS}
        self._stock: dict[tuple[int, str], int] = {}
        self._price: dict[tuple[int, str], int] = {}
        self._seed()
        for document in shelf.load("stock").values():
            self._stock[document["store_id"], document["upc"]] = document["quantity"]
            self._price[document["store_id"], document["upc"]] = document["price"]

    def _seed(self) -> None:
        for product_index, product in enumerate(PRODUCTS):
            self._stock[WAREHOUSE, product.upc] = _WAREHOUSE_STOCK
            self._price[WAREHOUSE, product.upc] = product.price
            for store_index, store in enumerate(STORES):
                self._stock[store.id, product.upc] = _seed_stock(store_index, product_index)
                self._price[store.id, product.upc] = _seed_price(store, store_index, product)

    def reset(self) -> None:
        self._seed()
        self._shelf.clear("stock")
        self.dealers.reset()
        self._feed.reset()

    def knows_place(self, store_id: int) -> bool:
        return store_id == WAREHOUSE or store_id in self.stores

    def stock(self, store_id: int, upc: str) -> int:
        return self._stock.get((store_id, upc), 0)

    def price(self, store_id: int, upc: str) -> int:
        """The store's own unit price in minor units of the store's currency."""
        return self._price[store_id, upc]

    def set_shelf_place(self, store_id: int, upc: str, quantity: int | None, price: int | None) -> None:
        """Change stock or price, or both, of one UPC at one store."""
        key = (store_id, upc)
        self._stock[key] = self._stock[key] if quantity is None else quantity
        self._price[key] = self._price[key] if price is None else price
        document = {"store_id": store_id, "upc": upc, "quantity": self._stock[key], "price": self._price[key]}
        self._shelf.put("stock", f"{store_id}:{upc}", document)

    def take_stock(self, store_id: int, upc: str, quantity: int) -> None:
        """Sold: never below none, since a store may have answered for more than its feed said."""
        self.set_shelf_place(store_id, upc, max(self.stock(store_id, upc) - quantity, 0), None)
        if store_id == WAREHOUSE:
            self._feed.note_sale(upc, quantity)

    def replace_stock(self, store_id: int, rows: dict[str, tuple[int, int | None]]) -> None:
        """What a store's inventory file says, quantity and price by UPC: what is not in it is not there."""
        for upc in self.products:
            quantity, price = rows.get(upc, (0, None))
            self.set_shelf_place(store_id, upc, quantity, price)
        self.dealers.inventory_came(store_id)

    def on_hand(self, store_id: int, upc: str, path: str) -> int:
        """How many can be sold by this path: ship-to-store takes from the brand's feed, or else its warehouse."""
        if path != "sts":
            return self.stock(store_id, upc)
        fed = self._feed.on_hand(upc, self.stores[store_id].country)
        return self.stock(WAREHOUSE, upc) if fed is None else fed

    def sts_terms(self, store_id: int, upc: str) -> FeedRow | None:
        """What the brand's feed says of a UPC for the store's country, None where it says nothing."""
        return self._feed.row(upc, self.stores[store_id].country)

    def paths(self, store_id: int) -> list[str]:
        """The paths by which the store sells now; without the brand's feed none ships to it."""
        paths = self.dealers.paths(self.stores[store_id])
        return paths if self._feed.is_on else [path for path in paths if path != "sts"]

    def tax_rate(self, store_id: int) -> Decimal:
        return self.dealers.tax_rate(self.stores[store_id]) or Decimal(0)

    def variants(self, style: str) -> list[Product]:
        return [product for product in PRODUCTS if product.style == style]

    def catalogue(self) -> dict[str, Any]:
        """What `GET /_sandbox/catalogue` tells. Amounts are integer minor units."""
        return {
            "products": [_product_document(product) for product in PRODUCTS],
            "stores": [self.store_document(store) for store in STORES],
            "warehouse": {"stock": {upc: self.stock(WAREHOUSE, upc) for upc in self.products}},
        }

    def store_document(self, store: Store) -> dict[str, Any]:
        return {
            "id": store.id,
            "name": store.name,
            "address": store.address,
            "city": store.city,
            "state": store.state,
            "zip": store.zip,
            "country": store.country,
            "phone": store.phone,
            "lat": store.lat,
            "lng": store.lng,
            "time_zone": store.week.zone.key,
            "currency": store.currency,
            "paths": self.paths(store.id),
            **self.dealers.document(store),
            "stock": {upc: self.stock(store.id, upc) for upc in self.products},
            "price": {upc: self.price(store.id, upc) for upc in self.products},
        }


def _product_document(product: Product) -> dict[str, Any]:
    return {
        "upc": product.upc,
        "product_id": product.product_id,
        "style": product.style,
        "name": product.name,
        "category": product.category,
        "attributes": product.attributes,
        "price": product.price,
        "currency": "USD",
        "image_url": f"/images/{product.style.lower()}.svg",
        "alias": list(product.alias),
    }
