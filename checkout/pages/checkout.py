"""The checkout page, hosted and framed alike, and the part of it that lists stores."""

import unicodedata
from functools import cache
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout.catalogue import Catalogue
from checkout.pages.asking import read_ask
from checkout.pages.branding import brand_of
from checkout.pages.path_words import brand_paths
from checkout.pages.policies import checkout_headers
from checkout.pages.rendering import render_page
from checkout.pages.stores import search_stores
from checkout.pages.words import page_words
from checkout.schemas import COUNTRIES, AskedItem
from checkout.state import State
from checkout.wording.languages import Language, choose_language


class CartLine(NamedTuple):
    """One item as the brand's catalogue describes it."""

    upc: str
    quantity: int
    name: str
    detail: str
    image_url: str | None
    price: str | None


async def checkout_page(request: Request[State]) -> Response:
    """The whole page. An address without a proper cart is answered in words, with status 400."""
    state, ask = request.state, read_ask(request.query_params)
    language = language_for(request, request.query_params.get("lang"))
    settings, catalogue = state["settings"], state["catalogue"]
    paths = brand_paths(settings, language)
    found = await search_stores(state, ask, language)
    return render_page(
        "checkout/page.html",
        status=200 if ask.items else 400,
        headers=checkout_headers(settings, catalogue.image_origins, is_framed=ask.is_framed),
        language=language,
        ask=ask,
        appearance=ask.appearance,
        brand=brand_of(settings),
        key=settings.publishable_key,
        stripe_js=settings.stripe_js_url,
        embed_origins=" ".join(settings.origins) if ask.is_framed else "",
        paths=paths,
        wanted=next((path.code for path in paths if path.code == ask.path), paths[0].code if paths else ""),
        cart=[_cart_line(item, catalogue, language) for item in ask.items],
        found=found,
        countries=countries_in(language),
        country=found.country or language.locale.territory or "US",
        words=page_words(language),
    )


async def store_list(request: Request[State]) -> Response:
    """The list of stores alone, for the page's script; asked with the same parameters."""
    ask = read_ask(request.query_params)
    language = language_for(request, request.query_params.get("lang"))
    found = await search_stores(request.state, ask, language)
    headers = {"Vary": "Accept-Language", "Cache-Control": "no-store"}
    return render_page("checkout/stores.html", headers=headers, language=language, found=found)


def language_for(request: Request[State], lang: str | None) -> Language:
    """The language of a request: the one it names, else the browser's, else the brand's first."""
    accepted = request.headers.get("accept-language", "")
    return choose_language(lang, accepted, request.state["settings"].languages)


def _cart_line(item: AskedItem, catalogue: Catalogue, language: Language) -> CartLine:
    product = catalogue.get(item.upc)
    if product is None:
        return CartLine(item.upc, item.quantity, f"UPC {item.upc}", "", None, None)
    price = language.money(product.price * item.quantity) if product.price else None
    detail = ", ".join(product.attributes.values())
    return CartLine(item.upc, item.quantity, product.name, detail, product.image_url, price)


@cache
def countries_in(language: Language) -> list[tuple[str, str]]:
    """The countries of billing addresses by their codes, in the order of their names."""
    names = language.locale.territories
    named = [(code, str(names.get(code, code))) for code in COUNTRIES]
    return sorted(named, key=lambda country: _without_accents(country[1]))


def _without_accents(text: str) -> str:
    """For sorting: É stands beside E."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)).lower()
