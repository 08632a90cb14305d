"""Pictures of every page, for the eye: `make screenshots`.

Without arguments: those that the README shows, into docs/screenshots. `--review` takes every state at three widths, in
every language, light and dark, into .screenshots, which git does not keep.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.cards import DECLINED
from tests.browser.conftest import chromium_arguments
from tests.browser.shopping import HELMET, Sandbox, Shopper
from tests.processes import running_demo

ROOT = Path(__file__).parent.parent.parent
WIDTHS = (360, 768, 1280)
LANGUAGES = ("en", "fr", "es")
Take = Callable[[Page, dict[str, str], str], Shopper | None]


def before_search(page: Page, demo: dict[str, str], language: str) -> None:
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1,068648100010:2&lang={language}")


def with_stores(page: Page, demo: dict[str, str], language: str) -> None:
    Shopper(page).visit(demo["url"], lang=language)


def filled(page: Page, demo: dict[str, str], language: str) -> None:
    Shopper(page).ready(demo["url"], lang=language)


def with_problems(page: Page, demo: dict[str, str], language: str) -> None:
    Shopper(page).visit(demo["url"], lang=language).choose_store().place()
    expect(page.locator("#problem")).to_be_visible()


def declined(page: Page, demo: dict[str, str], language: str) -> None:
    Shopper(page).ready(demo["url"], DECLINED, lang=language).place()
    expect(page.locator("#payment-error, #conversation").filter(visible=True).first).to_be_visible()


def done(page: Page, demo: dict[str, str], language: str) -> None:
    Shopper(page).ready(demo["url"], lang=language).place().is_done()


def order_page(page: Page, demo: dict[str, str], language: str) -> None:
    done(page, demo, language)
    page.goto(str(page.locator("#order-link").get_attribute("href")))


def answered_order(page: Page, demo: dict[str, str], language: str, **answer: str) -> None:
    """The order page, once the store has answered; it follows by itself."""
    shopper = Shopper(page).ready(demo["url"], lang=language).place()
    shopper.is_done()
    sandbox = Sandbox(demo["sandbox_url"])
    [order] = sandbox.orders(shopper.email)
    sandbox.set(f"orders/{order['hash']}/items/{HELMET}", **answer)
    page.goto(str(page.locator("#order-link").get_attribute("href")))


def confirmed_order(page: Page, demo: dict[str, str], language: str) -> None:
    answered_order(page, demo, language, action="confirm", message="It is at the desk, with your name on it.")
    expect(page.locator(".message")).to_be_visible(timeout=60_000)


def declined_order(page: Page, demo: dict[str, str], language: str) -> None:
    """With the other stores."""
    answered_order(page, demo, language, action="decline", reason="Damaged in the shop")
    expect(page.locator("[data-store]").first).to_be_visible(timeout=60_000)


def brand_site(page: Page, demo: dict[str, str], _: str) -> None:
    """The brand's product page, with the inline embed filled in."""
    page.goto(demo["brand_url"])
    frame = page.frame_locator("local-checkout iframe").first
    frame.locator("#q").fill("60605")
    frame.locator("#q").press("Enter")
    Shopper(page, frame).choose_store()


ORDERS = (order_page, confirmed_order, declined_order)
STATES = (before_search, with_stores, filled, with_problems, declined, done, *ORDERS, brand_site)


def shoot(browser: Browser, take: Take, demo: dict[str, str], target: Path, **look: object) -> None:
    """One picture of one state; `look` is width, height, scale, language, scheme, and `scroll="stay"`."""
    width, height = int(str(look["width"])), int(str(look.get("height", 0)))
    language = str(look.get("language", "en"))
    context = browser.new_context(
        locale=language,
        viewport={"width": width, "height": height or 1000},
        color_scheme="dark" if look.get("scheme") == "dark" else "light",
        reduced_motion="reduce",
        device_scale_factor=float(str(look.get("scale", 1))),
    )
    page = context.new_page()
    take(page, demo, language)
    if not height:
        # A picture of the whole page draws frames of other origins at a stale size: make the window tall instead.
        page.set_viewport_size({"width": width, "height": page.evaluate("() => document.documentElement.scrollHeight")})
    page.evaluate("() => { document.activeElement?.blur(); }")
    if look.get("scroll") != "stay":
        page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")
    page.wait_for_timeout(300)
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target)
    sys.stdout.write(f"{target.relative_to(ROOT)}\n")
    context.close()


def for_readme(browser: Browser, demo: dict[str, str]) -> None:
    folder = ROOT / "docs" / "screenshots"
    shoot(browser, brand_site, demo, folder / "brand.png", width=1280, height=1250)
    shoot(browser, filled, demo, folder / "checkout.png", width=1280, height=1000)
    shoot(browser, filled, demo, folder / "phone.png", width=390, height=844, scale=2, scroll="stay")
    shoot(browser, confirmed_order, demo, folder / "order.png", width=1280, height=1000)


def for_review(browser: Browser, demo: dict[str, str]) -> None:
    folder = ROOT / ".screenshots"
    for state in STATES:
        for language in LANGUAGES:
            for width in WIDTHS:
                name = f"{state.__name__}-{language}-{width}.png"
                shoot(browser, state, demo, folder / name, width=width, language=language)
        shoot(browser, state, demo, folder / f"{state.__name__}-dark.png", width=768, scheme="dark")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder)) as running, sync_playwright() as started:
        browser = started.chromium.launch(**chromium_arguments())
        (for_review if "--review" in sys.argv else for_readme)(browser, running.facts())
        browser.close()


if __name__ == "__main__":
    main()
