"""Templates become answers, each with the headers that every page carries."""

from typing import Any

from starlette.responses import Response

from checkout.pages.branding import BrandView
from checkout.wording.languages import ENGLISH, Language
from checkout.wording.templates import load_templates

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_TEMPLATES = load_templates(lambda name: not name.startswith(("console/", "mail/")))


def render_page(
    template: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    language: Language = ENGLISH,
    **values: Any,
) -> Response:
    """A page as it is sent; `headers` come on top of those of every page."""
    content = _TEMPLATES[template].render(values, language=language)
    return Response(content, status, {**_HEADERS, **(headers or {})}, "text/html")


def not_found_page(
    brand: BrandView,
    headers: dict[str, str] | None = None,
    language: Language = ENGLISH,
    *,
    may_ask: bool = False,
) -> Response:
    """The 404 in plain words; whatever is missing, it reads the same. `may_ask` is for the links to orders."""
    values = {"brand": brand, "appearance": "auto", "may_ask": may_ask, "is_wrong": False}
    return render_page("checkout/not_found.html", 404, headers, language, **values)
