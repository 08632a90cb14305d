"""Checkouts: open, read, change, take a card, place, give up."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

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
    reads_through,
    wait_of,
)
from checkout.api.stores import line_items
from checkout.callers import Caller, Credential
from checkout.checkouts import Change, Found, NewCheckout
from checkout.errors import CheckoutError
from checkout.idempotency import Answer
from checkout.orders import Checkout, Order, Shopper
from checkout.placing import PlaceOrder
from checkout.problems import problem_headers
from checkout.schemas import (
    STORE_UNREAD,
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

Handle = Callable[[Request[State], Caller, Found], Awaitable[Response]]
Handler = Callable[[Request[State]], Awaitable[Response]]

_HOLDERS = (Credential.CHECKOUT_TOKEN, Credential.SECRET_KEY)

_IDENTITY = re.compile(rb'{"id":"(chk_\w+)","object":"checkout","version":(\d+)')
_EXTRAS = ("host_domain", "locale", "return_url")
# How soon to ask again after a 202.
_ASK_AGAIN = {"Retry-After": "2"}


async def create(request: Request[State]) -> Response:
    caller = caller_of(request, Credential.PUBLISHABLE_KEY, Credential.SECRET_KEY)
    parsed = await read_json(request)
    claim = claim_of(request, "create", "", parsed)
    answer = await request.state["checkouts"].create(_new_checkout(request, parsed, caller), claim)
    return answer_response(answer, headers_of(answer, location=True))


def _new_checkout(request: Request[State], parsed: Any, caller: Caller) -> NewCheckout:
    """What the body asks for. Its shopper is read again when the store, and with it the country, is known."""
    origins = request.state["settings"].allowed_origins

    def read(store_country: str | None) -> CreateCheckout:
        return read_create_checkout(
            parsed, trusted=caller.is_trusted, allowed_origins=origins, store_country=store_country
        )

    def shopper(store_country: str | None) -> Shopper:
        told = read(store_country).shopper
        return told.merged_into(Shopper()) if told else Shopper()

    wanted = read(STORE_UNREAD)
    return NewCheckout(
        store_id=wanted.store_id,
        path_to_purchase=wanted.path_to_purchase,
        items=line_items(wanted.items),
        shopper=shopper,
        extras={name: getattr(wanted, name) for name in _EXTRAS},
        through=reads_through(request),
    )


def headers_of(answer: Answer, *, location: bool = False) -> dict[str, str]:
    """What the headers say of the checkout that the body is; nothing where the body is a problem."""
    found = _IDENTITY.match(answer.body)
    if found is None:
        return {}
    checkout_id, version = (part.decode() for part in found.groups())
    return {"ETag": f'"{version}"', **({"Location": f"/v1/checkouts/{checkout_id}"} if location else {})}


def on_checkout(handle: Handle, allowed: tuple[Credential, ...] = _HOLDERS, *, operation: str | None = None) -> Handler:
    """A handler for calls on one checkout: whatever goes wrong is told with the checkout as it is now.

    For an `operation` that takes an Idempotency-Key, what is known of the key is read with the checkout.
    """

    async def handler(request: Request[State]) -> Response:
        caller, found = await checkout_of(request, *allowed, operation=operation)
        try:
            return await handle(request, caller, found)
        except CheckoutError as error:
            return await _refusal(request, caller, error)

    return handler


async def _refusal(request: Request[State], caller: Caller, error: CheckoutError) -> Response:
    found = await request.state["checkouts"].find(request.path_params["checkout_id"])
    answers = request.state["answers"]
    body = answers.checkout(found.checkout, found.order, trusted=caller.is_trusted)
    return answer_response(answers.problem(error, request.scope["request_id"], body), problem_headers(error))


@on_checkout
async def read(request: Request[State], caller: Caller, found: Found) -> Response:
    return checkout_response(request, caller, found.checkout, found.order)


@on_checkout
async def change(request: Request[State], caller: Caller, found: Found) -> Response:
    wanted = read_change_checkout(
        await read_json(request),
        trusted=caller.is_trusted,
        shopper=found.checkout.shopper,
        allowed_origins=request.state["settings"].allowed_origins,
        store_country=found.checkout.store.address.country,
    )
    changed = await request.state["checkouts"].change(found.checkout.id, _change(request, wanted))
    return checkout_response(request, caller, changed, None)


async def read_or_change(request: Request[State]) -> Response:
    """One route for both, so that a 405 on this path names every method that it takes."""
    return await (change if request.method == "PATCH" else read)(request)


def _change(request: Request[State], wanted: ChangeCheckout) -> Change:
    return Change(
        store_id=wanted.store_id,
        path_to_purchase=wanted.path_to_purchase,
        items=line_items(wanted.items) if wanted.items else None,
        shopper=wanted.merged_shopper if "shopper" in wanted.model_fields_set else None,
        extras={name: getattr(wanted, name) for name in _EXTRAS if name in wanted.model_fields_set},
        if_version=_versions(request.headers.get("if-match")),
        through=reads_through(request),
    )


def _versions(if_match: str | None) -> frozenset[str] | None:
    """The versions that an `If-Match` allows; None for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(part.strip().removeprefix("W/").strip('"') for part in if_match.split(","))


@on_checkout
async def hand_out_setup_intent(request: Request[State], _: Caller, found: Found) -> Response:
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


async def _place(request: Request[State], caller: Caller, found: Found) -> Response:
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
    placing = request.state["placing"]
    placed = placing.foresee(order, found.checkout, found.order, found.key) or await placing.place(order)
    if isinstance(placed, Answer):
        return answer_response(placed, headers_of(placed))
    answer = request.state["answers"].outcome(placed, claim.request_id)
    headers = problem_headers(placed.error) if placed.error else _ASK_AGAIN if placed.is_pending else {}
    return answer_response(answer, {**headers_of(answer), **headers})


place = on_checkout(_place, operation="place")


@on_checkout
async def cancel(request: Request[State], caller: Caller, found: Found) -> Response:
    read_empty_body(await read_optional_json(request))
    canceled = await request.state["checkouts"].cancel(found.checkout.id)
    return checkout_response(request, caller, canceled, None)


def checkout_response(request: Request[State], caller: Caller, checkout: Checkout, order: Order | None) -> Response:
    body = request.state["answers"].checkout(checkout, order, trusted=caller.is_trusted)
    return body_response(body, headers={"ETag": f'"{checkout.version}"'})
