"""Typing a card into the stand-in's frame, as a shopper does."""

from playwright.sync_api import FrameLocator, Page

VISA = "4242424242424242"
DECLINED = "4000000000000002"
HOLD_DECLINED = "4000000000000341"
CHALLENGED = "4000002500003155"


def card_frame(page: Page | FrameLocator) -> FrameLocator:
    """The card fields of a page, or of a page in a frame."""
    return page.frame_locator("iframe[title='Secure payment input frame']")


def fill_card(frame: FrameLocator, number: str = VISA, *, postal: str | None = "60605") -> None:
    """Fill the card fields; `postal` is None where the page asks for the address itself."""
    frame.locator("#number").fill(number)
    frame.locator("#expiry").fill("12 / 34")
    frame.locator("#cvc").fill("123")
    if postal is not None:
        frame.locator("#postal").fill(postal)
