"""For operators: what needs a person, holds that may be open, the story of a checkout, and a person's decision."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.checkouts import checkout_response, on_checkout
from checkout.api.reading import body_response, caller_of, read_json
from checkout.callers import Caller, Credential
from checkout.checkouts import Found
from checkout.database import list_holds, list_reviews, read_story
from checkout.placing import READ_BACK, Decision
from checkout.schemas import hold_list_body, read_settle_request, review_list_body, timeline_body
from checkout.state import State

_OPERATORS = (Credential.SECRET_KEY,)
# Enough to tell keys apart in the audit, too little to use one.
_SHOWN_OF_KEY = 4


async def read_reviews(request: Request[State]) -> Response:
    caller_of(request, *_OPERATORS)
    brand = request.state["settings"].brand
    reviews = await request.state["database"].read(lambda tx: list_reviews(tx, brand, READ_BACK))
    return body_response(review_list_body(reviews))


async def read_holds(request: Request[State]) -> Response:
    caller_of(request, *_OPERATORS)
    brand, now = request.state["settings"].brand, request.state["clock"]()
    rows = await request.state["database"].read(lambda tx: list_holds(tx, brand, now))
    return body_response(hold_list_body(rows))


async def _read_timeline(request: Request[State], _: Caller, found: Found) -> Response:
    entries = await request.state["database"].read(lambda tx: read_story(tx, found.checkout.id))
    return body_response(timeline_body(entries, masked=False))


async def _settle(request: Request[State], caller: Caller, found: Found) -> Response:
    wanted = read_settle_request(await read_json(request))
    decision = Decision(wanted.placed, by=f"...{caller.token[-_SHOWN_OF_KEY:]}")
    await request.state["placing"].settle(found.checkout.id, decision)
    settled = await request.state["checkouts"].find(found.checkout.id)
    return checkout_response(request, caller, settled.checkout, settled.order)


read_timeline = on_checkout(_read_timeline, _OPERATORS)
settle = on_checkout(_settle, _OPERATORS)
