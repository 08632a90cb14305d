"""How the controls are asked and answer: JSON in, JSON out, and a plain no that names the field."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checkout.sandbox.incoming import Json, Refusal
from checkout.sandbox.reading import parse_json

_LONGEST_TEXT = 2000


def control(handle: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a control: a ValueError is a 400, a Refusal has its own status and may tell more."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handle(request))
        except ValueError as fault:
            return JSONResponse({"error": str(fault)}, 400)
        except Refusal as refusal:
            return JSONResponse(told_of(refusal), max(refusal.status, 400))

    return endpoint


def told_of(refusal: Refusal) -> Json:
    """What a control answers to what was refused, whichever API's words it was refused in."""
    more = {name: value for name, value in refusal.body.items() if name not in ("message", "status")}
    return {"error": refusal.body["message"], **more}


async def read_object(request: Request) -> Json:
    try:
        body = parse_json(await request.body())
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the one kind that becomes a 400.
    return body


def only(body: Json, known: set[str]) -> None:
    for name in body:
        if name not in known:
            raise ValueError(f"there is no field {name!r}; known are {', '.join(sorted(known))}")


def text_of(body: Json, name: str, *, needed: bool = False) -> str:
    """The text of a field without the space around it, "" where it was not sent. Raises ValueError."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a string")
    text = (value or "").strip()
    if needed and not text:
        raise ValueError(f"{name} is required")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{name} must have at most {_LONGEST_TEXT} characters")
    return text


def flag_of(body: Json, name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")  # noqa: TRY004 - the one kind that becomes a 400.
    return value


def printable_or_null(body: Json, name: str) -> None:
    """Raises ValueError for what no header and no address can hold."""
    value = body[name]
    if value is not None and not (isinstance(value, str) and value.isascii() and value.isprintable()):
        raise ValueError(f"{name} must be a string of printable ASCII, or null")


def url_or_null(body: Json, name: str) -> None:
    url = body.get(name)
    if url is None:
        return
    address = urlsplit(url)
    # Reading the port raises ValueError where there is none to reach.
    if address.scheme not in ("http", "https") or not address.hostname or address.port == 0 or " " in url:
        raise ValueError(f"{name} must be an http or https URL")
