"""The store said no: which other stores have it, on the order page, and a new checkout at one of them by one click."""

import asyncio
import hashlib
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout import strictjson
from checkout.availability import StoreOffer
from checkout.database import KeyName
from checkout.errors import KeyMissing, Refused, UnsupportedMediaType, UpstreamError
from checkout.idempotency import Claim
from checkout.orders import Order, PathToPurchase, items_to_rescue
from checkout.pages.order_words import join_names
from checkout.pages.path_words import label_of
from checkout.pages.stores import COUNT_FRESH, Stock, describe_stock
from checkout.problems import MEDIA_TYPE as PROBLEM
from checkout.rescuing import RescueOffer
from checkout.schemas import read_rescue_request
from checkout.state import State
from checkout.wording.hours import describe_opening
from checkout.wording.languages import Language
from checkout.wording.reaching import Phone, address_line, read_phone

MOST_SHOWN = 5
# The page is worth more than the stores on it: it does not wait longer than this for them, in seconds.
_PATIENCE = 4
_KEY = re.compile("[A-Za-z0-9_-]{20,255}")


class Elsewhere(NamedTuple):
    """A store that could take over, in words; `upcs` is what it has of what was declined, as one text.

    `part` names these items where they are not all.
    """

    id: int
    name: str
    address: str
    distance: str
    opening: str | None
    is_open: bool | None
    stock: Stock
    path: PathToPurchase
    path_words: str
    upcs: str
    part: str | None
    phone: Phone | None


class RescueView(NamedTuple):
    """What may be bought elsewhere; `notice` tells why no stores are named, `again_url` is the search by hand.

    `without` are the stores that said no, as one text. What is found by hand is an order of its own, which this one
    does not know of.
    """

    headline: str
    stores: tuple[Elsewhere, ...]
    notice: str | None
    takes_card: bool
    without: str
    again_url: str


async def view_rescue(state: State, order: Order, language: Language) -> RescueView | None:
    """What the page offers instead of what was declined; None where nothing was, or all of it is bought elsewhere."""
    items = items_to_rescue(order)
    if not items:
        return None
    cart = ",".join(f"{item.upc}:{item.quantity}" for item in items)
    stores, said_no, notice = await _find(state, order, language)
    without = ",".join(str(store_id) for store_id in sorted(said_no))
    return RescueView(
        headline=language.say("Get %(items)s at another store", items=join_names(items, language)),
        stores=stores,
        notice=notice,
        takes_card=any(store.path is not PathToPurchase.ROPIS for store in stores),
        without=without,
        again_url=f"/checkout?items={cart}&without={without}&lang={language.tag}",
    )


async def _find(
    state: State, order: Order, language: Language
) -> tuple[tuple[Elsewhere, ...], Collection[int], str | None]:
    """Stores that could take over, those that said no, and why there is none of the first."""
    try:
        async with asyncio.timeout(_PATIENCE):
            offer = await state["rescues"].offer(order)
    except (UpstreamError, Refused, TimeoutError):
        return (
            (),
            (order.store.id,),
            language.say("We cannot look for other stores right now. This page tries again by itself."),
        )
    stores = tuple(_describe(state, order, offer, store, language) for store in offer.stores[:MOST_SHOWN])
    said_no = offer.said_no or {order.store.id}
    return stores, said_no, None if stores else language.say("No store nearby has it right now.")


def _describe(state: State, order: Order, offer: RescueOffer, found: StoreOffer, language: Language) -> Elsewhere:
    now = state["clock"]()
    opening = describe_opening(found.store, now, language)
    is_fresh = offer.as_of is not None and now - offer.as_of <= COUNT_FRESH
    path = order.path_to_purchase if order.path_to_purchase in found.paths else found.paths[0]
    there = {item.upc for item in found.items if not item.missing}
    part = [item for item in offer.items if item.upc in there]
    return Elsewhere(
        id=found.store.id,
        name=found.store.name,
        address=address_line(found.store.address),
        distance=language.distance(found.distance_value, offer.unit),
        opening=opening.words if opening else None,
        is_open=opening.is_open if opening else None,
        stock=describe_stock(found, language, is_fresh=is_fresh),
        path=path,
        path_words=language.say(label_of(path)),
        upcs=",".join(item.upc for item in found.items if item.upc in there),
        part=None if found.has_all else join_names(part, language),
        phone=read_phone(found.store),
    )


async def open_rescue(request: Request[State], order: Order) -> Response:
    """The checkout at the store that was clicked, with its token; what is wrong is a problem document, as in the API.

    Its shopper stays masked: this page's address alone opened it.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    parsed = strictjson.parse(await request.body())
    claim = _claim(request, order, parsed)
    wanted = read_rescue_request(parsed)
    answer = await request.state["rescues"].open(
        order, wanted.store_id, wanted.path_to_purchase, claim, upcs=wanted.upcs, masked=True
    )
    media_type = PROBLEM if answer.status >= 400 else "application/json"
    return Response(answer.body, answer.status, media_type=media_type)


def _claim(request: Request[State], order: Order, parsed: Any) -> Claim:
    """The use of the click's key, in a scope that the API has not. Raises KeyMissing."""
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise KeyMissing
    name = KeyName(request.state["settings"].brand, "rescue on page", order.id, key)
    fingerprint = hashlib.sha256(order.id.encode() + b"\n" + strictjson.canonical(parsed)).hexdigest()
    return Claim(name, fingerprint, request.scope["request_id"])
