"""The pages of the site. Everything is told by the address, so that each view of the demo can be linked to."""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from checkout.demo_site.products import PRODUCTS, Product, Variant

_HERE = Path(__file__).parent
_ART = (_HERE / "assets" / "products.svg").read_text()
EMBEDS = {"inline": "Inline", "modal": "Dialog", "link": "Link"}
LANGUAGES = {"": "As the page", "en": "English", "fr": "Français", "es": "Español"}
APPEARANCES = {"": "As the system", "light": "Light", "dark": "Dark"}


class View(NamedTuple):
    """What a visitor of a product page chose."""

    product: Product
    variant: Variant
    embed: str
    lang: str
    appearance: str
    service_url: str

    @property
    def settings(self) -> dict[str, str]:
        """What the tag says beside its UPC."""
        told = {"lang": self.lang, "appearance": self.appearance}
        return {name: value for name, value in told.items() if value}

    @property
    def hosted_url(self) -> str:
        return f"{self.service_url}/checkout?{urlencode({'upc': self.variant.upc, **self.settings})}"

    def link(self, **changes: str) -> str:
        """The address of this view with something changed."""
        now = {"upc": self.variant.upc, "embed": self.embed, "lang": self.lang, "appearance": self.appearance}
        return f"/{self.product.slug}?{urlencode({**now, **changes})}"


def create_site(service_url: str) -> Starlette:
    """The brand's site, with the checkout of the service at that address."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"products": PRODUCTS, "embeds": EMBEDS, "languages": LANGUAGES, "appearances": APPEARANCES}
    headers = {"Content-Security-Policy": _policy(service_url), "Cache-Control": "no-cache"}

    page = environment.get_template("product.html")

    async def product_page(request: Request) -> Response:
        view = _view(request, service_url)
        tag = _tag(view)
        shown = tag.replace(' class="buy"', "")
        return HTMLResponse(page.render(view=view, tag=tag, shown=shown), headers=headers)

    async def picture(request: Request) -> Response:
        return Response(_picture(request.path_params["upc"]), media_type="image/svg+xml")

    async def front_page(_: Request) -> Response:
        return RedirectResponse(f"/{PRODUCTS[0].slug}")

    async def not_found(_: Request, __: Exception) -> Response:
        return HTMLResponse(environment.get_template("not_found.html").render(), 404, headers)

    handlers: dict[Any, Any] = {404: not_found}
    assets = Mount("/assets", StaticFiles(directory=_HERE / "assets"))
    return Starlette(
        routes=[Route("/", front_page), assets, Route("/pictures/{upc}.svg", picture), Route("/{slug}", product_page)],
        exception_handlers=handlers,
    )


def _policy(service_url: str) -> str:
    """What a brand's own policy has to allow for the embed: one script and one frame, of one origin."""
    return (
        f"default-src 'none'; script-src 'self' {service_url}; frame-src {service_url}; style-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _view(request: Request, service_url: str) -> View:
    """Raises HTTPException with 404 where there is no such product; anything else unknown is the first of its kind."""
    asked = request.query_params
    product = next((product for product in PRODUCTS if product.slug == request.path_params["slug"]), None)
    if product is None:
        raise HTTPException(404)
    variant = next((variant for variant in product.variants if variant.upc == asked.get("upc")), product.variants[0])
    return View(
        product,
        variant,
        _known(asked.get("embed"), EMBEDS, "inline"),
        _known(asked.get("lang"), LANGUAGES, ""),
        _known(asked.get("appearance"), APPEARANCES, ""),
        service_url,
    )


def _picture(upc: str) -> str:
    """One variant alone in its colour, for the cart. Raises HTTPException with 404."""
    for product in PRODUCTS:
        for variant in product.variants:
            if variant.upc == upc:
                art = _ART.split(f'<g id="{product.art}">')[1].partition("</g>")[0]
                frame = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 400" color="%s">%s</svg>'
                return frame % (variant.colour, art)
    raise HTTPException(404)


def _known(value: str | None, choices: dict[str, str], otherwise: str) -> str:
    return value if value in choices else otherwise


def _tag(view: View) -> Markup:
    """The embed as it stands in the page, and as the panel shows it."""
    link = Markup('<a class="buy" href="{}"{}>Buy at a local store</a>')
    if view.embed == "link":
        return link.format(view.hosted_url, Markup(" data-local-checkout"))
    told = {"upc": view.variant.upc, **view.settings}
    if view.embed == "modal":
        told["mode"] = "modal"
    attributes = Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in told.items())
    return Markup("<local-checkout{}>\n  {}\n</local-checkout>").format(attributes, link.format(view.hosted_url, ""))
