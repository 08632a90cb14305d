"""What a retailer answers to items of its orders, and how far the intake of orders is."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictStr, WithJsonSchema, model_validator

from checkout.intake import Progress
from checkout.schemas import fields
from checkout.schemas.faults import fault, validate
from checkout.schemas.item_actions import MOST_ACTIONS, https_link
from checkout.schemas.requests import RequestBody
from checkout.schemas.responses import Body, Time

AnswerAction = Literal["receive", "confirm", "reject", "fulfill", "refund"]

_SENDS_SHOPPER_ON = ("receive", "confirm", "reject")


class AnswerRequest(RequestBody):
    """One answer of the retailer. `reason` and `message` are read by the shopper.

    With a `fulfillment_url` she is sent to that page from then on, and Locally no longer speaks to her.
    """

    action: AnswerAction
    reason: fields.Message = None
    fulfillment_url: (
        Annotated[StrictStr, AfterValidator(https_link), WithJsonSchema({"type": "string", "format": "uri"})] | None
    ) = None
    message: fields.Message = None
    refund_amount: fields.UnitMoney | None = None

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if self.action == "reject" and self.reason is None:
            raise fault("missing", "reason is required with reject.")
        if self.reason is not None and self.action not in {"reject", "refund"}:
            raise fault("invalid", "reason goes with reject and refund alone.")
        if self.refund_amount is not None and self.action != "refund":
            raise fault("invalid", "refund_amount goes with refund alone.")
        if self.fulfillment_url is not None and self.action not in _SENDS_SHOPPER_ON:
            raise fault("invalid", f"fulfillment_url goes with {', '.join(_SENDS_SHOPPER_ON)} alone.")
        return self


class BulkAnswerRequest(AnswerRequest):
    """One answer among many, with the item that it is about."""

    order: Annotated[str, Field(pattern="^ord_[0-9a-f]{32}$")]
    upc: fields.Upc


def _each_item_once(answers: tuple[BulkAnswerRequest, ...]) -> tuple[BulkAnswerRequest, ...]:
    if len({(each.order, each.upc) for each in answers}) != len(answers):
        raise fault("invalid", "An item stands in this list twice: send its second answer when the first is taken.")
    return answers


class AnswersRequest(RequestBody):
    """Many answers at once, one per item."""

    answers: Annotated[
        tuple[BulkAnswerRequest, ...],
        AfterValidator(_each_item_once),
        Field(min_length=1, max_length=MOST_ACTIONS),
    ]


class IntakePagesBody(Body):
    """Pages of Locally's list of carts; `total` is null until the first one was read."""

    done: int
    total: int | None


class IntakeBody(Body):
    """How far the reading of Locally's carts is: `running`, `paused` by a fault, or `waiting` for the next time.

    `is_first` until all pages were read once. `taken_in` counts the orders that this run, or the last one, made; `left`
    are carts that could not be read and are tried again. `fault` is the code of what holds it up.
    """

    object: Literal["intake"] = "intake"
    status: Literal["waiting", "running", "paused"]
    is_first: bool
    pages: IntakePagesBody
    taken_in: int
    left: int
    started_at: Time | None
    finished_at: Time | None
    fault: str | None


def read_answer(data: Any) -> AnswerRequest:
    return validate(AnswerRequest, data)


def read_answers(data: Any) -> AnswersRequest:
    return validate(AnswersRequest, data)


def intake_body(progress: Progress) -> IntakeBody:
    return IntakeBody(
        status=progress.status,
        is_first=progress.is_first,
        pages=IntakePagesBody(done=progress.page, total=progress.pages or None),
        taken_in=progress.taken_in,
        left=len(progress.left),
        started_at=progress.started_at,
        finished_at=progress.finished_at,
        fault=progress.fault,
    )
