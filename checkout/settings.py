"""The settings: read once, in `__main__`, from the environment (and `.env`); frozen from then on."""

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from checkout.errors import SettingsFault

LOCALLY_URL = "https://www.locally.com"
STRIPE_URL = "https://api.stripe.com"
PREFIX = "CHECKOUT_"

Mode = Literal["test", "live"]
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _from_json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None


def _origin(value: object) -> object:
    """Check and normalize `scheme://host[:port]`."""
    if not isinstance(value, str):
        return value
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must be an origin such as https://www.example.com, without a path")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must be an origin such as https://www.example.com, without anything else")
    # Browsers leave the default port out of `Origin`, and what we compare with is theirs.
    default = f":{_DEFAULT_PORTS[parts.scheme]}"
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default)}"


def _encryption_key(value: object) -> object:
    if isinstance(value, bytes):
        return value
    try:
        key = base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError("must be 32 bytes in base64 (make one with: openssl rand -base64 32)")
    return key


Origin = Annotated[str, BeforeValidator(_origin)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
Seconds = Annotated[float, Field(ge=0, le=10 * 366 * 86400)]
Delays = Annotated[tuple[Seconds, ...], NoDecode, BeforeValidator(_split)]


class StripeAccount(BaseModel):
    """The Stripe account on which a store's SetupIntents are made, where it is not the brand's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str = Field(pattern=r"^acct_[A-Za-z0-9_]+$")
    publishable_key: str = Field(pattern=r"^pk_(test|live)_\S+$")


class Settings(BaseSettings):
    """Every setting of the service; each stands in `.env.example` with its explanation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    # What has to be given.
    locally_api_token: SecretStr = Field(min_length=8)
    locally_company_id: int = Field(ge=1)
    stripe_secret_key: SecretStr = Field(min_length=9)
    stripe_publishable_key: str = Field(min_length=9)
    publishable_key: str
    secret_key: SecretStr
    encryption_key: Annotated[bytes, NoDecode, BeforeValidator(_encryption_key)] = Field(repr=False)

    # Where things are.
    database_url: str = "sqlite:///checkout.db"
    locally_base_url: Origin = LOCALLY_URL
    stripe_api_base: Origin = STRIPE_URL
    public_url: Origin = "http://127.0.0.1:8000"
    origins: Origins = ()
    catalogue: Path | None = None

    # The brand and how it sells.
    brand: str = Field("brand", pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    paths: Names = ("bopis",)
    mute_comms: bool = False
    tax: Literal["locally", "quoted"] = "locally"
    currencies: Annotated[dict[str, str], NoDecode, BeforeValidator(_from_json)] = {}
    stripe_accounts: Annotated[dict[str, StripeAccount], NoDecode, BeforeValidator(_from_json)] = {}
    locally_webhook_tokens: Secrets = ()
    stripe_webhook_secrets: Secrets = ()
    trusted_proxies: Names = ()
    sandbox_clock: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # The spans, in seconds.
    stock_fresh: Seconds = 30
    stock_renew: Seconds = 60
    stock_keep: Seconds = 600
    places_fresh: Seconds = 86400
    quote_fresh: Seconds = 300
    checkout_life: Seconds = 3600
    token_life: Seconds = 86400
    key_life: Seconds = 30 * 86400
    read_timeout: Seconds = 4
    write_timeout: Seconds = 20
    place_wait: Seconds = 8
    attempt_young: Seconds = 120
    commit_within: Seconds = 300
    lease: Seconds = 15
    recovery_interval: Seconds = 5
    readback_delays: Delays = (1, 2, 5, 10, 20, 30)
    readback_interval: Seconds = 60
    readback_until: Seconds = 900
    not_placed_after: Seconds = 600
    not_placed_after_refusal: Seconds = 120
    hold_life: Seconds = 7 * 86400
    drain: Seconds = 30

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load_settings` gives, so that a test's settings never depend on the process."""
        return (init_settings,)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults = tuple(_contradictions(self))
        if faults:
            raise SettingsFault(faults)
        return self

    @property
    def mode(self) -> Mode:
        return _key_mode(self.publishable_key)

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Where browsers may call from: the brand's sites and our own pages."""
        return frozenset({*self.origins, self.public_url})


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the settings from `environ` (default: the process's own, over `.env`), `given` on top.

    Raises SettingsFault with one line for each fault.
    """
    values = dict(_read_environment(environ), **given)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsFault(tuple(_fault_line(fault) for fault in error.errors())) from None


def _read_environment(environ: Mapping[str, str] | None) -> dict[str, Any]:
    if environ is None:
        environ = {**_read_dotenv(Path(".env")), **os.environ}
    names = {f"{PREFIX}{name}".upper(): name for name in Settings.model_fields}
    return {names[variable]: value for variable, value in environ.items() if variable in names and value != ""}


def _read_dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _fault_line(fault: Any) -> str:
    variable = PREFIX + ".".join(str(part) for part in fault["loc"]).upper()
    if fault["type"] == "missing":
        return f"{variable} is missing"
    return f"{variable}: {fault['msg'].removeprefix('Value error, ')}"


def _key_mode(key: str) -> Mode:
    return "live" if re.match(r"^[a-z]+_live_", key) else "test"


def _modes(settings: Settings) -> dict[str, Mode]:
    """Which mode each credential belongs to. Locally marks test keys only; our sandbox's count as test too."""
    locally = settings.locally_api_token.get_secret_value()
    modes: dict[str, Mode] = {
        "CHECKOUT_LOCALLY_API_TOKEN": "test" if locally.startswith(("test_", "sandbox_")) else "live",
        "CHECKOUT_STRIPE_SECRET_KEY": _key_mode(settings.stripe_secret_key.get_secret_value()),
        "CHECKOUT_STRIPE_PUBLISHABLE_KEY": _key_mode(settings.stripe_publishable_key),
        "CHECKOUT_PUBLISHABLE_KEY": _key_mode(settings.publishable_key),
        "CHECKOUT_SECRET_KEY": _key_mode(settings.secret_key.get_secret_value()),
    }
    for name, account in settings.stripe_accounts.items():
        modes[f"CHECKOUT_STRIPE_ACCOUNTS[{name}]"] = _key_mode(account.publishable_key)
    return modes


_KEY_FORMS = {
    "stripe_secret_key": (r"(sk|rk)_(test|live)_\S+", "sk_test_..., sk_live_..., rk_test_... or rk_live_..."),
    "stripe_publishable_key": (r"pk_(test|live)_\S+", "pk_test_... or pk_live_..."),
    "publishable_key": (r"cpk_(test|live)_[A-Za-z0-9_-]+", "cpk_test_... or cpk_live_..."),
    "secret_key": (r"csk_(test|live)_[A-Za-z0-9_-]+", "csk_test_... or csk_live_..."),
}
_PATHS = ("bopis", "ropis", "sdd", "sts")


def _contradictions(settings: Settings) -> list[str]:
    return [
        *_malformed_keys(settings),
        *_mixed_modes(settings),
        *_live_faults(settings),
        *_value_faults(settings),
    ]


def _malformed_keys(settings: Settings) -> list[str]:
    lines = []
    for name, (pattern, form) in _KEY_FORMS.items():
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.fullmatch(pattern, text):
            lines.append(f"{PREFIX}{name.upper()} must look like {form}")
    return lines


def _mixed_modes(settings: Settings) -> list[str]:
    modes = _modes(settings)
    if len(set(modes.values())) == 1:
        return []
    live = [name for name, mode in modes.items() if mode == "live"]
    test = [name for name, mode in modes.items() if mode == "test"]
    return [f"{', '.join(live)}: live, but {', '.join(test)}: test; all credentials must be of one mode"]


def _live_faults(settings: Settings) -> list[str]:
    if "live" not in _modes(settings).values():
        return []
    lines = []
    if settings.locally_base_url != LOCALLY_URL:
        lines.append(f"CHECKOUT_LOCALLY_BASE_URL must be {LOCALLY_URL} with live keys")
    if settings.stripe_api_base != STRIPE_URL:
        lines.append(f"CHECKOUT_STRIPE_API_BASE must be {STRIPE_URL} with live keys")
    if settings.sandbox_clock:
        lines.append("CHECKOUT_SANDBOX_CLOCK must not be set with live keys")
    if not settings.public_url.startswith("https://"):
        lines.append("CHECKOUT_PUBLIC_URL must begin with https:// with live keys")
    return lines


def _value_faults(settings: Settings) -> list[str]:
    lines = []
    unknown = [path for path in settings.paths if path not in _PATHS]
    if unknown or not settings.paths:
        lines.append(f"CHECKOUT_PATHS must be a list of {', '.join(_PATHS)}")
    if not re.match(r"^(sqlite:///.+|postgresql://.+)$", settings.database_url):
        lines.append("CHECKOUT_DATABASE_URL must look like sqlite:///checkout.db or postgresql://user@host/name")
    if len(settings.locally_webhook_tokens) > 2:
        lines.append("CHECKOUT_LOCALLY_WEBHOOK_TOKENS takes two tokens at most (the new and the old one)")
    if any(not re.fullmatch("[A-Z]{3}", currency) for currency in settings.currencies.values()):
        lines.append('CHECKOUT_CURRENCIES must map store ids to currencies, as in {"37175": "USD"}')
    if any(not re.fullmatch(r"\d+|sts", name) for name in settings.stripe_accounts):
        lines.append('CHECKOUT_STRIPE_ACCOUNTS must be keyed by store id or "sts"')
    return lines
