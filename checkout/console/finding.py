"""The order that an address of the console names, and the way back to it."""

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from checkout.database import find_order
from checkout.errors import UnknownResource
from checkout.orders import Order
from checkout.state import State

ORDER_ID = re.compile("ord_[0-9a-f]{32}")


async def order_of(request: Request[State]) -> Order:
    """The order that the path names. Raises UnknownResource."""
    order_id = request.path_params["order_id"]
    if not ORDER_ID.fullmatch(order_id):
        raise UnknownResource
    found = await request.state["database"].read(lambda tx: find_order(tx, order_id))
    if found is None or found[0].brand != request.state["settings"].brand:
        raise UnknownResource
    return found[0]


def back_to(order: Order, done: str) -> Response:
    """To the order's page, so that loading it again sends nothing again."""
    return go_to(f"/console/orders/{order.id}?done={done}")


def go_to(path: str) -> Response:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})
