"""The calls themselves. Locally's pages: cart/validate and cart/commit in "submit a cart, credit card authorization in
a single request", stores in "create a product locator", orders in "Cart API"."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import httpx

from checkout.errors import RefusedUpstream, UpstreamUnavailable
from checkout.locally_client.answers import (
    Reply,
    judge_cart,
    judge_committed,
    judge_quoted,
    judge_read,
    judge_updated,
    judge_validated,
    parse_read,
)
from checkout.locally_client.calling import Caller, Params
from checkout.locally_client.carts import CartDetail, CartList
from checkout.locally_client.quirks import Answer
from checkout.locally_client.records import (
    CartToValidate,
    CommittedCart,
    Marker,
    QuotedCart,
    StoreStock,
    SuggestedPlace,
    SwitchedLocation,
    ValidatedCart,
)
from checkout.settings import Settings
from checkout.transport import open_client

T = TypeVar("T", bound=Answer)

_HEADLESS = "/headless/api/1.0"
_CARTS = "/api/v2"
_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UPC = re.compile(r"[0-9]{1,14}")


class _Suggestions(Answer):
    suggestions: tuple[SuggestedPlace, ...] = ()


class _Markers(Answer):
    markers: tuple[Marker, ...]


class LocallyClient:
    """Locally as we use it, with a pool each for reads, writes and commits.

    Every call but `commit_cart` comes as a stranger: without cookie, and without the session of an earlier call.
    Timeouts are totals in seconds: short for reads, because a page waits for them; long for writes, because giving
    one up early turns an answer into an unknown outcome.
    """

    def __init__(
        self,
        *,
        reads: httpx.AsyncClient,
        writes: httpx.AsyncClient,
        commits: httpx.AsyncClient,
        token: str,
        company_id: int,
        read_timeout: float = 4,
        write_timeout: float = 20,
    ) -> None:
        self._reads, self._writes, self._commits = reads, writes, commits
        self._company_id = company_id
        self._caller = Caller(token, read_timeout, write_timeout)

    async def suggest_places(self, query: str) -> tuple[SuggestedPlace, ...]:
        """Places by a name or postal code. Safe to repeat."""
        found = await self._read("location/suggest", _data_of(_Suggestions), {"query": query})
        return found.suggestions

    async def switch_location(self, lat: float, lng: float, label: str) -> SwitchedLocation:
        """What Locally knows about a point. Safe to repeat: it changes only a session that we never use again."""
        path = f"{_HEADLESS}/location/switch/{lat:.6f}/{lng:.6f}"
        params = {"location_change_to_string": label}
        return await self._caller.read(self._reads, "location/switch", path, _data_of(SwitchedLocation), params)

    async def find_stores(
        self, upc: str, *, lat: float, lng: float, diagonal: int, unit: str
    ) -> tuple[StoreStock, ...]:
        """The stores with this UPC in a region; `diagonal` of it in `unit` ("mi" or "km"). Safe to repeat."""
        center = {"map_center_lat": f"{lat:.6f}", "map_center_lng": f"{lng:.6f}"}
        markers = await self._read_markers(upc, {**center, "map_distance_diag": diagonal, "map_distance_unit": unit})
        return tuple(marker.to_stock() for marker in markers)

    async def read_stock(self, upc: str, store_id: int) -> StoreStock | None:
        """What one store has of a UPC now; None if Locally does not show the store for it. Safe to repeat.

        Locally keeps such answers per session: sending none reads afresh. Raises StoreUnknown.
        """
        only: Params = {"only_store_id": store_id, "map_distance_diag": 1, "map_distance_unit": "mi"}
        markers = await self._read_markers(upc, only)
        return next((marker.to_stock() for marker in markers if marker.id == store_id), None)

    async def quote_item(self, upc: str, store_id: int, *, hold: bool, host_domain: str) -> QuotedCart:
        """Price and tax of one unit, through a cart made for it; `hold` asks for a reservation's.

        Safe to repeat: that makes another cart which nobody commits. Raises ItemUnavailable, ItemRefused, StoreUnknown
        or RefusedUpstream.
        """
        params: Params = {
            "store_id": store_id,
            "upc": upc,
            "host_domain": host_domain,
            **({"hold": "true"} if hold else {}),
        }
        return await self._read("cart/items/add", _data_of(QuotedCart, judge_quoted), params)

    async def validate_cart(self, request: CartToValidate) -> ValidatedCart:
        """Check a cart and place a hold per line. Never safe to repeat: each call may place holds of its own.

        Raises CartRefused, CardDeclined, StoreUnknown, RefusedUpstream or UpstreamBusy (nothing is held), NotSent, or
        OutcomeUnknown (holds may exist).
        """
        reply = await self._caller.write(
            self._writes, "cart/validate", f"{_HEADLESS}/cart/validate", json=request.to_wire()
        )
        return judge_validated(reply)

    async def commit_cart(self, cart_jwt: str, session_id: str | None) -> CommittedCart:
        """Make a validated cart an order. Never safe to repeat.

        Raises RefusedUpstream (a well-formed no), NotSent, or OutcomeUnknown (there may be an order).
        """
        headers = {"Locally-Pl-Jwt": cart_jwt}
        if session_id:
            headers["Locally-Api-Session-Id"] = session_id
        reply = await self._caller.write(self._commits, "cart/commit", f"{_HEADLESS}/cart/commit", headers=headers)
        return judge_committed(reply)

    async def read_cart(self, cart_hash: str) -> CartDetail | None:
        """A cart or order; None only if a healthy answer says that there is none. Safe to repeat."""
        if not _HASH.fullmatch(cart_hash):
            return None  # No cart bears such a hash, and it must not become part of a path.
        return await self._caller.read(
            self._reads, "v2/cart", f"{_CARTS}/cart/{cart_hash}", partial(_read_detail, cart_hash)
        )

    async def list_carts(self, page: int = 0) -> CartList:
        """Fifty carts a page, the most recent first, pages from 0. Safe to repeat."""
        return await self._caller.read(
            self._reads, "v2/carts", f"{_CARTS}/carts/{page}", lambda reply: _parse_body(CartList, reply)
        )

    async def update_item(self, cart_hash: str, upc: str, changes: Mapping[str, Any]) -> None:
        """Move one item of an order on, as its brand or retailer. Not safe to repeat: it may charge or refund.

        Raises RefusedUpstream, UpstreamBusy, NotSent or OutcomeUnknown.
        """
        if not (_HASH.fullmatch(cart_hash) and _UPC.fullmatch(upc)):
            raise RefusedUpstream("There is no such cart or item.")
        reply = await self._caller.write(
            self._writes, "v2/update", f"{_CARTS}/cart/{cart_hash}/{upc}", json=dict(changes)
        )
        judge_updated(reply)

    async def _read_markers(self, upc: str, region: Params) -> tuple[Marker, ...]:
        params = {"company_id": self._company_id, "upc": upc, **region}
        found = await self._read("conversion/store_data", _data_of(_Markers), params)
        return found.markers

    async def _read(self, call: str, judge: Callable[[Reply], T], params: Params) -> T:
        return await self._caller.read(self._reads, call, f"{_HEADLESS}/{call}", judge, params)


@asynccontextmanager
async def open_locally(
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[LocallyClient]:
    """A LocallyClient over pools of its own, closed at the end; `transport` replaces the network in tests."""
    client = partial(open_client, settings.locally_base_url, transport=transport)
    async with (
        client(timeout=settings.read_timeout) as reads,
        client(timeout=settings.write_timeout, limit=50, keepalive=False) as writes,
        client(timeout=settings.write_timeout, limit=50, keepalive=False) as commits,
    ):
        yield LocallyClient(
            reads=reads,
            writes=writes,
            commits=commits,
            token=settings.locally_api_token.get_secret_value(),
            company_id=settings.locally_company_id,
            read_timeout=settings.read_timeout,
            write_timeout=settings.write_timeout,
        )


def _data_of(model: type[T], judge: Callable[[Reply], Mapping[str, Any]] = judge_read) -> Callable[[Reply], T]:
    """A reader of the answer's `data`."""

    def read(reply: Reply) -> T:
        judge(reply)
        return parse_read(model, reply.data)

    return read


def _parse_body(model: type[T], reply: Reply) -> T:
    return parse_read(model, judge_read(reply))


def _read_detail(cart_hash: str, reply: Reply) -> CartDetail | None:
    body = judge_cart(reply)
    if body is None:
        return None
    cart = parse_read(CartDetail, body)
    if cart.hash != cart_hash:
        raise UpstreamUnavailable("Locally answered for another cart.")
    return cart
