"""Whether the process lives, and whether it can take orders."""

import asyncio
from datetime import datetime
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import Response

from checkout import __version__
from checkout.api.reading import body_response
from checkout.database import Database, count_placing, prove_writable
from checkout.errors import Stopping
from checkout.schemas import HealthBody, ReadyBody
from checkout.state import State

# Anybody may ask whether we are ready: who asks while the database is being asked gets the same answer.
_looks: WeakKeyDictionary[Database, asyncio.Task[int]] = WeakKeyDictionary()


async def healthz(_: Request[State]) -> Response:
    return body_response(HealthBody(version=__version__))


async def readyz(request: Request[State]) -> Response:
    """200 while the service takes requests and its database takes records. Raises DatabaseUnavailable or Stopping."""
    database, now = request.state["database"], request.state["clock"]()
    look = _looks.get(database)
    if look is None or look.done():
        look = _looks[database] = asyncio.create_task(_look(database, now))
    placing = await asyncio.shield(look)
    if not request.state["ready"]():
        raise Stopping
    return body_response(ReadyBody(placing=placing))


async def _look(database: Database, now: datetime) -> int:
    """How many checkouts are being placed, from a database that takes records."""
    placing = await database.read(count_placing)
    await database.write(lambda tx: prove_writable(tx, now))
    return placing


async def openapi(request: Request[State]) -> Response:
    # A thread of its own, because the first one to ask waits until the document is built.
    return Response(await asyncio.to_thread(request.state["openapi"]), media_type="application/json")
