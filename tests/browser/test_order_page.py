"""The order page in a real browser: it follows the order by itself, and leads on when the store says no."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.cards import card_frame, fill_card
from tests.browser.shopping import HELMET, Sandbox, Shopper
from tests.browser.test_accessible import fits, is_accessible
from tests.browser.watching import Watch
from tests.processes import is_over

CONFIRMED = "Held for you at the store"
_PATIENCE = 60_000  # The page asks every few seconds; a busy machine takes longer to notice.


@pytest.fixture
def browser_context_args() -> dict[str, Any]:
    return {"locale": "en-US", "viewport": {"width": 1024, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture
def sandbox(demo: dict[str, str]) -> Sandbox:
    return Sandbox(demo["sandbox_url"])


@pytest.fixture
def shopper(page: Page) -> Shopper:
    return Shopper(page)


def answer(sandbox: Sandbox, shopper: Shopper, action: str, **more: str) -> None:
    """The store's answer to everything that the shopper ordered last."""
    order = sandbox.orders(shopper.email)[-1]
    for item in order["items"]:
        sandbox.set(f"orders/{order['hash']}/items/{item['upc']}", action=action, **more)


def follow(shopper: Shopper) -> str:
    """From a placed order to its page; gives its address."""
    address = str(shopper.page.locator("#order-link").get_attribute("href"))
    shopper.page.goto(address)
    return address


def test_page_moves_when_the_store_confirms(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"]).place().is_done()
    follow(shopper)
    page = shopper.page
    expect(page.locator(".status")).to_have_text("Waiting for the store's answer")
    page.locator("#cancel-summary").click()
    page.locator("#map").focus()
    page.evaluate("() => { window.wasHere = true; }")
    answer(sandbox, shopper, "confirm")
    expect(page.locator(".status")).to_have_text(CONFIRMED, timeout=_PATIENCE)
    expect(page.locator("#live")).to_have_text(CONFIRMED)
    expect(page.locator("#map")).to_be_focused()
    expect(page.locator("#cancel-button")).to_be_visible()
    expect(page.locator("#checked")).to_have_text(re.compile(r"Last checked at \d"))
    expect(page.get_by_text("Your card was charged")).to_be_visible()
    assert page.evaluate("() => window.wasHere") is True


def test_decline_is_rescued_at_the_next_store(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"]).place().is_done()
    old = follow(shopper)
    page = shopper.page
    answer(sandbox, shopper, "decline", reason="Damaged in the shop")
    expect(page.locator(".status")).to_have_text("The store cannot provide your order", timeout=_PATIENCE)
    is_accessible(page)
    fits(page)
    button = page.locator("[data-store]").first
    store = str(button.text_content()).removeprefix("Buy at ").removesuffix(" instead")
    button.click()
    expect(page.locator("#carried-name")).to_have_text("June H., j***@e***.com")
    expect(page.locator("#email")).to_be_hidden()
    expect(page.locator("#stores")).to_contain_text(store)
    expect(page.locator("#stores")).not_to_contain_text("South Loop Spokes")  # It has just declined.
    expect(page.locator("#place [data-amount]")).to_have_text(re.compile(r"\$\d"))
    is_accessible(page)
    fill_card(card_frame(page))
    shopper.place().is_done()
    orders = sandbox.orders(shopper.email)
    assert len(orders) == 2
    assert [item["upc"] for item in orders[-1]["items"]] == [HELMET]
    follow(shopper)
    expect(page.locator("h1")).to_have_text(f"Your order at {store}")
    page.get_by_role("link", name="South Loop Spokes").click()
    assert page.url == old
    expect(page.get_by_text(f"You ordered it at {store} instead.").first).to_be_visible()
    expect(page.locator("[data-store]")).to_have_count(0)


@pytest.mark.parametrize(("code", "told", "untold"), [("placing", "waits", "error"), ("conflict", "error", "waits")])
def test_what_may_be_ordered_is_not_called_failed(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, watch: Watch, code: str, told: str, untold: str
) -> None:
    watch.expected.append("status of 409")
    shopper.ready(demo["url"]).place().is_done()
    answer(sandbox, shopper, "decline", reason="Damaged in the shop")
    follow(shopper)
    page = shopper.page
    expect(page.locator("[data-store]").first).to_be_visible(timeout=_PATIENCE)
    page.route("**/rescues", lambda route: route.fulfill(status=409, json={"code": code}))
    page.locator("[data-store]").first.click()
    expect(page.locator(f"#rescue-{told}")).to_be_visible()
    expect(page.locator(f"#rescue-{untold}")).to_be_hidden()


def test_page_serves_without_scripts(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, browser: Browser
) -> None:
    shopper.ready(demo["url"]).place().is_done()
    address = follow(shopper)
    shopper.page.close()
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(address)
    page.locator("#cancel-summary").click()
    page.locator("#cancel-button").click()
    expect(page.locator("#cancel-asked")).to_contain_text("Nobody has answered yet")
    answer(sandbox, shopper, "decline", reason="Damaged in the shop")

    def is_untold() -> bool:
        page.get_by_role("link", name="Check again").click()
        return "cannot provide" not in page.locator(".status").inner_text()

    assert is_over(is_untold)
    expect(page.get_by_role("link", name="Find another store")).to_be_visible()
    expect(page.locator("[data-store]").first).to_be_hidden()
    context.close()
