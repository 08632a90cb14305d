"""Settings: what is required, what is agreed, and one plain line for each fault."""

import base64
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from checkout.errors import SettingsFault
from checkout.settings import load_settings

KEY = base64.b64encode(bytes(range(32))).decode()
TEST = {
    "CHECKOUT_LOCALLY_API_TOKEN": "test_0123456789",
    "CHECKOUT_LOCALLY_COMPANY_ID": "1",
    "CHECKOUT_STRIPE_SECRET_KEY": "sk_test_123",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY": "pk_test_123",
    "CHECKOUT_PUBLISHABLE_KEY": "cpk_test_123",
    "CHECKOUT_SECRET_KEY": "csk_test_123",
    "CHECKOUT_ENCRYPTION_KEY": KEY,
}
LIVE = {
    **TEST,
    "CHECKOUT_LOCALLY_API_TOKEN": "0123456789abcdef",
    "CHECKOUT_STRIPE_SECRET_KEY": "sk_live_123",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY": "pk_live_123",
    "CHECKOUT_PUBLISHABLE_KEY": "cpk_live_123",
    "CHECKOUT_SECRET_KEY": "csk_live_123",
    "CHECKOUT_PUBLIC_URL": "https://checkout.example.com",
}


def faults(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsFault) as caught:
        load_settings(environ)
    return caught.value.lines


def test_required_settings_are_enough() -> None:
    settings = load_settings(TEST)
    assert settings.encryption_key == bytes(range(32))
    assert (settings.mode, settings.paths, settings.tax) == ("test", ("bopis",), "locally")
    assert settings.locally_base_url == "https://www.locally.com"


@pytest.mark.parametrize("variable", TEST)
def test_each_missing_setting_is_named(variable: str) -> None:
    environ = {name: value for name, value in TEST.items() if name != variable}
    assert faults(environ) == (f"{variable} is missing",)
    assert faults({**environ, variable: ""}) == (f"{variable} is missing",)


def test_every_fault_has_its_own_line() -> None:
    lines = faults({})
    assert sorted(lines) == sorted(f"{variable} is missing" for variable in TEST)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CHECKOUT_ENCRYPTION_KEY", "short"),
        ("CHECKOUT_ENCRYPTION_KEY", base64.b64encode(bytes(31)).decode()),
        ("CHECKOUT_LOCALLY_COMPANY_ID", "brand"),
        ("CHECKOUT_LOCALLY_COMPANY_ID", "0"),
        ("CHECKOUT_STRIPE_SECRET_KEY", "pk_test_123"),
        ("CHECKOUT_STRIPE_PUBLISHABLE_KEY", "sk_test_123"),
        ("CHECKOUT_PUBLISHABLE_KEY", "pk_test_123"),
        ("CHECKOUT_SECRET_KEY", "cpk_test_123"),
        ("CHECKOUT_DATABASE_URL", "mysql://host/name"),
        ("CHECKOUT_LOCALLY_BASE_URL", "www.locally.com"),
        ("CHECKOUT_LOCALLY_BASE_URL", "https://www.locally.com/headless"),
        ("CHECKOUT_STRIPE_API_BASE", "https://user@api.stripe.com"),
        ("CHECKOUT_PUBLIC_URL", "ftp://example.com"),
        ("CHECKOUT_PUBLIC_URL", "http://example.com:port"),
        ("CHECKOUT_PUBLIC_URL", "http://example.com:99999"),
        ("CHECKOUT_PUBLIC_URL", "http://exam ple.com"),
        ("CHECKOUT_PUBLIC_URL", "https://example.com?"),
        ("CHECKOUT_ORIGINS", "*"),
        ("CHECKOUT_ORIGINS", "null"),
        ("CHECKOUT_LOCALLY_API_TOKEN", "short"),
        ("CHECKOUT_LOCALLY_API_TOKEN", "test_token with a space"),
        ("CHECKOUT_TRUSTED_PROXIES", "my proxy"),
        ("CHECKOUT_READBACK_DELAYS", "1,soon"),
        ("CHECKOUT_ORIGINS", "https://a.example.com,b.example.com"),
        ("CHECKOUT_BRAND", "My Brand"),
        ("CHECKOUT_PATHS", "bopis,teleport"),
        ("CHECKOUT_TAX", "none"),
        ("CHECKOUT_MUTE_COMMS", "perhaps"),
        ("CHECKOUT_CURRENCIES", '{"1": "dollars"}'),
        ("CHECKOUT_CURRENCIES", '{"everywhere": "USD"}'),
        ("CHECKOUT_CURRENCIES", "{"),
        ("CHECKOUT_CURRENCIES", "[]"),
        ("CHECKOUT_STRIPE_ACCOUNTS", '{"1": "acct_1"}'),
        ("CHECKOUT_STRIPE_ACCOUNTS", '{"everywhere": {"account": "acct_1", "publishable_key": "pk_test_1"}}'),
        ("CHECKOUT_STRIPE_ACCOUNTS", '{"1": {"account": "1", "publishable_key": "pk_test_1"}}'),
        ("CHECKOUT_LOCALLY_WEBHOOK_TOKENS", "one,two,three"),
        ("CHECKOUT_PLACE_WAIT", "-1"),
        ("CHECKOUT_PLACE_WAIT", "soon"),
        ("CHECKOUT_PLACE_WAIT", "inf"),
        ("CHECKOUT_PLACE_WAIT", "nan"),
        ("CHECKOUT_LOG_LEVEL", "loud"),
    ],
)
def test_bad_value_is_one_line_naming_its_variable(variable: str, value: str) -> None:
    lines = faults({**TEST, variable: value})
    assert len(lines) == 1
    assert lines[0].startswith(variable)
    assert "\n" not in lines[0]


def test_faults_of_several_kinds_come_together() -> None:
    environ = {**TEST, "CHECKOUT_PATHS": "teleport", "CHECKOUT_DATABASE_URL": "x", "CHECKOUT_TAX": "x"}
    del environ["CHECKOUT_SECRET_KEY"]
    assert sorted(re.split("[ :]", line)[0] for line in faults(environ)) == [
        "CHECKOUT_DATABASE_URL",
        "CHECKOUT_PATHS",
        "CHECKOUT_SECRET_KEY",
        "CHECKOUT_TAX",
    ]


def test_fault_in_a_list_or_map_names_its_place() -> None:
    (line,) = faults({**TEST, "CHECKOUT_ORIGINS": "https://a.example.com,b"})
    assert line.startswith("CHECKOUT_ORIGINS[1] must be an origin")
    (line,) = faults({**TEST, "CHECKOUT_STRIPE_ACCOUNTS": '{"1": {"account": "acct_1"}}'})
    assert line == "CHECKOUT_STRIPE_ACCOUNTS[1][publishable_key] is missing"


@pytest.mark.parametrize("variable", ["CHECKOUT_STRIPE_SECRET_KEY", "CHECKOUT_SECRET_KEY", "CHECKOUT_ENCRYPTION_KEY"])
def test_faults_never_repeat_a_secret(variable: str) -> None:
    assert "hunter2" not in "".join(faults({**TEST, variable: "hunter2hunter2"}))


def test_lists_are_comma_separated() -> None:
    settings = load_settings(
        {
            **TEST,
            "CHECKOUT_ORIGINS": "https://A.example.com, http://b.example.com:3000/,",
            "CHECKOUT_PATHS": "bopis, ropis",
            "CHECKOUT_LOCALLY_WEBHOOK_TOKENS": "new,old",
            "CHECKOUT_READBACK_DELAYS": "0.1,0.2",
        }
    )
    assert settings.origins == ("https://a.example.com", "http://b.example.com:3000")
    assert settings.allowed_origins == {*settings.origins, "http://127.0.0.1:8000"}
    assert settings.paths == ("bopis", "ropis")
    assert [token.get_secret_value() for token in settings.locally_webhook_tokens] == ["new", "old"]
    assert settings.readback_delays == (0.1, 0.2)


def test_maps_are_json() -> None:
    platform = '{"account": "acct_1", "publishable_key": "pk_test_1"}'
    accounts = f'{{"37175": {platform}, "sts": {platform.replace("acct_1", "acct_2")}}}'
    settings = load_settings({**TEST, "CHECKOUT_STRIPE_ACCOUNTS": accounts, "CHECKOUT_CURRENCIES": '{"37175": "CAD"}'})
    assert settings.stripe_accounts["sts"].account == "acct_2"
    assert settings.currencies == {"37175": "CAD"}


def test_path_named_twice_counts_once() -> None:
    assert load_settings({**TEST, "CHECKOUT_PATHS": "bopis,ropis,bopis"}).paths == ("bopis", "ropis")


def test_default_port_is_left_out_of_an_origin() -> None:
    settings = load_settings({**TEST, "CHECKOUT_ORIGINS": "https://A.example.com:443/,http://b.example.com:80"})
    assert settings.origins == ("https://a.example.com", "http://b.example.com")


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("database_url", "sqlite:///checkout.db"),
        ("locally_base_url", "https://www.locally.com"),
        ("stripe_api_base", "https://api.stripe.com"),
        ("public_url", "http://127.0.0.1:8000"),
        ("paths", ("bopis",)),
        ("tax", "locally"),
        ("mute_comms", False),
        ("origins", ()),
        ("catalogue", None),
        ("locally_webhook_tokens", ()),
        ("stripe_webhook_secrets", ()),
        ("stripe_accounts", {}),
        ("checkout_life", 60 * 60),
        ("token_life", 24 * 60 * 60),
        ("key_life", 30 * 24 * 60 * 60),
        ("quote_fresh", 5 * 60),
        ("place_wait", 8),
        ("write_timeout", 20),
        ("commit_within", 5 * 60),
        ("lease", 15),
        ("recovery_interval", 5),
        ("readback_delays", (1, 2, 5, 10, 20, 30)),
        ("readback_interval", 60),
        ("readback_until", 15 * 60),
        ("not_placed_after", 10 * 60),
        ("not_placed_after_refusal", 2 * 60),
        ("hold_life", 7 * 24 * 60 * 60),
        ("drain", 30),
    ],
)
def test_default_is_the_promised_one(name: str, default: object) -> None:
    assert getattr(load_settings(TEST), name) == default


def test_sandbox_token_is_of_test_mode() -> None:
    assert load_settings({**TEST, "CHECKOUT_LOCALLY_API_TOKEN": "sandbox_brand_123"}).mode == "test"


def test_restricted_stripe_key_is_accepted() -> None:
    key = "rk_test_123"
    assert load_settings({**TEST, "CHECKOUT_STRIPE_SECRET_KEY": key}).stripe_secret_key.get_secret_value() == key


def test_live_credentials_load_together() -> None:
    assert load_settings(LIVE).mode == "live"


CREDENTIALS = (
    "CHECKOUT_LOCALLY_API_TOKEN",
    "CHECKOUT_STRIPE_SECRET_KEY",
    "CHECKOUT_STRIPE_PUBLISHABLE_KEY",
    "CHECKOUT_PUBLISHABLE_KEY",
    "CHECKOUT_SECRET_KEY",
)


@pytest.mark.parametrize("variable", CREDENTIALS)
def test_all_credentials_must_be_of_one_mode(variable: str) -> None:
    (line,) = faults({**LIVE, variable: TEST[variable]})
    live, test = re.split(": live, but ", line)
    assert variable not in live
    assert test.startswith(f"{variable}: test")


def test_store_account_must_be_of_the_same_mode() -> None:
    accounts = '{"1": {"account": "acct_1", "publishable_key": "pk_test_1"}}'
    (line,) = faults({**LIVE, "CHECKOUT_STRIPE_ACCOUNTS": accounts})
    assert "CHECKOUT_STRIPE_ACCOUNTS[1]: test" in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CHECKOUT_LOCALLY_BASE_URL", "http://127.0.0.1:9000"),
        ("CHECKOUT_STRIPE_API_BASE", "http://127.0.0.1:9000"),
        ("CHECKOUT_SANDBOX_CLOCK", "1"),
        ("CHECKOUT_PUBLIC_URL", "http://checkout.example.com"),
    ],
)
def test_live_keys_go_to_the_vendors_alone(variable: str, value: str) -> None:
    (line,) = faults({**LIVE, variable: value})
    assert line.startswith(variable)
    load_settings({**TEST, variable: value})


def test_settings_are_frozen() -> None:
    settings = load_settings(TEST)
    with pytest.raises(ValidationError):
        settings.brand = "other"


def test_printed_settings_hide_their_secrets() -> None:
    secrets = {
        "CHECKOUT_DATABASE_URL": "postgresql://me:hunter2@host/name",
        "CHECKOUT_LOCALLY_WEBHOOK_TOKENS": "hunter3,hunter4",
        "CHECKOUT_STRIPE_WEBHOOK_SECRETS": "whsec_hunter5",
    }
    settings = load_settings({**TEST, **secrets})
    printed = f"{settings!r} {settings}"
    assert "hunter" not in printed
    for variable in ("CHECKOUT_LOCALLY_API_TOKEN", "CHECKOUT_STRIPE_SECRET_KEY", "CHECKOUT_SECRET_KEY"):
        assert TEST[variable] not in printed
    assert repr(bytes(range(32))) not in printed


def test_environment_wins_over_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{variable}={value}" for variable, value in TEST.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "CHECKOUT_BRAND=filed", "CHECKOUT_TAX=quoted"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHECKOUT_BRAND", "set")
    settings = load_settings()
    assert (settings.brand, settings.tax) == ("set", "quoted")


def test_given_values_win_over_the_environment() -> None:
    assert load_settings({**TEST, "CHECKOUT_BRAND": "set"}, brand="given").brand == "given"


def test_other_variables_are_ignored() -> None:
    assert load_settings({**TEST, "PATH": "/bin", "CHECKOUT_UNHEARD_OF": "1"}).brand == "brand"
