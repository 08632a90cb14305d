"""Webhooks out, for operators: what was sent where with what outcome, and sending it again."""

import re

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, caller_of
from checkout.callers import Credential
from checkout.database import DeliveryFilter, list_deliveries, send_again
from checkout.errors import FieldError, InvalidField, UnknownResource
from checkout.schemas import delivery_body, delivery_list_body, read_delivery_list
from checkout.state import State

_ID = re.compile("dlv_([0-9]{1,18})")


async def list_all(request: Request[State]) -> Response:
    caller_of(request, Credential.SECRET_KEY)
    query = read_delivery_list(request.query_params.multi_items())
    wanted = DeliveryFilter(
        brand=request.state["settings"].brand,
        state=query.state,
        subject=query.subject,
        after=_read_cursor(query.cursor) if query.cursor else None,
        limit=query.limit,
    )
    found = await request.state["database"].read(lambda tx: list_deliveries(tx, wanted))
    page = found[: query.limit]
    cursor = f"dlv_{page[-1].id}" if len(found) > query.limit else None
    return body_response(delivery_list_body(page, request.state["notifying"].hosts, cursor))


async def redeliver(request: Request[State]) -> Response:
    caller_of(request, Credential.SECRET_KEY)
    known = _ID.fullmatch(request.path_params["delivery_id"])
    if known is None:
        raise UnknownResource
    brand, now = request.state["settings"].brand, request.state["clock"]()
    delivery = await request.state["database"].write(lambda tx: send_again(tx, brand, int(known[1]), now))
    if delivery is None:
        raise UnknownResource
    request.state["notifying"].wake()
    return body_response(delivery_body(delivery, request.state["notifying"].hosts), 202)


def _read_cursor(cursor: str) -> int:
    found = _ID.fullmatch(cursor)
    if found is None:
        detail = "This must be the next_cursor of an answer."
        raise InvalidField(fields=(FieldError("/query/cursor", "invalid", detail),))
    return int(found[1])
