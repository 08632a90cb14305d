"""Whether the process lives, and whether it can take orders."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from checkout import __version__
from checkout.api.reading import body_response
from checkout.database import count_placing
from checkout.errors import Stopping
from checkout.schemas import HealthBody, ReadyBody
from checkout.state import State


async def healthz(_: Request[State]) -> Response:
    return body_response(HealthBody(version=__version__))


async def readyz(request: Request[State]) -> Response:
    """200 while the service takes requests and its database answers. Raises DatabaseUnavailable or Stopping."""
    placing = await request.state["database"].read(count_placing)
    if not request.state["ready"]():
        raise Stopping
    return body_response(ReadyBody(placing=placing))


async def openapi(request: Request[State]) -> Response:
    # A thread of its own, because the first one to ask waits until the document is built.
    return Response(await asyncio.to_thread(request.state["openapi"]), media_type="application/json")
