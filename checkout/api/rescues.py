"""After a store's no, and before its yes: buying elsewhere, and asking to cancel."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.checkouts import headers_of
from checkout.api.orders import order_of
from checkout.api.reading import (
    answer_response,
    body_response,
    claim_of,
    read_json,
    read_optional_json,
    reads_through,
)
from checkout.schemas import order_body, read_cancel_request, read_rescue_request, rescues_body
from checkout.state import State
from checkout.wishes import ask_to_cancel


async def _find(request: Request[State]) -> Response:
    _, order = await order_of(request)
    offer = await request.state["rescues"].offer(order, through=reads_through(request))
    return body_response(rescues_body(offer))


async def _open(request: Request[State]) -> Response:
    caller, order = await order_of(request)
    parsed = await read_json(request)
    claim = claim_of(request, "rescue", order.id, parsed)
    wanted = read_rescue_request(parsed)
    answer = await request.state["rescues"].open(
        order,
        wanted.store_id,
        wanted.path_to_purchase,
        claim,
        upcs=wanted.upcs,
        # Who may read the order masked must not come to read its shopper through the checkout.
        masked=not caller.is_trusted,
        through=reads_through(request),
    )
    return answer_response(answer, headers_of(answer, location=True))


async def find_or_open(request: Request[State]) -> Response:
    """One route for both, so that a 405 on this path names every method that it takes."""
    return await (_open if request.method == "POST" else _find)(request)


async def ask_for_cancel(request: Request[State]) -> Response:
    caller, order = await order_of(request)
    wanted = read_cancel_request(await read_optional_json(request))
    source, now = "brand" if caller.is_trusted else "shopper", request.state["clock"]()
    asked = await request.state["database"].write(
        lambda tx: ask_to_cancel(
            tx, order.id, now, reason=wanted.reason, source=source, request_id=request.scope["request_id"]
        )
    )
    return body_response(order_body(asked, masked=not caller.is_trusted))
