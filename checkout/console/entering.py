"""In by a link that works once, and out again."""

import re

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from checkout.console.guarding import Form, Visit, cookie_name, is_from_here, outside_page
from checkout.console.rendering import render
from checkout.logins import STAY, come_in, leave, may_come_in
from checkout.state import State

log = structlog.get_logger(__name__)

_LINK = re.compile("cl_[A-Za-z0-9_-]{43}")


async def enter(request: Request[State]) -> Response:
    """The page of a link, and its button. To look at it uses nothing up: programs that preview links do that."""
    link = request.path_params["link"]
    if not _LINK.fullmatch(link):
        return outside_page(request.state["settings"])
    return await (_come_in if request.method == "POST" else _show_button)(request, link)


async def _show_button(request: Request[State], link: str) -> Response:
    settings, now = request.state["settings"], request.state["clock"]()
    if not await request.state["database"].read(lambda tx: may_come_in(tx, settings.brand, link, now)):
        return outside_page(settings)
    return render(settings, "enter.html", visit=None)


async def _come_in(request: Request[State], link: str) -> Response:
    settings, now = request.state["settings"], request.state["clock"]()
    if not is_from_here(request):
        return outside_page(settings)
    token = await request.state["database"].write(lambda tx: come_in(tx, settings.brand, link, now))
    if token is None:
        return outside_page(settings)
    log.info("console_entered", visit=Visit(token, 0).name)
    answer = RedirectResponse("/console", 303, {"Cache-Control": "no-store"})
    answer.set_cookie(
        cookie_name(settings),
        token,
        max_age=int(STAY.total_seconds()),
        secure=settings.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )
    return answer


async def go(request: Request[State], visit: Visit, _form: Form) -> Response:
    """Out: what the browser holds opens nothing from now on."""
    settings, now = request.state["settings"], request.state["clock"]()
    await request.state["database"].write(lambda tx: leave(tx, settings.brand, visit.token, now))
    log.info("console_left", visit=visit.name)
    answer = render(settings, "outside.html", visit=None)
    secure = settings.public_url.startswith("https://")
    answer.delete_cookie(cookie_name(settings), secure=secure, httponly=True, samesite="strict")
    return answer
