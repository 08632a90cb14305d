"""What a cart would be at a store right now: who has it, which way, at what price and tax."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from checkout.availability import Availability
from checkout.catalogue import Catalogue
from checkout.errors import FieldError, InvalidField, PathNotOffered, StoreUnknown, UpstreamError
from checkout.locally_client import StoreStock
from checkout.money import currency_of_country
from checkout.orders import BUILT_PATHS, Checkout, LineItem, PathToPurchase, PriceSource, Store
from checkout.quoting import Quoting, UnitQuote

Stocks = Mapping[str, StoreStock | None]

_PATH = "/path_to_purchase"


@dataclass(frozen=True, slots=True)
class Assessment:
    """A cart at a store: its lines with prices and availability, and whether the path is offered for it."""

    store: Store
    currency: str
    path_offered: bool
    items: tuple[LineItem, ...]
    as_of: datetime


class Assessor:
    """Asks for stock and prices together."""

    def __init__(
        self,
        availability: Availability,
        quoting: Quoting,
        catalogue: Catalogue,
        *,
        paths: frozenset[PathToPurchase],
        currencies: Mapping[str, str],
    ) -> None:
        self._availability = availability
        self._quoting = quoting
        self._catalogue = catalogue
        self._paths = paths & BUILT_PATHS
        self._currencies = currencies

    def require_path(self, path: PathToPurchase, pointer: str = _PATH) -> None:
        """Raises PathNotOffered, with where the path stood, unless the brand may use it, and it is built."""
        if path not in self._paths:
            raise _path_not_offered("This path to purchase is not offered.", pointer)

    async def assess(
        self,
        store_id: int,
        path: PathToPurchase,
        items: tuple[LineItem, ...],
        *,
        kept_stock: bool = False,
        through: bool = False,
    ) -> Assessment:
        """A new or changed cart. Stock is read afresh unless `kept_stock`; with `through` prices are, too.

        Raises StoreUnknown, PathNotOffered (the brand or the store does not offer it), InvalidField (a price given in
        another currency than the store's), UpstreamUnavailable.
        """
        self.require_path(path)
        reading = await self._availability.read_stores(store_id, [line.upc for line in items], through=not kept_stock)
        store = reading.store
        if store is None:
            raise StoreUnknown(fields=(FieldError("/store_id", StoreUnknown.code, StoreUnknown.default_detail),))
        if not _path_offered(path, reading.stocks):
            raise _path_not_offered(PathNotOffered.default_detail)
        currency = self._currency(store)
        _check_currencies(items, currency)
        quotes = await self._quoting.quote(store, path, _unpriced(items), currency=currency, through=through)
        lines = tuple(self._line(line, path, reading.stocks.get(line.upc), quotes.get(line.upc)) for line in items)
        as_of = min([reading.as_of, *(quote.as_of for quote in quotes.values())])
        return Assessment(store, currency, path_offered=True, items=lines, as_of=as_of)

    async def reassess(self, checkout: Checkout) -> Assessment:
        """The checkout's cart, read afresh from Locally; where no price can be read, the known one stays.

        Raises UpstreamError where stock cannot be read.
        """
        path, items = checkout.path_to_purchase, checkout.items
        reading, quotes = await asyncio.gather(
            self._availability.read_stores(checkout.store.id, [line.upc for line in items], through=True),
            self._fresh_quotes(checkout),
        )
        lines = tuple(self._line(line, path, reading.stocks.get(line.upc), quotes.get(line.upc)) for line in items)
        offered = path in self._paths and _path_offered(path, reading.stocks)
        return Assessment(checkout.store, checkout.currency, path_offered=offered, items=lines, as_of=reading.as_of)

    async def _fresh_quotes(self, checkout: Checkout) -> Mapping[str, UnitQuote]:
        upcs = _unpriced(checkout.items)
        try:
            return await self._quoting.quote(
                checkout.store,
                checkout.path_to_purchase,
                upcs,
                currency=checkout.currency,
                through=True,
                fall_back=False,
            )
        except UpstreamError:
            # Locally judges the price again at validate, so a missed reading costs nothing but a later answer.
            return {}

    def _line(
        self, line: LineItem, path: PathToPurchase, stock: StoreStock | None, quote: UnitQuote | None
    ) -> LineItem:
        product = self._catalogue.get(line.upc)
        known = line.changed(
            name=product.name if product else line.name,
            image_url=product.image_url if product else line.image_url,
            available=_is_available(line, path, stock),
            refused=False,
        )
        if quote is None or quote.unit_price is None:
            return known
        if line.price_source is PriceSource.GIVEN:
            # Locally verifies a given price: only where it is the store's own does the store's tax belong to it.
            return known.changed(tax_per_unit=quote.tax_per_unit) if quote.unit_price == line.unit_price else known
        if quote.source is PriceSource.CATALOGUE and line.price_source is PriceSource.LOCALLY:
            return known  # What the store itself said before is the better price.
        priced = known.changed(unit_price=quote.unit_price, shipping=quote.shipping)
        if line.price_source is None and line.tax_per_unit is not None:
            # The brand's server gave the tax alone: it is sent to Locally, and the price with it.
            return priced.changed(price_source=PriceSource.GIVEN)
        return priced.changed(tax_per_unit=quote.tax_per_unit, price_source=quote.source)

    def _currency(self, store: Store) -> str:
        return self._currencies.get(str(store.id)) or currency_of_country(store.address.country) or "USD"


def _unpriced(items: tuple[LineItem, ...]) -> list[str]:
    """What needs a quote: price and tax that the brand's server gave are Locally's to verify, not ours to ask."""
    return [line.upc for line in items if line.price_source is not PriceSource.GIVEN or line.tax_per_unit is None]


def _check_currencies(items: tuple[LineItem, ...], currency: str) -> None:
    """Raises InvalidField if the brand's server gave a price in another currency than the store's."""
    faults = tuple(
        FieldError(f"/items/{index}/{name}/currency", "invalid", f"This store sells in {currency}.")
        for index, line in enumerate(items)
        for name in ("unit_price", "tax_per_unit")
        if (money := getattr(line, name)) is not None and money.currency != currency
    )
    if faults:
        raise InvalidField(fields=faults)


def _path_offered(path: PathToPurchase, stocks: Stocks) -> bool:
    """Whether the path is offered for everything that is there; a cart of which nothing is there says nothing."""
    if path is PathToPurchase.STS:
        return all(stock is not None and path in stock.paths for stock in stocks.values())
    return all(path in stock.paths for stock in stocks.values() if stock is not None and stock.in_stock)


def _is_available(line: LineItem, path: PathToPurchase, stock: StoreStock | None) -> bool:
    if stock is None:
        return False
    if path is PathToPurchase.STS:
        return path in stock.paths  # The brand ships it: the store's own shelf does not matter.
    return stock.in_stock and (stock.quantity_on_hand is None or stock.quantity_on_hand >= line.quantity)


def _path_not_offered(detail: str, pointer: str = _PATH) -> PathNotOffered:
    return PathNotOffered(detail, fields=(FieldError(pointer, PathNotOffered.code, detail),))
