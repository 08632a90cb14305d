"""Templates become answers, each with the headers that every page carries."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from starlette.responses import Response

from checkout.pages.branding import BrandView
from checkout.pages.languages import ENGLISH, Language

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


@pass_context
def _say(context: Context, text: str) -> str:
    language: Language = context["language"]
    return language.say(text)


@pass_context
def _say_many(context: Context, one: str, many: str, num: int) -> str:
    language: Language = context["language"]
    return language.words.ngettext(one, many, num)


def _load_templates() -> dict[str, Template]:
    """Every template, compiled once; its words are looked up in the language that it is rendered in."""
    environment = Environment(
        loader=FileSystemLoader(find_folder("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(_say, _say_many, newstyle=True)  # type: ignore[attr-defined]  # Of i18n.
    return {name: environment.get_template(name) for name in environment.list_templates()}


_TEMPLATES = _load_templates()


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


def not_found_page(brand: BrandView, headers: dict[str, str] | None = None, language: Language = ENGLISH) -> Response:
    """The 404 in plain words; whatever is missing, it reads the same."""
    return render_page("checkout/not_found.html", 404, headers, language, brand=brand, appearance="auto")
