"""Every error has its problem document, and none tells more than it should."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from checkout import errors
from checkout.errors import CheckoutError, FieldError
from checkout.problems import TABLE, Next, code_of, problem_document, problem_response, row_of

STATUSES = {
    400: (errors.MalformedJson, errors.KeyMissing),
    401: (errors.Unauthenticated,),
    402: (errors.CardDeclined,),
    403: (errors.NotAllowed, errors.OriginNotAllowed),
    404: (errors.UnknownResource,),
    405: (errors.MethodNotAllowed,),
    409: (
        errors.NotOpen,
        errors.Expired,
        errors.Incomplete,
        errors.AlreadyPlacing,
        errors.NotPlaced,
        errors.AuthorizationLapsed,
        errors.NoPaymentNeeded,
        errors.SetupIntentInvalid,
        errors.NothingToSettle,
        errors.PriceChanged,
        errors.ItemUnavailable,
        errors.PathUnavailable,
        errors.ItemRefused,
        errors.RequestInProgress,
        errors.LostRace,
    ),
    412: (errors.VersionMismatch,),
    413: (errors.BodyTooLarge,),
    415: (errors.UnsupportedMediaType,),
    422: (errors.StoreUnknown, errors.PathNotOffered, errors.InvalidField, errors.KeyMismatch),
    429: (errors.TooManyCards,),
    503: (
        errors.RefusedUpstream,
        errors.UpstreamBusy,
        errors.UpstreamUnavailable,
        errors.NotSent,
        errors.OutcomeUnknown,
        errors.AuthorizationUnknown,
        errors.DatabaseUnavailable,
        errors.Stopping,
    ),
}


def every_error(base: type[CheckoutError] = CheckoutError) -> Iterator[type[CheckoutError]]:
    yield base
    for child in base.__subclasses__():
        yield from every_error(child)


def sent(error: BaseException, **values: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bytes(problem_response(error, request_id="req_1", **values).body))
    return document


def test_every_error_has_its_row() -> None:
    ours = {error for error in every_error() if error.__module__ == errors.__name__}
    assert ours == set(TABLE)


def test_every_row_has_a_known_next() -> None:
    assert {row.next for row in TABLE.values()} <= set(get_args(Next))


@pytest.mark.parametrize(
    ("status", "error"), [(status, error) for status, found in STATUSES.items() for error in found]
)
def test_errors_have_their_documented_status(status: int, error: type[CheckoutError]) -> None:
    response = problem_response(error(), request_id="req_1")
    assert response.status_code == status
    assert json.loads(bytes(response.body))["status"] == status


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (errors.CardDeclined, "new_card"),
        (errors.PriceChanged, "accept_total"),
        (errors.ItemUnavailable, "choose_store"),
        (errors.PathUnavailable, "choose_store"),
        (errors.ItemRefused, "choose_store"),
        (errors.RefusedUpstream, "contact"),
        (errors.UpstreamBusy, "retry"),
        (errors.AuthorizationUnknown, "retry"),
        (errors.AuthorizationLapsed, "retry"),
        (errors.NotPlaced, "restart"),
        (errors.Expired, "restart"),
        (errors.LostRace, "retry"),
    ],
)
def test_errors_name_the_next_step(error: type[CheckoutError], step: str) -> None:
    assert sent(error())["next"] == step


def test_document_has_the_documented_keys() -> None:
    error = errors.InvalidField(fields=(FieldError("/items/0/upc", "invalid", "This must be 8 to 14 digits."),))
    assert sent(error) == {
        "type": "/problems/invalid-field",
        "title": "Some fields are not valid",
        "status": 422,
        "code": "invalid_field",
        "detail": "Some fields are not valid.",
        "instance": "urn:request:req_1",
        "errors": [{"pointer": "/items/0/upc", "code": "invalid", "detail": "This must be 8 to 14 digits."}],
        "next": "fix",
    }


def test_checkout_stands_only_where_given() -> None:
    class Shown(BaseModel):
        id: str

    assert sent(errors.NotOpen(), checkout=Shown(id="chk_1"))["checkout"] == {"id": "chk_1"}
    assert "checkout" not in sent(errors.NotOpen())


def test_answers_are_problem_json_and_never_cached() -> None:
    response = problem_response(errors.NotOpen(), request_id="req_1")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"


def test_undeclared_error_takes_its_bases_row() -> None:
    class StoreOnHoliday(errors.ItemUnavailable):
        pass

    assert row_of(StoreOnHoliday()) == TABLE[errors.ItemUnavailable]


@pytest.mark.parametrize(
    "error", [ValueError("password"), CheckoutError("password"), errors.SettingsFault(("password",))]
)
def test_bugs_are_told_without_their_cause(error: Exception) -> None:
    document = sent(error)
    assert (document["status"], document["code"], document["errors"]) == (500, "internal_error", [])
    assert "password" not in json.dumps(document)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.RequestInProgress(), "1"),
        (errors.UpstreamUnavailable(), "2"),
        (errors.UpstreamBusy(retry_after=30), "30"),
        (errors.AuthorizationUnknown(), "2"),
        (errors.DatabaseUnavailable(), "2"),
        (errors.NotOpen(), None),
        (errors.InvalidField(), None),
    ],
)
def test_retry_after_stands_where_waiting_helps(error: CheckoutError, seconds: str | None) -> None:
    assert problem_response(error, request_id="req_1").headers.get("Retry-After") == seconds


def test_missing_credential_asks_for_bearer() -> None:
    assert problem_response(errors.Unauthenticated(), request_id="req_1").headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in problem_response(errors.NotAllowed(), request_id="req_1").headers


def test_next_step_can_be_another() -> None:
    document = problem_document(errors.AuthorizationUnknown(next_step="new_card"), request_id="req_1")
    assert document.next == "new_card"


def test_codes_are_the_errors_own() -> None:
    assert code_of(errors.PathNotOffered()) == code_of(errors.PathUnavailable()) == "path_unavailable"
    assert code_of(KeyError("x")) == "internal_error"
