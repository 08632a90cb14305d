"""Axe finds nothing on any page, in light and in dark; every page fits a narrow phone and needs no motion."""

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page, expect

from tests.browser.cards import DECLINED
from tests.browser.shopping import HELMET, Shopper

AXE: str = Axe().axe_script
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def browser_context_args() -> dict[str, Any]:
    return {"locale": "en-US", "viewport": {"width": 1024, "height": 900}, "reduced_motion": "reduce"}


def violations(frame: Frame, *, colours_only: bool) -> list[str]:
    """What axe finds in one document, a line each."""
    if not frame.evaluate("() => !!window.axe"):
        frame.evaluate(AXE)
    # A frame with a few fields is no page that would need a heading. It is transparent, so that axe, which does not see
    # what is behind it, would take dark for white; its colours are those of the page, where they are checked.
    is_page = frame.parent_frame is None or "/checkout" in frame.url
    rules = {"page-has-heading-one": {"enabled": is_page}, "color-contrast": {"enabled": is_page}}
    if colours_only and not is_page:
        return []
    wanted = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if colours_only else {**RULES, "rules": rules}
    options = json.dumps({**wanted, "iframes": False, "resultTypes": ["violations"]})
    found = frame.evaluate(f"() => axe.run(document, {options})")
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def is_accessible(page: Page) -> None:
    """In every frame, in light and in dark: nothing but colours differs there."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        each = [(frame.url, violations(frame, colours_only=scheme == "dark")) for frame in page.frames]
        found = {url: lines for url, lines in each if lines}
        assert not found, f"{scheme}: {json.dumps(found, indent=1)}"


def fits(page: Page, width: int = 320) -> None:
    """Nothing has to be scrolled sideways."""
    before = page.viewport_size
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    if before:
        page.set_viewport_size(before)


def test_page_is_accessible_before_a_search(page: Page, demo: dict[str, str]) -> None:
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1")
    is_accessible(page)
    fits(page)


def test_page_is_accessible_with_its_form(page: Page, demo: dict[str, str]) -> None:
    shopper = Shopper(page).ready(demo["url"])
    is_accessible(page)
    fits(page)
    shopper.view.locator("#email").fill("")
    shopper.place()
    expect(shopper.view.locator("#problem")).to_be_visible()
    is_accessible(page)
    fits(page)


def test_page_is_accessible_after_a_decline(page: Page, demo: dict[str, str]) -> None:
    shopper = Shopper(page).ready(demo["url"], DECLINED).place()
    expect(shopper.view.locator("#payment-error, #conversation").filter(visible=True).first).to_be_visible()
    is_accessible(page)


_SHIFTS = """
window.shifts = [];
const note = (list) => shifts.push(...list.getEntries().map(({ value }) => value));
new PerformanceObserver(note).observe({ type: 'layout-shift', buffered: true });
"""


def test_page_does_not_jump_while_it_loads(page: Page, demo: dict[str, str]) -> None:
    page.add_init_script(_SHIFTS)
    Shopper(page).visit(demo["url"])
    expect(page.locator("#use-location")).to_be_visible()
    page.evaluate("() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))")
    assert sum(page.evaluate("() => shifts")) == 0


@pytest.mark.parametrize("look", [{"forced_colors": "active"}, {"media": "print"}], ids=["forced colours", "paper"])
def test_chosen_store_stands_out_in_every_look(page: Page, demo: dict[str, str], look: Any) -> None:
    shopper = Shopper(page).ready(demo["url"], None)
    page.emulate_media(**look)
    edge = "(card) => { const look = getComputedStyle(card); return [look.outline, look.boxShadow, look.borderColor]; }"
    cards = shopper.view.locator("li.store")
    assert cards.first.evaluate(edge) != cards.nth(1).evaluate(edge)


def test_confirmation_and_order_page_are_accessible(page: Page, demo: dict[str, str]) -> None:
    Shopper(page).ready(demo["url"]).place().is_done()
    is_accessible(page)
    fits(page)
    page.goto(str(page.locator("#order-link").get_attribute("href")))
    expect(page.locator("h1")).to_be_visible()
    is_accessible(page)
    fits(page)


@pytest.mark.parametrize("path", ["/", "/checkout", "/checkout?items=no", "/o/nothing", "/o", "/o?sent=1"])
def test_other_pages_are_accessible(page: Page, demo: dict[str, str], path: str, watch: Any) -> None:
    watch.expected.append("Failed to load resource.*40[04]")
    page.goto(f"{demo['url']}{path}")
    is_accessible(page)
    fits(page)


@pytest.mark.parametrize("embed", ["inline", "modal", "link"])
def test_brand_site_is_accessible_with_its_checkout(page: Page, demo: dict[str, str], embed: str) -> None:
    page.goto(f"{demo['brand_url']}/foglight-helmet?embed={embed}")
    if embed != "inline":
        page.locator(".embed a").click()
    frame = page.frame_locator("local-checkout iframe, dialog iframe").first
    expect(frame.locator("#q")).to_be_visible()
    is_accessible(page)
    fits(page)
