"""How the document describes a call: who may make it, with which body, what comes back; and groups of errors."""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from checkout import errors
from checkout.errors import CheckoutError

Method = Literal["get", "post", "patch", "put"]
Credential = Literal["publishable_key", "checkout_token", "order_token", "secret_key"]
Errors = tuple[type[CheckoutError], ...]


class Answer(NamedTuple):
    """One way in which a call succeeds; its body is that of the example. `headers` name entries of the components."""

    status: int
    description: str
    example: BaseModel
    headers: tuple[str, ...] = ()


class Request(NamedTuple):
    """The body that a call takes."""

    model: type[BaseModel]
    example: dict[str, Any]
    media_types: tuple[str, ...] = ("application/json",)


class Operation(NamedTuple):
    """One call. `parameters` name entries of the components; `errors` are those beyond what every call may answer.

    `csv` is an example of the file of CSV that a call takes in place of JSON.
    """

    method: Method
    path: str
    name: str
    tag: str
    summary: str
    answers: tuple[Answer, ...]
    credentials: tuple[Credential, ...] = ()
    parameters: tuple[str, ...] = ()
    request: Request | None = None
    errors: Errors = ()
    csv: str | None = None


BY_BRAND: tuple[Credential, ...] = ("publishable_key", "secret_key")
BY_CHECKOUT: tuple[Credential, ...] = ("checkout_token", "secret_key")
BY_ORDER: tuple[Credential, ...] = ("order_token", "secret_key")

UPSTREAM_ERRORS: Errors = (errors.UpstreamUnavailable, errors.UpstreamBusy, errors.RefusedUpstream)
UNKNOWN_ERRORS: Errors = (errors.UnknownResource,)
CART_ERRORS: Errors = (errors.StoreUnknown, errors.PathNotOffered, *UPSTREAM_ERRORS)
KEY_ERRORS: Errors = (errors.KeyMissing, errors.KeyMismatch, errors.RequestInProgress)
SHUT_ERRORS: Errors = (errors.NotOpen, errors.Expired, errors.NotPlaced, errors.LostRace)
PLACING_ERRORS: Errors = (
    errors.Incomplete,
    errors.AlreadyPlacing,
    errors.SetupIntentInvalid,
    errors.NotRescuable,
    errors.CardDeclined,
    errors.PriceChanged,
    errors.ItemUnavailable,
    errors.PathUnavailable,
    errors.ItemRefused,
    errors.AuthorizationUnknown,
    errors.AuthorizationLapsed,
    errors.Stopping,
)

ACTION_ERRORS: Errors = (
    errors.ActionNotAllowed,
    errors.ActionInProgress,
    errors.ActionRefused,
    errors.KeyMissing,
    errors.KeyMismatch,
    errors.UpstreamUnavailable,
    errors.UpstreamBusy,
    errors.DatabaseUnavailable,
    errors.Stopping,
)
