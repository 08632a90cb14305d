"""Who calls: the credential of a request, and what it may do."""

import re
from enum import StrEnum
from typing import NamedTuple

from starlette.datastructures import Headers

from checkout.errors import NotAllowed, Unauthenticated
from checkout.keyring import same_secret
from checkout.settings import Settings

_BEARER = re.compile(r"(?i:bearer) +([!-~]{1,512})")


class Credential(StrEnum):
    """The kinds of credential, by how they begin."""

    PUBLISHABLE_KEY = "cpk"
    SECRET_KEY = "csk"  # noqa: S105  A kind of key, not a key.
    CHECKOUT_TOKEN = "ct"  # noqa: S105  As above.
    ORDER_TOKEN = "ot"  # noqa: S105  As above.


class Caller(NamedTuple):
    """A credential that is one of ours in form; keys are known to be right, tokens are for the record to judge."""

    credential: Credential
    token: str

    @property
    def is_trusted(self) -> bool:
        """Whether it is one of the brand's own servers."""
        return self.credential is Credential.SECRET_KEY


def identify(headers: Headers, settings: Settings, *allowed: Credential) -> Caller:
    """The caller of a request that takes one of the `allowed` credentials.

    Raises Unauthenticated (none, malformed, or a key that is not ours) or NotAllowed (another kind; the secret key in
    a browser).
    """
    found = _BEARER.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise Unauthenticated
    caller = _read(found[1], settings)
    if caller.is_trusted and "origin" in headers:
        raise NotAllowed("The secret key is for servers: never use it in a page.")
    if caller.credential not in allowed:
        raise NotAllowed
    return caller


def _read(token: str, settings: Settings) -> Caller:
    prefix = token.partition("_")[0]
    if prefix not in set(Credential):
        raise Unauthenticated
    caller = Caller(Credential(prefix), token)
    keys = {
        Credential.PUBLISHABLE_KEY: settings.publishable_key,
        Credential.SECRET_KEY: settings.secret_key.get_secret_value(),
    }
    if caller.credential in keys and not same_secret(token, keys[caller.credential]):
        raise Unauthenticated("This key is not known here.")
    return caller
