"""The templates, compiled once; their words are looked up in the language that they are rendered in."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context

from checkout.wording.languages import Language


def find_folder(name: str, package: Path = Path(__file__).parent.parent) -> Path:
    """Where `templates` or `static` is: inside the installed package, or beside it in the repository."""
    shipped = package / name
    return shipped if shipped.is_dir() else package.parent / name


def load_templates(is_wanted: Callable[[str], bool], *, escape: bool = True) -> dict[str, Template]:
    """The templates with the wanted names; `escape` is for HTML."""
    environment = Environment(
        loader=FileSystemLoader(find_folder("templates")),
        autoescape=escape,  # noqa: S701  Text is no HTML: what is written there stands as it is.
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(_say, _say_many, newstyle=True)  # type: ignore[attr-defined]  # Of i18n.
    return {name: environment.get_template(name) for name in environment.list_templates(filter_func=is_wanted)}


@pass_context
def _say(context: Context, text: str) -> str:
    language: Language = context["language"]
    return language.say(text)


@pass_context
def _say_many(context: Context, one: str, many: str, num: int) -> str:
    language: Language = context["language"]
    return language.words.ngettext(one, many, num)
