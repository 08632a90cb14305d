"""What a UPC costs at a store: price and tax of one unit.

Locally names no price before a cart exists, so we put one unit into a cart of a fresh shopper session and read its
subtotal and tax. Such carts are recorded, so that nobody takes one for an order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from checkout.caching import Cache, Spans
from checkout.catalogue import Catalogue
from checkout.errors import Refused, UpstreamError, UpstreamUnavailable
from checkout.locally_client import QuotedCart
from checkout.money import Money
from checkout.orders import MOST_PER_UNIT, PathToPurchase, PriceSource, Store

# Quote carts that are being made at Locally at one moment.
PARALLEL_QUOTES = 20
# How many cart hashes are remembered to recognize a session that was not fresh after all.
KEPT_HASHES = 100_000


# Gives the minor units for one unit of a UPC in a country (two letters, "" where it is unknown).
ShippingCost = Callable[[str, str], Awaitable[int]]


class CartReads(Protocol):
    """The call of `LocallyClient` that we make."""

    async def quote_item(self, upc: str, store_id: int, *, hold: bool, host_domain: str) -> QuotedCart: ...


@dataclass(frozen=True)
class UnitQuote:
    """What one unit costs. None where nobody told: without a price, `source` is None too."""

    unit_price: Money | None
    tax_per_unit: Money | None
    shipping: Money | None
    source: PriceSource | None
    as_of: datetime


@dataclass(frozen=True)
class _Question:
    """Equal questions share one quote cart."""

    store_id: int
    upc: str
    path: PathToPurchase
    currency: str


class Quoting:
    """Quotes of Locally's, kept for `fresh` seconds and never longer; the catalogue's prices where there are none."""

    def __init__(
        self,
        locally: CartReads,
        catalogue: Catalogue,
        *,
        record_cart: Callable[[str], Awaitable[None]],
        shipping_cost: ShippingCost,
        host_domain: str,
        fresh: float,
        now: Callable[[], float],
        clock: Callable[[], datetime],
    ) -> None:
        """`record_cart` keeps the hash of a quote cart, before the quote is used; what it raises, a quote raises.

        `shipping_cost` is what the brand takes for shipping one unit to a store, and raises likewise.
        """
        self._locally = locally
        self._catalogue = catalogue
        self._record_cart = record_cart
        self._shipping_cost = shipping_cost
        self._host_domain = host_domain
        self._clock = clock
        self._limit = asyncio.Semaphore(PARALLEL_QUOTES)
        self._hashes: dict[str, None] = {}
        self._quotes = Cache[_Question, UnitQuote](Spans(fresh=fresh), now=now, clock=clock)

    async def close(self) -> None:
        await self._quotes.close()

    async def quote(
        self,
        store: Store,
        path: PathToPurchase,
        upcs: Sequence[str],
        *,
        currency: str,
        through: bool = False,
        fall_back: bool = True,
    ) -> dict[str, UnitQuote]:
        """What one unit of each UPC costs at the store, in the store's currency.

        Where Locally gives no quote, the catalogue's price stands in, without tax. With `through` every quote is of a
        cart made after the call. Without `fall_back` a read that fails raises UpstreamUnavailable, so that the caller
        keeps the price it has; a well-formed no still falls back.
        """
        if path is PathToPurchase.STS:
            return {upc: await self._ship(store, upc, currency) for upc in upcs}
        questions = [_Question(store.id, upc, path, currency) for upc in upcs]
        quotes = await asyncio.gather(
            *(self._quote_unit(question, through=through, fall_back=fall_back) for question in questions)
        )
        return dict(zip(upcs, quotes, strict=True))

    async def _quote_unit(self, question: _Question, *, through: bool, fall_back: bool) -> UnitQuote:
        try:
            return (await self._quotes.get(question, lambda: self._ask(question), through=through)).value
        except UpstreamError as error:
            if not fall_back:
                raise UpstreamUnavailable(retry_after=error.retry_after) from error
        except Refused:
            pass  # The store does not sell it this way, or not now: what the catalogue says is all there is.
        return self._quote_catalogue(question.upc, question.currency)

    async def _ask(self, question: _Question) -> UnitQuote:
        async with self._limit:
            as_of = self._clock()
            cart = await self._locally.quote_item(
                question.upc,
                question.store_id,
                hold=question.path is PathToPurchase.ROPIS,
                host_domain=self._host_domain,
            )
        if not self._is_fresh(cart.cart_hash) or cart.item_count != 1:
            # Not recorded either: a cart that holds something else may become somebody's order.
            raise UpstreamUnavailable("The store's system did not quote this item alone.")
        await self._record_cart(cart.cart_hash)
        return UnitQuote(
            unit_price=_money(cart.subtotal, question.currency),
            tax_per_unit=_money(cart.tax_total, question.currency),
            shipping=None if cart.shipping is None else _money(cart.shipping, question.currency),
            source=PriceSource.LOCALLY,
            as_of=as_of,
        )

    def _is_fresh(self, cart_hash: str) -> bool:
        """Whether the cart was never seen: a known one belongs to a session that may hold other things."""
        if cart_hash in self._hashes:
            return False
        self._hashes[cart_hash] = None
        if len(self._hashes) > KEPT_HASHES:
            del self._hashes[next(iter(self._hashes))]
        return True

    async def _ship(self, store: Store, upc: str, currency: str) -> UnitQuote:
        """Ship to store: the brand's own price, and the shipping cost that its feed tells Locally."""
        cost = await self._shipping_cost(upc, (store.address.country or "").upper())
        shipping = Money(amount=min(cost, MOST_PER_UNIT), currency=currency)
        return replace(self._quote_catalogue(upc, currency), shipping=shipping)

    def _quote_catalogue(self, upc: str, currency: str) -> UnitQuote:
        product = self._catalogue.get(upc)
        price = product.price if product else None
        known = price is not None and price.currency == currency and price.amount <= MOST_PER_UNIT
        return UnitQuote(
            unit_price=price if known else None,
            tax_per_unit=None,
            shipping=None,
            source=PriceSource.CATALOGUE if known else None,
            as_of=self._clock(),
        )


def _money(value: Decimal, currency: str) -> Money:
    try:
        money = Money.from_decimal(value, currency)
    except ValueError:
        money = None
    if money is None or money.amount > MOST_PER_UNIT:
        raise UpstreamUnavailable("The store's system quoted something that is no price.")
    return money
