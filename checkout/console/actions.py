"""What may be done with an item, as forms: ship-to-store for the brand, PushCart for the retailer."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from checkout import strictjson
from checkout.console.finding import back_to, order_of
from checkout.console.guarding import FORM_KEY, Form, Visit
from checkout.database import KeyName
from checkout.errors import FieldError, InvalidField, UnknownResource
from checkout.fulfilment import Actions, PushCart, Tracking, Wish, legal_actions, pushcart_wish, rules_of, sts_wish
from checkout.idempotency import Claim
from checkout.money import Money, parse_decimal
from checkout.orders import ItemStatus, Order, OrderItem, PathToPurchase
from checkout.schemas import AnswerRequest, StsActionRequest, read_answer, read_sts_action
from checkout.state import State

_OPERATION = "action"
PATIENCE = 8.0  # Seconds that somebody looks at a page that loads.


class Field(NamedTuple):
    """One field of a form, named by its place in the body of the API's call; `kind` is the type of the input."""

    name: str
    label: str
    kind: str = "text"
    most: int = 500
    is_required: bool = False


class Offer(NamedTuple):
    """An action that an item may take. `caution` says what cannot be taken back: it has to be ticked."""

    action: str
    label: str
    fields: tuple[Field, ...] = ()
    caution: str | None = None


class System(NamedTuple):
    """Who acts how: the offers, and what makes a wish of the body that the API would be sent."""

    offers: tuple[Offer, ...]
    wish: Callable[[dict[str, Any]], Wish]


_REASON = Field("reason", "Reason, which the shopper reads", is_required=True)
_PAGE = Field("fulfillment_url", "Page of yours, to which the shopper is sent from then on", "url", 300)
_MESSAGE = Field("message", "Message, which the shopper reads")
_AMOUNT = Field("refund_amount", "Amount; empty for all that is left", "decimal", 20)
_NOT_SOLD = "I know that this is final: the item is not sold."
_PAID_BACK = "I know that this is final: the money goes back to the card."
_CHARGED = "I know that the shopper's card is charged."
_STS_OFFERS = (
    Offer("confirm", "Confirm", (_MESSAGE,), _CHARGED),
    Offer("process", "Say that it is being packed", (_MESSAGE,)),
    Offer(
        "ship",
        "Say that it is shipped",
        (
            Field("tracking.carrier", "Carrier", most=60),
            Field("tracking.number", "Tracking number", most=60),
            Field("tracking.url", "Link to follow it", "url", 300),
            _MESSAGE,
        ),
    ),
    Offer(
        "reject",
        "Reject",
        (_REASON,),
        _NOT_SOLD,
    ),
    Offer("refund", "Refund", (_AMOUNT, _MESSAGE), _PAID_BACK),
)
_PUSHCART_OFFERS = (
    Offer("confirm", "Confirm", (_MESSAGE, _PAGE), "I hold it for the shopper, who is charged where she paid online."),
    Offer("receive", "Say that you have seen it", (_MESSAGE, _PAGE)),
    Offer("fulfill", "Say that it is picked up", (_MESSAGE,)),
    Offer("reject", "Reject", (_REASON, _PAGE), _NOT_SOLD),
    Offer("refund", "Refund", (_AMOUNT, _MESSAGE), _PAID_BACK),
)


def _sts_wish(body: dict[str, Any]) -> Wish:
    wanted: StsActionRequest = read_sts_action(body)
    parcel = wanted.tracking
    return sts_wish(
        wanted.action,
        reason=wanted.reason,
        tracking=Tracking(parcel.carrier, parcel.number, parcel.url) if parcel else None,
        message=wanted.message,
        refund_amount=wanted.refund_amount,
    )


def _pushcart_wish(body: dict[str, Any]) -> Wish:
    wanted: AnswerRequest = read_answer(body)
    return pushcart_wish(
        wanted.action,
        reason=wanted.reason,
        fulfillment_url=wanted.fulfillment_url,
        message=wanted.message,
        refund_amount=wanted.refund_amount,
    )


_SHIP_TO_STORE = System(_STS_OFFERS, _sts_wish)
_PUSHCART = System(_PUSHCART_OFFERS, _pushcart_wish)


def _system_of(order: Order) -> System | None:
    """What this service may do with the items of an order; None for nothing. Those of a retailer have no checkout."""
    if order.checkout_id is None:
        return _PUSHCART
    return _SHIP_TO_STORE if order.path_to_purchase is PathToPurchase.STS else None


def offers_of(order: Order, item: OrderItem) -> list[Offer]:
    """The forms that an item's status allows now."""
    system = _system_of(order)
    legal = legal_actions(rules_of(order), item)
    return [_for_item(offer, item) for offer in system.offers if offer.action in legal] if system else []


def _for_item(offer: Offer, item: OrderItem) -> Offer:
    """Packing what nobody has confirmed charges the card as confirming does."""
    charges = offer.action == "process" and item.status == ItemStatus.PENDING_BRAND
    return offer._replace(caution=_CHARGED) if charges else offer


async def act(request: Request[State], _visit: Visit, form: Form) -> Response:
    """Carry out an action; the same form again changes nothing."""
    order, upc, action = await order_of(request), request.path_params["upc"], request.path_params["action"]
    system = _system_of(order)
    offer = next((each for each in system.offers if each.action == action), None) if system else None
    item = next((each for each in order.items if each.upc == upc), None)
    if system is None or offer is None or item is None:
        raise UnknownResource
    if _for_item(offer, item).caution and "sure" not in form:
        raise _fault("/sure", "Tick the box above the button: this cannot be taken back.")
    body = {"action": action, **_told(form, offer.fields, order.totals.total.currency)}
    claim = _claim(request, order, form, body)
    acted = await _doer(request, system).act(
        order.id, upc, system.wish(body), source="console", claim=claim, wait=PATIENCE
    )
    return back_to(order, "action" if acted.is_settled else "doubt")


def _doer(request: Request[State], system: System) -> Actions | PushCart:
    """PushCart keeps the page to which the shopper is sent, too."""
    state = request.state
    actions = state["actions"]
    return PushCart(state["database"], actions, clock=state["clock"]) if system is _PUSHCART else actions


def _told(form: Form, fields: Iterable[Field], currency: str) -> dict[str, Any]:
    """The body of the API's call; what was left empty is left out."""
    told: dict[str, Any] = {}
    for field in fields:
        text = form.get(field.name, "").strip()
        if not text:
            continue
        parent, _, name = field.name.rpartition(".")
        value = _amount(text, currency) if field.kind == "decimal" else text
        (told.setdefault(parent, {}) if parent else told)[name] = value
    return told


def _amount(text: str, currency: str) -> Mapping[str, Any]:
    """An amount as people write it, such as "12.50"."""
    try:
        number = parse_decimal(text)
        amount = Money.from_decimal(number, currency) if number is not None else None
    except ValueError:
        amount = None
    if amount is None or amount.to_decimal() != number:
        raise _fault("/refund_amount", f"The amount must be a number such as 12.50, in {currency}.")
    return amount.model_dump()


def _claim(request: Request[State], order: Order, form: Form, body: dict[str, Any]) -> Claim:
    """The key of the form, as a client of the API sends its own."""
    fingerprint = hashlib.sha256(request.scope["path"].encode() + b"\n" + strictjson.canonical(body)).hexdigest()
    # Whoever left the key out has a form of no page of ours: the form's own key stands in for it.
    key = form.get("key") or form[FORM_KEY]
    return Claim(
        KeyName(request.state["settings"].brand, _OPERATION, order.id, key[:255]),
        fingerprint,
        request.scope["request_id"],
    )


def _fault(pointer: str, detail: str) -> InvalidField:
    return InvalidField(fields=(FieldError(pointer, "invalid", detail),))
