"""Templates become answers, each with the headers that every page carries."""

from pathlib import Path
from typing import Any

from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.responses import Response

from checkout.money import Money

LOCALE = "en_US"  # The language of the pages; it names the currency wherever "$" alone would leave it open.

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def find_folder(name: str, package: Path = Path(__file__).parent.parent) -> Path:
    """Where `templates` or `static` is: inside the installed package, or beside it in the repository."""
    shipped = package / name
    return shipped if shipped.is_dir() else package.parent / name


def format_money(money: Money) -> str:
    return format_currency(money.to_decimal(), money.currency, locale=LOCALE)


def _load_templates() -> dict[str, Template]:
    """Every template, compiled once."""
    environment = Environment(
        loader=FileSystemLoader(find_folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = format_money
    return {name: environment.get_template(name) for name in environment.list_templates()}


_TEMPLATES = _load_templates()


def render_page(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> Response:
    """A page as it is sent; `headers` come on top of those of every page."""
    content = _TEMPLATES[template].render(values)
    return Response(content, status, {**_HEADERS, **(headers or {})}, "text/html")


def not_found_page(headers: dict[str, str] | None = None) -> Response:
    """The 404 in plain words; whatever is missing, it reads the same."""
    return render_page("not_found.html", 404, headers)
