"""Ship-to-store, for the brand: what it does with one item, or with many."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.acting import ItemWish, act_on_all, acted_response, item_of, optional_claim
from checkout.api.reading import body_response, caller_of, read_json, wait_of
from checkout.callers import Credential
from checkout.fulfilment import Tracking, Wish, sts_wish
from checkout.schemas import StsActionRequest, read_sts_action, read_sts_actions
from checkout.state import State

_SOURCE = "brand"


async def act(request: Request[State]) -> Response:
    """One action for one item: 200 with the order, or 202 while nobody knows whether it took effect."""
    caller_of(request, Credential.SECRET_KEY)
    order_id, upc = item_of(request)
    parsed = await read_json(request)
    wish = _wish(read_sts_action(parsed))
    claim = optional_claim(request, order_id, parsed)
    acted = await request.state["actions"].act(order_id, upc, wish, source=_SOURCE, claim=claim, wait=wait_of(request))
    return acted_response(acted)


async def act_on_many(request: Request[State]) -> Response:
    """Many actions; each has a result of its own, so that the answer is a 200 whatever became of them."""
    caller_of(request, Credential.SECRET_KEY)
    parsed = await read_json(request)
    wishes = [ItemWish(each.order, each.upc, _wish(each)) for each in read_sts_actions(parsed).actions]
    claim = optional_claim(request, "many", parsed)
    request_id = request.scope["request_id"]
    results = await act_on_all(request.state["actions"], wishes, claim, source=_SOURCE, request_id=request_id)
    return body_response(results)


def _wish(wanted: StsActionRequest) -> Wish:
    parcel = wanted.tracking
    return sts_wish(
        wanted.action,
        reason=wanted.reason,
        tracking=Tracking(parcel.carrier, parcel.number, parcel.url) if parcel else None,
        message=wanted.message,
        refund_amount=wanted.refund_amount,
    )
