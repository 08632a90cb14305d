"""A brand's page with the loader in it, and what the checkout told that page."""

import json
from typing import Any

from playwright.sync_api import FrameLocator, Locator, Page

from tests.browser.shopping import ZIP, Shopper

_EVENTS = ("start", "update", "complete", "error", "close")
# Keeps events from before the loader runs; `window.refused` names one to prevent.
_KEEP = """
window.told = [];
for (const name of %s) {
  document.addEventListener('checkout-' + name, (event) => {
    if (window.refused === name) event.preventDefault();
    told.push({ name, from: event.target.localName, ...JSON.parse(JSON.stringify(event.detail)) });
  });
}
"""


class BrandPage:
    """A product page of the demo's brand."""

    def __init__(self, page: Page, demo: dict[str, str]) -> None:
        self.page = page
        self.demo = demo
        page.add_init_script(_KEEP % json.dumps(_EVENTS))

    @property
    def view(self) -> FrameLocator:
        """The checkout in its frame."""
        return self.page.frame_locator("local-checkout iframe")

    @property
    def opener(self) -> Locator:
        return self.page.locator(".embed a.buy")

    def open(self, embed: str) -> "BrandPage":
        self.page.goto(f"{self.demo['brand_url']}/foglight-helmet?embed={embed}", wait_until="domcontentloaded")
        self.page.wait_for_function("() => !!customElements.get('local-checkout')")
        return self

    def open_dialog(self) -> "BrandPage":
        self.open("modal").opener.press("Enter")
        self.wait_for("start")
        return self

    def put(self, html: str) -> "BrandPage":
        """Other markup in the place of the product, on a page that embeds nothing by itself."""
        self.open("link").page.locator("main").evaluate("(main, html) => { main.innerHTML = html; }", html)
        return self

    def search(self) -> Shopper:
        self.view.locator("#q").fill(ZIP)
        self.view.locator("#q").press("Enter")
        return Shopper(self.page, self.view)

    def told(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.page.evaluate("() => told") if event["name"] == name]

    def wait_for(self, name: str) -> dict[str, Any]:
        """The last event of that name, once there is one."""
        self.page.wait_for_function("(name) => told.some((event) => event.name === name)", arg=name)
        return self.told(name)[-1]

    def element(self, script: str) -> Any:
        """What a function of the embed's element gives."""
        return self.page.locator("local-checkout").evaluate(script)
