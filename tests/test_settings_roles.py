"""A retailer's settings: what only selling takes is not asked for, and nothing that stands in for it opens anything."""

import pytest

from checkout.errors import SettingsFault
from checkout.settings import load_settings
from tests.service import ENVIRON

RETAILER = {
    "CHECKOUT_ROLE": "retailer",
    "CHECKOUT_LOCALLY_API_TOKEN": "test_of_a_retailer",
    "CHECKOUT_SECRET_KEY": "csk_test_retailer",
    "CHECKOUT_ENCRYPTION_KEY": ENVIRON["CHECKOUT_ENCRYPTION_KEY"],
}
LIVE = {
    **RETAILER,
    "CHECKOUT_LOCALLY_API_TOKEN": "0123456789abcdef",
    "CHECKOUT_SECRET_KEY": "csk_live_retailer",
    "CHECKOUT_PUBLIC_URL": "https://orders.main-street.example",
}


def test_retailer_gives_three_secrets_and_nothing_more() -> None:
    settings = load_settings(RETAILER)
    assert (settings.is_retailer, settings.mode) == (True, "test")


def test_live_retailer_needs_no_keys_of_selling() -> None:
    assert load_settings(LIVE).mode == "live"


@pytest.mark.parametrize("name", ["LOCALLY_API_TOKEN", "SECRET_KEY", "ENCRYPTION_KEY"])
def test_retailers_own_secrets_are_needed(name: str) -> None:
    with pytest.raises(SettingsFault) as fault:
        load_settings({key: value for key, value in RETAILER.items() if key != f"CHECKOUT_{name}"})
    assert fault.value.lines == (f"CHECKOUT_{name} is missing",)


def test_retailers_credentials_are_of_one_mode() -> None:
    with pytest.raises(SettingsFault, match="all credentials must be of one mode"):
        load_settings({**LIVE, "CHECKOUT_LOCALLY_API_TOKEN": "test_of_a_retailer"})


def test_no_two_retailers_have_the_same_publishable_key() -> None:
    assert load_settings(RETAILER).publishable_key != load_settings(RETAILER).publishable_key


def test_brand_gives_what_selling_takes() -> None:
    with pytest.raises(SettingsFault) as fault:
        load_settings({**RETAILER, "CHECKOUT_ROLE": "brand"})
    assert [line.split()[0] for line in fault.value.lines] == [
        "CHECKOUT_LOCALLY_COMPANY_ID",
        "CHECKOUT_STRIPE_SECRET_KEY",
        "CHECKOUT_STRIPE_PUBLISHABLE_KEY",
        "CHECKOUT_PUBLISHABLE_KEY",
    ]


def test_other_roles_are_refused() -> None:
    with pytest.raises(SettingsFault, match="CHECKOUT_ROLE"):
        load_settings({**ENVIRON, "CHECKOUT_ROLE": "wholesaler"})
