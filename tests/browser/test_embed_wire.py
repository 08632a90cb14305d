"""What passes between the frame and the page around it, and what may not."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cards import CHALLENGED
from tests.browser.embedding import BrandPage
from tests.browser.serving import serving
from tests.browser.shopping import HELMET, Shopper
from tests.browser.watching import Watch

FAKE_ORDER = {
    "checkout": {"id": "chk_1", "order": {"id": "ord_1", "permalink_url": "https://evil.example"}},
    "origins": [],
}

# A host of the Embedded Checkout Protocol in a dozen lines: no loader of ours.
_HOST = """([url, withPort, sandbox]) => {
  window.heard = [];
  const frame = document.createElement('iframe');
  Object.assign(frame, { src: url, sandbox, width: 400, height: 600 });
  const ucp = { version: '2026-08-25', status: 'success' };
  const take = (message, reply) => {
    heard.push(message);
    if (message.id && message.method) reply({ jsonrpc: '2.0', id: message.id, result: { ucp } });
  };
  addEventListener('message', ({ origin, source, data }) => {
    if (origin !== new URL(url).origin || source !== frame.contentWindow) return;
    const post = (message, ports) => source.postMessage(message, origin, ports);
    if (data.method !== 'ec.ready' || !withPort) return take(data, post);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (event) => take(event.data, (message) => port1.postMessage(message));
    post({ jsonrpc: '2.0', id: data.id, result: { ucp, upgrade: { port: port2 } } }, [port2]);
  });
  document.querySelector('main').replaceChildren(frame);
}"""


@pytest.fixture
def brand(page: Page, demo: dict[str, str]) -> BrandPage:
    return BrandPage(page, demo)


@pytest.mark.parametrize("with_port", [True, False])
def test_any_host_of_the_protocol_can_frame_the_page(brand: BrandPage, page: Page, with_port: bool) -> None:
    url = f"{brand.demo['url']}/checkout?upc={HELMET}&ec_version=2026-08-25"
    brand.put("").page.evaluate(_HOST, [url, with_port, "allow-scripts allow-forms allow-same-origin"])
    page.wait_for_function("() => heard.some((message) => message.method === 'ec.start')")
    ready, *rest = page.evaluate("() => heard")
    assert (ready["jsonrpc"], ready["method"], ready["params"]["delegate"]) == ("2.0", "ec.ready", [])
    assert {message["method"] for message in rest} <= {"ec.start", "ec.frame.change"}
    assert all("id" not in message for message in rest)  # Nothing was delegated, so nothing is asked.
    expect(page.frame_locator("main iframe").locator("#close")).to_be_hidden()


def test_frame_that_may_open_no_window_shows_the_address(brand: BrandPage, page: Page, watch: Watch) -> None:
    """A link that did nothing, or a phone number that took the frame away, would end the purchase."""
    watch.expected.append("allow-popups")
    url = f"{brand.demo['url']}/checkout?upc={HELMET}&q=60605&ec_version=2026-08-25"
    brand.put("").page.evaluate(_HOST, [url, True, "allow-scripts allow-forms allow-same-origin"])
    store = page.frame_locator("main iframe").locator("li.store").first
    store.get_by_role("link", name="Directions").click()
    expect(store).to_contain_text("https://www.openstreetmap.org/directions?to=")
    store.get_by_role("link", name="Call").click()
    expect(store.get_by_role("link", name="Call +1 312-555-0103")).to_be_visible()
    Shopper(page, page.frame_locator("main iframe")).choose_store()


def test_host_that_opens_windows_is_asked_to(brand: BrandPage, page: Page) -> None:
    url = f"{brand.demo['url']}/checkout?upc={HELMET}&q=60605&ec_version=2026-08-25&ec_delegate=window.open"
    brand.put("").page.evaluate(_HOST, [url, True, "allow-scripts allow-forms allow-same-origin"])
    page.frame_locator("main iframe").locator("li.store").first.get_by_role("link", name="Directions").click()
    page.wait_for_function("() => heard.some((message) => message.method === 'ec.window.open_request')")
    [asked] = [message for message in page.evaluate("() => heard") if message["method"] == "ec.window.open_request"]
    assert asked["params"]["url"].startswith("https://www.openstreetmap.org/directions?to=")


def test_tag_without_an_item_tells_that_there_is_nothing(brand: BrandPage, page: Page, watch: Watch) -> None:
    watch.expected.append("status of 400")
    brand.put('<local-checkout upc="nonsense"></local-checkout>')
    assert brand.wait_for("error")["error"]["code"] == "not_available"
    expect(brand.view.get_by_text("There is nothing to buy here")).to_be_visible()


def test_blocked_stripe_shows_the_link_until_it_goes_on(brand: BrandPage, page: Page, watch: Watch) -> None:
    watch.expected.append("stripe.js")
    page.route("**/stripe.js", lambda route: route.abort("blockedbyclient"))
    brand.open("inline").wait_for("start")
    brand.search().choose_store()
    assert brand.wait_for("error")["error"]["code"] == "payment_unavailable"
    expect(brand.opener).to_be_visible()
    page.unroute("**/stripe.js")
    brand.search().choose_store("Loop Bike & Run")
    expect(brand.opener).to_be_hidden()
    assert brand.element("(element) => element.error") is None


def test_messages_of_others_are_ignored_by_the_brands_page(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    page.evaluate(
        """async ([fake, origin]) => {
            const messages = [
              { jsonrpc: '2.0', method: 'ec.complete', params: fake },
              { jsonrpc: '2.0', id: 'ready', method: 'ec.ready', params: {} },
              'ec.complete', null,
            ];
            const iframe = document.createElement('iframe');
            document.body.append(iframe);
            window.answers = [];
            addEventListener('message', ({ data }) => data?.result && answers.push(data));
            for (const data of messages) {
              postMessage(data, '*');
              iframe.contentWindow.parent.postMessage(data, '*');
              dispatchEvent(new MessageEvent('message', { data, origin, source: window }));
            }
            await new Promise((resolve) => setTimeout(resolve, 300));
        }""",
        [FAKE_ORDER, brand.demo["url"]],
    )
    assert brand.told("complete") == []
    assert page.evaluate("() => answers") == []
    assert brand.element("(element) => element.checkout") is None


def test_messages_of_others_are_ignored_by_the_checkout(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    frame = next(frame for frame in page.frames if "/checkout?" in frame.url)
    spoof = json.dumps(
        {"jsonrpc": "2.0", "method": "ec.prefill.change", "params": {"prefill": {"email": "evil@x.example"}}}
    )
    frame.evaluate(f"() => {{ postMessage({spoof}, '*'); dispatchEvent(new MessageEvent('message', {{ data: {spoof}, "
                   "origin: 'https://evil.example', source: parent })); }")  # fmt: skip
    # The brand's own page has its port since the handshake; even its window is not listened to any more.
    page.evaluate(f"() => document.querySelector('local-checkout').shadowRoot.querySelector('iframe')"
                  f".contentWindow.postMessage({spoof}, '*')")  # fmt: skip
    page.wait_for_timeout(300)
    expect(brand.view.locator("#details [name=email]")).to_have_value("")
    brand.search()
    expect(brand.view.locator("#stores li.store").first).to_be_visible()


def test_frame_that_reloads_is_heard_again(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    next(frame for frame in page.frames if "/checkout?" in frame.url).evaluate("() => location.reload()")
    page.wait_for_function("() => told.filter((event) => event.name === 'start').length === 2")


def test_challenge_of_the_bank_is_brought_into_view(brand: BrandPage, page: Page) -> None:
    brand.open("inline").wait_for("start")
    shopper = brand.search().choose_store().tell_details().give_card(CHALLENGED)
    assert brand.element("(element) => element.offsetHeight") > 1000
    shopper.place()
    page.wait_for_function("() => Math.abs(document.querySelector('local-checkout').offsetHeight - 640) < 5")
    page.wait_for_function("() => Math.abs(document.querySelector('local-checkout').getBoundingClientRect().top) < 200")
    shopper.answer_challenge("Complete")
    shopper.is_done()


@pytest.fixture
def stranger(demo: dict[str, str]) -> Iterator[str]:
    """A site that is not among the brand's origins."""
    loader = f'<script src="{demo["url"]}/static/checkout.js"></script>'
    href = f"{demo['url']}/checkout?upc={HELMET}"
    element = f'<local-checkout upc="{HELMET}"%s><a href="{href}">Buy at a local store</a></local-checkout>'
    pages = {
        "/inline": loader + element % "",
        "/modal": loader + element % ' mode="modal"',
        "/link": loader + f'<a href="{href}" data-local-checkout>Buy at a local store</a>',
        "/bare": loader + f'<local-checkout upc="{HELMET}"></local-checkout>',
        "/elsewhere": loader + '<local-checkout src="https://evil.example/checkout?upc=1"></local-checkout>',
        "/none": element % "",
    }
    with serving({path: f"<!doctype html><title>x</title>{html}" for path, html in pages.items()}) as origin:
        yield origin


REFUSED = r"frame-ancestors|Refused to frame|status of 404"


@pytest.mark.parametrize("path", ["inline", "modal", "link", "bare"])
def test_framing_is_refused_elsewhere(brand: BrandPage, page: Page, stranger: str, watch: Watch, path: str) -> None:
    watch.expected.append(REFUSED)
    page.goto(f"{stranger}/{path}")
    if path in ("modal", "link"):
        page.get_by_role("link").click()
    error = brand.wait_for("error")["error"]
    assert (error["code"], error["url"]) == ("load_failed", f"{brand.demo['url']}/checkout?upc={HELMET}")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link").click()
    page.wait_for_url(error["url"])


def test_source_of_another_origin_is_refused(page: Page, stranger: str, watch: Watch) -> None:
    watch.expected.append(REFUSED + "|uncaught: src: not on")
    page.goto(f"{stranger}/elsewhere")
    page.wait_for_timeout(300)
    assert page.locator("iframe").count() == 0


def test_service_that_hangs_is_given_up(brand: BrandPage, page: Page) -> None:
    page.clock.install()
    page.context.route("**/checkout?*ec_version*", lambda route: None)
    brand.open("inline")
    expect(brand.opener).to_be_hidden()
    page.clock.run_for(21_000)
    assert brand.wait_for("error")["error"]["code"] == "timeout"
    expect(brand.opener).to_be_visible()


def test_without_the_loader_the_link_is_there(page: Page, stranger: str, demo: dict[str, str], watch: Watch) -> None:
    watch.expected.append(REFUSED)
    page.goto(f"{stranger}/none")
    page.get_by_role("link").click()
    page.wait_for_url(f"{demo['url']}/checkout?upc={HELMET}")
