"""Where the brand wants to hear of its checkouts and orders: the endpoints of our outgoing webhooks."""

import base64
import binascii
import re
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from checkout.settings.forms import URL, from_json, origin_of

# What we tell of; docs/webhooks.md says when.
TOPICS = (
    "checkout.placed",
    "checkout.review",
    "order.updated",
    "order.cancel_requested",
    "order.answer_due",
    "order.found_late",
)
_MOST_SECRETS = 5
_SECRET_BYTES = range(24, 65)  # What Standard Webhooks asks for.


def is_loopback(host: str | None) -> bool:
    """Whether a name or address always means this machine."""
    if host is None:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    if origin_of(value) is None or not re.fullmatch(URL, value) or "#" in value:
        raise ValueError("must be an address such as https://www.example.com/webhooks, without a password in it")
    parts = urlsplit(value)
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https:// (http:// only for this machine)")
    return value


def _signing_secret(value: object) -> object:
    if isinstance(value, str) and not _is_signing_secret(value):
        raise ValueError(
            'must be whsec_ and 24 to 64 bytes in base64 (make one with: echo "whsec_$(openssl rand -base64 32)")'
        )
    return value


def _is_signing_secret(value: str) -> bool:
    prefix, _, text = value.partition("_")
    try:
        # The library takes them without padding too.
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return prefix == "whsec" and len(key) in _SECRET_BYTES


def _few(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not 0 < len(secrets) <= _MOST_SECRETS:
        raise ValueError(f"must be a list of 1 to {_MOST_SECRETS} secrets, the new one first")
    return secrets


def _known(topics: tuple[str, ...]) -> tuple[str, ...]:
    if not topics or not set(topics) <= set(TOPICS):
        raise ValueError(f"must be a list of {', '.join(TOPICS)}")
    return tuple(dict.fromkeys(topics))


class WebhookEndpoint(BaseModel):
    """One address that is told. Its requests are signed with each of the secrets, so that they can be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, BeforeValidator(_address)] = Field(repr=False)  # It may be a secret by itself.
    secrets: Annotated[tuple[Annotated[SecretStr, BeforeValidator(_signing_secret)], ...], AfterValidator(_few)]
    events: Annotated[tuple[str, ...], AfterValidator(_known)] = TOPICS

    @model_validator(mode="before")
    @classmethod
    def _take_one_secret(cls, given: Any) -> Any:
        """`secret` stands for a list of one."""
        if not isinstance(given, dict) or "secret" not in given:
            return given
        if "secrets" in given:
            raise ValueError("takes either secret or secrets")
        return {**{name: value for name, value in given.items() if name != "secret"}, "secrets": [given["secret"]]}

    @property
    def host(self) -> str:
        """What logs and lists may name of the address."""
        return urlsplit(self.url).hostname or ""


def _a_list(value: object) -> object:
    value = from_json(value) or ()
    if not isinstance(value, list | tuple):
        form = '[{"url": "https://www.example.com/webhooks", "secrets": ["whsec_..."]}]'
        raise ValueError(f"must be a list such as {form}")  # noqa: TRY004  Pydantic tells of no other error.
    return value


def _each_once(endpoints: tuple[WebhookEndpoint, ...]) -> tuple[WebhookEndpoint, ...]:
    if len({endpoint.url for endpoint in endpoints}) != len(endpoints):
        raise ValueError("must name each address once; one endpoint takes several events and secrets")
    return endpoints


Webhooks = Annotated[
    tuple[WebhookEndpoint, ...], NoDecode, BeforeValidator(_a_list), AfterValidator(_each_once), Field(repr=False)
]
