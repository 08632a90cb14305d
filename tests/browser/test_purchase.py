"""A shopper buys on the hosted page, in a real browser, whatever they do to it on the way."""

import re

import pytest
from playwright.sync_api import Browser, BrowserType, Error, Page, Route, expect

from tests.browser.conftest import chromium_arguments
from tests.browser.shopping import HELMET, ZIP, Sandbox, Shopper
from tests.processes import is_over


@pytest.fixture
def sandbox(demo: dict[str, str]) -> Sandbox:
    return Sandbox(demo["sandbox_url"])


@pytest.fixture
def shopper(page: Page) -> Shopper:
    return Shopper(page)


def test_shopper_buys(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.fill_in(demo["url"])
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


def test_latest_search_wins_over_a_slower_one(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1")
    held: list[Route] = []
    page.route("**/checkout/stores?*q=60647*", lambda route: held.append(route))
    with page.expect_request("**/checkout/stores?*q=60647*"):
        shopper.search("60647")
    shopper.search(ZIP)
    expect(page.locator("li.store").first).to_contain_text("South Loop Spokes")
    with page.expect_response("**/checkout/stores?*q=60647*"):
        held[0].continue_()
    shopper.choose_store("South Loop Spokes")
    expect(page.locator("li.store").first).to_contain_text("South Loop Spokes")


def test_reload_keeps_what_was_typed(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    shopper.fill_in(demo["url"], None)
    page.reload()
    expect(page.locator("#email")).to_have_value(shopper.email)
    expect(page.locator("#city")).to_have_value("Chicago")
    expect(page.locator("input[name=store]:checked")).to_have_count(1)
    shopper.give_card().place().is_done()


def test_reload_while_placing_goes_on(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page) -> None:
    shopper.ready(demo["url"])
    sandbox.fault("cart/commit", "slow", seconds=3)
    shopper.place()
    assert is_over(lambda: shopper.call(demo["url"])["status"] == "ready")
    page.reload()
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_back_button_keeps_what_was_typed(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    shopper.fill_in(demo["url"], None)
    page.goto(f"{demo['url']}/static/icon.svg")
    page.go_back()
    expect(page.locator("#email")).to_have_value(shopper.email)
    shopper.give_card().place().is_done()


def test_two_tabs_make_one_order(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page) -> None:
    shopper.fill_in(demo["url"])
    second = Shopper(page.context.new_page())
    second.visit(demo["url"])
    expect(second.view.locator("#email")).to_have_value(shopper.email)
    second.give_card()
    page.bring_to_front()
    shopper.place().is_done()
    second.page.bring_to_front()
    second.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


# Makes Stripe.js leave the page for the bank's, and come back.
_LEAVE_PAGE = """
let real;
const leave = (...given) => {
  const stripe = real(...given);
  const confirm = stripe.confirmSetup.bind(stripe);
  return Object.assign(stripe, { confirmSetup: (how) => confirm({ ...how, redirect: 'always' }) });
};
Object.defineProperty(window, 'Stripe', { get: () => real && leave, set: (made) => { real = made; } });
"""


def test_order_goes_on_after_a_page_of_the_bank(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page
) -> None:
    page.add_init_script(_LEAVE_PAGE)
    came_back: list[str] = []
    page.on("request", lambda request: came_back.append(request.url) if "redirect_status" in request.url else None)
    shopper.ready(demo["url"]).place().is_done()
    assert came_back
    assert "setup_intent" not in page.url
    assert len(sandbox.orders(shopper.email)) == 1


def test_bank_that_said_no_leaves_the_order_unplaced(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page
) -> None:
    shopper.ready(demo["url"], None, setup_intent="seti_1", redirect_status="failed")
    expect(shopper.conversation).to_contain_text("Your bank did not confirm the card")
    assert "setup_intent" not in page.url
    assert not sandbox.orders(shopper.email)


def test_return_to_a_page_that_knows_nothing_asks_for_the_card(page: Page, demo: dict[str, str]) -> None:
    shopper = Shopper(page).visit(demo["url"], setup_intent="seti_1", redirect_status="succeeded")
    expect(shopper.conversation).to_contain_text("Please enter your card again")


def test_page_without_storage_says_that_a_reload_starts_anew(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page
) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('', 'SecurityError'); }})"
    )
    shopper.fill_in(demo["url"])
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
    context.close()


def test_page_without_scripts_says_how_to_reach_the_store(browser_type: BrowserType, demo: dict[str, str]) -> None:
    """A page without scripts as Chromium's own setting makes it: only so does it draw what stands in `noscript`."""
    settings = chromium_arguments()
    switched_off = [*settings["args"], "--blink-settings=scriptEnabled=false"]
    browser = browser_type.launch(**{**settings, "args": switched_off})
    page = browser.new_page()
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1&q={ZIP}")
    assert is_drawn(page, "noscript .notice")
    assert is_drawn(page, "li.store a[href^='tel:']")
    assert not is_drawn(page, "#use-location")
    assert not is_drawn(page, "#details")
    browser.close()


def is_drawn(page: Page, selector: str) -> bool:
    """Asks the browser itself, not a script in the page."""
    session = page.context.new_cdp_session(page)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    assert node, selector
    try:
        return bool(session.send("DOM.getBoxModel", {"nodeId": node})["model"]["height"])
    except Error:  # It has no box.
        return False


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


def test_card_of_ship_to_store_is_locallys(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.visit(demo["url"]).choose_store("Wicker Park Cyclery").choose_path("sts").tell_details()
    shopper.give_card().place().is_done()
    [order] = sandbox.orders(shopper.email)  # The sandbox takes cards of ship-to-store on Locally's account alone.
    assert order["path"] == "sts"
    assert "acct_demo_locally" in shopper.page.evaluate("JSON.stringify(window.__stripeCalls)")
