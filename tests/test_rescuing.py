"""What of an order may be bought elsewhere, where, and how the two orders are linked."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from checkout.availability import Availability, StoreOffer, StoreOfferItem, StoreSearchResult
from checkout.checkouts import Checkouts
from checkout.database import Database
from checkout.errors import NotRescuable
from checkout.orders import (
    Address,
    Location,
    Order,
    OrderItem,
    OrderTotals,
    PathToPurchase,
    Store,
    items_to_rescue,
    require_rescuable,
    with_rescue,
)
from checkout.rescuing import MOST_STORES, RADII, Rescues
from tests.records import JANE, usd

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HERE = Location(lat=41.88, lng=-87.63)
SHOE, SOCK, HAT = "000000000001", "000000000002", "000000000003"


def order(*statuses: str, path: str = "bopis", country: str = "US", location: Location | None = HERE) -> Order:
    """An order of a shoe, a sock and a hat, as far as statuses are given."""
    items = tuple(
        OrderItem(upc=upc, quantity=2, status=each) for upc, each in zip((SHOE, SOCK, HAT), statuses, strict=False)
    )
    nothing = usd(0)
    return Order(
        id="ord_old",
        checkout_id="chk_old",
        brand="acme",
        path_to_purchase=PathToPurchase(path),
        cart_hash="HASH1",
        locally_order_url=None,
        placed_at=NOW,
        store=Store(id=1, name="The old store", address=Address(country=country), location=location),
        items=items,
        shopper=JANE,
        totals=OrderTotals(total=nothing, authorized=nothing, charged=nothing, refunded=nothing),
    )


def upcs(items: tuple[OrderItem, ...]) -> list[str]:
    return [item.upc for item in items]


@pytest.mark.parametrize("status", ["declined", "auto_canceled"])
def test_stores_no_and_its_silence_can_be_rescued(status: str) -> None:
    assert upcs(items_to_rescue(order(status, "confirmed"))) == [SHOE]
    assert upcs(require_rescuable(order(status, "confirmed"))) == [SHOE]


@pytest.mark.parametrize(
    "status", ["ordered", "confirmed", "picked_up", "canceled", "charge_failed", "refunded", "rejected", "Lost_At_Sea"]
)
def test_nothing_else_can_be_rescued(status: str) -> None:
    assert items_to_rescue(order(status)) == ()
    with pytest.raises(NotRescuable, match="declined nothing"):
        require_rescuable(order(status))


def test_ship_to_store_order_keeps_its_store() -> None:
    assert items_to_rescue(order("declined", path="sts")) == ()
    with pytest.raises(NotRescuable, match="ship-to-store order cannot change its store"):
        require_rescuable(order("declined", path="sts"))


def test_what_is_rescued_is_not_rescued_again() -> None:
    old = order("declined", "declined")
    linked = with_rescue(old, order("ordered").changed(id="ord_new"))
    assert (linked.rescued_by, linked.items[0].rescued_by, linked.items[1].rescued_by) == ("ord_new", "ord_new", None)
    assert upcs(require_rescuable(linked)) == [SOCK]
    both = with_rescue(linked, order("ordered", "ordered").changed(id="ord_newer"))
    assert [item.rescued_by for item in both.items] == ["ord_new", "ord_newer"]
    with pytest.raises(NotRescuable, match="already rescued"):
        require_rescuable(both)


def test_rescue_found_late_changes_no_earlier_link() -> None:
    linked = with_rescue(order("declined"), order("ordered").changed(id="ord_new"))
    assert with_rescue(linked, order("ordered").changed(id="ord_late")) == linked


def test_siblings_of_the_declined_are_untouched() -> None:
    old = order("declined", "confirmed", "picked_up")
    linked = with_rescue(old, order("ordered").changed(id="ord_new"))
    assert linked.items[1:] == old.items[1:]


@pytest.mark.parametrize("wanted", [(SOCK,), (SHOE, SOCK), ("999999999999",)])
def test_item_that_was_not_declined_is_refused(wanted: tuple[str, ...]) -> None:
    with pytest.raises(NotRescuable, match="not declined, or was ordered"):
        require_rescuable(order("declined", "confirmed"), wanted)
    assert upcs(require_rescuable(order("declined", "declined"), (SOCK,))) == [SOCK]


class Stores:
    """Searches for stores, by radius."""

    def __init__(self, by_radius: dict[int, list[StoreOffer]]) -> None:
        self.by_radius = by_radius
        self.asked: list[tuple[dict[str, int], int, str]] = []

    async def find_stores(
        self, items: dict[str, int], near: Location, radius: int, unit: str, *, through: bool
    ) -> StoreSearchResult:
        self.asked.append((items, radius, unit))
        return StoreSearchResult(
            tuple(self.by_radius.get(radius, [])), near, radius, unit, NOW, stale=False, widen=None
        )


def offer(store_id: int, *missing: int, paths: tuple[PathToPurchase, ...] = (PathToPurchase.BOPIS,)) -> StoreOffer:
    """What a store has of a shoe and a sock, two each."""
    items = tuple(
        StoreOfferItem(upc, 2, in_stock=each < 2, quantity_on_hand=2 - each, missing=each)
        for upc, each in zip((SHOE, SOCK), missing, strict=False)
    )
    store = Store(id=store_id, name=f"Store {store_id}", address=Address(country="US"), location=HERE)
    return StoreOffer(store, 1.0, paths, has_all=not any(missing), items=items)


class Books:
    """A database that is asked for one thing only: which stores said no."""

    def __init__(self, *said_no: int) -> None:
        self.said_no = frozenset(said_no)

    async def read(self, _work: Any) -> frozenset[int]:
        return self.said_no


def rescues(stores: Stores, *said_no: int) -> Rescues:
    unused: Any = None
    books = cast(Database, Books(*(said_no or (1,))))
    return Rescues(books, cast(Checkouts, unused), cast(Availability, stores), clock=lambda: NOW)


async def test_search_ends_where_a_store_has_everything() -> None:
    stores = Stores({25: [offer(2, 0, 0)], 50: [offer(3, 0, 0)]})
    found = await rescues(stores).offer(order("declined", "declined", "confirmed"))
    assert stores.asked == [({SHOE: 2, SOCK: 2}, 25, "mi")]
    assert [each.store.id for each in found.stores] == [2]
    assert (upcs(found.items), found.near, found.unit, found.as_of) == ([SHOE, SOCK], HERE, "mi", NOW)


async def test_search_widens_while_no_store_has_everything() -> None:
    stores = Stores({25: [offer(2, 0, 1)], 50: [offer(2, 0, 1)], 100: [offer(3, 0, 0), offer(2, 0, 1)]})
    found = await rescues(stores).offer(order("declined", "declined"))
    assert [radius for _, radius, _ in stores.asked] == list(RADII)
    assert [each.store.id for each in found.stores] == [3, 2]


async def test_store_with_a_whole_line_is_better_than_none() -> None:
    stores = Stores({100: [offer(2, 2, 0), offer(3, 1, 1), offer(4, 2, 2)]})
    assert [each.store.id for each in (await rescues(stores).offer(order("declined", "declined"))).stores] == [2]


async def test_store_that_said_no_is_not_offered() -> None:
    stores = Stores({25: [offer(1, 0)], 50: [offer(1, 0)], 100: [offer(1, 0)]})
    assert (await rescues(stores).offer(order("declined"))).stores == ()


async def test_search_widens_past_all_stores_that_said_no() -> None:
    stores = Stores({25: [offer(2, 0)], 50: [offer(2, 0), offer(3, 0)]})
    found = await rescues(stores, 1, 2).offer(order("declined"))
    assert ([each.store.id for each in found.stores], found.said_no) == ([3], frozenset({1, 2}))
    assert [radius for _, radius, _ in stores.asked] == [25, 50]


async def test_store_without_a_path_is_not_offered() -> None:
    stores = Stores({100: [offer(2, 0, paths=())]})
    assert (await rescues(stores).offer(order("declined"))).stores == ()


async def test_offer_is_short() -> None:
    stores = Stores({25: [offer(number, 0) for number in range(2, 60)]})
    assert len((await rescues(stores).offer(order("declined"))).stores) == MOST_STORES


async def test_distance_is_told_as_in_the_stores_country() -> None:
    stores = Stores({25: [offer(2, 0)]})
    assert (await rescues(stores).offer(order("declined", country="CA"))).unit == "km"
    assert stores.asked[0][2] == "km"


@pytest.mark.parametrize("old", [order("confirmed"), order("declined", path="sts"), order("declined", location=None)])
async def test_nobody_is_asked_where_nothing_can_be_found(old: Order) -> None:
    stores = Stores({25: [offer(2, 0)]})
    found = await rescues(stores).offer(old)
    assert (found.stores, found.as_of, stores.asked) == ((), None, [])
