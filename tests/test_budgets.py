"""What a shopper has to load stays small: gzip of each file as the service sends it, Stripe.js not counted."""

import gzip
import re

import pytest

from tests.service import UPC, Service

KILOBYTE = 1024
_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*['"]\./([\w-]+\.js)['"]""")


async def load(service: Service, path: str, **query: str) -> bytes:
    answer = await service.client.get(path, params=query or None)
    assert answer.status_code == 200, path
    return answer.content


def weight(*contents: bytes) -> int:
    """In bytes, each packed for itself, as they travel."""
    return sum(len(gzip.compress(content, 9)) for content in contents)


async def modules_of(service: Service, name: str) -> dict[str, bytes]:
    """A module and everything that it imports, by name."""
    found: dict[str, bytes] = {}
    wanted = [name]
    while wanted:
        module = wanted.pop()
        if module not in found:
            found[module] = await load(service, f"/static/{module}")
            wanted += _IMPORT.findall(found[module].decode())
    return found


async def test_loader_weighs_3_kilobytes_at_most(service: Service) -> None:
    assert weight(await load(service, "/static/checkout.js")) <= 3 * KILOBYTE


async def test_scripts_of_the_page_weigh_8_kilobytes_at_most(service: Service) -> None:
    modules = await modules_of(service, "checkout-page.js")
    del modules["checkout-embed.js"]  # Framed pages alone load it; it has a budget of its own.
    assert weight(*modules.values()) <= 8 * KILOBYTE


@pytest.mark.parametrize("name", ["checkout-embed.js", "order-page.js", "checkout-client.js"])
async def test_other_scripts_weigh_2_kilobytes_at_most(service: Service, name: str) -> None:
    assert weight(await load(service, f"/static/{name}")) <= 2 * KILOBYTE


async def test_style_of_the_page_weighs_6_kilobytes_at_most(service: Service) -> None:
    style, theme = await load(service, "/static/checkout-page.css"), await load(service, "/theme.css")
    assert weight(style, theme) <= 6 * KILOBYTE


@pytest.mark.parametrize("language", ["en", "fr", "es"])
async def test_page_with_its_stores_weighs_15_kilobytes_at_most(service: Service, language: str) -> None:
    page = await load(service, "/checkout", items=f"{UPC}:1", q="60605", lang=language)
    assert page.count(b'name="store"') >= 5
    assert weight(page) <= 15 * KILOBYTE


async def test_everything_of_ours_weighs_30_kilobytes_at_most(service: Service) -> None:
    page = await load(service, "/checkout", items=f"{UPC}:1", q="60605")
    styles = [await load(service, "/static/checkout-page.css"), await load(service, "/theme.css")]
    modules = await modules_of(service, "checkout-page.js")
    assert weight(page, *styles, *modules.values()) <= 30 * KILOBYTE
