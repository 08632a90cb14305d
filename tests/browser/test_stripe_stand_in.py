"""The stand-in for Stripe.js keeps the rules of Stripe.js: what a page may do with it, it may do with the real one."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error, FrameLocator, Page, expect

from tests.browser.cards import card_frame, fill_card
from tests.browser.serving import serving
from tests.browser.watching import Watch
from tests.processes import running

ICON = '<link rel="icon" href="data:,">'
BILLING = {
    "name": "June Harper",
    "email": "june@example.com",
    "phone": "+13125550142",
    "address": {"city": "", "country": "US", "line1": "", "line2": "", "postal_code": "60605", "state": ""},
}
OPEN = """async ({options, element}) => {
  window.stripe = Stripe('pk_test_tests', options);
  window.elements = stripe.elements({mode: 'setup', currency: 'usd', allowedPaymentMethodTypes: ['card']});
  window.payment = elements.create('payment', element);
  window.events = [];
  for (const name of ['loaderstart', 'ready', 'change']) payment.on(name, (event) => events.push([name, event]));
  payment.mount('#payment');
  await new Promise((resolve) => payment.once('ready', resolve));
}"""
CONFIRM = """async ({secret, billing, redirect}) => {
  const submitted = await elements.submit();
  if (submitted.error) return submitted;
  const confirmParams = {return_url: location.href + '?back', payment_method_data: {billing_details: billing}};
  return stripe.confirmSetup({elements, clientSecret: secret, redirect, confirmParams});
}"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running("sandbox", "--port", "0", "--json", cwd=tmp_path_factory.mktemp("sandbox")) as process:
        yield process.facts()["url"]


@pytest.fixture(scope="module")
def site(sandbox: str) -> Iterator[str]:
    """Pages of a brand that load the stand-in, with and without a wallet."""
    pages = {
        "/": f'<!doctype html>{ICON}<div id="payment"></div><script src="{sandbox}/stripe.js"></script>',
        "/wallet": f'<!doctype html>{ICON}<div id="express"></div>'
        f'<script src="{sandbox}/stripe.js?wallets=google_pay"></script>',
    }
    with serving(pages) as origin:
        yield origin


@pytest.fixture
def shop(page: Page, site: str) -> Page:
    page.goto(site)
    return page


def secret_of_new(sandbox: str, **account: str) -> str:
    sent = {"allowed_payment_method_types[0]": "card", "usage": "off_session"}
    headers = {"Authorization": "Bearer sk_test_tests", "Stripe-Version": "2026-10-28.endive", **account}
    answer = httpx.post(f"{sandbox}/v1/setup_intents", data=sent, headers=headers, trust_env=False)
    return str(answer.json()["client_secret"])


def open_element(page: Page, options: dict[str, Any] | None = None, **element: Any) -> FrameLocator:
    page.evaluate(OPEN, {"options": options or {}, "element": element})
    return card_frame(page)


def confirm(page: Page, secret: str, redirect: str = "if_required", billing: Any = BILLING) -> dict[str, Any]:
    return dict(page.evaluate(CONFIRM, {"secret": secret, "billing": billing, "redirect": redirect}))


def test_card_is_set_up(shop: Page, sandbox: str) -> None:
    fill_card(open_element(shop))
    met = confirm(shop, secret_of_new(sandbox))["setupIntent"]
    assert (met["status"], met["payment_method"][:3]) == ("succeeded", "pm_")
    assert [event[0] for event in shop.evaluate("() => events")][:2] == ["loaderstart", "ready"]
    assert shop.evaluate("() => events.at(-1)[1]") == {
        "elementType": "payment",
        "collapsed": False,
        "complete": True,
        "empty": False,
        "value": {"type": "card"},
    }


def test_page_never_sees_the_number(shop: Page, sandbox: str) -> None:
    fill_card(open_element(shop))
    confirm(shop, secret_of_new(sandbox))
    told = shop.evaluate("() => JSON.stringify([events, __stripeCalls])")
    assert "4242 4242" not in told
    assert "4242424242424242" not in told


@pytest.mark.parametrize(
    ("number", "code", "decline"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", None),
        ("4000000000000127", "incorrect_cvc", None),
    ],
)
def test_declines_are_those_of_stripe(shop: Page, sandbox: str, number: str, code: str, decline: str | None) -> None:
    fill_card(open_element(shop), number)
    error = confirm(shop, secret_of_new(sandbox))["error"]
    assert (error["type"], error["code"], error.get("decline_code")) == ("card_error", code, decline)


def test_form_checks_itself_on_submit(shop: Page, subtests: pytest.Subtests) -> None:
    faults = [
        ("Card number", "4242 42", "incomplete_number"),
        ("Card number", "4242 4242 4242 4241", "invalid_number"),
        ("Expiration date", "12", "incomplete_expiry"),
        ("Expiration date", "13 / 34", "invalid_expiry_month"),
        ("Expiration date", "12 / 20", "invalid_expiry_year_past"),
        ("Security code", "1", "incomplete_cvc"),
        ("ZIP code", "", "incomplete_zip"),
    ]
    frame = open_element(shop)
    for name, value, code in faults:
        with subtests.test(code):
            fill_card(frame)
            frame.get_by_label(name).fill(value)
            error = shop.evaluate("() => elements.submit()")["error"]
            assert (error["type"], error["code"]) == ("validation_error", code)
            expect(frame.get_by_text(error["message"])).to_be_visible()


@pytest.mark.parametrize(
    ("button", "met"),
    [
        ("Complete authentication", "succeeded"),
        ("Fail authentication", "setup_intent_authentication_failure"),
        ("Close", "setup_intent_authentication_failure"),
    ],
)
def test_challenge_is_answered_in_an_overlay(shop: Page, sandbox: str, button: str, met: str) -> None:
    fill_card(open_element(shop), "4000002500003155")
    secret = secret_of_new(sandbox)
    shop.evaluate(
        f"(given) => {{ window.outcome = ({CONFIRM})(given); }}",
        {"secret": secret, "billing": BILLING, "redirect": "if_required"},
    )
    shop.frame_locator("iframe[title='Secure authentication frame']").get_by_role("button", name=button).click()
    outcome = shop.evaluate("() => outcome")
    assert met == (outcome["setupIntent"]["status"] if "setupIntent" in outcome else outcome["error"]["code"])
    expect(shop.locator("iframe[title='Secure authentication frame']")).to_have_count(0)


def test_redirect_comes_back_with_the_intent(shop: Page, sandbox: str) -> None:
    fill_card(open_element(shop))
    secret = secret_of_new(sandbox)
    shop.evaluate(f"(given) => {{ ({CONFIRM})(given); }}", {"secret": secret, "billing": BILLING, "redirect": "always"})
    shop.wait_for_url("**redirect_status=succeeded")
    assert f"setup_intent_client_secret={secret}" in shop.url


def test_account_of_the_store_is_used(shop: Page, sandbox: str) -> None:
    fill_card(open_element(shop, {"stripeAccount": "acct_store"}))
    secret = secret_of_new(sandbox, **{"Stripe-Account": "acct_store"})
    assert confirm(shop, secret)["setupIntent"]["status"] == "succeeded"


def test_lost_connection_is_an_answer(shop: Page, sandbox: str, watch: Watch) -> None:
    watch.expected.append("net::ERR_")
    fill_card(open_element(shop))
    secret = secret_of_new(sandbox)
    fault = {"call": "stripe/setup_intents", "kind": "reset", "done": False, "after": 1}
    httpx.post(f"{sandbox}/_sandbox/faults", json=fault, trust_env=False)
    assert confirm(shop, secret)["error"]["type"] == "api_connection_error"
    assert confirm(shop, secret)["setupIntent"]["status"] == "succeeded"


def test_wallet_confirms_where_it_is_offered(page: Page, sandbox: str, site: str) -> None:
    page.goto(f"{site}/wallet")
    page.evaluate(
        """async ({secret, billing}) => {
          const stripe = Stripe('pk_test_tests');
          const elements = stripe.elements({mode: 'setup', currency: 'usd', allowedPaymentMethodTypes: ['card']});
          const express = elements.create('expressCheckout', {emailRequired: true});
          express.on('click', ({resolve}) => resolve());
          window.confirmed = new Promise((done) => express.on('confirm', async () => {
            await elements.submit();
            const confirmParams = {return_url: location.href, payment_method_data: {billing_details: billing}};
            done(await stripe.confirmSetup({elements, clientSecret: secret, redirect: 'if_required', confirmParams}));
          }));
          express.mount('#express');
          return new Promise((resolve) => express.on('ready', resolve));
        }""",
        {"secret": secret_of_new(sandbox), "billing": BILLING},
    )
    page.frame_locator("#express iframe").get_by_role("button", name="Google Pay (sandbox)").click()
    assert page.evaluate("() => confirmed")["setupIntent"]["status"] == "succeeded"


def test_wrong_use_throws(shop: Page, subtests: pytest.Subtests) -> None:
    wrong = [
        ("Stripe('sk_test_x')", "apiKey should be a string that begins with pk_test_"),
        ("Stripe('pk_test_x', {local: 'en'})", "Unrecognized Stripe() parameter: local"),
        ("Stripe('pk_test_x').elements({mode: 'setup', paymentMethodTypes: ['card']})", "no longer supported"),
        ("Stripe('pk_test_x').elements({currency: 'usd'})", "must pass a clientSecret or mode"),
        ("Stripe('pk_test_x').elements({mode: 'setup', apperance: {}})", "Unrecognized elements() parameter"),
        ("elements.create('payment')", "Can only create one Element"),
        ("elements.getElement('payment').mount('#nowhere')", "applies to no DOM elements"),
        ("stripe.confirmSetup({elements, clientSecret: 'seti_1_secret_1'})", "elements.submit() must be called"),
        ("stripe.confirmSetup({elements, clientSecret: 'x'})", "Missing value for stripe.confirmSetup(): clientSecret"),
    ]
    open_element(shop)
    for script, says in wrong:
        with subtests.test(script):
            with pytest.raises(Error, match="IntegrationError") as thrown:
                shop.evaluate(f"async () => {{ await {script}; }}")
            assert says in str(thrown.value)


def test_billing_left_out_has_to_be_told(shop: Page, sandbox: str) -> None:
    fields = {"billingDetails": {"name": "never", "email": "never", "phone": "never", "address": "never"}}
    frame = open_element(shop, fields=fields)
    fill_card(frame, postal=None)
    address = {"city": "", "country": "US", "line1": "", "postal_code": "", "state": ""}
    with pytest.raises(Error, match=r"did not pass .*billing_details\.address\.line2"):
        confirm(shop, secret_of_new(sandbox), billing={**BILLING, "address": address})
    assert confirm(shop, secret_of_new(sandbox))["setupIntent"]["status"] == "succeeded"


def test_intent_has_to_fit_the_elements(shop: Page, sandbox: str) -> None:
    fill_card(open_element(shop))
    headers = {"Authorization": "Bearer sk_test_tests", "Stripe-Version": "2026-10-28.endive"}
    made = httpx.post(f"{sandbox}/v1/setup_intents", data={"usage": "on_session"}, headers=headers, trust_env=False)
    with pytest.raises(Error, match="does not fit the Elements"):
        confirm(shop, made.json()["client_secret"])


def test_frame_speaks_the_language_of_the_page(shop: Page) -> None:
    frame = open_element(shop, {"locale": "fr-CA"})
    expect(frame.get_by_label("Numéro de carte")).to_be_visible()
