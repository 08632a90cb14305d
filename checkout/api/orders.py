"""Orders: read one, what happened to it, list them."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, caller_of
from checkout.callers import Caller, Credential
from checkout.database import OrderFilter, find_order, list_orders, read_timeline
from checkout.errors import FieldError, InvalidField, UnknownResource
from checkout.keyring import same_secret, token_hash
from checkout.orders import Order
from checkout.schemas import order_body, order_list_body, read_order_list, timeline_body
from checkout.state import State

_ID = re.compile("ord_[0-9a-f]{32}")
_MOST_OPEN = 5000
_NEVER = datetime.max.replace(tzinfo=UTC)


async def read(request: Request[State]) -> Response:
    caller, order = await order_of(request)
    return body_response(order_body(order, masked=not caller.is_trusted))


async def read_events(request: Request[State]) -> Response:
    caller, order = await order_of(request)
    entries = await request.state["database"].read(lambda tx: read_timeline(tx, order.story_id))
    return body_response(timeline_body(entries, masked=not caller.is_trusted))


async def list_all(request: Request[State]) -> Response:
    caller_of(request, Credential.SECRET_KEY)
    query = read_order_list(request.query_params.multi_items())
    wanted = OrderFilter(
        brand=request.state["settings"].brand,
        status=query.status,
        since=query.since,
        cart_hash=query.cart_hash,
        path=query.path,
        after=_read_cursor(query.cursor) if query.cursor else None,
        limit=query.limit,
    )
    if query.sort == "answer_by":
        return await _list_by_answer(request, wanted)
    orders = await request.state["database"].read(lambda tx: list_orders(tx, wanted))
    return _page_of(orders, query.limit, lambda order: (order.placed_at, order.id))


async def _list_by_answer(request: Request[State], wanted: OrderFilter) -> Response:
    """The open orders, those first whose time to answer runs out, which is not the order in which they were placed."""
    waiting = replace(wanted, status="open", after=None, limit=_MOST_OPEN)
    found = sorted(await request.state["database"].read(lambda tx: list_orders(tx, waiting)), key=_place)
    rest = [order for order in found if wanted.after is None or _place(order) > wanted.after]
    return _page_of(rest, wanted.limit, _place)


def _place(order: Order) -> tuple[datetime, str]:
    """Where it stands among those that wait; at the end where nobody knows until when."""
    return order.answer_by or _NEVER, order.id


def _page_of(orders: list[Order], limit: int, place: Callable[[Order], tuple[datetime, str]]) -> Response:
    page = orders[:limit]
    return body_response(order_list_body(page, _cursor(*place(page[-1])) if len(orders) > limit else None))


async def order_of(request: Request[State]) -> tuple[Caller, Order]:
    """The order that the path names, if the caller may see it. Raises UnknownResource for every reason not to."""
    caller = caller_of(request, Credential.ORDER_TOKEN, Credential.SECRET_KEY)
    order_id = request.path_params["order_id"]
    found = (
        await request.state["database"].read(lambda tx: find_order(tx, order_id)) if _ID.fullmatch(order_id) else None
    )
    if found is None or found[0].brand != request.state["settings"].brand:
        raise UnknownResource
    order, hashed = found
    if not caller.is_trusted and not same_secret(token_hash(caller.token), hashed):
        raise UnknownResource
    return caller, order


def _cursor(at: datetime, order_id: str) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()} {order_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        text, order_id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        at = datetime.fromisoformat(text)
    except (binascii.Error, ValueError):
        raise _bad_cursor() from None
    if at.tzinfo is None or not _ID.fullmatch(order_id):
        raise _bad_cursor()
    return at, order_id


def _bad_cursor() -> InvalidField:
    detail = "This must be the next_cursor of an answer."
    return InvalidField(fields=(FieldError("/query/cursor", "invalid", detail),))
