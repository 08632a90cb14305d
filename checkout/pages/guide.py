"""The front page: what runs here, and how to buy something with curl."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from checkout.errors import UnknownResource
from checkout.pages.rendering import render_page
from checkout.settings import Settings
from checkout.state import State


async def guide(request: Request[State]) -> Response:
    """A guide for whoever opens the service. It shows nothing that a browser may not know."""
    settings = request.state["settings"]
    return render_page(
        "guide.html",
        url=settings.public_url,
        mode=settings.mode,
        key=settings.publishable_key if settings.mode == "test" else None,
        stripe=settings.stripe_api_base,
        sandbox=find_sandbox(settings),
        demo=find_demo_site(settings),
    )


async def demo_site(request: Request[State]) -> Response:
    """Leads to the brand's site that `checkout demo` runs beside the service; elsewhere there is none."""
    url = find_demo_site(request.state["settings"])
    if url is None:
        raise UnknownResource
    return RedirectResponse(url)


def find_sandbox(settings: Settings) -> str | None:
    """The address of a sandbox on this machine that plays an upstream, None where there is none."""
    return next((url for url in (settings.locally_base_url, settings.stripe_api_base) if _is_local(url)), None)


def find_demo_site(settings: Settings) -> str | None:
    """The demo's brand is known by its name: no registered site of a real brand has it."""
    return next((origin for origin in settings.origins if urlsplit(origin).hostname == "brand.localhost"), None)


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # It is a name.
        return host == "localhost"
