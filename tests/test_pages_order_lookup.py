"""The form for a lost link: the same words for everybody, whether there is an order or not."""

from collections.abc import AsyncIterator

import pytest

from checkout.settings import load_settings
from tests.order_pages import ENVIRONMENT, SANDBOX, Pages, open_pages, text_of
from tests.test_pages_order import MAIL


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    async with open_pages(load_settings({**ENVIRONMENT, **SANDBOX, **MAIL})) as opened:
        yield opened


async def test_lost_link_offers_a_new_one(pages: Pages) -> None:
    page = await pages.client.get("/o/ol_nothing")
    assert '<form method="post" action="/o?lang=en-US"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]


async def test_asking_for_a_link_tells_nothing(pages: Pages) -> None:
    asked = await pages.client.post("/o?lang=en-US", data={"email": "June@Example.com "})
    assert (asked.status_code, asked.headers["Location"]) == (303, "/o?sent=1&lang=en-US")
    assert [email.lower() for email in pages.lookup.asked] == ["june@example.com"]
    page = await pages.client.get(asked.headers["Location"])
    assert "If there is an order of the last months with this address" in text_of(page)
    assert "june" not in page.text.lower()
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"email=nobody", b"email=%ff%fe", b"other=1", b"&" * 50])
async def test_what_is_no_address_is_asked_again(body: bytes, pages: Pages) -> None:
    page = await pages.client.post("/o", content=body)
    assert page.status_code == 422
    assert "Please check the e-mail address." in text_of(page)
    assert not pages.lookup.asked


async def test_service_without_mail_promises_none() -> None:
    async with open_pages(load_settings({**ENVIRONMENT, **SANDBOX})) as pages:
        for page in (
            await pages.client.get("/o/ol_nothing"),
            await pages.client.get("/o"),
            await pages.client.post("/o", data={"email": "june@example.com"}),
        ):
            assert page.status_code == 404
            assert "<form" not in page.text
