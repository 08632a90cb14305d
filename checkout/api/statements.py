"""Monthly statements of ship-to-store."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, caller_of
from checkout.callers import Credential
from checkout.errors import UnknownResource
from checkout.fulfilment import read_statement
from checkout.orders import Month
from checkout.printing import printed_statement
from checkout.schemas import StatementBody, statement_body, statement_csv
from checkout.state import State


async def read(request: Request[State]) -> Response:
    """A month as JSON, as CSV (`Accept: text/csv`) or as a page to print (`Accept: text/html`)."""
    caller_of(request, Credential.SECRET_KEY)
    try:
        month = Month.parse(request.path_params["month"])
    except ValueError:
        raise UnknownResource from None
    settings = request.state["settings"]
    full = await read_statement(request.state["database"], settings.brand, month, settings.sts_default_percent)
    body = statement_body(full, settings.brand, request.state["clock"]())
    return _render(body, request.headers.get("accept", ""), settings.shown_brand)


def _render(body: StatementBody, accept: str, brand: str) -> Response:
    headers = {"Vary": "Accept"}
    if "text/csv" in accept:
        name = f"statement-{body.month}.csv"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(statement_csv(body), 200, headers, "text/csv")
    if "text/html" in accept:
        page, policy = printed_statement(body, brand)
        return Response(page, 200, {**headers, "Content-Security-Policy": policy}, "text/html")
    return body_response(body, headers=headers)
