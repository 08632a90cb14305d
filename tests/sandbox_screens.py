"""What the tests of the sandbox's screens do all the time: look at a page, press a button, read what stands there."""

import re

import httpx

from tests.markup import Markup
from tests.sandbox_shopper import STORE, Shopper

STORES = "/_sandbox/stores"
SCREEN = f"{STORES}/{STORE}"


async def look(shopper: Shopper, path: str = SCREEN) -> Markup:
    answer = await shopper.client.get(path, follow_redirects=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Markup(answer.text)


async def press(shopper: Shopper, cart_hash: str, action: str, **fields: str) -> httpx.Response:
    """Send the form of an item as a browser does."""
    url = f"{SCREEN}/orders/{cart_hash}/{shopper.upcs[0]}"
    return await shopper.client.post(url, data={"action": action} | fields)


async def pressed(shopper: Shopper, cart_hash: str, action: str, **fields: str) -> Markup:
    """The screen after an action that must be possible and offered before it."""
    assert action in offered(await look(shopper))
    answer = await press(shopper, cart_hash, action, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SCREEN}#{cart_hash}"), answer.text
    return await look(shopper)


def offered(screen: Markup) -> list[str]:
    """The actions of a screen with one item: those done at once, and those that ask for something first."""
    at_once = [button.attributes["value"] for button in screen.all("button", name="action")]
    asking = [re.search(r"form=(\w+)", link.attributes["href"]) for link in screen.all("a", class_="button")]
    return at_once + [found[1] for found in asking if found]


def money(screen: Markup) -> list[str]:
    return [each.text for each in screen.all("p", class_="money")]


def statuses(screen: Markup) -> list[str]:
    return [each.text for each in screen.all("span", class_="badge")]


def trouble(answer: httpx.Response) -> str:
    return Markup(answer.text).one(role="alert").text
