"""PushCart, for a retailer: what its stores answer to one item, or to many, and the intake of its orders."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.acting import ItemWish, act_on_all, acted_response, item_of, optional_claim
from checkout.api.reading import body_response, caller_of, read_json, read_optional_json, wait_of
from checkout.callers import Credential
from checkout.errors import NotHere
from checkout.fulfilment import PushCart, Wish, pushcart_wish
from checkout.intake import Intake
from checkout.schemas import AnswerRequest, intake_body, read_answer, read_answers, read_empty_body
from checkout.state import State

_SOURCE = "retailer"


async def answer(request: Request[State]) -> Response:
    """One answer to one item: 200 with the order, or 202 while nobody knows whether it took effect."""
    caller_of(request, Credential.SECRET_KEY)
    order_id, upc = item_of(request)
    parsed = await read_json(request)
    wish = _wish(read_answer(parsed))
    claim = optional_claim(request, order_id, parsed)
    acted = await _pushcart(request).act(order_id, upc, wish, source=_SOURCE, claim=claim, wait=wait_of(request))
    return acted_response(acted)


async def answer_many(request: Request[State]) -> Response:
    """Many answers; each has a result of its own, so that this answer is a 200 whatever became of them."""
    caller_of(request, Credential.SECRET_KEY)
    parsed = await read_json(request)
    wishes = [ItemWish(each.order, each.upc, _wish(each)) for each in read_answers(parsed).answers]
    claim = optional_claim(request, "many", parsed)
    request_id = request.scope["request_id"]
    return body_response(await act_on_all(_pushcart(request), wishes, claim, source=_SOURCE, request_id=request_id))


async def read_intake(request: Request[State]) -> Response:
    """How far it is; a POST starts or continues it."""
    caller_of(request, Credential.SECRET_KEY)
    if request.method != "POST":
        return body_response(intake_body(await _intake(request).progress()))
    read_empty_body(await read_optional_json(request))
    return body_response(intake_body(await _intake(request).begin()), 202)


def _pushcart(request: Request[State]) -> PushCart:
    return PushCart(request.state["database"], request.state["actions"], clock=request.state["clock"])


def _intake(request: Request[State]) -> Intake:
    intake = request.state["intake"]
    if intake is None:
        raise NotHere
    return intake


def _wish(wanted: AnswerRequest) -> Wish:
    return pushcart_wish(
        wanted.action,
        reason=wanted.reason,
        fulfillment_url=wanted.fulfillment_url,
        message=wanted.message,
        refund_amount=wanted.refund_amount,
    )
