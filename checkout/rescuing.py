"""When the store said no: which other stores have what it declined, and a new checkout at one of them."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from checkout.availability import Availability, StoreOffer, StoreSearchResult
from checkout.checkouts import Checkouts, NewCheckout, Rescue, give_up, without_price
from checkout.database import (
    Database,
    IntentRow,
    Transaction,
    add_to_timeline,
    find_checkout,
    find_order,
    get_checkout,
    order_to_change,
    point_to_rescue,
    rescue_checkout_of,
    stores_that_said_no,
)
from checkout.errors import AlreadyPlacing, UnknownResource
from checkout.idempotency import Answer, Claim
from checkout.orders import (
    Checkout,
    CheckoutStatus,
    LineItem,
    Location,
    Order,
    OrderItem,
    PathToPurchase,
    items_to_rescue,
    require_other_store,
    require_rescuable,
)
from checkout.wording.languages import unit_of

# How far to look, one after the other, until a store has everything; in the unit of the store's country.
RADII = (25, 50, 100)
MOST_STORES = 10

_ELSEWHERE = "What the store declined is being ordered at another store right now. Please wait for the outcome."


@dataclass(frozen=True, slots=True)
class RescueOffer:
    """What may be bought elsewhere, and where: stores that have all of it first, then by distance in `unit`.

    `near` is the store that said no, `as_of` the time of the oldest part; None where nobody was asked. `said_no` are
    the ids of all the stores that declined these items, one after the other: they are not offered.
    """

    items: tuple[OrderItem, ...]
    stores: tuple[StoreOffer, ...]
    near: Location | None
    unit: str
    as_of: datetime | None
    said_no: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Known:
    """What a rescue is made from: the order, the checkout that it was, and the id of the rescue there was before.

    `said_no` are the stores where none is possible.
    """

    order: Order
    checkout: Checkout
    before: str | None
    said_no: frozenset[int]


class Rescues:
    """Offers and opens checkouts that buy elsewhere just what a store declined."""

    def __init__(
        self, database: Database, checkouts: Checkouts, availability: Availability, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._checkouts = checkouts
        self._availability = availability
        self._clock = clock

    async def offer(self, order: Order, *, through: bool = False) -> RescueOffer:
        """The stores that could take over; without any where there is nothing to rescue. Raises UpstreamError, Refused.

        What stores have is kept for a while and shared, as in every search for stores.
        """
        items = items_to_rescue(order)
        unit, near = unit_of(order.store.address.country), order.store.location
        if not items or near is None:
            return RescueOffer(items, (), near, unit, None)
        said_no = await self._database.read(lambda tx: stores_that_said_no(tx, order.id))
        found = await self._search(items, said_no, near, unit, through=through)
        stores = tuple(offer for offer in found.stores if _is_useful(offer, said_no))
        return RescueOffer(items, stores[:MOST_STORES], near, unit, found.as_of, said_no)

    async def _search(
        self, items: Iterable[OrderItem], said_no: frozenset[int], near: Location, unit: str, *, through: bool
    ) -> StoreSearchResult:
        """What is there within the smallest radius that has a store with everything, else within the largest."""
        cart = {item.upc: item.quantity for item in items}
        for radius in RADII:
            found = await self._availability.find_stores(cart, near, radius, unit, through=through)
            if any(offer.has_all and _is_useful(offer, said_no) for offer in found.stores):
                break
        return found

    async def open(
        self,
        order: Order,
        store_id: int,
        path: PathToPurchase | None,
        claim: Claim,
        *,
        upcs: tuple[str, ...] | None = None,
        masked: bool,
        through: bool = False,
    ) -> Answer:
        """Open a checkout at another store, of the items named or of all that was declined.

        Shopper, consents and messages are carried over; prices are asked afresh, and the card is to be entered anew.
        An older rescue of the order that is still open is given up. `path` None is that of the order. With `masked`
        reads without the secret key show as little of the shopper as her order does.

        Raises NotRescuable, AlreadyPlacing, LostRace (another rescue was opened at the same moment), and what creating
        a checkout raises.
        """

        async def read_new() -> NewCheckout:
            known = await self._database.read(lambda tx: self._know(tx, order.id))
            items = require_rescuable(known.order, upcs)
            require_other_store(store_id, known.said_no)
            old = known.checkout

            async def beside(tx: Transaction, checkout: Checkout) -> list[IntentRow]:
                asked = {"source": "shopper" if masked else "brand", "request_id": claim.request_id}
                return await self._take_over(tx, known, checkout, asked)

            return NewCheckout(
                store_id=store_id,
                path_to_purchase=path or known.order.path_to_purchase,
                items=_lines(items, old.items),
                shopper=lambda _: known.order.shopper,
                extras={"host_domain": old.host_domain, "locale": old.locale, "return_url": old.return_url},
                through=through,
                rescue=Rescue(order.id, masked, beside),
            )

        return await self._checkouts.create_from(read_new, claim)

    async def _know(self, tx: Transaction, order_id: str) -> _Known:
        found = await find_order(tx, order_id)
        if found is None or found[0].checkout_id is None:
            raise UnknownResource
        order, _ = found
        before = await rescue_checkout_of(tx, order.id)
        if before is not None:
            _require_not_placing(await get_checkout(tx, before))
        said_no = await stores_that_said_no(tx, order.id)
        return _Known(order, await get_checkout(tx, found[0].checkout_id), before, said_no)

    async def _take_over(
        self, tx: Transaction, known: _Known, checkout: Checkout, asked: dict[str, str]
    ) -> list[IntentRow]:
        """Make `checkout` the one that rescues the order, unless the order or its rescue moved on since it was read."""
        order = await order_to_change(tx, known.order.id)
        if order is None:
            raise UnknownResource
        upcs = [line.upc for line in checkout.items]
        require_rescuable(order, upcs)
        await point_to_rescue(tx, order.id, known.before, checkout.id)
        facts = {"checkout": checkout.id, "store": checkout.store.id, "upcs": upcs}
        await add_to_timeline(tx, order.story_id, self._clock(), "rescue.opened", **facts, **asked)
        return await self._drop(tx, known.before, checkout.id)

    async def _drop(self, tx: Transaction, before: str | None, replaced_by: str) -> list[IntentRow]:
        """Give up the rescue that there was before; gives its SetupIntents. Raises AlreadyPlacing."""
        found = await find_checkout(tx, before) if before is not None else None
        if found is None:
            return []
        was, now = found[0], self._clock()
        _require_not_placing(was)
        if not was.as_of(now).is_open:
            return []
        _, dropped = await give_up(tx, was, now, replaced_by=replaced_by)
        return dropped


def _require_not_placing(rescue: Checkout) -> None:
    if rescue.status is CheckoutStatus.PLACING:
        raise AlreadyPlacing(_ELSEWHERE)


def _is_useful(offer: StoreOffer, said_no: Collection[int]) -> bool:
    """Whether another store can hand over at least one whole line, some way or other."""
    return offer.store.id not in said_no and bool(offer.paths) and any(not item.missing for item in offer.items)


def _lines(items: Iterable[OrderItem], bought: Collection[LineItem]) -> tuple[LineItem, ...]:
    """The declined items as lines of a new cart, with what the shopper wrote to them and without the old prices."""
    by_upc = {line.upc: line for line in bought}
    lines = ((item, by_upc.get(item.upc) or LineItem(upc=item.upc, quantity=1, name=item.name)) for item in items)
    return tuple(without_price(line.changed(quantity=item.quantity), keep_given=False) for item, line in lines)
