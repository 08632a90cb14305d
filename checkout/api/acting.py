"""What all actions on items of orders share: reading which item is meant, carrying out many, and the answers."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, claim_of
from checkout.database import KeyName
from checkout.errors import CheckoutError, UnknownResource
from checkout.fulfilment import Acted, Actions, PushCart, Wish
from checkout.idempotency import Claim
from checkout.orders import normalize_upc
from checkout.problems import problem_document
from checkout.schemas import ActionResultBody, ActionResultsBody, order_body
from checkout.state import State

OPERATION = "action"
_ID = re.compile("ord_[0-9a-f]{32}")
_AT_ONCE = 5  # Orders whose items are acted on at the same time.


class ItemWish(NamedTuple):
    """One of many wishes, with the item that it is for."""

    order_id: str
    upc: str
    wish: Wish


def item_of(request: Request[State]) -> tuple[str, str]:
    """The order's id and the UPC that the path names. Raises UnknownResource for what can be neither."""
    order_id, upc = request.path_params["order_id"], request.path_params["upc"]
    if not _ID.fullmatch(order_id):
        raise UnknownResource
    try:
        return order_id, normalize_upc(upc)
    except ValueError:
        raise UnknownResource from None


def optional_claim(request: Request[State], scope: str, body: object) -> Claim | None:
    """The use of the request's key, if it has one: only a refund of a part needs it. Raises KeyMissing if malformed."""
    return claim_of(request, OPERATION, scope, body) if "idempotency-key" in request.headers else None


def acted_response(acted: Acted) -> Response:
    """The order in full; a 202 while nobody knows whether the action took effect."""
    body = order_body(acted.order, masked=False)
    return body_response(body) if acted.is_settled else body_response(body, 202, {"Retry-After": "2"})


async def act_on_all(
    actions: Actions | PushCart, wishes: Sequence[ItemWish], claim: Claim | None, *, source: str, request_id: str
) -> ActionResultsBody:
    """Carry out many wishes, those for one order one after the other; none waits for an outcome in doubt."""
    limit = asyncio.Semaphore(_AT_ONCE)
    results: dict[int, ActionResultBody] = {}

    async def act_on_order(numbers: list[int]) -> None:
        async with limit:
            for number in numbers:
                each = wishes[number]
                results[number] = await _act(actions, each, _claim_of_item(claim, each), source, request_id)

    by_order: dict[str, list[int]] = {}
    for number, each in enumerate(wishes):
        by_order.setdefault(each.order_id, []).append(number)
    await asyncio.gather(*(act_on_order(numbers) for numbers in by_order.values()))
    return ActionResultsBody(data=tuple(results[number] for number in range(len(wishes))))


async def _act(
    actions: Actions | PushCart, each: ItemWish, claim: Claim | None, source: str, request_id: str
) -> ActionResultBody:
    try:
        acted = await actions.act(each.order_id, each.upc, each.wish, source=source, claim=claim, wait=0)
    except CheckoutError as error:
        problem = problem_document(error, request_id=request_id)
        more = [f"{fault.pointer}: {fault.detail}" for fault in problem.errors if fault.detail not in problem.detail]
        detail = "; ".join([problem.detail, *more])
        return _result(each, problem.status, code=problem.code, detail=detail)
    item = next(item for item in acted.order.items if item.upc == each.upc)
    return _result(each, 200 if acted.is_settled else 202, item_status=item.status)


def _result(
    each: ItemWish, status: int, *, code: str | None = None, detail: str | None = None, item_status: str | None = None
) -> ActionResultBody:
    return ActionResultBody(
        order=each.order_id, upc=each.upc, status=status, code=code, detail=detail, item_status=item_status
    )


def _claim_of_item(claim: Claim | None, each: ItemWish) -> Claim | None:
    """The request's key as each of its items uses it."""
    if claim is None:
        return None
    key = hashlib.sha256(f"{claim.name.key} {each.upc}".encode()).hexdigest()
    name = KeyName(claim.name.brand, claim.name.operation, each.order_id, key)
    return Claim(name, claim.fingerprint, claim.request_id)
