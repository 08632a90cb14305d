"""What browsers may do on the pages of shoppers: the Content-Security-Policy and its neighbours."""

import re
from collections.abc import Iterable

from checkout.settings import STRIPE_URL, Settings, origin_of

# The link to an order is a right to see it: it must not travel on, nor stay anywhere.
PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}

_STRIPE_JS = "https://js.stripe.com"
_MOST_IMAGE_ORIGINS = 10
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")


def checkout_headers(settings: Settings, image_origins: Iterable[str], *, is_framed: bool) -> dict[str, str]:
    """The headers of the checkout page. In a frame it shows itself to the brand's own sites only."""
    stripe = origin_of(settings.stripe_js_url) or ""
    real = stripe == _STRIPE_JS
    sites = filter(None, map(_in_ascii, settings.origins if is_framed else ()))
    ancestors = " ".join(sites) or "'none'"
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' {stripe}" + (" https://*.js.stripe.com" if real else ""),
        "style-src": "'self'",
        "img-src": " ".join(["'self' data:", *_images(settings, image_origins, real=real)]),
        "font-src": "'self'",
        "connect-src": f"'self' {STRIPE_URL if real else settings.stripe_api_base}",
        "frame-src": f"{stripe}" + (" https://*.js.stripe.com https://hooks.stripe.com" if real else ""),
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": ancestors,
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "Permissions-Policy": f'payment=(self "{stripe}"), publickey-credentials-get=(self "{stripe}"), '
        "geolocation=(self), camera=(), microphone=()",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Robots-Tag": "noindex",
        "Vary": "Accept-Language",
    }
    # An opener would only be cut off from the brand's page, which opened it on purpose.
    return headers if is_framed else {**headers, "Cross-Origin-Opener-Policy": "same-origin-allow-popups"}


def page_policy(settings: Settings) -> str:
    """The policy of a brand's page that shows no products and no frame, and is shown in none."""
    images = " ".join(["'self' data:", *_images(settings, (), real=False)])
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _images(settings: Settings, origins: Iterable[str], *, real: bool) -> list[str]:
    """The hosts of pictures. A catalogue that takes them from everywhere cannot be told in a header."""
    logo = origin_of(settings.logo) if settings.logo else None
    hosts = sorted({host for origin in (*origins, logo) if origin and (host := _in_ascii(origin))})
    named = hosts if len(hosts) <= _MOST_IMAGE_ORIGINS else ["https:"]
    return [*named, *(["https://*.stripe.com"] if real else [])]


def _in_ascii(origin: str) -> str | None:
    """The origin as it may stand in a header, None for one that would end the rule or break the header."""
    scheme, _, host = origin.partition("://")
    try:
        plain = f"{scheme}://{host.encode('idna').decode()}"
    except UnicodeError:
        return None
    return plain if _ORIGIN.fullmatch(plain) else None
