"""What an answer of Locally's means: the body decides first, then the status.

An HTTP 200 may be a no, and a 401 a declined card; a body that is not Locally's own JSON says nothing at all.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from typing import Any, NamedTuple, NoReturn, TypeVar

from pydantic import BaseModel

from checkout.errors import (
    CardDeclined,
    CartRefused,
    ItemRefused,
    ItemUnavailable,
    OutcomeUnknown,
    Refused,
    RefusedUpstream,
    StoreUnknown,
    UpstreamBusy,
    UpstreamUnavailable,
)
from checkout.locally_client.quirks import read_count, read_flag, read_upc
from checkout.locally_client.records import CommittedCart, ValidatedCart
from checkout.transport import Exchange

T = TypeVar("T", bound=BaseModel)

_OK = 200
_BUSY = 429
# Only these statuses can be a well-formed no of `cart/validate`; any other leaves open what became of the card.
_DEFINITE = frozenset({400, 401, 402, 403, 404, 422})
_DECLINES = frozenset({401, 402})
_NO_ACCESS = frozenset({401, 403})
_UNDECIDED = frozenset({408, 425})
# Locally documents none: the usual names, and that of the network in front of it.
_REQUEST_IDS = ("x-request-id", "request-id", "x-correlation-id", "cf-ray")
_NO_SUCH_CART = re.compile(r"not (be )?found|(not|n't) exist|no (such )?cart|unknown cart|invalid (cart|hash)", re.I)


class ErrorCode(IntEnum):
    """Locally's own error codes; the list may not be complete."""

    FATAL = 1000
    NO_ACCESS = 1101
    NOT_AUTHORIZED = 1102
    USER_NOT_FOUND = 1206
    PROCESSOR_TROUBLE = 1323
    ITEM_GONE = 1327
    STRIPE_ERROR = 1328
    STORE_NOT_FOUND = 1329
    TAX_TOO_LOW = 1335


_OURS_TO_MEND = frozenset({ErrorCode.NO_ACCESS, ErrorCode.NOT_AUTHORIZED, ErrorCode.USER_NOT_FOUND})
_PAYMENT_TROUBLE = frozenset({ErrorCode.PROCESSOR_TROUBLE, ErrorCode.STRIPE_ERROR})


class Reply(NamedTuple):
    """An answer, opened. `body` is None unless it is a JSON object; `success` is None unless it says yes or no."""

    status: int
    body: Mapping[str, Any] | None
    success: bool | None
    error_code: int | None
    message: str
    request_id: str | None
    retry_after: int | None

    @property
    def data(self) -> Mapping[str, Any]:
        data = self.body.get("data") if self.body else None
        return data if isinstance(data, dict) else {}

    @property
    def items(self) -> tuple[Mapping[str, Any], ...]:
        """The lines that an answer of `cart/validate` names."""
        items = self.data.get("items")
        return tuple(item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()

    @property
    def auths(self) -> frozenset[str]:
        """What those lines say of their authorizations: SUCCESS, FAILED, SKIPPED."""
        return frozenset(str(item.get("auth", "")).upper() for item in self.items)

    @property
    def lookup(self) -> str | None:
        """The number by which Locally's support finds a fatal error."""
        words = self.message.split()
        return words[-1][:64] if self.error_code == ErrorCode.FATAL and words else None


def open_reply(exchange: Exchange) -> Reply:
    """Read the envelope: `success` of the Headless API or `status` of the Cart API v2, `msg` or `message`."""
    body = _parse_object(exchange.body)
    envelope = body or {}
    data = envelope.get("data")
    code = envelope.get("error_code", data.get("error_code") if isinstance(data, dict) else None)
    return Reply(
        status=exchange.status,
        body=body,
        success=read_flag(envelope.get("success", envelope.get("status"))),
        error_code=read_count(code),
        message=str(envelope.get("msg") or envelope.get("message") or "")[:500],
        request_id=next((exchange.headers[name] for name in _REQUEST_IDS if name in exchange.headers), None),
        retry_after=_read_seconds(exchange.headers.get("retry-after")),
    )


def judge_validated(reply: Reply) -> ValidatedCart:
    """The cart of an answer of `cart/validate`, or the error that it means."""
    _refuse_if_busy(reply)
    if reply.error_code == ErrorCode.FATAL:
        raise OutcomeUnknown
    if reply.success is None and reply.status in _DEFINITE and reply.body is not None and not reply.items:
        raise RefusedUpstream(error_code=reply.error_code)  # A gateway before Locally writes no envelope.
    if reply.success is None:
        raise OutcomeUnknown
    if reply.success and reply.status == _OK:
        return _parse_written(ValidatedCart, reply)
    if reply.success or reply.status not in _DEFINITE | {_OK}:
        raise OutcomeUnknown
    _doubt_if_held(reply)
    _refuse_by_code(reply)
    if reply.items and ("FAILED" in reply.auths or reply.status in _DECLINES):
        raise CardDeclined(error_code=reply.error_code)
    if reply.items or reply.status == _OK:
        raise _cart_refused(reply)
    raise RefusedUpstream(error_code=reply.error_code)


def judge_committed(reply: Reply) -> CommittedCart:
    """The order of an answer of `cart/commit`, or the error that it means."""
    if reply.status == _BUSY:
        raise RefusedUpstream(error_code=reply.error_code)
    _refuse_written(reply)
    if reply.data.get("status_code") not in {None, _OK, str(_OK)} or not reply.data:
        raise OutcomeUnknown
    return _parse_written(CommittedCart, reply)


def judge_updated(reply: Reply) -> None:
    """Raise unless a write to the Cart API v2 was accepted."""
    _refuse_if_busy(reply)
    _refuse_written(reply)


def judge_read(reply: Reply) -> Mapping[str, Any]:
    """The body of a read that worked, or the error that it means."""
    _refuse_if_busy(reply)
    _refuse_reader(reply)
    if reply.success is True and reply.status == _OK and reply.body is not None:
        return reply.body
    if reply.success is False and reply.error_code == ErrorCode.STORE_NOT_FOUND:
        raise StoreUnknown(error_code=reply.error_code)
    raise UpstreamUnavailable


def judge_quoted(reply: Reply) -> Mapping[str, Any]:
    """The body of an answer of `cart/items/add`; a well-formed no refuses the item."""
    definite = reply.success is False and reply.status in _DEFINITE | {_OK}
    if not definite or reply.error_code in {ErrorCode.FATAL, ErrorCode.STORE_NOT_FOUND}:
        return judge_read(reply)
    _refuse_reader(reply)
    refusal = ItemUnavailable if reply.error_code == ErrorCode.ITEM_GONE else ItemRefused
    raise refusal(error_code=reply.error_code)


def judge_cart(reply: Reply) -> Mapping[str, Any] | None:
    """The body of `cart/{hash}`; None only where a healthy answer says that there is no such cart.

    The page does not say which status a no bears, so a 200 must also say it in words: that a cart is absent becomes
    evidence against an order.
    """
    _refuse_reader(reply)
    says_absent = reply.status == 404 or (reply.status == _OK and _NO_SUCH_CART.search(reply.message))
    if reply.success is False and reply.error_code is None and says_absent:
        return None
    return judge_read(reply)


def parse_read(model: type[T], values: object) -> T:
    """What a read brought, or UpstreamUnavailable where it is garbage."""
    try:
        return model.model_validate(values)
    except ValueError:
        raise UpstreamUnavailable from None


def _parse_written(model: type[T], reply: Reply) -> T:
    try:
        return model.model_validate(reply.data)
    except ValueError:
        raise OutcomeUnknown from None


def _refuse_if_busy(reply: Reply) -> None:
    if reply.status == _BUSY:
        raise UpstreamBusy(retry_after=reply.retry_after)


def _refuse_written(reply: Reply) -> None:
    """Raise what a write's answer means unless it is a plain yes."""
    if reply.success is None or reply.error_code == ErrorCode.FATAL or reply.status in _UNDECIDED:
        raise OutcomeUnknown
    if reply.success and reply.status == _OK:
        return
    if not reply.success and (reply.status == _OK or 400 <= reply.status < 500):
        raise RefusedUpstream(error_code=reply.error_code, said=reply.message[:200])
    raise OutcomeUnknown


def _refuse_reader(reply: Reply) -> None:
    """Raise if we may not read: a fault of our token or account."""
    ours = reply.success is False and reply.error_code in _OURS_TO_MEND
    if ours or reply.status in _NO_ACCESS:
        raise RefusedUpstream(error_code=reply.error_code)


def _refuse_by_code(reply: Reply) -> None:
    code = reply.error_code
    if code in _OURS_TO_MEND:
        raise RefusedUpstream(error_code=code)
    if code == ErrorCode.STORE_NOT_FOUND:
        raise StoreUnknown(error_code=code)
    if code in {ErrorCode.ITEM_GONE, ErrorCode.TAX_TOO_LOW}:
        raise _cart_refused(reply)
    if code in _PAYMENT_TROUBLE:
        refusal: type[Refused] = CardDeclined if reply.items else RefusedUpstream
        raise refusal(error_code=code)


def _doubt_if_held(reply: Reply) -> None:
    """Raise where a no that is not a decline names a line with an authorization: a hold may exist after all."""
    if "SUCCESS" in reply.auths and "FAILED" not in reply.auths and reply.status not in _DECLINES:
        raise OutcomeUnknown


def _cart_refused(reply: Reply) -> CartRefused:
    absent = (read_upc(item.get("upc")) for item in reply.items if read_flag(item.get("in_cart")) is False)
    upcs = tuple(upc for upc in absent if upc is not None)
    return CartRefused(upcs=upcs, error_code=reply.error_code, message=reply.message)


def _parse_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(body, parse_float=_parse_number, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _parse_number(text: str) -> Decimal:
    """A Decimal of sane size: an exponent in the millions would cost seconds to turn into an integer."""
    number = Decimal(text)
    if number.adjusted() > 20:
        raise ValueError("number out of range")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _read_seconds(retry_after: str | None) -> int | None:
    """The seconds of a Retry-After; its other form, a date, is left unread: the servers' clocks need not agree."""
    seconds = read_count(retry_after)
    return seconds if seconds is not None and seconds >= 0 else None
