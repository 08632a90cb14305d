"""Orders: the list, finding one, one in full, and the slip that goes into its parcel."""

import re

from starlette.requests import Request
from starlette.responses import Response

from checkout.console.actions import offers_of
from checkout.console.finding import ORDER_ID, back_to, go_to, order_of
from checkout.console.guarding import Form, Visit
from checkout.console.rendering import render
from checkout.console.searching import STATUSES, UPC_SPAN, place_of, read_asked
from checkout.database import (
    Delivery,
    DeliveryFilter,
    TimelineEntry,
    Transaction,
    list_deliveries,
    order_of_cart,
    read_story,
)
from checkout.database.console import search_orders
from checkout.orders import WITHOUT_SALE, Address, ItemStatus, Order, normalize_upc
from checkout.schemas import read_cancel_request
from checkout.state import State
from checkout.wishes import ask_to_cancel
from checkout.wording.happenings import tell
from checkout.wording.reaching import address_lines

_CHECKOUT_ID = re.compile("chk_[0-9a-f]{32}")
_UPC = re.compile("[0-9]{8,14}")
_CART = re.compile("[A-Za-z0-9_-]{1,64}")
_MOST_DELIVERIES = 20
# What of an order nobody has to pack.
_NOT_PACKED = WITHOUT_SALE | {ItemStatus.REFUNDED}
_DONE = {
    "cancel": "The wish to cancel is noted, and told by webhook. Nothing is canceled by it.",
    "action": "Done: Locally has taken it.",
    "doubt": "Locally has not answered yet. Its cart is read until it shows what became of this; look again soon.",
}


async def show_list(request: Request[State], visit: Visit) -> Response:
    settings, asked = request.state["settings"], read_asked(request.query_params)
    wanted = asked.as_search(settings.brand, request.state["clock"]())
    found = await request.state["database"].read(lambda tx: search_orders(tx, wanted))
    page = found[: wanted.limit]
    return render(
        settings,
        "orders.html",
        visit=visit,
        asked=asked,
        orders=page,
        older=asked.link(after=place_of(page[-1])) if len(found) > wanted.limit else None,
        statuses=STATUSES,
        upc_days=UPC_SPAN.days if "upc" in asked.given and wanted.until is None else None,
        sought=None,
    )


async def find(request: Request[State], visit: Visit, form: Form) -> Response:
    """To what was searched for: an order or a checkout itself, else the list of those that fit."""
    sought = form.get("q", "").strip()
    place = await _place_of(request.state, sought)
    if place is not None:
        return go_to(place)
    settings, asked = request.state["settings"], read_asked({})
    return render(
        settings,
        "orders.html",
        visit=visit,
        asked=asked,
        orders=[],
        older=None,
        statuses=STATUSES,
        upc_days=None,
        sought=sought,
    )


async def _place_of(state: State, sought: str) -> str | None:
    if ORDER_ID.fullmatch(sought):
        return f"/console/orders/{sought}"
    if _CHECKOUT_ID.fullmatch(sought):
        return f"/console/checkouts/{sought}"
    if "@" in sought:
        return f"/console?mail={state['hash_email'](sought)}"
    order = await state["database"].read(lambda tx: order_of_cart(tx, sought)) if _CART.fullmatch(sought) else None
    if order is not None and order.brand == state["settings"].brand:
        return f"/console/orders/{order.id}"
    return f"/console?upc={normalize_upc(sought)}" if _UPC.fullmatch(sought) else None


async def show(request: Request[State], visit: Visit) -> Response:
    settings = request.state["settings"]
    order = await order_of(request)
    wanted = DeliveryFilter(brand=settings.brand, subject=order.id, limit=_MOST_DELIVERIES)
    story, deliveries = await request.state["database"].read(lambda tx: _read_more(tx, order, wanted))
    return render(
        settings,
        "order.html",
        visit=visit,
        order=order,
        address=address_lines(order.store.address),
        home=address_lines(Address(**order.shopper.model_dump(include=set(Address.model_fields)))),
        story=[(entry.at, tell(entry.event, entry.facts)) for entry in story],
        deliveries=deliveries[:_MOST_DELIVERIES],
        more_deliveries=len(deliveries) > _MOST_DELIVERIES,
        hosts=request.state["notifying"].hosts,
        offers_of=lambda item: offers_of(order, item),
        notice=_DONE.get(request.query_params.get("done", "")),
    )


async def _read_more(
    tx: Transaction, order: Order, wanted: DeliveryFilter
) -> tuple[list[TimelineEntry], list[Delivery]]:
    return await read_story(tx, order.story_id), await list_deliveries(tx, wanted)


async def show_slip(request: Request[State], visit: Visit) -> Response:
    """One page to print: what goes to which store, for whom; no prices, as the shopper may not be who opens it."""
    order = await order_of(request)
    packed = [item for item in order.items if item.status not in _NOT_PACKED]
    return render(
        request.state["settings"],
        "slip.html",
        visit=visit,
        order=order,
        items=packed,
        address=address_lines(order.store.address),
    )


async def ask_for_cancel(request: Request[State], visit: Visit, form: Form) -> Response:
    """Note that the shopper wishes to cancel, as she told somebody at the brand."""
    order, now = await order_of(request), request.state["clock"]()
    reason = form.get("reason", "").strip()
    wanted = read_cancel_request({"reason": reason} if reason else {})
    request_id = request.scope["request_id"]
    await request.state["database"].write(
        lambda tx: ask_to_cancel(tx, order.id, now, reason=wanted.reason, source="console", request_id=request_id)
    )
    return back_to(order, "cancel")
