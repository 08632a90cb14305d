"""The masked order, for whoever holds its link."""

import re
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from checkout.database import Transaction, find_checkout, find_order_by_link
from checkout.keyring import token_hash
from checkout.orders import Order, PathToPurchase, answer_deadline
from checkout.pages.branding import brand_of
from checkout.pages.hours import describe_opening, describe_today, find_zone
from checkout.pages.languages import Language, choose_language
from checkout.pages.order_words import (
    describe_item,
    describe_next,
    describe_standing,
    is_final,
    money_rows,
    progress_of,
    what_to_bring,
)
from checkout.pages.policies import page_policy
from checkout.pages.reaching import address_lines, map_url, read_phone
from checkout.pages.rendering import not_found_page, render_page
from checkout.schemas import mask_shopper
from checkout.state import State

# The link is a right to see the order: it must not travel on, nor stay anywhere.
_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_LINK = re.compile(r"ol_[A-Za-z0-9_-]{43}")


async def order_page(request: Request[State]) -> Response:
    found = await _find_order(request.state, request.path_params["link"])
    asked = request.query_params.get("lang") or (found[1] if found else None)
    language = _language_for(request, asked)
    settings = request.state["settings"]
    headers = {**_PRIVATE, "Content-Security-Policy": page_policy(settings), "Vary": "Accept-Language"}
    if found is None:
        return not_found_page(brand_of(settings), headers, language)
    now = request.state["clock"]()
    order = with_deadline(found[0], settings.answer_hours, now)
    return render_page(
        "checkout/order.html",
        headers=headers,
        language=language,
        appearance="auto",
        brand=brand_of(settings),
        **_order_values(order, now, language),
    )


def _language_for(request: Request[State], asked: str | None) -> Language:
    """The language in which she bought, unless the address names another."""
    settings = request.state["settings"]
    return choose_language(asked, request.headers.get("accept-language", ""), settings.languages)


def with_deadline(order: Order, answer_hours: float, now: datetime) -> Order:
    """The order with the time by which its store has to answer, as long as that lies ahead."""
    asked_store = order.status == "open" and order.path_to_purchase is not PathToPurchase.STS
    due = order.answer_by
    if due is None and asked_store:
        due = answer_deadline(order.store, order.placed_at, answer_hours)
    return order.changed(answer_by=due if due is not None and due > now else None)


def _order_values(order: Order, now: datetime, language: Language) -> dict[str, Any]:
    """What the template shows of the order."""
    store, zone = order.store, find_zone(order.store)
    answer_by = order.answer_by if order.status == "open" else None
    return {
        "order": order,
        "shopper": mask_shopper(order.shopper),
        "standing": describe_standing(order, language),
        "is_final": is_final(order),
        "item_words": [describe_item(item.status, order.path_to_purchase, language) for item in order.items],
        "next_steps": describe_next(order, language),
        "bring": what_to_bring(order, language),
        "steps": progress_of(order, language),
        "again_url": _again_url(order, language) if order.status == "canceled" else None,
        "money_rows": money_rows(order, language),
        "moment": lambda moment: language.moment(moment, zone),
        "placed_at": language.moment(order.placed_at, zone),
        "answer_by": language.moment(answer_by, zone) if answer_by else None,
        "today": describe_today(store, now.astimezone(zone), language, told_on=order.placed_at),
        "opening": describe_opening(store.changed(open_now=None), now, language) if store.hours else None,
        "phone": read_phone(store),
        "address": address_lines(store.address),
        "map_url": map_url(store.location) if store.location else None,
    }


def _again_url(order: Order, language: Language) -> str:
    """The page to buy the same items at another store."""
    items = ",".join(f"{item.upc}:{item.quantity}" for item in order.items)
    return f"/checkout?items={items}&lang={language.tag}"


async def _find_order(state: State, link: str) -> tuple[Order, str | None] | None:
    """The order of a link, and the language in which it was bought."""
    if not _LINK.fullmatch(link):
        return None

    async def read(tx: Transaction) -> tuple[Order, str | None] | None:
        order = await find_order_by_link(tx, token_hash(link))
        checkout = await find_checkout(tx, order.checkout_id) if order else None
        return None if order is None else (order, checkout[0].locale if checkout else None)

    return await state["database"].read(read)
