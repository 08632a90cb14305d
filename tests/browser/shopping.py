"""A shopper at the checkout page, and a look behind it at what the sandbox has in its books."""

import json
import re
import uuid
from typing import Any

import httpx
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.browser.cards import VISA, card_frame, fill_card
from tests.processes import ask

KEY = "cpk_test_demo"
HELMET = "068648100001"
SOUTH_LOOP, LOOP = 37177, 37176
ZIP = "60605"
DETAILS = {
    "phone": "312 555 0142",
    "first_name": "June",
    "last_name": "Harper",
    "address": "1201 S Prairie Ave",
    "city": "Chicago",
    "state": "IL",
    "zip": ZIP,
}
# Once in a window: what the page keeps later is its own.
_LEFT_BEFORE = """
if (location.pathname === '/checkout' && !sessionStorage.getItem('was here')) {
  sessionStorage.setItem('was here', 'yes');
  sessionStorage.setItem(%s, %s);
}
"""


class Sandbox:
    """The controls and the books of a sandbox that runs."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sandbox"

    def orders(self, email: str) -> list[dict[str, Any]]:
        """The orders that a shopper has at stores."""
        ledger = ask("GET", f"{self._url}/ledger").json()
        return [order for order in ledger["orders"] if order["shopper"]["email"] == email]

    def set(self, control: str, **values: Any) -> None:
        answer = ask("POST", f"{self._url}/{control}", body=values)
        assert answer.status_code < 300, answer.text

    def fault(self, call: str, kind: str, **more: Any) -> None:
        self.set("faults", call=call, kind=kind, **more)

    def clear_faults(self) -> None:
        ask("DELETE", f"{self._url}/faults")


class Shopper:
    """One shopper, with an address of their own, at a checkout page that stands alone or in a frame."""

    def __init__(self, page: Page, view: Page | FrameLocator | None = None) -> None:
        self.page = page
        self.view = view or page
        self.email = f"june.{uuid.uuid4().hex[:12]}@example.com"

    def visit(self, url: str, items: str = f"{HELMET}:1", **query: str) -> "Shopper":
        """Open the hosted page with a search."""
        asked = httpx.QueryParams({"items": items, "q": ZIP, **query})
        self.page.goto(f"{url}/checkout?{asked}")
        return self

    def search(self, place: str = ZIP) -> "Shopper":
        """Search where the page is open already."""
        self.view.locator("#q").fill(place)
        self.view.locator("#q").press("Enter")
        return self

    def choose_store(self, name: str | None = None) -> "Shopper":
        """Choose a store by its name, else the first; waits until its total is known."""
        stores = self.view.locator("#stores li.store:not(.is-unavailable)")
        (stores.filter(has_text=name) if name else stores).first.locator("label").first.click()
        expect(self.view.locator("#place")).to_be_visible()
        expect(self.view.locator("#place [data-amount]")).to_have_text(re.compile(r"\d"))
        return self

    def choose_path(self, path: str) -> "Shopper":
        self.view.locator(f"#paths .choice[data-path={path}] label").click()
        return self

    def tell_details(self, **changes: str) -> "Shopper":
        for name, value in {"email": self.email, **DETAILS, **changes}.items():
            self.view.locator(f"#details [name={name}]").fill(value)
        return self

    def give_card(self, number: str = VISA) -> "Shopper":
        fill_card(card_frame(self.view), number, postal=None)
        return self

    def answer_challenge(self, button: str) -> None:
        frame = self.view.frame_locator("iframe[title='Secure authentication frame']")
        frame.get_by_role("button", name=button).click()

    @property
    def button(self) -> Locator:
        return self.view.locator("#place")

    @property
    def conversation(self) -> Locator:
        return self.view.locator("#conversation")

    def place(self) -> "Shopper":
        self.button.click()
        return self

    def fill_in(self, url: str, number: str | None = VISA, **query: str) -> "Shopper":
        """Everything done by hand but the last click; without a number no card is given."""
        self.visit(url, **query).choose_store().tell_details()
        return self.give_card(number) if number else self

    def ready(self, url: str, number: str | None = VISA, **query: str) -> "Shopper":
        """As `fill_in`, but quicker: a page that was left, and is come back to for the card."""
        shopper = {"email": self.email, "country": "US", **DETAILS}
        cart = {"store_id": SOUTH_LOOP, "path_to_purchase": "bopis", "items": [{"upc": HELMET, "quantity": 1}]}
        made = ask("POST", f"{url}/v1/checkouts", token=KEY, body={**cart, "shopper": shopper},
                   idempotency_key=uuid.uuid4().hex).json()  # fmt: skip
        record = json.dumps({"id": made["id"], "token": made["token"]})
        self.page.add_init_script(_LEFT_BEFORE % (json.dumps(f"checkout {HELMET}:1"), json.dumps(record)))
        self.visit(url, **query)
        expect(self.view.locator("#email")).to_have_value(self.email)
        expect(self.view.locator("#place [data-amount]")).to_have_text(re.compile(r"\d"))
        return self.give_card(number) if number else self

    def call(self, url: str, method: str = "GET", call: str = "") -> dict[str, Any]:
        """What the service answers about the page's checkout to somebody else who has its token."""
        kept = self.page.evaluate("(name) => JSON.parse(sessionStorage.getItem(name))", f"checkout {HELMET}:1")
        body: dict[str, Any] | None = {} if method == "POST" else None
        answer = ask(method, f"{url}/v1/checkouts/{kept['id']}{call}", token=kept["token"], body=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def is_done(self) -> None:
        expect(self.view.locator("#done")).to_be_visible()
