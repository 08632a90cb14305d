"""The JavaScript client for brands that build their own pages, in a browser."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.watching import Watch

HELMET = "068648100001"
SHOPPER = {
    "email": "june.harper@example.com",
    "phone": "+13125550142",
    "first_name": "June",
    "last_name": "Harper",
    "address": "1104 S Wabash Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": "60605",
    "country": "US",
}

_WITH_CLIENT = """async (given) => {
  const { createClient, newKey, CheckoutError } = await import('/static/checkout-client.js');
  const client = createClient({ key: given.key });
  const told = (error) => ({ ...error, isOurs: error instanceof CheckoutError });
  const work = async () => { %s };
  return work();
}"""


@pytest.fixture
def run(page: Page, demo: dict[str, str]) -> Any:
    """Runs the body of an async function with `client`, `newKey`, `told` and `given`; gives what it returns."""
    page.goto(f"{demo['url']}/checkout?items={HELMET}:1")

    def with_client(script: str, **given: Any) -> Any:
        return page.evaluate(_WITH_CLIENT % script, {"key": demo["publishable_key"], "upc": HELMET, **given})

    return with_client


OPEN = """
  const [place] = await client.places('60605');
  const { stores } = await client.stores({ items: `${given.upc}:1`, near: `${place.lat},${place.lng}`, path: 'ropis' });
  const cart = { store_id: stores[0].id, path_to_purchase: 'ropis', items: [{ upc: given.upc, quantity: 1 }] };
"""


def test_client_buys_from_search_to_order(run: Any) -> None:
    script = """
      const quote = await client.quote(cart);
      const opened = await client.open(cart, { idempotencyKey: newKey() });
      const mine = client.checkout(opened.id, opened.token);
      const changed = await mine.change({ shopper: given.shopper }, { version: opened.version });
      const body = { expected_total: changed.totals.total };
      const key = newKey();
      const placed = await mine.place(body, { idempotencyKey: key });
      const again = await mine.place(body, { idempotencyKey: key });
      const order = await client.order(placed.order.id, placed.order.token).read();
      return { quote, opened, changed, placed, again, order, read: await mine.read() };
    """
    bought = run(OPEN + script, shopper=SHOPPER)
    assert bought["opened"]["status"] == "incomplete"
    assert bought["changed"]["status"] == "ready"
    assert bought["changed"]["totals"] == bought["quote"]["totals"]
    assert bought["placed"]["status"] == bought["read"]["status"] == "placed"
    assert bought["again"]["order"]["id"] == bought["placed"]["order"]["id"] == bought["order"]["id"]


def test_client_raises_the_problem_with_its_checkout(run: Any) -> None:
    script = """
      const opened = await client.open(cart);
      return client.checkout(opened.id, opened.token).change({ shopper: { email: 'x' } }).catch(told);
    """
    error = run(OPEN + script)
    assert error["isOurs"]
    assert (error["status"], error["code"], error["next"]) == (422, "invalid_field", "fix")
    assert [each["pointer"] for each in error["errors"]] == ["/shopper/email"]
    assert error["checkout"]["status"] == "incomplete"
    assert error["requestId"].startswith("req_")


def test_client_calls_a_lost_answer_a_lost_connection(run: Any, page: Page, watch: Watch) -> None:
    watch.expected.append("net::ERR_FAILED")
    page.route("**/v1/places*", lambda route: route.abort())
    error = run("return client.places('60605').catch(told);")
    assert error["isOurs"]
    assert (error["status"], error["code"], error["next"]) == (0, "connection_lost", "retry")
