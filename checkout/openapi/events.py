"""The messages that we send to the brand, for the `webhooks` of the document."""

from typing import Any, NamedTuple

from pydantic import BaseModel

from checkout.openapi import examples
from checkout.settings import TOPICS


class Event(NamedTuple):
    """One kind of message; its body is that of the example."""

    topic: str
    summary: str
    example: BaseModel


_SUMMARIES = {
    "checkout.placed": "An order was placed",
    "checkout.review": "What became of an attempt to place an order needs a person's decision",
    "order.updated": "Something about an order changed",
    "order.cancel_requested": "The shopper wishes to cancel",
    "order.answer_due": "The store's time to answer is running out",
    "order.found_late": "An order turned up after the shopper was told that there is none",
}


def _example(topic: str) -> BaseModel:
    made = examples.CHECKOUT_EVENT if topic.startswith("checkout.") else examples.ORDER_EVENT
    return made.model_copy(update={"type": topic})


EVENTS = tuple(Event(topic, _SUMMARIES[topic], _example(topic)) for topic in TOPICS)


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": True, "description": description, "schema": schema} | {
        "example": example
    }


SIGNED_WITH = [
    _header("webhook-id", "Names the message: the same for every try.", "msg_2b7d9f0c4e6a8b1d"),
    _header("webhook-timestamp", "When this try was sent, in seconds since 1970.", "1795361400"),
    _header(
        "webhook-signature",
        "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64; one per secret, separated by blanks.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
]
