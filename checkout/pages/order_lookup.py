"""For a link that was lost, or opens nothing any more: a new one goes to the address that the order was bought with."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from checkout.errors import InvalidField
from checkout.pages.branding import brand_of
from checkout.pages.policies import PRIVATE, page_policy
from checkout.pages.rendering import not_found_page, render_page
from checkout.schemas import read_lookup_request
from checkout.state import State
from checkout.wording.languages import Language, choose_language


def lost_page(request: Request[State]) -> Response:
    """What every link to no order shows: that nothing is here, and how to come by a new link."""
    settings, language = request.state["settings"], _language_for(request)
    headers = {**PRIVATE, "Content-Security-Policy": page_policy(settings), "Vary": "Accept-Language"}
    may_ask = request.state["lookup"] is not None
    return not_found_page(brand_of(settings), headers, language, may_ask=may_ask)


async def lookup_page(request: Request[State]) -> Response:
    """The form, or after it the same words for a hit and a miss."""
    if request.state["lookup"] is None:
        return lost_page(request)
    return _form(request, is_sent="sent" in request.query_params)


async def ask_for_links(request: Request[State]) -> Response:
    """Have links mailed. Nothing of the answer tells whether there is an order."""
    lookup = request.state["lookup"]
    if lookup is None:
        return lost_page(request)
    typed = parse_qs((await request.body()).decode("utf-8", "replace"))
    try:
        wanted = read_lookup_request({"email": typed.get("email", [""])[0]})
    except InvalidField:
        return _form(request, is_wrong=True)
    lookup.ask(wanted.email, request.client.host if request.client else "")
    return RedirectResponse(f"/o?sent=1&lang={_language_for(request).tag}", 303, PRIVATE)


def _form(request: Request[State], *, is_sent: bool = False, is_wrong: bool = False) -> Response:
    settings = request.state["settings"]
    return render_page(
        "checkout/lookup.html",
        status=422 if is_wrong else 200,
        headers={**PRIVATE, "Content-Security-Policy": page_policy(settings), "Vary": "Accept-Language"},
        language=_language_for(request),
        brand=brand_of(settings),
        appearance="auto",
        is_sent=is_sent,
        is_wrong=is_wrong,
        may_ask=True,
    )


def _language_for(request: Request[State]) -> Language:
    settings, accepted = request.state["settings"], request.headers.get("accept-language", "")
    return choose_language(request.query_params.get("lang"), accepted, settings.languages)
