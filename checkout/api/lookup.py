"""Lost links to orders: a new one goes to the address that an order was bought with."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, caller_of, read_json
from checkout.callers import Credential
from checkout.errors import UnknownResource
from checkout.schemas import AcceptedBody, read_lookup_request
from checkout.state import State


async def look_up(request: Request[State]) -> Response:
    """The same answer for a hit, a miss and too many: who asks learns nothing. Raises UnknownResource without mail."""
    caller_of(request, Credential.PUBLISHABLE_KEY)
    lookup = request.state["lookup"]
    if lookup is None:
        raise UnknownResource
    wanted = read_lookup_request(await read_json(request))
    lookup.ask(wanted.email, request.client.host if request.client else "")
    return body_response(AcceptedBody(), 202)
