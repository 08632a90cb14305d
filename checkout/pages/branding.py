"""Whose pages these are: name, logo, links and colours."""

import hashlib
from functools import lru_cache
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout.settings import Settings, Theme
from checkout.state import State


class BrandView(NamedTuple):
    """What pages show of the brand."""

    name: str
    logo: str | None
    terms: str | None
    privacy: str | None
    support: str | None


def brand_of(settings: Settings) -> BrandView:
    return BrandView(
        settings.shown_brand, settings.logo, settings.terms_url, settings.privacy_url, settings.support_url
    )


async def theme_css(request: Request[State]) -> Response:
    """The brand's colours as CSS variables; browsers keep them for five minutes."""
    css = write_theme(request.state["settings"].theme)
    etag = f'"{hashlib.sha256(css).hexdigest()[:24]}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300, stale-while-revalidate=86400"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(css, headers=headers, media_type="text/css")


@lru_cache(maxsize=8)
def write_theme(theme: Theme) -> bytes:
    """Light, and dark where the shopper or the page asks for it; paper is always light."""
    light = _declare({**theme.light_colours, "radius": theme.radius, "font": theme.font})
    dark = _declare(theme.dark_colours)
    return f"""\
:root {{
  color-scheme: light;
{light}
}}

@media screen and (prefers-color-scheme: dark) {{
  :root:not([data-theme="light"]) {{
    color-scheme: dark;
{dark}
  }}
}}

@media screen {{
  :root[data-theme="dark"] {{
    color-scheme: dark;
{dark}
  }}
}}
""".encode()


def _declare(values: dict[str, str]) -> str:
    return "\n".join(f"  --{name.replace('_', '-')}: {value};" for name, value in values.items())
