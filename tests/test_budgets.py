"""What a shopper has to load stays small: gzip of each file as the service sends it, Stripe.js not counted."""

import gzip
import re

import pytest

from tests.service import UPC, Service

KILOBYTE = 1024
_AT_ONCE = re.compile(r"""from ['"]\./([\w-]+\.js)['"]""")
_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*['"]\./([\w-]+\.js)['"]""")


async def load(service: Service, path: str, **query: str) -> bytes:
    answer = await service.client.get(path, params=query or None)
    assert answer.status_code == 200, path
    return answer.content


def weight(*contents: bytes) -> int:
    """In bytes, each packed for itself, as they travel."""
    return sum(len(gzip.compress(content, 9)) for content in contents)


async def modules_of(service: Service, name: str, imports: re.Pattern[str] = _IMPORT) -> dict[str, bytes]:
    """A module and everything that it imports, by name."""
    found: dict[str, bytes] = {}
    wanted = [name]
    while wanted:
        module = wanted.pop()
        if module not in found:
            found[module] = await load(service, f"/static/{module}")
            wanted += imports.findall(found[module].decode())
    return found


@pytest.mark.parametrize("path", ["/checkout", "/checkout/stores", "/static/checkout.js", "/static/checkout-page.css"])
async def test_pages_and_files_travel_packed(service: Service, path: str) -> None:
    asked = {"items": f"{UPC}:1", "q": "60605"}
    packed = await service.client.get(path, params=asked, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert packed.num_bytes_downloaded <= weight(packed.content) + 100
    plain = await service.client.get(path, params=asked, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) == len(packed.content) > packed.num_bytes_downloaded


async def test_loader_weighs_3_kilobytes_at_most(service: Service) -> None:
    assert weight(await load(service, "/static/checkout.js")) <= 3 * KILOBYTE


async def test_page_loads_8_kilobytes_of_scripts_at_most(service: Service) -> None:
    """In a frame too; what a shopper needs who has chosen a store is fetched then, as Stripe.js is."""
    modules = await modules_of(service, "checkout-page.js", _AT_ONCE)
    modules |= await modules_of(service, "checkout-embed.js")
    assert sorted(modules) == [f"checkout-{name}.js" for name in ("embed", "form", "page", "talk")]
    assert weight(*modules.values()) <= 8 * KILOBYTE


async def test_placing_and_card_weigh_5_kilobytes_at_most(service: Service) -> None:
    modules = await modules_of(service, "checkout-placing.js")
    del modules["checkout-talk.js"]  # It is there already.
    assert sorted(modules) == ["checkout-card.js", "checkout-placing.js"]
    assert weight(*modules.values()) <= 5 * KILOBYTE


async def test_nothing_is_fetched_before_it_is_needed(service: Service) -> None:
    """The page names the modules it starts with, so that none waits for another; the others it does not name."""
    for query, names in (({}, {"talk", "form", "page"}), ({"ec_version": "1"}, {"talk", "form", "page", "embed"})):
        page = (await load(service, "/checkout", items=f"{UPC}:1", **query)).decode()
        assert set(re.findall(r"/static/checkout-([\w]+)\.js", page)) == names


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
