"""Every answer that is no order is a conversation: the page says what happened, and the shopper goes on from there."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.cards import CHALLENGED, DECLINED, HOLD_DECLINED
from tests.browser.shopping import HELMET, LOOP, SOUTH_LOOP, Sandbox, Shopper
from tests.browser.watching import Watch


@pytest.fixture
def sandbox(demo: dict[str, str]) -> Iterator[Sandbox]:
    """The sandbox, with every fault and the shelf of the nearest store put right afterwards."""
    controls = Sandbox(demo["sandbox_url"])
    yield controls
    controls.clear_faults()
    controls.set("stock", store_id=SOUTH_LOOP, upc=HELMET, quantity=14, price=9200)
    controls.set(f"stores/{SOUTH_LOOP}", paths=["bopis", "ropis"])


@pytest.fixture
def shopper(page: Page) -> Shopper:
    return Shopper(page)


def go_on(shopper: Shopper, button: str | re.Pattern[str]) -> None:
    expect(shopper.conversation).to_be_visible()
    shopper.conversation.get_by_role("button", name=button).click()


def test_price_that_rose_is_asked_about(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    sandbox.set("stock", store_id=SOUTH_LOOP, upc=HELMET, price=9900)
    before = shopper.view.locator("[data-total=total]").inner_text()
    shopper.place()
    expect(shopper.conversation).to_be_visible()
    expect(shopper.view.locator("[data-total=total]")).not_to_have_text(before)
    assert not sandbox.orders(shopper.email)
    go_on(shopper, re.compile(r"\$109\.15"))
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_item_that_is_gone_is_bought_elsewhere(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    sandbox.set("stock", store_id=SOUTH_LOOP, upc=HELMET, quantity=0)
    shopper.place()
    expect(shopper.conversation).to_be_visible()
    go_on(shopper, re.compile("store", re.IGNORECASE))
    shopper.choose_store("Loop Bike & Run")
    shopper.place().is_done()
    [order] = sandbox.orders(shopper.email)
    assert order["store_id"] == LOOP


def test_store_that_stopped_selling_is_left(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    sandbox.set(f"stores/{SOUTH_LOOP}", paths=["ropis"])
    shopper.place()
    go_on(shopper, re.compile("store", re.IGNORECASE))
    shopper.choose_store("Loop Bike & Run").place().is_done()
    assert [order["store_id"] for order in sandbox.orders(shopper.email)] == [LOOP]


@pytest.mark.parametrize("number", [DECLINED, HOLD_DECLINED], ids=["by the bank", "when held"])
def test_declined_card_is_followed_by_another(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, number: str
) -> None:
    shopper.ready(demo["url"], number).place()
    go_on(shopper, re.compile("card"))
    assert not sandbox.orders(shopper.email)
    shopper.give_card().place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_challenge_is_completed(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"], CHALLENGED).place()
    shopper.answer_challenge("Complete authentication")
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


@pytest.mark.parametrize("button", ["Fail authentication", "Close"])
def test_challenge_that_is_not_passed_asks_for_a_card(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, button: str
) -> None:
    shopper.ready(demo["url"], CHALLENGED).place()
    shopper.answer_challenge(button)
    go_on(shopper, re.compile("card"))
    assert not sandbox.orders(shopper.email)
    shopper.give_card().place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_unknown_outcome_is_waited_for(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    sandbox.fault("cart/commit", "lost_answer")
    shopper.place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_shopper_is_told_that_an_outcome_is_not_known_yet(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox
) -> None:
    shopper.ready(demo["url"])
    sandbox.fault("cart/commit", "slow", seconds=7)
    shopper.place()
    expect(shopper.conversation).to_contain_text("We are confirming your order")
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_order_that_never_arrived_is_begun_anew(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    sandbox.fault("cart/commit", "lost_request")
    shopper.place()
    begin = shopper.conversation.get_by_role("button")
    expect(begin.first).to_be_visible(timeout=40_000)
    assert not sandbox.orders(shopper.email)
    begin.first.click()
    expect(shopper.button).to_be_enabled()
    expect(shopper.view.locator("#email")).to_have_value(shopper.email)
    shopper.give_card().place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_search_that_fails_may_be_tried_again(shopper: Shopper, demo: dict[str, str], page: Page, watch: Watch) -> None:
    watch.expected.append("checkout/stores|ERR_CONNECTION_REFUSED")
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1")
    page.route("**/checkout/stores?**", lambda route: route.abort("connectionrefused"))
    shopper.search()
    expect(page.locator("#search-error")).to_be_visible()
    page.unroute("**/checkout/stores?**")
    shopper.search().choose_store()


def test_wallet_buys_where_it_is_offered(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page) -> None:
    """The sandbox's script offers a wallet where its address says so."""
    page.add_init_script("""document.addEventListener('readystatechange', () => {
        if (document.body?.dataset.stripeJs) document.body.dataset.stripeJs += '?wallets=google_pay';
    }, {once: true})""")
    shopper.visit(demo["url"]).choose_store().tell_details()
    page.frame_locator("#express iframe").get_by_role("button", name="Google Pay (sandbox)").click()
    shopper.is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_lost_answer_of_ours_makes_no_second_order(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox, page: Page, watch: Watch
) -> None:
    """The request arrives, its answer does not: the page asks again under the same key."""
    watch.expected.append("ERR_CONNECTION_RESET")
    shopper.ready(demo["url"])
    lost: list[str] = []

    def lose(route: Route) -> None:
        if not lost:
            route.fetch()
            lost.append(route.request.headers["idempotency-key"])
            route.abort("connectionreset")
        else:
            assert route.request.headers["idempotency-key"] == lost[0]
            route.continue_()

    page.route("**/place", lose)
    shopper.place().is_done()
    assert lost
    assert len(sandbox.orders(shopper.email)) == 1


def test_blocked_stripe_leaves_the_store(shopper: Shopper, demo: dict[str, str], page: Page, watch: Watch) -> None:
    watch.expected.append("stripe.js")
    page.route("**/stripe.js", lambda route: route.abort("blockedbyclient"))
    shopper.visit(demo["url"]).choose_store()
    expect(shopper.view.locator("#payment-error, #conversation").filter(visible=True).first).to_be_visible()


def test_stripe_that_comes_late_is_tried_again(
    shopper: Shopper, demo: dict[str, str], page: Page, watch: Watch
) -> None:
    watch.expected.append("stripe.js")
    page.route("**/stripe.js", lambda route: route.abort("connectionreset"))
    shopper.visit(demo["url"]).choose_store().tell_details()
    expect(shopper.view.locator("#payment-error, #conversation").filter(visible=True).first).to_be_visible()
    page.unroute("**/stripe.js")
    shopper.view.locator("#payment-error button, #conversation button").filter(visible=True).first.click()
    shopper.give_card().place().is_done()


def test_service_that_is_down_is_said_so(shopper: Shopper, demo: dict[str, str], page: Page, watch: Watch) -> None:
    watch.expected.append("ERR_CONNECTION_REFUSED")
    shopper.ready(demo["url"])
    page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    shopper.place()
    expect(shopper.conversation).to_be_visible()
    page.unroute("**/v1/**")
    go_on(shopper, "Try again")
    shopper.is_done()


def test_missing_details_are_named_with_links(shopper: Shopper, demo: dict[str, str], page: Page) -> None:
    shopper.visit(demo["url"]).choose_store().give_card()
    shopper.view.locator("#email").fill("june")
    shopper.place()
    problem = shopper.view.locator("#problem")
    expect(problem).to_be_visible()
    expect(problem).to_be_focused()
    assert problem.locator("a").count() >= 7
    problem.locator("a").first.click()
    expect(shopper.view.locator("#email")).to_be_focused()


def test_checkout_that_was_ended_elsewhere_is_begun_anew(
    shopper: Shopper, demo: dict[str, str], sandbox: Sandbox
) -> None:
    shopper.ready(demo["url"])
    shopper.call(demo["url"], "POST", "/cancel")
    shopper.place()
    go_on(shopper, "Start again")
    expect(shopper.view.locator("#email")).to_have_value(shopper.email)
    shopper.give_card().place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1


def test_expired_checkout_is_rebuilt_in_one_click(shopper: Shopper, demo: dict[str, str], sandbox: Sandbox) -> None:
    shopper.ready(demo["url"])
    sandbox.set("clock", advance="PT2H")
    shopper.place()
    expect(shopper.conversation).to_be_visible()
    shopper.conversation.get_by_role("button").first.click()
    expect(shopper.view.locator("#email")).to_have_value(shopper.email)
    expect(shopper.button).to_be_enabled()
    shopper.give_card().place().is_done()
    assert len(sandbox.orders(shopper.email)) == 1
