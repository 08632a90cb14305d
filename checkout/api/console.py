"""The way into the console, which is made with the secret key and told once."""

from starlette.requests import Request
from starlette.responses import Response

from checkout.api.reading import body_response, caller_of, read_optional_json
from checkout.callers import Credential
from checkout.logins import make_link
from checkout.schemas import console_link_body, read_empty_body
from checkout.state import State


async def make(request: Request[State]) -> Response:
    caller_of(request, Credential.SECRET_KEY)
    read_empty_body(await read_optional_json(request))
    settings, now = request.state["settings"], request.state["clock"]()
    link = await request.state["database"].write(lambda tx: make_link(tx, settings.brand, now))
    return body_response(console_link_body(settings.public_url, link), 201)
