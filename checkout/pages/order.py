"""The masked order, for whoever holds its link: seen, asked to be canceled, and bought at another store instead."""

import hashlib
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from checkout.database import (
    TimelineEntry,
    Transaction,
    find_checkout,
    find_order,
    find_order_by_link,
    read_timeline,
)
from checkout.errors import NothingToCancel, OriginNotAllowed, UnknownResource
from checkout.keyring import token_hash
from checkout.orders import Order, OrderItem
from checkout.pages.branding import brand_of
from checkout.pages.order_lookup import lost_page
from checkout.pages.order_money import describe_money, money_rows
from checkout.pages.order_rescue import open_rescue, view_rescue
from checkout.pages.order_steps import messages_of, progress_of, tell_timeline
from checkout.pages.order_words import describe_remarks, describe_standing, is_final, is_to_pick_up, what_to_bring
from checkout.pages.policies import PRIVATE, page_policy
from checkout.pages.rendering import render_page
from checkout.schemas import mask_shopper
from checkout.state import State
from checkout.wishes import ask_to_cancel
from checkout.wording.hours import describe_opening, describe_today, find_zone
from checkout.wording.items import describe_item, name_item
from checkout.wording.languages import Language, choose_language
from checkout.wording.reaching import address_lines, map_url, read_phone

_LINK = re.compile(r"ol_[A-Za-z0-9_-]{43}")
_OWN_PAGES = {None, "same-origin", "none"}


class _Found(NamedTuple):
    """The order of a link, the language in which it was bought, what happened to it, and the orders beside it by id."""

    order: Order
    locale: str | None
    timeline: list[TimelineEntry]
    beside: dict[str, Order]


async def order_page(request: Request[State]) -> Response:
    """The page. Whoever names the version that they have (If-None-Match) is spared the same again."""
    settings, found = request.state["settings"], await _find_order(request)
    if found is None:
        return lost_page(request)
    language = _language_for(request, found)
    now = request.state["clock"]()
    order = _with_deadline_ahead(found.order, now)
    values = _order_values(found._replace(order=order), now, language)
    page = render_page(
        "checkout/order.html",
        headers={**PRIVATE, "Content-Security-Policy": page_policy(settings), "Vary": "Accept-Language"},
        language=language,
        appearance="auto",
        brand=brand_of(settings),
        path=request.url.path,
        rescue=await view_rescue(request.state, order, language),
        beside=_beside(request.state, found),
        **values,
    )
    etag = f'"{hashlib.sha256(bytes(page.body)).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={**PRIVATE, "ETag": etag})
    page.headers["ETag"] = etag
    return page


async def ask_cancel(request: Request[State]) -> Response:
    """The wish to cancel, from the page's own form; the page then tells that it was asked."""
    _require_own_page(request)
    found = await _find_order(request)
    if found is None:
        return lost_page(request)
    order_id, now, request_id = found.order.id, request.state["clock"](), request.scope["request_id"]
    with suppress(NothingToCancel):  # It ended meanwhile, which the page tells.
        await request.state["database"].write(
            lambda tx: ask_to_cancel(tx, order_id, now, reason=None, source="shopper", request_id=request_id)
        )
    back = request.url.path.removesuffix("/cancel-request")
    asked = request.query_params.get("lang")
    return RedirectResponse(f"{back}?lang={_language_for(request, found).tag}" if asked else back, 303, PRIVATE)


async def rescue(request: Request[State]) -> Response:
    """A new checkout elsewhere, for the page's script. Raises UnknownResource for a link that opens nothing."""
    _require_own_page(request)
    found = await _find_order(request)
    if found is None:
        raise UnknownResource
    answer = await open_rescue(request, found.order)
    answer.headers.update(PRIVATE)
    return answer


def _require_own_page(request: Request[State]) -> None:
    """A page without a referrer sends no origin, but browsers tell which kind of site a request comes from."""
    if request.headers.get("sec-fetch-site") not in _OWN_PAGES:
        raise OriginNotAllowed


def _language_for(request: Request[State], found: _Found) -> Language:
    """The language in which she bought, unless the address names another."""
    asked = request.query_params.get("lang") or found.locale
    return choose_language(asked, request.headers.get("accept-language", ""), request.state["settings"].languages)


def _with_deadline_ahead(order: Order, now: datetime) -> Order:
    """The order with the time by which its store has to answer, as long as that lies ahead."""
    due = order.answer_by
    return order.changed(answer_by=due if due is not None and due > now else None)


def _order_values(found: _Found, now: datetime, language: Language) -> dict[str, Any]:
    """What the template shows of the order."""
    order = found.order
    store, zone = order.store, find_zone(order.store)
    answer_by = order.answer_by if order.status == "open" else None
    return {
        "order": order,
        "shopper": mask_shopper(order.shopper),
        "standing": describe_standing(order, language),
        "is_final": is_final(order),
        "items": _items(found, language),
        "money": describe_money(order, language),
        "money_rows": money_rows(order, language),
        "bring": what_to_bring(order, language),
        "steps": progress_of(order, found.timeline, language),
        "happened": tell_timeline(order, found.timeline, language),
        "messages": messages_of(order, language),
        "again_url": _again_url(order, language) if order.status == "canceled" and not order.rescued_by else None,
        "may_cancel": is_to_pick_up(order) and not order.cancel_requested,
        "waits_for_cancel": not order.is_over and order.cancel_requested,
        "locally_url": _web_address(order.locally_order_url),
        "invoice_url": _web_address(order.invoice_url),
        "moment": lambda moment: language.moment(moment, zone),
        "placed_at": language.moment(order.placed_at, zone),
        "answer_by": language.moment(answer_by, zone) if answer_by else None,
        "today": describe_today(store, now.astimezone(zone), language, told_on=order.placed_at),
        "opening": describe_opening(store.changed(open_now=None), now, language) if store.hours else None,
        "phone": read_phone(store),
        "address": address_lines(store.address),
        "map_url": map_url(store.location) if store.location else None,
    }


def _items(found: _Found, language: Language) -> list[tuple[OrderItem, str, str, list[str]]]:
    """The items with their names, what became of each, and what there is to know beside it."""
    order = found.order
    told = []
    for item in order.items:
        other = found.beside.get(item.rescued_by or "")
        remarks = describe_remarks(item, language, other.store.name if other else None)
        words = describe_item(item.status, order.path_to_purchase, language)
        told.append((item, name_item(item), words, remarks))
    return told


def _beside(state: State, found: _Found) -> list[tuple[str, Order, bool]]:
    """The pages of the orders that this one rescues, or is rescued by; whether it is rescued."""
    answers = state["answers"]
    return [(answers.order_path(each.id), each, each.id != found.order.rescues) for each in found.beside.values()]


def _again_url(order: Order, language: Language) -> str:
    """The page to buy the same items at another store."""
    items = ",".join(f"{item.upc}:{item.quantity}" for item in order.items)
    return f"/checkout?items={items}&lang={language.tag}"


def _web_address(url: str | None) -> str | None:
    """An address of somebody else's making may be followed only if it leads to a page."""
    return url if url and url.startswith(("https://", "http://")) else None


async def _find_order(request: Request[State]) -> _Found | None:
    """The order of the link in the path; None for every link that opens nothing, or nothing any more."""
    state, link = request.state, request.path_params["link"]
    if not _LINK.fullmatch(link):
        return None
    since = state["clock"]() - timedelta(seconds=state["settings"].link_life)

    async def read(tx: Transaction) -> _Found | None:
        order = await find_order_by_link(tx, token_hash(link), since)
        if order is None:
            return None
        checkout = await find_checkout(tx, order.checkout_id) if order.checkout_id else None
        timeline = await read_timeline(tx, order.story_id)
        return _Found(order, checkout[0].locale if checkout else None, timeline, await _read_beside(tx, order))

    return await state["database"].read(read)


async def _read_beside(tx: Transaction, order: Order) -> dict[str, Order]:
    ids = dict.fromkeys([order.rescues, order.rescued_by, *(item.rescued_by for item in order.items)])
    found = [await find_order(tx, order_id) for order_id in ids if order_id]
    return {each[0].id: each[0] for each in found if each}
