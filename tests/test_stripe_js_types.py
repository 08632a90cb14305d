"""The stand-in for Stripe.js knows the options that Stripe's own types name, so a page cannot pass one it made up."""

import re
from pathlib import Path

import pytest

from tests.test_official_clients import CLIENTS, node

__all__ = ["node"]

TYPES = CLIENTS / "node_modules" / "@stripe" / "stripe-js" / "dist" / "stripe-js"
STAND_IN = Path(__file__).parent.parent / "checkout" / "sandbox" / "stripe_js" / "stripe.js"


@pytest.fixture
def types(node: str) -> Path:
    """Stripe's types, which come with the vendors' clients."""
    return TYPES


def declared(source: Path, interface: str) -> set[str]:
    """The names of the members of an interface, of its first level."""
    text = re.sub(r"/\*.*?\*/", "", source.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.search(rf"interface {interface}\b[^{{]*\{{\n(.*?)^\}}", text, re.DOTALL | re.MULTILINE)
    assert found is not None, interface
    return set(re.findall(r"^  (\w+)\??:", found[1], re.MULTILINE))


def read() -> str:
    return STAND_IN.read_text(encoding="utf-8")


def test_stripe_takes_the_options_of_the_types(types: Path) -> None:
    written = read().split("const STRIPE_OPTIONS = ")[1].split(";")[0]
    assert set(re.findall(r'"(\w+)"', written)) == declared(types / "stripe.d.ts", "StripeConstructorOptions")


def test_locales_are_those_of_the_types(types: Path) -> None:
    text = (types / "elements-group.d.ts").read_text(encoding="utf-8")
    found = re.search(r"type StripeElementLocale =(.*?);", text, re.DOTALL)
    assert found is not None
    written = re.search(r"const LOCALES =(.*?);", read(), re.DOTALL)
    assert written is not None
    ours = set(" ".join(re.findall(r'"([^"]+)"', written[1])).split())
    assert ours == set(re.findall(r"'([\w-]+)'", found[1]))


def test_elements_take_no_option_that_the_types_lack(types: Path) -> None:
    group = types / "elements-group.d.ts"
    known = declared(group, "BaseStripeElementsOptions") | declared(group, "StripeElementsOptionsModeBase")
    known |= declared(group, "StripeElementsOptionsClientSecret")
    ours = set(re.findall(r'"(\w+)"', read().split("const SHARED = ")[1].split("const ELEMENT_OPTIONS")[0]))
    assert len(ours) > 15
    assert ours <= known


@pytest.mark.parametrize(
    ("element", "file", "interface"),
    [
        ("payment", "payment.d.ts", "StripePaymentElementOptions"),
        ("expressCheckout", "express-checkout.d.ts", "StripeExpressCheckoutElementOptions"),
    ],
)
def test_elements_are_made_with_the_options_of_the_types(types: Path, element: str, file: str, interface: str) -> None:
    part = read().split("const ELEMENT_OPTIONS")[1].split(f"    {element}: [")[1].split("\n    ],")[0]
    assert set(re.findall(r'"(\w+)"', part)) == declared(types / "elements" / file, interface)
