"""Places, stores and quotes: what a page asks before there is a checkout."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, caller_of, read_json, reads_through
from checkout.callers import Credential
from checkout.orders import LineItem, PriceSource
from checkout.schemas import (
    LineRequest,
    places_body,
    quote_body,
    read_places_query,
    read_quote_request,
    read_store_search,
    stores_body,
)
from checkout.state import State

_KEYS = (Credential.PUBLISHABLE_KEY, Credential.SECRET_KEY)


async def find_places(request: Request[State]) -> Response:
    caller_of(request, *_KEYS)
    query = read_places_query(request.query_params.multi_items())
    places = await request.state["availability"].find_places(query.q, through=reads_through(request))
    return body_response(places_body(places))


async def find_stores(request: Request[State]) -> Response:
    caller_of(request, *_KEYS)
    search = read_store_search(request.query_params.multi_items())
    if search.path is not None:
        request.state["assessor"].require_path(search.path, "/query/path")
    found = await request.state["availability"].find_stores(
        {item.upc: item.quantity for item in search.items},
        search.near,
        search.radius,
        search.unit,
        search.path,
        through=reads_through(request),
    )
    return body_response(stores_body(found))


async def quote(request: Request[State]) -> Response:
    caller = caller_of(request, *_KEYS)
    wanted = read_quote_request(await read_json(request), trusted=caller.is_trusted)
    through = reads_through(request)
    assessment = await request.state["assessor"].assess(
        wanted.store_id, wanted.path_to_purchase, line_items(wanted.items), kept_stock=not through, through=through
    )
    body = quote_body(
        wanted.store_id,
        wanted.path_to_purchase,
        assessment.items,
        currency=assessment.currency,
        tax_estimated=request.state["settings"].tax == "locally",
        as_of=assessment.as_of,
    )
    return body_response(body)


def line_items(lines: tuple[LineRequest, ...]) -> tuple[LineItem, ...]:
    """The lines as asked for; a price in them is one that the brand's server gave."""
    return tuple(
        LineItem(
            upc=line.upc,
            quantity=line.quantity,
            message=line.message,
            unit_price=line.unit_price,
            tax_per_unit=line.tax_per_unit,
            price_source=PriceSource.GIVEN if line.unit_price else None,
        )
        for line in lines
    )
