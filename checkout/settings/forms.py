"""How the value of one variable is read and judged; what is wrong with it is said in a few words for people."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import NoDecode

_DEFAULT_PORTS = {"http": 80, "https": 443}
URL = r"[!#-;=?-~]{1,2000}"  # ASCII without blanks, quotes and angle brackets: nothing that has to be escaped.
_KEYED = r"(\d+|sts)"
PATHS = ("bopis", "ropis", "sdd", "sts")
LANGUAGES = ("en", "fr", "es")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def from_json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None


def origin_of(url: str) -> str | None:
    """The origin of an http(s) address as browsers write it in `Origin`; None where the address has none.

    One with a name or password in it has none for us: it can look like the address of somebody else.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # A port that is none, or an unclosed bracket.
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host or port == 0 or "@" in parts.netloc:
        return None
    named = f"[{host}]" if ":" in host else host
    # Browsers leave the default port out.
    ending = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{named}{ending}"


def _origin(value: object) -> object:
    """Check and normalize `scheme://host[:port]`."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    origin = origin_of(text)
    if origin is None or urlsplit(text).path.strip("/") or re.search(r"[\s?#]", text):
        raise ValueError("must be an origin such as https://www.example.com, without a path or anything else")
    return origin


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


def _known_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths or not set(paths) <= set(PATHS):
        raise ValueError(f"must be a list of {', '.join(PATHS)}")
    return tuple(dict.fromkeys(paths))


def _known_languages(codes: tuple[str, ...]) -> tuple[str, ...]:
    if not codes or not set(codes) <= set(LANGUAGES):
        raise ValueError(f"must be a list of {', '.join(LANGUAGES)}")
    return tuple(dict.fromkeys(codes))


def _page(value: object) -> object:
    """The address of a page for people, as it may stand in a link."""
    if isinstance(value, str) and (origin_of(value) is None or not re.fullmatch(URL, value)):
        raise ValueError("must be an address such as https://www.example.com/terms")
    return value


def _reachable(value: object) -> object:
    """A page, a mailbox or a phone."""
    if isinstance(value, str) and re.fullmatch(r"mailto:[^\s?<>\"]+@[^\s?<>\"]+|tel:\+?[0-9-]+", value):
        return value
    return _page(value)


def _currencies(currencies: dict[str, str]) -> dict[str, str]:
    if not all(re.fullmatch(r"\d+", store) and re.fullmatch("[A-Z]{3}", code) for store, code in currencies.items()):
        raise ValueError('must map store ids to currencies, as in {"37175": "USD"}')
    return currencies


def _keyed_by_store(accounts: dict[str, Any]) -> dict[str, Any]:
    if not all(re.fullmatch(_KEYED, name) for name in accounts):
        raise ValueError('must be keyed by store id or "sts"')
    return accounts


def _networks(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        try:
            ip_network(name, strict=False)
        except ValueError:
            raise ValueError("must be a list of addresses such as 10.0.0.5 or 10.1.0.0/16") from None
    return names


def _two_at_most(tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if len(tokens) > 2:
        raise ValueError("takes two tokens at most (the new and the old one)")
    return tokens


def looking_like(pattern: str, form: str) -> BeforeValidator:
    """A value of this pattern, which people are told as `form`."""

    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            raise ValueError(f"must look like {form}")
        return value

    return BeforeValidator(check)


def _list(check: Callable[[Any], Any] | None = None) -> tuple[Any, ...]:
    """A list separated by commas; `check` judges the whole of it."""
    return (NoDecode, BeforeValidator(_split), *([AfterValidator(check)] if check else []))


class StripeAccount(BaseModel):
    """The Stripe account on which a store's SetupIntents are made, where it is not the brand's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    account: Annotated[str, looking_like(r"acct_[A-Za-z0-9_]+", "acct_...")]
    publishable_key: Annotated[str, looking_like(r"pk_(test|live)_\S+", "pk_test_... or pk_live_...")]


Origin = Annotated[str, BeforeValidator(_origin)]
Origins = Annotated[tuple[Origin, ...], *_list()]
Paths = Annotated[tuple[str, ...], *_list(_known_paths)]
Languages = Annotated[tuple[str, ...], *_list(_known_languages)]
Page = Annotated[str, BeforeValidator(_page)]
Support = Annotated[str, BeforeValidator(_reachable)]
BrandName = Annotated[str, Field(min_length=1, max_length=80)]
Networks = Annotated[tuple[str, ...], *_list(_networks)]
WebhookTokens = Annotated[tuple[SecretStr, ...], *_list(_two_at_most)]
Seconds = Annotated[float, Field(ge=0, le=10 * 366 * 86400)]
Delays = Annotated[tuple[Seconds, ...], *_list()]
Currencies = Annotated[dict[str, str], NoDecode, BeforeValidator(from_json), AfterValidator(_currencies)]
Accounts = Annotated[dict[str, StripeAccount], NoDecode, BeforeValidator(from_json), AfterValidator(_keyed_by_store)]
EncryptionKey = Annotated[bytes, NoDecode, BeforeValidator(_encryption_key)]
Brand = Annotated[str, looking_like(r"[a-z0-9][a-z0-9-]{0,39}", "acme: lower case letters, digits and hyphens")]
DatabaseUrl = Annotated[
    str, looking_like(r"sqlite:///.+|postgresql://.+", "sqlite:///checkout.db or postgresql://user@host/name")
]
LocallyToken = Annotated[SecretStr, looking_like(r"\S{8,}", "the token that Locally gave you")]
StripeSecretKey = Annotated[
    SecretStr, looking_like(r"(sk|rk)_(test|live)_\S+", "sk_test_..., sk_live_..., rk_test_... or rk_live_...")
]
StripePublishableKey = Annotated[str, looking_like(r"pk_(test|live)_\S+", "pk_test_... or pk_live_...")]
PublishableKey = Annotated[str, looking_like(r"cpk_(test|live)_[A-Za-z0-9_-]+", "cpk_test_... or cpk_live_...")]
SecretKey = Annotated[SecretStr, looking_like(r"csk_(test|live)_[A-Za-z0-9_-]+", "csk_test_... or csk_live_...")]
FeedToken = Annotated[
    SecretStr, looking_like(r"[A-Za-z0-9_-]{20,128}", "20 to 128 letters, digits, hyphens or underscores")
]
