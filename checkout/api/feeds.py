"""The available-to-sell feed: taken from the brand, told how it stands, and handed to Locally."""

from email.utils import format_datetime

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from checkout.api.reading import body_response, caller_of
from checkout.callers import Credential
from checkout.errors import UnknownResource, UnsupportedMediaType
from checkout.keyring import same_secret
from checkout.schemas import feed_body, feed_import_body, read_feed_import
from checkout.state import State

MEDIA_TYPE = "text/csv"
_TAKEN = {MEDIA_TYPE, "text/plain", "text/tab-separated-values", "application/csv"}
_NO_FEED = "No feed was imported yet: `checkout feed import` or PUT /v1/feeds/available-to-sell does that."


async def take_or_tell(request: Request[State]) -> Response:
    caller_of(request, Credential.SECRET_KEY)
    return await (_take(request) if request.method == "PUT" else _tell(request))


async def _take(request: Request[State]) -> Response:
    query = read_feed_import(request.query_params.multi_items())
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TAKEN:
        raise UnsupportedMediaType("Send the feed as `Content-Type: text/csv`.")
    taken = await request.state["feeding"].take(request.stream(), forced=query.force)
    return body_response(feed_import_body(taken))


async def _tell(request: Request[State]) -> Response:
    standing = await request.state["feeding"].standing()
    if standing is None:
        raise UnknownResource(_NO_FEED)
    return body_response(feed_body(standing, served=request.state["settings"].feed_token is not None))


async def hand_out(request: Request[State]) -> Response:
    """Locally's scanner has no credential: the token in the path is one."""
    known = request.state["settings"].feed_token
    if known is None or not same_secret(request.path_params["token"], known.get_secret_value()):
        raise UnknownResource
    feeding = request.state["feeding"]
    copy = await feeding.copy()
    if copy is None:
        raise UnknownResource(_NO_FEED)
    headers = {
        "ETag": copy.etag,
        "Last-Modified": format_datetime(copy.changed_at.replace(microsecond=0), usegmt=True),
        "Cache-Control": "no-cache",
        "Content-Disposition": 'attachment; filename="available-to-sell.csv"',
    }
    if request.method == "HEAD":
        head = Response(headers=headers, media_type=MEDIA_TYPE)
        del head.headers["Content-Length"]  # How long the feed is shows only when it is read.
        return head
    status = 304 if _is_known(request.headers.get("if-none-match", ""), copy.etag) else 200
    note = BackgroundTask(feeding.note_fetch, _name_of(request), status)
    if status == 304:
        return Response(status_code=304, headers=headers, background=note)
    return StreamingResponse(copy.text(), headers=headers, media_type=MEDIA_TYPE, background=note)


def _is_known(if_none_match: str, etag: str) -> bool:
    """Compared weakly, as RFC 9110 has it for this header."""
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def _name_of(request: Request[State]) -> str:
    """Who reads the feed, as it names itself."""
    name = request.headers.get("user-agent", "")[:80]
    return name if name.isprintable() and name else "unknown"
