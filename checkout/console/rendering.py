"""The console's templates become answers that nobody keeps, frames or takes anywhere."""

import secrets
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from checkout.orders import PathToPurchase
from checkout.settings import Settings, origin_of
from checkout.wording.languages import ENGLISH
from checkout.wording.templates import load_templates

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    # Forms need it: with none at all, browsers would not say where a form comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_TEMPLATES = load_templates(lambda name: name.startswith("console/"))
PATH_NAMES: dict[str, str] = {
    PathToPurchase.BOPIS: "Pay online, pick up",
    PathToPurchase.ROPIS: "Reserve, pay there",
    PathToPurchase.SDD: "Same-day delivery",
    PathToPurchase.STS: "Ship to store",
}


def render(settings: Settings, template: str, status: int = 200, **values: Any) -> Response:
    """A page; values that hang on nothing but the brand come by themselves."""
    content = _TEMPLATES[f"console/{template}"].render(
        values,
        brand=settings.shown_brand,
        is_retailer=settings.is_retailer,
        ships_to_store="sts" in settings.paths,
        money=ENGLISH.money,
        spell=spell,
        clock=clock,
        is_web=lambda url: url is not None and origin_of(url) is not None,
        path_names=PATH_NAMES,
        new_key=lambda: secrets.token_urlsafe(24),  # By which a form that is sent twice is known.
    )
    return Response(content, status, _HEADERS, "text/html")


def render_alone(page: str, policy: str) -> Response:
    """A page that was rendered elsewhere, for printing, under its own policy."""
    return Response(page, 200, {**_HEADERS, "Content-Security-Policy": policy}, "text/html")


def spell(word: object) -> str:
    """A word of the API as people write it: `pending_brand` is "pending brand"."""
    return str(word).replace("_", " ")


def clock(at: datetime, *, to_the_second: bool = False) -> str:
    """Such as "2026-11-22 15:30", in UTC as all times of the console."""
    return f"{at.astimezone(UTC):{'%Y-%m-%d %H:%M:%S' if to_the_second else '%Y-%m-%d %H:%M'}}"
