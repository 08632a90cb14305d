"""What the brand asks of items of ship-to-store orders, and what many such wishes came to."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictStr, WithJsonSchema, model_validator

from checkout.schemas import fields
from checkout.schemas.faults import fault, validate
from checkout.schemas.requests import RequestBody
from checkout.schemas.responses import Body

StsAction = Literal["confirm", "reject", "process", "ship", "refund"]

MOST_ACTIONS = 100
# Fields that belong to one action alone; a message goes with any.
_OWN_FIELDS = {"reason": "reject", "tracking": "ship", "refund_amount": "refund"}


def _parcel_number(value: str) -> str:
    """No free text: what a carrier calls a parcel has the digits of a card number often enough."""
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9 -]{0,59}", value):
        raise fault("invalid", "This must be letters, digits, spaces and hyphens, 60 at most.")
    return value


def https_link(value: str) -> str:
    """It becomes a link in a message to the shopper."""
    try:
        parts = urlsplit(value)
        is_link = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_link = False
    if not is_link or len(value) > 300 or not re.fullmatch(r"[!-~]+", value):
        raise fault("invalid", "This must be a link that begins with https://, of 300 characters or fewer.")
    return value


class TrackingRequest(RequestBody):
    """How the parcel can be followed; what is given is told to shopper and store."""

    carrier: fields.Name | None = None
    number: (
        Annotated[StrictStr, AfterValidator(_parcel_number), WithJsonSchema({"type": "string", "maxLength": 60})] | None
    ) = None
    url: (
        Annotated[StrictStr, AfterValidator(https_link), WithJsonSchema({"type": "string", "format": "uri"})] | None
    ) = None


class StsActionRequest(RequestBody):
    """One action of the brand. `reason` is read by shopper and store, as `message` is."""

    action: StsAction
    reason: fields.Message = None
    tracking: TrackingRequest | None = None
    message: fields.Message = None
    refund_amount: fields.UnitMoney | None = None

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        for name, action in _OWN_FIELDS.items():
            if getattr(self, name) is not None and self.action != action:
                raise fault("invalid", f"{name} goes with {action} alone.")
        if self.action == "reject" and self.reason is None:
            raise fault("missing", "reason is required with reject.")
        return self


class BulkStsActionRequest(StsActionRequest):
    """One action among many, with the item that it is asked of."""

    order: Annotated[str, Field(pattern="^ord_[0-9a-f]{32}$")]
    upc: fields.Upc


def _each_item_once(actions: tuple[BulkStsActionRequest, ...]) -> tuple[BulkStsActionRequest, ...]:
    if len({(each.order, each.upc) for each in actions}) != len(actions):
        raise fault("invalid", "An item stands in this list twice: send its second action when the first is done.")
    return actions


class StsActionsRequest(RequestBody):
    """Many actions at once, one per item."""

    actions: Annotated[
        tuple[BulkStsActionRequest, ...],
        AfterValidator(_each_item_once),
        Field(min_length=1, max_length=MOST_ACTIONS),
    ]


class ActionResultBody(Body):
    """What one of many actions came to: the status, code and detail that it alone would have been answered with.

    `code` is null where it was done (200) or its outcome is not known yet (202); `item_status` is the item's present
    status, null where there is no such item.
    """

    order: str
    upc: str
    status: int
    code: str | None
    detail: str | None
    item_status: str | None


class ActionResultsBody(Body):
    """The results in the order of the request."""

    data: tuple[ActionResultBody, ...]


def read_sts_action(data: Any) -> StsActionRequest:
    return validate(StsActionRequest, data)


def read_sts_actions(data: Any) -> StsActionsRequest:
    return validate(StsActionsRequest, data)
