"""What outgoing webhooks say: the checkout or order as the secret key reads it, without anything personal or secret.

A webhook passes through queues, logs and other people's services. So the shopper is masked, and what somebody typed and
what opens something (tokens, links to pages) is left out: the receiver reads it with its key.
"""

from collections.abc import Iterable
from datetime import datetime

from checkout.database import Delivery, DeliveryState
from checkout.orders import Checkout, Order
from checkout.schemas.order_views import FullOrderBody, mask_shopper, order_body
from checkout.schemas.responses import Body, CheckoutBody, Time, checkout_body


class NamedOrderBody(Body):
    """What an event says of a checkout's order: not its page, and not the token that reads it."""

    id: str
    status: str


class CheckoutSnapshotBody(CheckoutBody):
    """A checkout as an event tells it."""

    order: NamedOrderBody | None  # type: ignore[assignment]  # It says less than the answers do, and nothing reads it.


class CheckoutEventBody(Body):
    """A message about a checkout. `timestamp` is when it happened; `data` may be younger."""

    type: str
    timestamp: Time
    data: CheckoutSnapshotBody


class OrderEventBody(Body):
    """A message about an order. `timestamp` is when it happened; `data` may be younger."""

    type: str
    timestamp: Time
    data: FullOrderBody


def event_body(
    topic: str, at: datetime, checkout: Checkout | None, order: Order | None
) -> CheckoutEventBody | OrderEventBody:
    """The message of an event about a checkout or about its order, as the topic says.

    Raises ValueError where there is neither.
    """
    if order is not None and (checkout is None or topic.startswith("order.")):
        return OrderEventBody(type=topic, timestamp=at, data=_order_snapshot(order))
    if checkout is None:
        raise ValueError("an event is about a checkout or an order")
    return CheckoutEventBody(type=topic, timestamp=at, data=_checkout_snapshot(checkout, order))


def render_event(topic: str, at: datetime, checkout: Checkout | None, order: Order | None) -> bytes:
    return event_body(topic, at, checkout, order).model_dump_json().encode()


def _checkout_snapshot(checkout: Checkout, order: Order | None) -> CheckoutSnapshotBody:
    body = checkout_body(checkout)
    named = None if order is None else NamedOrderBody(id=order.id, status=order.status)
    untold = {
        "shopper": mask_shopper(body.shopper),
        "items": tuple(line.model_copy(update={"message": None}) for line in body.items),
        "order": named,
    }
    return CheckoutSnapshotBody(**{**dict(body), **untold})


def _order_snapshot(order: Order) -> FullOrderBody:
    body = order_body(order, masked=False)
    assert isinstance(body, FullOrderBody)  # noqa: S101  For the type checker: in full means this body.
    untold = {
        "shopper": mask_shopper(body.shopper),
        "items": tuple(item.model_copy(update={"resolution_notes": None}) for item in body.items),
        "messages": (),
        "cancel_reason": None,
        "locally_order_url": None,
        "invoice_url": None,
        "fulfillment_url": None,
    }
    return FullOrderBody(**{**dict(body), **untold})


class DeliveryEndpointBody(Body):
    """Where a message went: of the address only the host, and null where the settings no longer have it."""

    id: str
    host: str | None


class DeliveryTryBody(Body):
    """One try: `status` is what the endpoint answered, `fault` why there is no answer."""

    at: Time
    status: int | None
    fault: str | None
    milliseconds: int


class DeliveryBody(Body):
    """One message for one endpoint. `type` and `subject` say what it tells of which checkout or order.

    `checkout_id` is null for an order that a retailer took in.
    """

    id: str
    message_id: str
    type: str
    subject: str
    checkout_id: str | None
    endpoint: DeliveryEndpointBody
    state: DeliveryState
    created_at: Time
    next_try_at: Time | None
    ended_at: Time | None
    tries: tuple[DeliveryTryBody, ...]


class DeliveryListBody(Body):
    """One page of deliveries, newest first; `next_cursor` is null on the last one."""

    data: tuple[DeliveryBody, ...]
    next_cursor: str | None


def delivery_body(delivery: Delivery, hosts: dict[str, str]) -> DeliveryBody:
    """`hosts` are those of the endpoints in the settings, by their ids."""
    return DeliveryBody(
        id=f"dlv_{delivery.id}",
        message_id=delivery.message_id,
        type=delivery.topic,
        subject=delivery.about,
        checkout_id=None if delivery.subject.startswith("ord_") else delivery.subject,
        endpoint=DeliveryEndpointBody(id=delivery.endpoint, host=hosts.get(delivery.endpoint)),
        state=delivery.state,
        created_at=delivery.created_at,
        next_try_at=delivery.next_try_at if delivery.state == "waiting" else None,
        ended_at=delivery.ended_at,
        tries=tuple(
            DeliveryTryBody(at=each.at, status=each.status, fault=each.fault, milliseconds=each.milliseconds)
            for each in delivery.log
        ),
    )


def delivery_list_body(
    deliveries: Iterable[Delivery], hosts: dict[str, str], next_cursor: str | None
) -> DeliveryListBody:
    return DeliveryListBody(data=tuple(delivery_body(each, hosts) for each in deliveries), next_cursor=next_cursor)
