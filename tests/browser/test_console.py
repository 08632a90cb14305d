"""The operations page in a real browser: in by a link, around by keyboard, acting with forms, and on paper."""

import json
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shopping import HELMET, SOUTH_LOOP
from tests.browser.test_accessible import fits, is_accessible
from tests.browser.watching import Watch
from tests.notifying_world import SECRET
from tests.processes import ask, running_demo
from tests.service import SHOPPER

Demo = dict[str, str]
WICKER_PARK = 37175  # A store that takes parcels of the brand.


@pytest.fixture
def browser_context_args() -> dict[str, Any]:
    return {"locale": "en-US", "viewport": {"width": 1280, "height": 900}, "java_script_enabled": False}


@pytest.fixture
def with_scripts(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A browser that runs scripts, as axe needs; the pages have none."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    watch.over(context)
    yield context.new_page()
    context.close()
    assert not watch.complaints()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A demo of its own: it tells an endpoint that never answers, and has people decide soon."""
    endpoint = {"url": "http://127.0.0.1:9/hook", "secrets": [SECRET]}
    changed = {
        "CHECKOUT_WEBHOOKS": json.dumps([endpoint]),
        "CHECKOUT_READBACK_DELAYS": "0.3",
        "CHECKOUT_READBACK_INTERVAL": "60",
        "CHECKOUT_READBACK_UNTIL": "0.2",
    }
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder), **changed) as running:
        yield running.facts()


def place(demo: Demo, path: str = "bopis", store_id: int = SOUTH_LOOP) -> dict[str, Any]:
    """Place an order over the API; gives what the service answers."""
    body = {"store_id": store_id, "path_to_purchase": path, "items": [{"upc": HELMET, "quantity": 2}]}
    made = ask("POST", f"{demo['url']}/v1/checkouts", token=demo["publishable_key"],
               body={**body, "shopper": SHOPPER}, idempotency_key=uuid.uuid4().hex).json()  # fmt: skip
    checkout, sent = f"{demo['url']}/v1/checkouts/{made['id']}", {"expected_total": made["totals"]["total"]}
    if made["payment"]:
        intent = ask("POST", f"{checkout}/setup-intent", token=made["token"], body={}).json()
        confirm(demo, intent)
        sent["setup_intent_id"] = intent["id"]
    key = uuid.uuid4().hex
    answer = ask("POST", f"{checkout}/place", token=made["token"], body=sent, idempotency_key=key, prefer="wait=20")
    assert answer.status_code in {200, 202}, answer.text
    return dict(answer.json())


def order_id_of(placed: dict[str, Any]) -> str:
    return str(placed["order"]["id"])


@contextmanager
def in_review(demo: Demo) -> Iterator[str]:
    """A checkout of which nobody knows what became of it, by its id; no cart can be read meanwhile."""
    faults = f"{demo['sandbox_url']}/_sandbox/faults"
    ask("POST", faults, body={"call": "cart/commit", "kind": "lost_answer"})
    ask("POST", faults, body={"call": "v2/cart", "kind": "status_500", "times": 100_000})
    checkout_id = str(place(demo)["id"])
    until = time.monotonic() + 30
    while checkout_id not in ask("GET", f"{demo['url']}/v1/reviews", token=demo["secret_key"]).text:
        assert time.monotonic() < until
        time.sleep(0.1)
    try:
        yield checkout_id
    finally:
        ask("DELETE", faults)


def confirm(demo: Demo, intent: dict[str, Any]) -> None:
    account = {"Stripe-Account": intent["account"]} if intent["account"] else {}
    answer = httpx.post(
        f"{demo['sandbox_url']}/v1/setup_intents/{intent['id']}/confirm",
        data={"client_secret": intent["client_secret"], "payment_method": "pm_card_visa"},
        headers={"Authorization": f"Bearer {intent['publishable_key']}", **account},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def enter(page: Page, demo: Demo) -> Page:
    made = ask("POST", f"{demo['url']}/v1/console-links", token=demo["secret_key"], body={})
    assert made.status_code == 201, made.text
    page.goto(made.json()["url"])
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Orders")
    return page


def test_link_leads_in_and_leaving_leads_out(page: Page, demo: Demo, watch: Watch) -> None:
    enter(page, demo)
    (cookie,) = [each for each in page.context.cookies() if each["name"].startswith("console-")]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not inside")
    watch.expected.append("Failed to load resource.*403")
    page.goto(f"{demo['url']}/console")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are not inside")


def test_order_is_found_read_and_acted_on_without_scripts(page: Page, demo: Demo) -> None:
    order_id = order_id_of(place(demo))
    enter(page, demo)
    page.get_by_role("searchbox").fill(order_id)
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("open")
    expect(page.locator(".story")).to_contain_text("The order was placed")
    page.get_by_label("Why, if she said so").fill("bought twice")
    page.get_by_role("button", name="Note the wish").click()
    expect(page.get_by_role("status")).to_contain_text("The wish to cancel is noted")
    page.reload()
    expect(page.get_by_text("“bought twice”")).to_be_visible()


def test_keyboard_alone_leads_to_an_order(page: Page, demo: Demo) -> None:
    place(demo, "ropis")
    enter(page, demo)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.locator("tbody a:focus").count():
            break
    assert page.locator("tbody a:focus").count() == 1
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Order ")


def test_pages_are_accessible_and_fit_a_phone(with_scripts: Page, demo: Demo) -> None:
    order_id = order_id_of(place(demo, "sts", WICKER_PARK))
    page = enter(with_scripts, demo)
    for path in (
        "",
        f"/orders/{order_id}",
        f"/orders/{order_id}/slip",
        "/answers",
        "/deliveries",
        "/feed",
        "/shipping",
    ):
        is_fine(page, demo, path)
    with in_review(demo) as checkout_id:
        checkout = f"/checkouts/{checkout_id}"
        for path in (checkout, f"{checkout}/settle?decision=placed", "/holds", "/reviews"):
            is_fine(page, demo, path)


def is_fine(page: Page, demo: Demo, path: str) -> None:
    """For everybody and on a phone, with everything that can be opened open."""
    page.goto(f"{demo['url']}/console{path}")
    page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    is_accessible(page)
    fits(page)


def test_parcel_is_confirmed_from_the_queue(page: Page, demo: Demo) -> None:
    placed = place(demo, "sts", WICKER_PARK)
    enter(page, demo)
    page.get_by_role("link", name="Ship to store").click()
    card = page.get_by_role("listitem").filter(has=page.locator(f"a[href$='{order_id_of(placed)}']"))
    card.locator("summary", has_text="Confirm").click()
    card.get_by_label("I know that the shopper's card is charged.").first.check()
    card.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("Locally has taken it")
    expect(page.locator("h3 .status")).to_have_text("confirmed")


def test_decision_is_asked_for_twice(page: Page, demo: Demo) -> None:
    with in_review(demo) as checkout_id:
        enter(page, demo)
        page.get_by_role("link", name="Needs a person").click()
        card = page.locator("main li").filter(has_text=checkout_id)
        cart_hash = card.locator("dd").first.inner_text()
        card.get_by_label("There is an order").check()
        card.get_by_role("button", name="Go on").click()
        page.get_by_label("Hash of the cart").fill(cart_hash)
        page.get_by_label("I have looked").check()
    page.get_by_role("button", name="Yes, there is an order").click()
    expect(page.get_by_role("status")).to_have_text("It is settled.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("placed")


def test_way_in_and_failures_are_accessible(with_scripts: Page, demo: Demo, watch: Watch) -> None:
    page = with_scripts
    watch.expected.append("Failed to load resource.*40[34]")
    page.goto(f"{demo['url']}/console")
    is_accessible(page)
    made = ask("POST", f"{demo['url']}/v1/console-links", token=demo["secret_key"], body={})
    page.goto(made.json()["url"])
    is_accessible(page)
    page.get_by_role("button", name="Enter").click()
    page.goto(f"{demo['url']}/console/orders/none")
    is_accessible(page)


def test_slip_goes_on_one_sheet_alone(page: Page, demo: Demo) -> None:
    order_id = order_id_of(place(demo))
    enter(page, demo)
    page.goto(f"{demo['url']}/console/orders/{order_id}/slip")
    expect(page.get_by_role("banner")).to_be_visible()
    page.emulate_media(media="print")
    for hidden in (page.get_by_role("banner"), page.get_by_role("contentinfo"), page.locator(".screen")):
        expect(hidden).to_be_hidden()
    expect(page.get_by_role("heading", name="Packing slip")).to_be_visible()
    for size in ("A4", "Letter"):
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format=size))) == 1
