"""Webhooks out: what was sent where with what outcome, and sending it again."""

import re
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from checkout.console.finding import go_to
from checkout.console.guarding import Form, Visit
from checkout.console.rendering import render
from checkout.database import (
    Delivery,
    DeliveryFilter,
    Transaction,
    add_to_timeline,
    list_deliveries,
    send_again,
)
from checkout.errors import UnknownResource
from checkout.state import State

_STATES = ("waiting", "delivered", "failed")
_NUMBER = re.compile("[0-9]{1,18}")


async def show_deliveries(request: Request[State], visit: Visit) -> Response:
    settings, given = request.state["settings"], request.query_params
    state, after = given.get("state"), given.get("after", "")
    wanted = DeliveryFilter(
        brand=settings.brand,
        state=state if state in _STATES else None,
        after=int(after) if _NUMBER.fullmatch(after) else None,
        limit=50,
    )
    found = await request.state["database"].read(lambda tx: list_deliveries(tx, wanted))
    page = found[: wanted.limit]
    kept = f"state={wanted.state}&" if wanted.state else ""
    return render(
        settings,
        "deliveries.html",
        visit=visit,
        deliveries=page,
        hosts=request.state["notifying"].hosts,
        states=_STATES,
        state=wanted.state,
        older=f"/console/deliveries?{kept}after={page[-1].id}" if len(found) > wanted.limit else None,
        notice="It is sent again now." if given.get("done") == "sent" else None,
    )


async def redeliver(request: Request[State], visit: Visit, _form: Form) -> Response:
    number = request.path_params["delivery_id"].removeprefix("dlv_")
    if not _NUMBER.fullmatch(number):
        raise UnknownResource
    work = partial(_send_again, request=request, visit=visit, number=int(number))
    if await request.state["database"].write(work) is None:
        raise UnknownResource
    request.state["notifying"].wake()
    return go_to("/console/deliveries?done=sent")


async def _send_again(tx: Transaction, *, request: Request[State], visit: Visit, number: int) -> Delivery | None:
    """Let it go out again, and note who wanted it with what it is about."""
    brand, now = request.state["settings"].brand, request.state["clock"]()
    delivery = await send_again(tx, brand, number, now)
    if delivery is not None:
        facts = {"delivery": f"dlv_{delivery.id}", "source": "console", "by": visit.name}
        await add_to_timeline(tx, delivery.subject, now, "delivery.sent_again", **facts)
    return delivery
