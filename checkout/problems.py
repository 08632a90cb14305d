"""Errors as problem documents (RFC 9457): the one table that says how each fact is told over HTTP."""

from typing import Any, Literal, NamedTuple, cast

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from checkout import errors
from checkout.errors import CheckoutError, FieldError

MEDIA_TYPE = "application/problem+json"

Next = Literal["retry", "fix", "new_card", "accept_total", "choose_store", "restart", "wait", "contact", "stop"]


class Row(NamedTuple):
    """How one kind of error is told; `retry_after` in seconds, where the error itself names none."""

    status: int
    title: str
    next: Next
    retry_after: int | None = None


_INTERNAL = Row(500, "Something went wrong", "contact")

# A class without a row of its own takes that of its nearest base, so that nothing ever goes out unshaped.
TABLE: dict[type[CheckoutError], Row] = {
    CheckoutError: _INTERNAL,
    errors.UpstreamError: Row(503, "A service does not answer", "retry", 2),
    errors.UpstreamUnavailable: Row(503, "A service does not answer", "retry", 2),
    errors.UpstreamBusy: Row(503, "A service is busy", "retry", 5),
    errors.NotSent: Row(503, "A service cannot be reached", "retry", 2),
    errors.OutcomeUnknown: Row(503, "A service did not answer in time", "wait", 2),
    errors.Refused: Row(503, "The order cannot be taken", "contact"),
    errors.CardDeclined: Row(402, "The card was declined", "new_card"),
    errors.CartRefused: Row(409, "An item is refused", "choose_store"),
    errors.ItemUnavailable: Row(409, "An item is not available", "choose_store"),
    errors.PathUnavailable: Row(409, "This way to buy is not available", "choose_store"),
    errors.PathNotOffered: Row(422, "This way to buy is not offered", "choose_store"),
    errors.ItemRefused: Row(409, "An item is refused", "choose_store"),
    errors.PriceChanged: Row(409, "The price has changed", "accept_total"),
    errors.StoreUnknown: Row(422, "The store is unknown", "choose_store"),
    errors.RefusedUpstream: Row(503, "The order cannot be taken", "contact"),
    errors.ActionRefused: Row(409, "Locally refused this", "stop"),
    errors.CheckoutClosed: Row(409, "The checkout is closed", "stop"),
    errors.NotOpen: Row(409, "The checkout is closed", "stop"),
    errors.Expired: Row(409, "The checkout has expired", "restart"),
    errors.Incomplete: Row(409, "The checkout is incomplete", "fix"),
    errors.AlreadyPlacing: Row(409, "The order is being placed", "wait", 2),
    errors.NotPlaced: Row(409, "The order was not placed", "restart"),
    errors.AuthorizationUnknown: Row(503, "The store could not be reached in time", "retry", 2),
    errors.AuthorizationLapsed: Row(409, "Placing took too long", "retry"),
    errors.NoPaymentNeeded: Row(409, "No payment is needed", "stop"),
    errors.SetupIntentInvalid: Row(409, "The card entry cannot be used", "new_card"),
    errors.TooManyCards: Row(429, "Too many cards were tried", "restart"),
    errors.VersionMismatch: Row(412, "The checkout has changed", "retry"),
    errors.NothingToSettle: Row(409, "There is nothing to settle", "stop"),
    errors.NotRescuable: Row(409, "This cannot be ordered at another store", "stop"),
    errors.NothingToCancel: Row(409, "There is nothing to cancel", "stop"),
    errors.ActionNotAllowed: Row(409, "This is not possible now", "stop"),
    errors.ActionInProgress: Row(409, "An action is under way", "wait", 2),
    errors.CallerError: Row(400, "The request cannot be served", "fix"),
    errors.Unauthenticated: Row(401, "A credential is needed", "fix"),
    errors.NotAllowed: Row(403, "This is not allowed", "stop"),
    errors.OriginNotAllowed: Row(403, "The origin is not allowed", "stop"),
    errors.UnknownResource: Row(404, "Not found", "stop"),
    errors.NotHere: Row(404, "Not here", "stop"),
    errors.MalformedJson: Row(400, "The body is not JSON", "fix"),
    errors.BodyTooLarge: Row(413, "The body is too large", "fix"),
    errors.UnsupportedMediaType: Row(415, "The body is of another kind", "fix"),
    errors.MethodNotAllowed: Row(405, "The method is not allowed", "fix"),
    errors.InvalidField: Row(422, "Some fields are not valid", "fix"),
    errors.KeyMissing: Row(400, "An Idempotency-Key is needed", "fix"),
    errors.KeyMismatch: Row(422, "The Idempotency-Key is taken", "fix"),
    errors.RequestInProgress: Row(409, "The first request is still in progress", "wait", 1),
    errors.FeedUnsound: Row(422, "The feed is not sound", "fix"),
    errors.FeedShrank: Row(409, "The feed shrank", "fix"),
    errors.LostRace: Row(409, "Somebody else was faster", "retry", 1),
    errors.Stopping: Row(503, "The service is stopping", "retry", 2),
    errors.DatabaseUnavailable: Row(503, "No records can be kept", "retry", 2),
    errors.SettingsFault: _INTERNAL,
}


class FieldProblem(BaseModel):
    """What is wrong at one place of the request; `pointer` is a JSON pointer, `/query/NAME` for a parameter."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """The body of every failure. `next` is what the caller may do now; `checkout` stands only where there is one."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: tuple[FieldProblem, ...]
    next: Next
    checkout: Any = None


def row_of(error: BaseException) -> Row:
    """The row of the error's nearest class in the table; whatever is none of ours is a bug, a 500."""
    return next((TABLE[base] for base in type(error).__mro__ if base in TABLE), _INTERNAL)


def code_of(error: BaseException) -> str:
    """What callers tell errors apart by. A 500 says nothing of its cause."""
    return error.code if isinstance(error, CheckoutError) and row_of(error).status != 500 else CheckoutError.code


def problem_document(error: BaseException, *, request_id: str, checkout: BaseModel | None = None) -> Problem:
    """The problem document of any exception; `checkout` is the present one, as the public sees it."""
    row, code = row_of(error), code_of(error)
    known = error if isinstance(error, CheckoutError) and row.status != 500 else CheckoutError()
    return Problem(
        type=f"/problems/{code.replace('_', '-')}",
        title=row.title,
        status=row.status,
        code=code,
        detail=known.detail,
        instance=f"urn:request:{request_id}",
        errors=tuple(_field_problem(field) for field in known.fields),
        next=cast(Next, known.next_step or row.next),
        checkout=checkout,
    )


def _field_problem(field: FieldError) -> FieldProblem:
    return FieldProblem(pointer=field.pointer, code=field.code, detail=field.detail)


def problem_response(error: BaseException, *, request_id: str, checkout: BaseModel | None = None) -> Response:
    """The answer to a request that failed with this error, headers included."""
    document = problem_document(error, request_id=request_id, checkout=checkout)
    return Response(problem_bytes(document), document.status, headers=problem_headers(error), media_type=MEDIA_TYPE)


def problem_bytes(document: Problem) -> bytes:
    """The document as it is sent, and kept to be sent again: `checkout` is left out where there is none."""
    unsaid = {"checkout"} if document.checkout is None else set()
    return document.model_dump_json(exclude=unsaid).encode()


def problem_headers(error: BaseException) -> dict[str, str]:
    """`Retry-After` where waiting helps, `WWW-Authenticate` with a 401; no cache may keep a failure."""
    headers = {"Cache-Control": "no-store"}
    retry_after = getattr(error, "retry_after", None) or row_of(error).retry_after
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return headers
