"""The settings of mail: the server that takes it, and whom it is from."""

import re
from email.headerregistry import Address
from email.utils import getaddresses
from typing import Annotated
from urllib.parse import unquote, urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr
from pydantic_settings import NoDecode

from checkout.settings.webhooks import is_loopback

_PORTS = {"smtp": 587, "smtps": 465}
_FORM = "must look like smtp://user:password@mail.example.com:587 or smtps://user:password@mail.example.com:465"
_SENDER = "must be an address such as Ridgeline <orders@ridgeline.example>"


class MailServer(BaseModel):
    """An SMTP server. `is_tls`: TLS from the first byte; else STARTTLS is demanded, but on this machine itself."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    host: str
    port: int
    username: str | None = None
    password: SecretStr | None = None
    is_tls: bool = False

    @property
    def starts_tls(self) -> bool:
        return not self.is_tls and not is_loopback(self.host)


def _read_server(value: object) -> object:
    """The server from its URL; the parts of name and password may be percent-encoded."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value.strip())
        host, port = parts.hostname, parts.port
    except ValueError:  # A port that is none, or an unclosed bracket.
        raise ValueError(_FORM) from None
    if parts.scheme not in _PORTS or not host or port == 0 or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(_FORM)
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must have both a name and a password, or neither")
    return MailServer(
        host=host,
        port=port or _PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username is not None else None,
        password=SecretStr(unquote(parts.password)) if parts.password is not None else None,
        is_tls=parts.scheme == "smtps",
    )


def _read_sender(value: object) -> object:
    """An address with or without a name, in the form that it has in a header."""
    if not isinstance(value, str):
        return value
    named = getaddresses([value.strip()])
    name, address = named[0] if len(named) == 1 else ("", "")
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError(_SENDER) from None
    if found.ascii_email is None or not re.fullmatch(r"[^\x00-\x1f\x7f<>]{0,80}", name):
        raise ValueError(_SENDER)
    return str(Address(name, addr_spec=found.ascii_email))


MailServerSetting = Annotated[MailServer, NoDecode, BeforeValidator(_read_server)]
Sender = Annotated[str, BeforeValidator(_read_sender)]
