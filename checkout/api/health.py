"""Whether the process lives, and whether it can take orders."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checkout import __version__
from checkout.database import count_placing
from checkout.errors import DatabaseUnavailable
from checkout.state import State


async def healthz(_: Request[State]) -> Response:
    return JSONResponse({"status": "ok", "version": __version__})


async def readyz(request: Request[State]) -> Response:
    """200 while the service takes requests and its database answers; else 503."""
    try:
        placing = await request.state["database"].read(count_placing)
    except DatabaseUnavailable:
        return JSONResponse({"status": "database_unavailable"}, 503)
    if not request.state["ready"]():
        return JSONResponse({"status": "stopping"}, 503)
    return JSONResponse({"status": "ready", "placing": placing})


async def openapi(request: Request[State]) -> Response:
    return Response(request.state["openapi"], media_type="application/json")
