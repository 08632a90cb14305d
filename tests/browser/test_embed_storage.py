"""A browser that gives a frame no storage, and no cookie to anyone: the embedded checkout sells all the same."""

import re

from playwright.sync_api import Page, expect

from tests.browser.shopping import Sandbox, Shopper

# What a browser with third-party storage blocked does: in a frame of another site every access throws.
BLOCKED = """
if (window !== top) {
  for (const name of ['sessionStorage', 'localStorage', 'indexedDB', 'caches']) {
    Object.defineProperty(window, name, { get() { throw new DOMException('Access is denied.', 'SecurityError'); } });
  }
}
"""


def test_frame_without_storage_sells(page: Page, demo: dict[str, str]) -> None:
    page.add_init_script(BLOCKED)
    page.goto(f"{demo['brand_url']}/foglight-helmet?embed=inline")
    shopper = Shopper(page, page.frame_locator("local-checkout iframe"))
    shopper.search().choose_store().tell_details().give_card()
    expect(shopper.view.get_by_text(re.compile("reload", re.IGNORECASE)).first).to_be_visible()
    shopper.place().is_done()
    assert len(Sandbox(demo["sandbox_url"]).orders(shopper.email)) == 1


def test_nobody_sets_a_cookie_nor_tells_an_address_of_the_shopper(page: Page, demo: dict[str, str]) -> None:
    """Whoever reads the addresses that were asked for, as proxies and logs do, learns nothing about the shopper."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{demo['brand_url']}/foglight-helmet?embed=inline")
    shopper = Shopper(page, page.frame_locator("local-checkout iframe"))
    shopper.search().choose_store().tell_details().give_card().place().is_done()
    assert not page.context.cookies()
    assert any("/place" in url for url in asked)
    told = r"june|harper|prairie|5550142|4242424242424242"
    assert not [url for url in asked if re.search(told, url, re.IGNORECASE)]
