"""The stand-in for Stripe.js is the sandbox's to serve, and the product ships nothing of it under `static`."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from checkout.sandbox import create_sandbox

STATIC = Path(__file__).parent.parent / "static"
PARTS = {
    "/stripe.js": "text/javascript",
    "/stripe-js/card.js": "text/javascript",
    "/stripe-js/challenge.js": "text/javascript",
    "/stripe-js/frame.css": "text/css",
    "/stripe-js/wallet.js": "text/javascript",
    "/stripe-js/words.js": "text/javascript",
}


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_sandbox())
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as client:
        yield client


@pytest.mark.parametrize(("path", "kind"), PARTS.items())
async def test_any_page_may_load_the_parts(sandbox: httpx.AsyncClient, path: str, kind: str) -> None:
    answer = await sandbox.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("name", ["card", "challenge", "wallet"])
async def test_frames_talk_to_the_sandbox_alone(sandbox: httpx.AsyncClient, name: str) -> None:
    answer = await sandbox.get(f"/stripe-js/{name}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert {word for word in policy.replace(";", "").split() if word.startswith("http")} == set()


@pytest.mark.parametrize("path", ["/stripe-js/other", "/stripe-js/stripe.js", "/stripe-js/..%2Fapp.py"])
async def test_nothing_else_is_served(sandbox: httpx.AsyncClient, path: str) -> None:
    assert (await sandbox.get(path)).status_code == 404


async def test_guide_names_the_script(sandbox: httpx.AsyncClient) -> None:
    assert (await sandbox.get("/")).json()["stripe_js"] == "/stripe.js"


def test_static_holds_nothing_of_the_stand_in() -> None:
    scripts = [path.read_text() for path in STATIC.glob("*.js")]
    assert scripts
    assert not [text for text in scripts if "IntegrationError" in text or "__stripeCalls" in text]
