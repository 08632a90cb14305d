"""What somebody has to do something about: parcels for stores, answers that are due, a feed that grows old."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout.console.actions import Offer, offers_of
from checkout.console.guarding import Visit
from checkout.console.rendering import render, render_alone
from checkout.database.console import OrderSearch, search_orders
from checkout.errors import UnknownResource
from checkout.fulfilment import read_statement
from checkout.orders import ItemStatus, Month, Order, OrderItem, PathToPurchase, answer_deadline
from checkout.printing import printed_statement
from checkout.schemas import statement_body
from checkout.settings import Settings
from checkout.state import State

# Nothing that is older waits for anybody: Locally has ended it long ago.
_PARCELS_KEPT = timedelta(days=180)
_ANSWERS_KEPT = timedelta(days=30)
_MOST = 200
_STATEMENTS = 6
# The steps of a parcel, and what they are called above the items that are there.
_STEPS: tuple[tuple[str, frozenset[str]], ...] = (
    ("Waiting for your answer", frozenset({ItemStatus.PENDING_BRAND})),
    ("To be shipped", frozenset({ItemStatus.CONFIRMED, ItemStatus.PROCESSING})),
    ("On the way to the store", frozenset({ItemStatus.SHIPPED})),
    ("At the store", frozenset({ItemStatus.READY_FOR_PICKUP})),
)


class Row(NamedTuple):
    """One item that waits, and what may be done with it."""

    order: Order
    item: OrderItem
    offers: list[Offer]


class Due(NamedTuple):
    """An order whose answer is due, None where nobody knows when."""

    order: Order
    by: datetime | None
    is_late: bool


async def show_parcels(request: Request[State], visit: Visit) -> Response:
    """Ship-to-store by its steps, the oldest first."""
    settings = request.state["settings"]
    wanted = OrderSearch(
        brand=settings.brand,
        statuses=("open", "confirmed"),
        path=PathToPurchase.STS,
        since=request.state["clock"]() - _PARCELS_KEPT,
        limit=_MOST,
        oldest_first=True,
    )
    orders = await request.state["database"].read(lambda tx: search_orders(tx, wanted))
    steps = [(title, list(_rows(orders[:_MOST], statuses))) for title, statuses in _STEPS]
    months = _last_months(request.state["clock"]())
    return render(
        settings, "parcels.html", visit=visit, steps=steps, is_cut=len(orders) > _MOST, most=_MOST, months=months
    )


async def show_statement(request: Request[State], _: Visit) -> Response:
    """A month of ship-to-store, to print."""
    settings = request.state["settings"]
    try:
        month = Month.parse(request.path_params["month"])
    except ValueError:
        raise UnknownResource from None
    full = await read_statement(request.state["database"], settings.brand, month, settings.sts_default_percent)
    body = statement_body(full, settings.brand, request.state["clock"]())
    return render_alone(*printed_statement(body, settings.shown_brand))


def _last_months(now: datetime) -> list[str]:
    """This month and those before it, in UTC."""
    this = now.year * 12 + now.month - 1
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(this, this - _STATEMENTS, -1)]


async def show_feed(request: Request[State], visit: Visit) -> Response:
    """How the feed stands that Locally reads: an old one switches ship-to-store off."""
    settings = request.state["settings"]
    standing = await request.state["feeding"].standing()
    is_served = settings.feed_token is not None
    return render(settings, "feed.html", visit=visit, standing=standing, is_served=is_served, tell_span=_tell_span)


def _rows(orders: Iterable[Order], statuses: frozenset[str]) -> Iterable[Row]:
    for order in orders:
        for item in order.items:
            if item.status in statuses:
                yield Row(order, item, offers_of(order, item))


async def show_answers(request: Request[State], visit: Visit) -> Response:
    """Orders that their store, or we as its retailer, have not answered; those first whose time runs out first."""
    settings, now = request.state["settings"], request.state["clock"]()
    wanted = OrderSearch(
        brand=settings.brand, statuses=("open",), since=now - _ANSWERS_KEPT, limit=_MOST, oldest_first=True
    )
    orders = await request.state["database"].read(lambda tx: search_orders(tx, wanted))
    asked = [order for order in orders[:_MOST] if order.path_to_purchase is not PathToPurchase.STS]
    due = sorted((_due(order, settings, now) for order in asked), key=lambda each: each.by or now + _ANSWERS_KEPT)
    return render(
        settings,
        "answers.html",
        visit=visit,
        due=due,
        is_cut=len(orders) > _MOST,
        most=_MOST,
        left=_tell_left,
        now=now,
        offers_of=offers_of,
    )


def _due(order: Order, settings: Settings, now: datetime) -> Due:
    by = order.answer_by or answer_deadline(order.store, order.placed_at, settings.answer_window)
    return Due(order, by, by is not None and by <= now)


def _tell_left(by: datetime, now: datetime) -> str:
    """Such as "in 1 h 20 min" or "3 h 05 min ago"."""
    span = _tell_span(abs(by - now))
    return f"in {span}" if by > now else f"{span} ago"


def _tell_span(span: timedelta) -> str:
    hours, minutes = divmod(int(span.total_seconds() // 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
