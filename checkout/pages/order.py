"""The masked order, for whoever holds its link."""

import re
from datetime import UTC, datetime, time, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel.dates import format_datetime, format_time
from phonenumbers import PhoneNumberFormat
from starlette.requests import Request
from starlette.responses import Response

from checkout.database import find_order_by_link
from checkout.keyring import token_hash
from checkout.orders import Location, OpeningHours, Order, Store
from checkout.pages.order_words import ORDER_WORDS, describe_item, describe_next, money_rows
from checkout.pages.rendering import LOCALE, not_found_page, render_page
from checkout.schemas import mask_shopper
from checkout.state import State

# The link is a right to see the order: it must not travel on, nor stay anywhere.
_PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
_LINK = re.compile(r"ol_[A-Za-z0-9_-]{43}")


async def order_page(request: Request[State]) -> Response:
    order = await _find_order(request.state, request.path_params["link"])
    if order is None:
        return not_found_page(_PRIVATE)
    zone = find_zone(order.store)
    return render_page(
        "order.html",
        headers=_PRIVATE,
        order=order,
        shopper=mask_shopper(order.shopper),
        standing=ORDER_WORDS[order.status],
        item_words=[describe_item(item.status, order.path_to_purchase) for item in order.items],
        next_steps=describe_next(order),
        money_rows=money_rows(order),
        placed_at=format_moment(order.placed_at, zone),
        answer_by=format_moment(order.answer_by, zone) if order.answer_by and order.status == "open" else None,
        today=format_today(order, request.state["clock"]().astimezone(zone)),
        phone=read_phone(order.store),
        map_url=_map_url(order.store.location) if order.store.location else None,
    )


async def _find_order(state: State, link: str) -> Order | None:
    if not _LINK.fullmatch(link):
        return None
    return await state["database"].read(lambda tx: find_order_by_link(tx, token_hash(link)))


def find_zone(store: Store) -> tzinfo:
    """The store's time zone; UTC where it is unknown, which the times then say."""
    try:
        return ZoneInfo(store.time_zone) if store.time_zone else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def format_moment(moment: datetime, zone: tzinfo) -> str:
    """Such as "Sunday, November 22, 2026 at 9:30 AM CST"."""
    return format_datetime(moment, "EEEE, MMMM d, y 'at' h:mm a zzz", zone, LOCALE)


def format_today(order: Order, now: datetime) -> str | None:
    """The hours on the day of `now` (local time), such as "Sunday, 11:00 AM to 5:00 PM"; None where unknown."""
    day = format_datetime(now, "EEEE", locale=LOCALE)
    hours = next((each for each in order.store.hours if each.day == now.weekday()), None)
    if hours is not None:
        return f"{day}, {_format_span(hours)}"
    # What Locally said of "today" was said of the day on which the order was placed.
    is_same_day = order.placed_at.astimezone(now.tzinfo).date() == now.date()
    return f"{day}, {order.store.today_hours}" if is_same_day and order.store.today_hours else None


def _format_span(hours: OpeningHours) -> str:
    if hours.opens is None or hours.closes is None:
        return "closed"
    opens, closes = (
        format_time(time.fromisoformat(text), "h:mm a", locale=LOCALE) for text in (hours.opens, hours.closes)
    )
    return f"{opens} to {closes}"


class Phone(NamedTuple):
    """A phone number to read, and to dial where it is one."""

    text: str
    dial: str | None


def read_phone(store: Store) -> Phone | None:
    """The store's phone; Locally has it as somebody typed it, so its country says how to read it."""
    if not store.phone:
        return None
    try:
        number = phonenumbers.parse(store.phone, store.address.country)
    except phonenumbers.NumberParseException:
        return Phone(store.phone, None)
    text = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return Phone(text, phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _map_url(at: Location) -> str:
    return f"https://www.openstreetmap.org/?mlat={at.lat}&mlon={at.lng}#map=17/{at.lat}/{at.lng}"
