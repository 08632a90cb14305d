"""The brand's site of the demo: what it sells is what the sandbox's stores have, and it leads to the service."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack
from xml.etree import ElementTree

import httpx
import pytest

from checkout.demo import running_brand_site
from checkout.demo_site import PICTURED, create_site
from checkout.demo_site.products import PRODUCTS
from checkout.sandbox.products import PRODUCTS as STOCKED
from checkout.serving import CannotServe
from tests.service import Service, running_service

SERVICE = "http://127.0.0.1:8000"
FIRST = f"/{PRODUCTS[0].slug}"


@pytest.fixture
async def site() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_site(SERVICE))
    async with httpx.AsyncClient(transport=transport, base_url="http://brand.localhost") as client:
        yield client


def test_site_sells_what_stores_have() -> None:
    stocked = {product.upc: (product.name, product.price) for product in STOCKED}
    for product in PRODUCTS:
        assert {stocked[variant.upc] for variant in product.variants} == {(product.name, product.price)}


async def test_front_page_is_the_first_product(site: httpx.AsyncClient) -> None:
    assert (await site.get("/")).headers["Location"] == FIRST


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.slug)
async def test_every_product_has_its_page_and_picture(site: httpx.AsyncClient, product: object) -> None:
    page = await site.get(f"/{product.slug}")  # type: ignore[attr-defined]
    pictures = (await site.get("/assets/products.svg")).text
    assert page.status_code == 200
    (art,) = re.findall(r'products\.svg#(\w+)"', page.text)
    assert f'<g id="{art}">' in pictures


@pytest.mark.parametrize(
    ("embed", "tag"),
    [
        ("inline", '<local-checkout upc="068648100223" lang="fr" appearance="dark">'),
        ("modal", '<local-checkout upc="068648100223" lang="fr" appearance="dark" mode="modal">'),
        ("link", '&amp;appearance=dark" data-local-checkout>Buy'),
    ],
)
async def test_address_tells_the_embed(site: httpx.AsyncClient, embed: str, tag: str) -> None:
    asked = {"upc": "068648100223", "embed": embed, "lang": "fr", "appearance": "dark"}
    page = (await site.get(FIRST, params=asked)).text
    assert page.count(tag) == 1
    assert f'href="{SERVICE}/checkout?upc=068648100223&amp;lang=fr&amp;appearance=dark"' in page


async def test_anything_unknown_is_the_usual_page(site: httpx.AsyncClient) -> None:
    strange = {"upc": '"><script>', "embed": "popup", "lang": "xx", "appearance": "<"}
    assert (await site.get(FIRST, params=strange)).text == (await site.get(FIRST)).text


async def test_every_variant_has_a_picture_for_the_cart(site: httpx.AsyncClient) -> None:
    for upc in PICTURED:
        answer = await site.get(f"/pictures/{upc}.svg")
        assert answer.headers["Content-Type"] == "image/svg+xml"
        ElementTree.fromstring(answer.text)  # noqa: S314  Our own drawing.
    assert (await site.get("/pictures/1.svg")).status_code == 404


async def test_unknown_page_is_not_found(site: httpx.AsyncClient) -> None:
    page = await site.get("/no-such-product")
    assert page.status_code == 404
    assert "Back to the shop" in page.text


async def test_policy_allows_one_script_and_one_frame_of_another_origin(site: httpx.AsyncClient) -> None:
    policy = (await site.get(FIRST)).headers["Content-Security-Policy"]
    assert f"script-src 'self' {SERVICE};" in policy
    assert f"frame-src {SERVICE};" in policy
    assert "unsafe" not in policy


def test_taken_port_is_passed_over() -> None:
    with ExitStack() as stack:
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = taken.getsockname()[1]
        url = stack.enter_context(running_brand_site(port, SERVICE))
        assert port < int(url.rpartition(":")[2]) < port + 20
        assert url.startswith("http://brand.localhost:")
        answer = httpx.get(f"http://127.0.0.1:{url.rpartition(':')[2]}{FIRST}", trust_env=False)
        assert answer.status_code == 200


def test_last_port_has_no_next() -> None:
    site = running_brand_site(65535, SERVICE)
    with socket.create_server(("127.0.0.1", 65535)), pytest.raises(CannotServe, match="--brand-port"), site:
        pass


async def test_demo_leads_to_the_brands_site() -> None:
    async with running_service(origins="https://www.example.com,http://brand.localhost:8001") as service:
        assert await leads_to(service) == (307, "http://brand.localhost:8001")
        assert 'href="/demo"' in (await service.client.get("/")).text


async def test_elsewhere_there_is_no_demo(service: Service) -> None:
    assert await leads_to(service) == (404, None)
    assert 'href="/demo"' not in (await service.client.get("/")).text


async def leads_to(service: Service) -> tuple[int, str | None]:
    answer = await service.client.get("/demo")
    return answer.status_code, answer.headers.get("Location")


@pytest.mark.parametrize("name", ["checkout.js", "checkout.d.ts"])
async def test_brands_pages_may_load_the_loader_and_its_types(service: Service, name: str) -> None:
    answer = await service.client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"
    assert answer.headers["Content-Type"].startswith(("text/javascript", "text/plain"))
    assert answer.headers["ETag"]
