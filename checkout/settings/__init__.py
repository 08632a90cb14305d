"""The settings: read once, in `__main__`, from the environment (and `.env`); frozen from then on."""

import os
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

from dotenv import dotenv_values
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from checkout.errors import SettingsFault
from checkout.settings.forms import (
    LANGUAGES,
    Accounts,
    Brand,
    BrandName,
    Currencies,
    DatabaseUrl,
    Delays,
    EncryptionKey,
    FeedToken,
    Languages,
    LocallyToken,
    Networks,
    Origin,
    Origins,
    Page,
    Paths,
    PublishableKey,
    Seconds,
    SecretKey,
    StripeAccount,
    StripePublishableKey,
    StripeSecretKey,
    Support,
    WebhookTokens,
    origin_of,
)
from checkout.settings.mail import MailServer, MailServerSetting, Sender
from checkout.settings.themes import Theme, ThemeSetting
from checkout.settings.webhooks import TOPICS, WebhookEndpoint, Webhooks

__all__ = [
    "LOCALLY_URL",
    "PREFIX",
    "STRIPE_JS_URL",
    "STRIPE_URL",
    "TOPICS",
    "MailServer",
    "Mode",
    "Role",
    "Settings",
    "StripeAccount",
    "Theme",
    "WebhookEndpoint",
    "load_database_url",
    "load_settings",
    "origin_of",
]

LOCALLY_URL = "https://www.locally.com"
STRIPE_URL = "https://api.stripe.com"
STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"
PREFIX = "CHECKOUT_"

Mode = Literal["test", "live"]
Role = Literal["brand", "retailer"]


class Settings(BaseSettings):
    """Every setting of the service; each stands in `.env.example` with its explanation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    # What has to be given.
    locally_api_token: LocallyToken
    locally_company_id: int = Field(ge=1)
    stripe_secret_key: StripeSecretKey
    stripe_publishable_key: StripePublishableKey
    publishable_key: PublishableKey
    secret_key: SecretKey
    encryption_key: EncryptionKey = Field(repr=False)

    # Where things are.
    database_url: DatabaseUrl = Field("sqlite:///checkout.db", repr=False)  # It may hold a password.
    locally_base_url: Origin = LOCALLY_URL
    stripe_api_base: Origin = STRIPE_URL
    stripe_js_url: Page = STRIPE_JS_URL
    public_url: Origin = "http://127.0.0.1:8000"
    origins: Origins = ()
    catalogue: Path | None = None
    emergency_journal: Path | None = None

    # The brand and how it sells, or the retailer who takes orders in.
    role: Role = "brand"
    brand: Brand = "brand"
    paths: Paths = ("bopis",)
    mute_comms: bool = False
    tax: Literal["locally", "quoted"] = "locally"
    currencies: Currencies = {}
    stripe_accounts: Accounts = {}
    locally_webhook_tokens: WebhookTokens = ()
    stripe_webhook_secrets: WebhookTokens = ()
    webhooks: Webhooks = ()
    answer_window: float = Field(8, gt=0, le=100)
    feed_token: FeedToken | None = None
    feed_stale_after: float = Field(24, gt=0, le=1000)
    sts_default_percent: Decimal | None = Field(None, ge=0, le=100, decimal_places=2)
    trusted_proxies: Networks = ()
    sandbox_clock: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # The pages that shoppers see.
    brand_name: BrandName | None = None
    logo: Page | None = None
    theme: ThemeSetting = Theme()
    languages: Languages = LANGUAGES
    terms_url: Page | None = None
    privacy_url: Page | None = None
    support_url: Support | None = None

    # Mail to shoppers.
    smtp_url: MailServerSetting | None = Field(None, repr=False)  # It may hold a password.
    mail_from: Sender | None = None
    mail_reply_to: Sender | None = None

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
    late_looks: Delays = (1800, 7200, 86400)
    sweep_interval: float = Field(600, ge=1, le=86400)
    answer_warning: Seconds = 3600
    hold_life: Seconds = 7 * 86400
    link_life: Seconds = 90 * 86400
    drain: Seconds = 30
    drain_notice: Seconds = 2

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

    @model_validator(mode="before")
    @classmethod
    def _without_selling(cls, values: Any) -> Any:
        """A retailer sells nothing: what only selling takes need not be given, and what stands in opens nothing."""
        is_retailer = isinstance(values, dict) and values.get("role") == "retailer"
        return {**_stand_ins(), **values} if is_retailer else values

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults = tuple(_contradictions(self))
        if faults:
            raise SettingsFault(faults)
        return self

    @property
    def mode(self) -> Mode:
        return _key_mode(self.secret_key.get_secret_value())

    @property
    def is_retailer(self) -> bool:
        return self.role == "retailer"

    @property
    def journal_path(self) -> Path | None:
        """Where outcomes go that the database does not take; nowhere beside a database in memory."""
        file = self.database_url.removeprefix("sqlite:///")
        if self.emergency_journal is not None or file == ":memory:":
            return self.emergency_journal
        return Path("checkout.emergency" if file == self.database_url else f"{file}.emergency")

    @property
    def shown_brand(self) -> str:
        """The brand's name as shoppers read it."""
        return self.brand_name or self.brand.replace("-", " ").title()

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Where browsers may call from: the brand's sites and our own pages."""
        return frozenset({*self.origins, self.public_url})


def _stand_ins() -> dict[str, Any]:
    """In place of what a retailer need not give; nobody is told the key, so that nobody calls with it."""
    return {
        "locally_company_id": 1,
        "stripe_secret_key": "sk_test_none",
        "stripe_publishable_key": "pk_test_none",
        "publishable_key": f"cpk_test_{secrets.token_hex(16)}",
    }


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
    name, *place = fault["loc"]
    variable = f"{PREFIX}{name}".upper() + "".join(f"[{part}]" for part in place)
    if fault["type"] == "missing":
        return f"{variable} is missing"
    said = fault["msg"].removeprefix("Value error, ")
    return f"{variable} {said}" if said.startswith(("must", "takes")) else f"{variable}: {said}"


def _key_mode(key: str) -> Mode:
    return "live" if re.match(r"^[a-z]+_live_", key) else "test"


def _modes(settings: Settings) -> dict[str, Mode]:
    """Which mode each credential belongs to. Locally marks test keys only; our sandbox's count as test too."""
    locally = settings.locally_api_token.get_secret_value()
    ours: dict[str, Mode] = {
        "CHECKOUT_LOCALLY_API_TOKEN": "test" if locally.startswith(("test_", "sandbox_")) else "live",
        "CHECKOUT_SECRET_KEY": _key_mode(settings.secret_key.get_secret_value()),
    }
    if settings.is_retailer:
        return ours
    modes = {
        **ours,
        "CHECKOUT_STRIPE_SECRET_KEY": _key_mode(settings.stripe_secret_key.get_secret_value()),
        "CHECKOUT_STRIPE_PUBLISHABLE_KEY": _key_mode(settings.stripe_publishable_key),
        "CHECKOUT_PUBLISHABLE_KEY": _key_mode(settings.publishable_key),
    }
    for name, account in settings.stripe_accounts.items():
        modes[f"CHECKOUT_STRIPE_ACCOUNTS[{name}]"] = _key_mode(account.publishable_key)
    return modes


def _contradictions(settings: Settings) -> list[str]:
    return [*_mixed_modes(settings), *_live_faults(settings), *_mail_faults(settings)]


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
    if not settings.stripe_js_url.startswith("https://js.stripe.com/"):
        lines.append("CHECKOUT_STRIPE_JS_URL must begin with https://js.stripe.com/ with live keys")
    if settings.sandbox_clock:
        lines.append("CHECKOUT_SANDBOX_CLOCK must not be set with live keys")
    lines += [
        f"CHECKOUT_WEBHOOKS[{number}][url] must begin with https:// with live keys"
        for number, endpoint in enumerate(settings.webhooks)
        if not endpoint.url.startswith("https://")
    ]
    if not settings.public_url.startswith("https://"):
        lines.append("CHECKOUT_PUBLIC_URL must begin with https:// with live keys")
    return lines


def _mail_faults(settings: Settings) -> list[str]:
    if settings.smtp_url is not None and settings.mail_from is None:
        return ["CHECKOUT_MAIL_FROM is missing: mail goes out through CHECKOUT_SMTP_URL only from an address"]
    return []


def load_database_url(given: str | None = None) -> str:
    """CHECKOUT_DATABASE_URL alone, for commands that need no keys; `given` wins: a URL, or the path of a SQLite file.

    Raises SettingsFault.
    """
    if given is not None and "://" not in given:
        given = f"sqlite:///{given}"
    url = given or _read_environment(None).get("database_url", Settings.model_fields["database_url"].default)
    try:
        return TypeAdapter(DatabaseUrl).validate_python(url)
    except ValidationError as error:
        raise SettingsFault(
            (f"CHECKOUT_DATABASE_URL {error.errors()[0]['msg'].removeprefix('Value error, ')}",)
        ) from None
