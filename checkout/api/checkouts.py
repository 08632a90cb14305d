"""Checkouts: open, read, change, take a card, place, give up."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import (
    answer_response,
    body_response,
    caller_of,
    checkout_of,
    claim_of,
    read_json,
    read_optional_json,
    wait_of,
)
from checkout.api.stores import line_items
from checkout.callers import Credential
from checkout.checkouts import Change, NewCheckout
from checkout.errors import CheckoutError
from checkout.idempotency import Answer
from checkout.orders import Checkout, Order, Shopper
from checkout.placing import PlaceOrder
from checkout.problems import problem_headers
from checkout.schemas import (
    ChangeCheckout,
    CreateCheckout,
    SetupIntentBody,
    read_change_checkout,
    read_create_checkout,
    read_empty_body,
    read_place_request,
)
from checkout.settings import STRIPE_URL
from checkout.state import State

_EXTRAS = ("host_domain", "locale", "return_url")
# How soon to ask again after a 202.
_ASK_AGAIN = {"Retry-After": "2"}


async def create(request: Request[State]) -> Response:
    caller = caller_of(request, Credential.PUBLISHABLE_KEY, Credential.SECRET_KEY)
    parsed = await read_json(request)
    claim = claim_of(request, "create", "", parsed)
    origins = request.state["settings"].allowed_origins
    wanted = read_create_checkout(parsed, trusted=caller.is_trusted, allowed_origins=origins)
    answer = await request.state["checkouts"].create(_new_checkout(wanted), claim)
    return answer_response(answer, _created_headers(answer))


def _new_checkout(wanted: CreateCheckout) -> NewCheckout:
    return NewCheckout(
        store_id=wanted.store_id,
        path_to_purchase=wanted.path_to_purchase,
        items=line_items(wanted.items),
        shopper=wanted.shopper.merged_into(Shopper()) if wanted.shopper else Shopper(),
        extras={name: getattr(wanted, name) for name in _EXTRAS},
    )


def _created_headers(answer: Answer) -> dict[str, str]:
    checkout_id = answer.body.partition(b'"id":"')[2].partition(b'"')[0].decode()
    return {"Location": f"/v1/checkouts/{checkout_id}", "ETag": '"1"'}


async def read(request: Request[State]) -> Response:
    _, found = await checkout_of(request)
    return _checkout_response(request, found.checkout, found.order)


async def change(request: Request[State]) -> Response:
    caller, found = await checkout_of(request)
    wanted = read_change_checkout(
        await read_json(request),
        trusted=caller.is_trusted,
        shopper=found.checkout.shopper,
        allowed_origins=request.state["settings"].allowed_origins,
        store_country=found.checkout.store.address.country,
    )
    changed = await request.state["checkouts"].change(
        found.checkout.id, _change(wanted, found.checkout, request.headers.get("if-match"))
    )
    return _checkout_response(request, changed, None)


def _change(wanted: ChangeCheckout, present: Checkout, if_match: str | None) -> Change:
    return Change(
        store_id=wanted.store_id,
        path_to_purchase=wanted.path_to_purchase,
        items=line_items(wanted.items) if wanted.items else None,
        shopper=wanted.merged_shopper if "shopper" in wanted.model_fields_set else None,
        extras={name: getattr(wanted, name) for name in _EXTRAS if name in wanted.model_fields_set},
        if_version=_versions(if_match),
    )


def _versions(if_match: str | None) -> frozenset[str] | None:
    """The versions that an `If-Match` allows; None for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(part.strip().removeprefix("W/").strip('"') for part in if_match.split(","))


async def hand_out_setup_intent(request: Request[State]) -> Response:
    _, found = await checkout_of(request)
    read_empty_body(await read_optional_json(request))
    handed = await request.state["checkouts"].hand_out_setup_intent(found.checkout.id)
    secret = handed.setup_intent.client_secret
    api_base = request.state["settings"].stripe_api_base
    body = SetupIntentBody(
        id=handed.setup_intent.id,
        client_secret=secret.get_secret_value() if secret else "",
        publishable_key=handed.payment.publishable_key,
        account=handed.payment.account,
        api_base=None if api_base == STRIPE_URL else api_base,
    )
    return body_response(body, 201 if handed.created else 200)


async def place(request: Request[State]) -> Response:
    caller, found = await checkout_of(request)
    parsed = await read_json(request)
    claim = claim_of(request, "place", found.checkout.id, parsed)
    wanted = read_place_request(parsed, trusted=caller.is_trusted)
    order = PlaceOrder(
        checkout_id=found.checkout.id,
        setup_intent_id=wanted.setup_intent_id,
        external=wanted.setup_intent_origin == "external",
        expected_total=wanted.expected_total,
        claim=claim,
        wait=wait_of(request),
    )
    try:
        placed = await request.state["placing"].place(order)
    except CheckoutError as error:
        return await _refusal(request, error)
    if isinstance(placed, Answer):
        return answer_response(placed)
    answer = request.state["answers"].outcome(placed, claim.request_id)
    headers = problem_headers(placed.error) if placed.error else _ASK_AGAIN if placed.is_pending else {}
    return answer_response(answer, headers)


async def cancel(request: Request[State]) -> Response:
    _, found = await checkout_of(request)
    read_empty_body(await read_optional_json(request))
    try:
        canceled = await request.state["checkouts"].cancel(found.checkout.id)
    except CheckoutError as error:
        return await _refusal(request, error)
    return _checkout_response(request, canceled, None)


async def _refusal(request: Request[State], error: CheckoutError) -> Response:
    """A problem with the checkout as it is now, so that a page can go on without asking."""
    found = await request.state["checkouts"].find(request.path_params["checkout_id"])
    answers = request.state["answers"]
    body = answers.checkout(found.checkout, found.order)
    return answer_response(answers.problem(error, request.scope["request_id"], body), problem_headers(error))


def _checkout_response(request: Request[State], checkout: Checkout, order: Order | None) -> Response:
    body = request.state["answers"].checkout(checkout, order)
    return body_response(body, headers={"ETag": f'"{checkout.version}"'})
