"""Who is in the console, and that a form was sent from it: by the browser that came in, from this page, on purpose."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from checkout.console.finding import go_to
from checkout.console.rendering import render
from checkout.database import Transaction
from checkout.database.console import count_reviews
from checkout.errors import CheckoutError
from checkout.keyring import same_secret, token_hash
from checkout.logins import is_inside
from checkout.problems import row_of
from checkout.settings import Settings
from checkout.state import State

_TOKEN = re.compile("cb_[A-Za-z0-9_-]{43}")
_MOST_FIELDS = 50
FORM_KEY = "form_key"


class Visit(NamedTuple):
    """A browser in the console. `reviews` is how many attempts need a person, which every page tells."""

    token: str
    reviews: int

    @property
    def name(self) -> str:
        """Enough to tell visits apart in the audit, too little to use one."""
        return f"console {token_hash(self.token)[:6]}"

    def form_key(self, path: str) -> str:
        """What a form has to bring that is sent to a path; only the page that this browser was given knows it."""
        return hmac.new(self.token.encode(), path.encode(), hashlib.sha256).hexdigest()


Form = Mapping[str, str]
Show = Callable[[Request[State], Visit], Awaitable[Response]]
Act = Callable[[Request[State], Visit, Form], Awaitable[Response]]
Endpoint = Callable[[Request[State]], Awaitable[Response]]


def showing(handler: Show) -> Endpoint:
    """A page for whoever is inside; others are told how to come in."""

    async def endpoint(request: Request[State]) -> Response:
        settings, visit = request.state["settings"], None
        try:
            visit = await visit_of(request)
            return await handler(request, visit) if visit else outside_page(settings)
        except CheckoutError as error:
            return _failed_page(settings, visit, error)

    return endpoint


def acting(handler: Act) -> Endpoint:
    """What a form does, once it is known to be one of ours."""

    async def checked(request: Request[State], visit: Visit) -> Response:
        if request.method != "POST":  # Somebody came back to where a form had led.
            return go_to("/console")
        form = await _read_form(request)
        if form is None or not same_secret(form.get(FORM_KEY, ""), visit.form_key(request.scope["path"])):
            return _stale_page(request.state["settings"], visit)
        return await handler(request, visit, form)

    return showing(checked)


async def visit_of(request: Request[State]) -> Visit | None:
    """The visit of the browser that asks, None where it has not come in or its time is over."""
    settings, now = request.state["settings"], request.state["clock"]()
    token = request.cookies.get(cookie_name(settings), "")
    if not _TOKEN.fullmatch(token):
        return None

    async def read(tx: Transaction) -> Visit | None:
        known = await is_inside(tx, settings.brand, token, now)
        return Visit(token, await count_reviews(tx, settings.brand)) if known else None

    return await request.state["database"].read(read)


def cookie_name(settings: Settings) -> str:
    """`__Host-` keeps other hosts from setting it, and takes HTTPS. On this machine the port tells services apart."""
    address = urlsplit(settings.public_url)
    return "__Host-console" if address.scheme == "https" else f"console-{address.port or 80}"


def is_from_here(request: Request[State]) -> bool:
    """Whether a form was sent from a page of ours, as every browser says of a POST."""
    return request.headers.get("origin") == request.state["settings"].public_url


async def _read_form(request: Request[State]) -> Form | None:
    """The fields of a form, None for what no form of ours sends."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not is_from_here(request) or media_type != "application/x-www-form-urlencoded":
        return None
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS))
    except ValueError:
        return None


def outside_page(settings: Settings) -> Response:
    return render(settings, "outside.html", 403, visit=None)


def _stale_page(settings: Settings, visit: Visit) -> Response:
    title, detail = "This form is no longer good", "Nothing was done. Go back, load the page again and try once more."
    return render(settings, "failed.html", 403, visit=visit, title=title, detail=detail, fields=())


def _failed_page(settings: Settings, visit: Visit | None, error: CheckoutError) -> Response:
    row = row_of(error)
    if row.status == 500:
        raise error  # A bug: the edge tells it, and the log its cause.
    return render(
        settings, "failed.html", row.status, visit=visit, title=row.title, detail=error.detail, fields=error.fields
    )
