"""A shopper buys on the hosted page, in a real browser, whatever they do to it on the way."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shopping import HELMET, ZIP, Sandbox, Shopper


@pytest.fixture
def sandbox(demo: dict[str, str]) -> Sandbox:
    return Sandbox(demo["sandbox_url"])


@pytest.fixture
def shopper(page: Page) -> Shopper:
    return Shopper(page)


def test_shopper_buys(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    expect(shopper.button).to_have_text(re.compile(r"\$\d"))
    shopper.place().is_done()
    [order] = sandbox.orders(shopper.email)
    assert [(item["upc"], item["qty"]) for item in order["items"]] == [(HELMET, 1)]


def test_shopper_reserves_without_a_card(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.visit(demo["url"], path="ropis").choose_store().tell_details()
    expect(shopper.view.locator("#payment")).to_be_hidden()
    shopper.place().is_done()
    [order] = sandbox.orders(shopper.email)
    assert order["path"] == "ropis"


def test_order_page_follows_the_order(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    shopper.ready(demo["url"]).place().is_done()
    with page.expect_popup() as opened:
        page.locator("#order-link").click()
    expect(opened.value.locator("h1")).to_be_visible()
    assert "/o/" in opened.value.url


def test_double_click_makes_one_order(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"]).button.dblclick()
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_reload_keeps_what_was_typed(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    shopper.ready(demo["url"], None)
    page.reload()
    expect(page.locator("#email")).to_have_value(shopper.email)
    expect(page.locator("#city")).to_have_value("Chicago")
    expect(page.locator("input[name=store]:checked")).to_have_count(1)
    shopper.give_card().place().is_done()


def test_reload_while_placing_goes_on(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page) -> None:
    shopper.ready(demo["url"])
    sandbox.fault("cart/commit", "slow", seconds=3)
    with page.expect_request("**/place"):
        shopper.place()
    page.reload()
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_back_button_keeps_what_was_typed(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    shopper.ready(demo["url"], None)
    page.goto(f"{demo['url']}/static/icon.svg")
    page.go_back()
    expect(page.locator("#email")).to_have_value(shopper.email)
    shopper.give_card().place().is_done()


def test_two_tabs_make_one_order(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page) -> None:
    shopper.ready(demo["url"])
    second = Shopper(page.context.new_page())
    second.visit(demo["url"])
    expect(second.view.locator("#email")).to_have_value(shopper.email)
    second.give_card()
    page.bring_to_front()
    shopper.place().is_done()
    second.page.bring_to_front()
    second.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_page_without_storage_says_that_a_reload_starts_anew(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page
) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('', 'SecurityError'); }})"
    )
    shopper.ready(demo["url"])
    expect(page.get_by_text(re.compile("reload", re.IGNORECASE))).to_be_visible()
    shopper.place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_store_search_works_without_scripts(browser: Browser, demo: dict[str, str]) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1")
    page.locator("#q").fill(ZIP)
    page.get_by_role("button", name="Find stores").click()
    expect(page.locator("li.store").first).to_contain_text("South Loop Spokes")
    expect(page.locator("li.store a[href^='tel:']").first).to_be_visible()
    # With scripts switched off this way Chromium keeps the words for that case in the page, but does not draw them.
    assert "your browser has to run its scripts" in str(page.locator("noscript").text_content())
    context.close()


def test_shopper_buys_with_the_keyboard_alone(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page
) -> None:
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1")
    keyboard = page.keyboard
    tab_to(page, "#q")
    keyboard.type(ZIP)
    keyboard.press("Enter")
    expect(page.locator("li.store").first).to_be_visible()
    tab_to(page, "input[name=store]")
    keyboard.press("Space")
    expect(page.locator("#email")).to_be_visible()
    for name, value in {"email": shopper.email, **typed()}.items():
        tab_to(page, f"#{name}")
        keyboard.type(value)
    tab_to(page, "#payment iframe")
    for text in ("4242424242424242", "1234", "123"):
        keyboard.type(text)
        keyboard.press("Tab")
    tab_to(page, "#place")
    keyboard.press("Enter")
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def typed() -> dict[str, str]:
    return {
        "phone": "3125550142",
        "first_name": "June",
        "last_name": "Harper",
        "address": "1201 S Prairie Ave",
        "city": "Chicago",
        "state": "IL",
        "zip": ZIP,
    }


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Press Tab until an element has the focus; fails where it is never reached."""
    for _ in range(most):
        if page.evaluate("(selector) => document.activeElement?.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never came to {selector}")
