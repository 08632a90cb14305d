"""The embedded checkout on a brand's page of another origin, as its shoppers and its scripts meet it."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.embedding import BrandPage
from tests.browser.serving import serving
from tests.browser.shopping import HELMET, Sandbox, Shopper

README = Path(__file__).parent.parent.parent / "README.md"
ICON = '<link rel="icon" href="data:,">'


@pytest.fixture
def brand(page: Page, demo: dict[str, str]) -> BrandPage:
    return BrandPage(page, demo)


@pytest.mark.parametrize("embed", ["inline", "modal", "link"])
def test_each_embed_ends_with_an_order(brand: BrandPage, embed: str) -> None:
    brand.open(embed)
    if embed != "inline":
        brand.opener.click()
    shopper = buy(brand)
    complete = brand.wait_for("complete")
    assert complete["from"] == ("a" if embed == "link" else "local-checkout")
    assert complete["order"]["permalink_url"].startswith(f"{brand.demo['url']}/o/ol_")
    assert brand.told("start")
    assert brand.told("update")
    tells_nothing_of_the_shopper(brand, shopper)


def buy(brand: BrandPage) -> Shopper:
    shopper = brand.search().choose_store().tell_details().give_card().place()
    shopper.is_done()
    return shopper


def tells_nothing_of_the_shopper(brand: BrandPage, shopper: Shopper) -> None:
    said = json.dumps(brand.page.evaluate("() => told"))
    for secret in (shopper.email, "Harper", "Prairie", "0142", "pk_test", "seti_", '"ct_', '"ot_', "client_secret"):
        assert secret not in said, secret


def test_tag_of_the_readme_sells(page: Page, demo: dict[str, str], own_port: int) -> None:
    [tag] = re.findall(r"^```html\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    html = f"<!doctype html><title>A shop</title>{ICON}" + tag.replace("http://127.0.0.1:8000", demo["url"])
    assert html.count(demo["url"]) == 2
    with serving({"/": html}, "localhost", own_port) as origin:
        page.goto(origin)
        buy(BrandPage(page, demo))


def test_success_url_gets_the_order(brand: BrandPage, page: Page) -> None:
    brand.open("inline").element("(element) => { element.successUrl = '/cirrus-jacket?thanks=1'; }")
    shopper = brand.search().choose_store().tell_details().give_card().place()
    page.wait_for_url(f"{brand.demo['brand_url']}/cirrus-jacket?thanks=1&order=ord_*")
    assert len(Sandbox(brand.demo["sandbox_url"]).orders(shopper.email)) == 1


def test_dialog_stays_while_an_order_is_placed(brand: BrandPage, page: Page) -> None:
    sandbox = Sandbox(brand.demo["sandbox_url"])
    shopper = brand.open_dialog().search().choose_store().tell_details().give_card()
    sandbox.fault("cart/validate", "slow", seconds=4)
    shopper.place()
    page.wait_for_function("() => told.some((event) => event.checkout)")
    page.wait_for_timeout(500)
    brand.element("(element) => element.close()")
    assert brand.told("close") == []
    expect(page.get_by_role("dialog")).to_be_visible()
    shopper.is_done()
    page.keyboard.press("Escape")
    brand.wait_for("close")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_inline_frame_grows_with_its_page(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    brand.search()
    expect(brand.view.locator("#stores li.store").first).to_be_visible()
    page.wait_for_function("() => document.querySelector('local-checkout').offsetHeight > 900")
    assert brand.view.locator("html").evaluate("(html) => html.scrollHeight - html.clientHeight") == 0


def test_reload_of_the_brands_page_keeps_what_was_typed(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    shopper = brand.search().choose_store().tell_details()
    page.reload()
    expect(brand.view.locator("#email")).to_have_value(shopper.email)
    expect(brand.view.locator("input[name=store]:checked")).to_have_count(1)


def test_inline_takes_no_focus(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    assert page.evaluate("() => document.activeElement === document.body")


def test_dialog_has_the_focus_and_holds_the_page(brand: BrandPage, page: Page) -> None:
    brand.open_dialog()
    page.wait_for_function("() => document.activeElement.localName === 'local-checkout'")
    assert page.evaluate("() => getComputedStyle(document.body).overflow") == "hidden"
    expect(page.get_by_role("dialog")).to_have_accessible_name("Buy at a local store · Ridgeline")
    expect(brand.view.locator("#close")).to_be_visible()


def test_escape_in_the_frame_closes_the_dialog(brand: BrandPage, page: Page) -> None:
    brand.open_dialog().view.locator("#q").press("Escape")
    assert brand.wait_for("close")["checkout"] is None
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(brand.opener).to_be_focused()
    assert page.evaluate("() => getComputedStyle(document.body).overflow") == "visible"


def test_dialog_keeps_what_was_typed(brand: BrandPage) -> None:
    brand.open_dialog().view.locator("#q").fill("60605")
    brand.view.locator("#close").click()
    brand.wait_for("close")
    brand.opener.click()
    expect(brand.view.locator("#q")).to_have_value("60605")
    assert len(brand.told("start")) == 1


def test_brand_may_keep_the_dialog_open(brand: BrandPage, page: Page) -> None:
    brand.open_dialog()
    page.evaluate("() => { window.refused = 'close'; }")
    brand.view.locator("#close").click()
    brand.wait_for("close")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_click_with_a_modifier_follows_the_link(brand: BrandPage, page: Page) -> None:
    brand.open("link")
    with page.context.expect_page() as opened:
        brand.opener.click(modifiers=["ControlOrMeta"])
    opened.value.wait_for_url(f"{brand.demo['url']}/checkout?upc={HELMET}")


def test_another_upc_begins_anew(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    brand.element("(element) => { element.upc = '068648100117'; element.appearance = 'dark'; element.quantity = 2; }")
    expect(brand.view.locator("#lines")).to_contain_text("Moss, M")
    expect(brand.view.locator("#lines")).to_contain_text("2")
    expect(brand.view.locator("html")).to_have_attribute("data-theme", "dark")
    assert brand.element("(element) => element.url").endswith("?upc=068648100117&quantity=2&appearance=dark&lang=en")
    assert page.locator("local-checkout iframe").count() == 1


def test_prefill_is_typed_in_the_frame(brand: BrandPage, page: Page) -> None:
    brand.open("inline").element("(element) => { element.prefill = { email: 'june@example.com' }; }")
    brand.wait_for("start")
    expect(brand.view.locator("#details [name=email]")).to_have_value("june@example.com")
    assert all("june" not in frame.url for frame in page.frames)


_MAKE_DIV = """(html) => {
  if (top !== self) return;
  const put = () => { document.querySelector('.embed').outerHTML = html; };
  document.addEventListener('readystatechange', put, { once: true });
}"""


def test_div_becomes_a_checkout_with_its_fallback(brand: BrandPage, page: Page) -> None:
    div = f"<div data-local-checkout data-upc={HELMET} data-postal-code=60605><a href=#x>Buy</a></div>"
    page.add_init_script(f"({_MAKE_DIV})({json.dumps(div)})")
    brand.open("link").wait_for("start")
    expect(brand.view.locator("#q")).to_have_value("60605")
    expect(page.get_by_role("link", name="Buy", exact=True)).to_be_hidden()


def test_second_copy_of_the_script_does_nothing(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    page.add_script_tag(url=f"{brand.demo['url']}/static/checkout.js")
    page.wait_for_timeout(300)
    assert page.locator("local-checkout iframe").count() == 1
    assert len(brand.told("start")) == 1
