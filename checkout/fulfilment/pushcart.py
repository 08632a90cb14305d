"""PushCart: what a retailer answers to the items of orders, in its own words and in those of Locally's Cart API."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from checkout.database import Database, Transaction, add_to_timeline, order_to_change, put_event, save_order
from checkout.errors import UnknownResource
from checkout.fulfilment.actions import Acted, Actions
from checkout.fulfilment.journal import Wish
from checkout.fulfilment.rules import Rule
from checkout.idempotency import Claim
from checkout.money import Money
from checkout.orders import ItemStatus, Order

_CONFIRMED = frozenset(
    {
        ItemStatus.CONFIRMED,
        ItemStatus.CHARGE_FAILED,
        ItemStatus.PICKED_UP,
        ItemStatus.REFUNDED,
        ItemStatus.PARTIALLY_REFUNDED,
    }
)
_HELD = frozenset({ItemStatus.CONFIRMED, ItemStatus.CHARGE_FAILED, ItemStatus.PARTIALLY_REFUNDED})
_ASKED = frozenset({ItemStatus.ORDERED})

# That an order was received shows nowhere in its cart. What was charged in the store is refunded in the store.
PUSHCART_RULES = {
    "receive": Rule(_ASKED),
    "confirm": Rule(_ASKED, _CONFIRMED),
    "reject": Rule(_ASKED, frozenset({ItemStatus.DECLINED})),
    "fulfill": Rule(_HELD, frozenset({ItemStatus.PICKED_UP})),
    "refund": Rule(
        frozenset({ItemStatus.CONFIRMED, ItemStatus.PICKED_UP, ItemStatus.PARTIALLY_REFUNDED}), is_refund=True
    ),
}

# Ship-to-store is the brand's to answer; what was shipped already is the retailer's to refund.
PUSHCART_STS_RULES = {
    "refund": Rule(
        frozenset(
            {
                ItemStatus.SHIPPED,
                ItemStatus.READY_FOR_PICKUP,
                ItemStatus.PICKED_UP,
                ItemStatus.PARTIALLY_REFUNDED,
            }
        ),
        is_refund=True,
    ),
}

_TOKENS = {
    "receive": "received",
    "confirm": "confirmed",
    "reject": "rejected",
    "fulfill": "fulfilled",
    "refund": "refund",
}


def pushcart_wish(
    action: str,
    *,
    reason: str | None = None,
    fulfillment_url: str | None = None,
    message: str | None = None,
    refund_amount: Money | None = None,
) -> Wish:
    """An action as Locally is sent it; at the `fulfillment_url` the retailer itself speaks to the shopper."""
    told: dict[str, Any] = {"reason": reason, "fulfillment_url": fulfillment_url, "message": message}
    said = {name: text for name, text in told.items() if text}
    return Wish(action, {"status": _TOKENS[action], **said}, refund_amount)


class PushCart:
    """Actions of a retailer: as any other, and the page to which the shopper is sent is kept with the order."""

    def __init__(self, database: Database, actions: Actions, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._actions = actions
        self._clock = clock

    async def act(
        self, order_id: str, upc: str, wish: Wish, *, source: str, claim: Claim | None = None, wait: float | None = None
    ) -> Acted:
        """Like `Actions.act`, which says what it raises."""
        acted = await self._actions.act(order_id, upc, wish, source=source, claim=claim, wait=wait)
        page = wish.changes.get("fulfillment_url")
        if page is None or not acted.is_settled or acted.order.fulfillment_url == page:
            return acted
        return acted._replace(order=await self._database.write(lambda tx: self._keep(tx, order_id, page, source)))

    async def _keep(self, tx: Transaction, order_id: str, page: str, source: str) -> Order:
        """The address may be a right to see the order: it stands in the order, not in the timeline."""
        was = await order_to_change(tx, order_id)
        if was is None:
            raise UnknownResource
        now, order = self._clock(), was.changed(fulfillment_url=page)
        await save_order(tx, order, now)
        await add_to_timeline(tx, order.story_id, now, "order.handed_over", source=source)
        await put_event(tx, order.brand, "order.updated", order.id, now)
        return order
