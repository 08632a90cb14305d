import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checkout.catalogue import Catalogue, Product
from checkout.errors import (
    CheckoutError,
    DatabaseUnavailable,
    ItemUnavailable,
    RefusedUpstream,
    UpstreamBusy,
    UpstreamUnavailable,
)
from checkout.locally_client import QuotedCart
from checkout.money import Money
from checkout.orders import Address, PathToPurchase, PriceSource, Store
from checkout.quoting import Quoting, UnitQuote
from tests.records import usd

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHOE, SOCK = "686487455948", "686487455955"
STORE = Store(id=37175, name="Store", address=Address(country="US"))
BOPIS, ROPIS, STS = PathToPurchase.BOPIS, PathToPurchase.ROPIS, PathToPurchase.STS


def cart(cart_hash: str, subtotal: Any = "100", tax: Any = "10.25", shipping: Any = 0, items: int = 1) -> QuotedCart:
    content = {"subtotal": subtotal, "tax_total": tax, "shipping_cost_total": shipping}
    return QuotedCart.model_validate(
        {"cart_hash": cart_hash, "n_in_cart": items, "cart_content": {"cart": content}, "session": {"id": "s"}}
    )


class Locally:
    """Makes a new cart for each question; `answer` and `failure` replace that."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, bool, str]] = []
        self.answer: dict[str, Any] = {}
        self.failure: CheckoutError | None = None

    async def quote_item(self, upc: str, store_id: int, *, hold: bool, host_domain: str) -> QuotedCart:
        self.calls.append((upc, store_id, hold, host_domain))
        cart_hash = f"Q{len(self.calls)}"
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return cart(**{"cart_hash": cart_hash, **self.answer})


class Bench:
    """A Quoting over a made-up Locally and a catalogue that knows the shoe."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.locally = Locally()
        self.recorded: list[str] = []
        self.shipping: dict[tuple[str, str], int] = {}
        self.record_failure: CheckoutError | None = None
        self.quoting = Quoting(
            self.locally,
            Catalogue([Product(upc=SHOE, name="Shoe", price=usd(9900))]),
            record_cart=self.record,
            shipping_cost=self.shipping_cost,
            host_domain="shop.example.com",
            fresh=300,
            now=lambda: self.seconds,
            clock=self.clock,
        )

    async def shipping_cost(self, upc: str, country: str) -> int:
        return self.shipping.get((upc, country), 0)

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    async def record(self, cart_hash: str) -> None:
        if self.record_failure:
            raise self.record_failure
        self.recorded.append(cart_hash)

    async def quote(self, upc: str = SHOE, path: PathToPurchase = BOPIS, currency: str = "USD") -> UnitQuote:
        return (await self.quoting.quote(STORE, path, [upc], currency=currency))[upc]

    async def quote_through(self) -> UnitQuote:
        return (await self.quoting.quote(STORE, BOPIS, [SHOE], currency="USD", through=True, fall_back=False))[SHOE]


FROM_CATALOGUE = UnitQuote(usd(9900), None, None, PriceSource.CATALOGUE, START)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.quoting.close()


async def test_quote_is_the_cart_of_one_unit(bench: Bench) -> None:
    assert await bench.quote() == UnitQuote(usd(10000), usd(1025), usd(0), PriceSource.LOCALLY, START)
    assert bench.locally.calls == [(SHOE, 37175, False, "shop.example.com")]


async def test_reservation_is_quoted_with_hold(bench: Bench) -> None:
    await bench.quote(path=ROPIS)
    assert bench.locally.calls[0][2] is True


async def test_each_upc_is_quoted_in_a_cart_of_its_own(bench: Bench) -> None:
    quotes = await bench.quoting.quote(STORE, BOPIS, [SHOE, SOCK], currency="USD")
    assert list(quotes) == [SHOE, SOCK]
    assert [call[0] for call in bench.locally.calls] == [SHOE, SOCK]
    assert sorted(bench.recorded) == ["Q1", "Q2"]


async def test_equal_questions_share_one_cart(bench: Bench) -> None:
    quotes = await asyncio.gather(*(bench.quote() for _ in range(100)))
    assert len(set(quotes)) == len(bench.locally.calls) == 1


async def test_paths_are_quoted_apart(bench: Bench) -> None:
    await bench.quote(path=BOPIS)
    await bench.quote(path=ROPIS)
    assert len(bench.locally.calls) == 2


async def test_quote_is_kept_five_minutes_and_no_longer(bench: Bench) -> None:
    await bench.quote()
    bench.seconds = 299
    assert (await bench.quote()).as_of == START
    assert len(bench.locally.calls) == 1
    bench.seconds = 300
    assert (await bench.quote()).as_of == bench.clock()
    bench.locally.failure = UpstreamUnavailable()
    bench.seconds = 700
    assert (await bench.quote()).source is PriceSource.CATALOGUE


async def test_reading_through_makes_a_new_cart(bench: Bench) -> None:
    await bench.quote()
    bench.locally.answer = {"subtotal": 120}
    assert (await bench.quote_through()).unit_price == usd(12000)
    assert (await bench.quote()).unit_price == usd(12000)


@pytest.mark.parametrize("failure", [UpstreamUnavailable(), UpstreamBusy(), ItemUnavailable(), RefusedUpstream()])
async def test_catalogue_stands_in_where_adding_fails(bench: Bench, failure: CheckoutError) -> None:
    bench.locally.failure = failure
    assert await bench.quote() == FROM_CATALOGUE


async def test_failure_is_not_kept(bench: Bench) -> None:
    bench.locally.failure = UpstreamUnavailable()
    await bench.quote()
    bench.locally.failure = None
    assert (await bench.quote()).source is PriceSource.LOCALLY


async def test_no_price_anywhere_is_none(bench: Bench) -> None:
    bench.locally.failure = UpstreamUnavailable()
    assert await bench.quote(SOCK) == UnitQuote(None, None, None, None, START)


async def test_catalogue_price_in_another_currency_is_none(bench: Bench) -> None:
    bench.locally.failure = UpstreamUnavailable()
    assert await bench.quote(currency="CAD") == UnitQuote(None, None, None, None, START)


async def test_failed_reading_through_is_told(bench: Bench) -> None:
    await bench.quote()
    bench.locally.failure = UpstreamBusy(retry_after=7)
    with pytest.raises(UpstreamUnavailable) as caught:
        await bench.quote_through()
    assert caught.value.retry_after == 7


async def test_refusal_on_reading_through_falls_back(bench: Bench) -> None:
    bench.locally.failure = ItemUnavailable()
    assert await bench.quote_through() == FROM_CATALOGUE


@pytest.mark.parametrize("items", [0, 2])
async def test_cart_with_other_items_is_no_quote(bench: Bench, items: int) -> None:
    bench.locally.answer = {"items": items}
    assert await bench.quote() == FROM_CATALOGUE
    assert bench.recorded == []


async def test_cart_seen_before_is_no_quote(bench: Bench) -> None:
    bench.locally.answer = {"cart_hash": "SAME"}
    assert (await bench.quote()).source is PriceSource.LOCALLY
    assert await bench.quote(path=ROPIS) == FROM_CATALOGUE
    assert bench.recorded == ["SAME"]


async def test_absurd_amount_is_no_quote(bench: Bench) -> None:
    bench.locally.answer = {"shipping": -1}
    assert await bench.quote() == FROM_CATALOGUE


async def test_quote_is_not_used_unless_its_cart_is_recorded(bench: Bench) -> None:
    bench.record_failure = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        await bench.quote()


@pytest.mark.parametrize(
    ("currency", "subtotal", "amount"), [("USD", "19.995", 2000), ("USD", "2,099.99", 209999), ("JPY", "1499.5", 1500)]
)
async def test_amounts_are_rounded_to_minor_units(bench: Bench, currency: str, subtotal: str, amount: int) -> None:
    bench.locally.answer = {"subtotal": subtotal}
    assert (await bench.quote(currency=currency)).unit_price == Money(amount=amount, currency=currency)


async def test_shipping_that_nobody_told_is_none(bench: Bench) -> None:
    bench.locally.answer = {"shipping": None}
    assert (await bench.quote()).shipping is None


async def test_ship_to_store_takes_the_catalogue_price(bench: Bench) -> None:
    assert await bench.quote(path=STS) == UnitQuote(usd(9900), None, usd(0), PriceSource.CATALOGUE, START)
    assert bench.locally.calls == []


async def test_ship_to_store_costs_what_the_feed_tells(bench: Bench) -> None:
    bench.shipping = {(SHOE, "US"): 1295, (SHOE, "CA"): 99}
    assert (await bench.quote(path=STS)).shipping == usd(1295)


async def test_ship_to_store_without_a_price_has_none(bench: Bench) -> None:
    assert (await bench.quote(SOCK, path=STS)).unit_price is None
    assert bench.locally.calls == []
