"""The journal of actions: what is asked of an item, written before it is sent, and what became of it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog

from checkout.database import (
    Database,
    ItemActionRow,
    KeyRow,
    Transaction,
    actions_of_item,
    actions_under_way,
    add_to_timeline,
    begin_action,
    doubt_action,
    end_action,
    find_key,
    find_order,
    order_to_change,
    put_key,
)
from checkout.errors import ActionInProgress, KeyMismatch, KeyMissing, LostRace, UnknownResource
from checkout.fulfilment.rules import Rule, Rules, Step, is_shown, plan, told_refunded
from checkout.idempotency import Claim
from checkout.locally_client import request_id_of_last
from checkout.money import Money
from checkout.orders import Order, OrderItem

log = structlog.get_logger(__name__)

UPDATE_CALL = "v2/update"
UNKNOWN = "unknown"
# The states in which rows end; `done` alone took effect.
DONE, REFUSED, NOT_SENT, NOT_DONE = "done", "refused", "not_sent", "not_done"


class Wish(NamedTuple):
    """What somebody asks of an item: a name in the rules, what Locally is sent for it, and the part to refund.

    `changes` are keys and values as the Cart API names them. Without `amount` a refund is of all that is left; what
    is sent as `refund_amount` is always added.
    """

    action: str
    changes: dict[str, Any]
    amount: Money | None = None


class Begun(NamedTuple):
    """A row of the journal that is to be carried out, or None where nothing is to be sent."""

    order: Order
    row: ItemActionRow | None
    step: Step | None = None
    is_settled: bool = True


class Journal:
    """Reads and writes the journal; `rules_of` gives the actions that an order's items may take."""

    def __init__(
        self, database: Database, brand: str, *, rules_of: Callable[[Order], Rules], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._brand = brand
        self._rules_of = rules_of
        self._clock = clock

    async def order(self, order_id: str) -> Order:
        """Raises UnknownResource."""
        found = await self._database.read(lambda tx: find_order(tx, order_id))
        if found is None:
            raise UnknownResource
        return found[0]

    def rules(self, order: Order) -> Rules:
        return self._rules_of(order)

    def rule(self, order: Order, row: ItemActionRow) -> Rule:
        return self._rules_of(order)[row.action]

    def shows(self, order: Order, row: ItemActionRow) -> bool:
        """Whether the order shows that the action took effect."""
        return is_shown(self.rule(order, row), item_of(order, row.upc), row.amount)

    async def under_way(self) -> list[ItemActionRow]:
        return await self._database.read(lambda tx: actions_under_way(tx, self._brand))

    async def state_of(self, row: ItemActionRow) -> str:
        rows = await self._database.read(lambda tx: actions_of_item(tx, row.order_id, row.upc))
        return next(each.state for each in rows if each.id == row.id)

    async def begin(self, order_id: str, upc: str, wish: Wish, claim: Claim | None) -> Begun:
        """Write the wish down, unless it took effect already or is under way.

        Raises what speaks against it, ActionInProgress and KeyMismatch among others.
        """
        try:
            return await self._database.write(partial(self._begin, order_id=order_id, upc=upc, wish=wish, claim=claim))
        except LostRace:  # The unique row per item, or the key: a rival was faster by a moment.
            raise ActionInProgress from None

    async def _begin(self, tx: Transaction, *, order_id: str, upc: str, wish: Wish, claim: Claim | None) -> Begun:
        order = await order_to_change(tx, order_id)
        if order is None:
            raise UnknownResource
        item = item_of(order, upc)
        rows = await actions_of_item(tx, order.id, item.upc)
        known = await _row_of_key(tx, claim, rows)
        if known is not None:
            return Begun(order, None, is_settled=not known.is_under_way)
        if _is_under_way(rows, wish):
            return Begun(order, None, is_settled=False)
        rules = self._rules_of(order)
        if _is_done(rules.get(wish.action), rows, wish):
            return Begun(order, None)
        step = plan(wish.action, rules, item, wish.amount, _refunded(item, rows))
        if step is None:
            return Begun(order, None)
        if wish.amount is not None and claim is None:
            raise KeyMissing("A refund of a part takes an `Idempotency-Key`, so that it is never made twice.")
        row = await begin_action(tx, order.id, item.upc, wish.action, step.target, self._clock())
        if claim is not None:
            await put_key(tx, _key_row(claim, row, self._clock()))
        return Begun(order, row, step)

    async def end(self, order: Order, row: ItemActionRow, state: str, source: str) -> None:
        """Write down how it ended, unless somebody else did already."""
        request_id = request_id_of_last(UPDATE_CALL)

        async def work(tx: Transaction) -> None:
            if await end_action(tx, row, state, self._clock(), request_id):
                await self._tell(tx, order, row, state, source, request_id)

        await self._database.write(work)

    async def doubt(self, order: Order, row: ItemActionRow, source: str) -> None:
        """Write down that nobody knows what became of it, unless that is known."""
        request_id = request_id_of_last(UPDATE_CALL)

        async def work(tx: Transaction) -> None:
            if await doubt_action(tx, row, request_id):
                log.warning("item_action_unknown", order=order.id, upc=row.upc, action=row.action)
                await self._tell(tx, order, row, UNKNOWN, source, request_id)

        await self._database.write(work)

    async def _tell(
        self, tx: Transaction, order: Order, row: ItemActionRow, state: str, source: str, request_id: str | None
    ) -> None:
        """Into the timeline; `refunded` is what will have gone back in all."""
        facts: dict[str, Any] = {"upc": row.upc, "action": row.action, "source": source, "request_id": request_id}
        if row.amount is not None:
            facts["refunded"] = row.amount
        await add_to_timeline(tx, order.story_id, self._clock(), f"action.{state}", **facts)


def item_of(order: Order, upc: str) -> OrderItem:
    """Raises UnknownResource if the order has no such item."""
    item = next((item for item in order.items if item.upc == upc), None)
    if item is None:
        raise UnknownResource
    return item


def _is_under_way(rows: list[ItemActionRow], wish: Wish) -> bool:
    """Whether this very wish is. Raises ActionInProgress if another one is."""
    row = next((row for row in rows if row.is_under_way), None)
    if row is None:
        return False
    if row.action != wish.action or wish.amount is not None:
        raise ActionInProgress
    return True


def _is_done(rule: Rule | None, rows: list[ItemActionRow], wish: Wish) -> bool:
    """Whether Locally did it for us already, although the cart may not show it yet."""
    if rule is None or rule.is_refund:
        return False
    return any(row.action == wish.action and row.state == DONE for row in rows)


def _refunded(item: OrderItem, rows: list[ItemActionRow]) -> int:
    """What is known to have gone back, in minor units: by what the cart tells, and by what Locally did for us."""
    done = (row.amount for row in rows if row.state == DONE and row.amount is not None)
    return max(told_refunded(item), *done, 0)


async def _row_of_key(tx: Transaction, claim: Claim | None, rows: list[ItemActionRow]) -> ItemActionRow | None:
    """What this key was used for and took effect, or may have. Raises KeyMismatch if that was something else."""
    known = await find_key(tx, claim.name) if claim is not None else None
    if known is None or claim is None:
        return None
    row = next((row for row in rows if f"act_{row.id}" == known.attempt_id), None)
    if row is not None and not (row.is_under_way or row.state == DONE):
        return None  # Nothing came of it, so that the key is free.
    if known.fingerprint != claim.fingerprint:
        raise KeyMismatch
    return row


def _key_row(claim: Claim, row: ItemActionRow, now: datetime) -> KeyRow:
    """The key stands for the row of the journal, whose state tells the rest."""
    return KeyRow(
        name=claim.name,
        fingerprint=claim.fingerprint,
        request_id=claim.request_id,
        bound=True,
        open_until=None,
        attempt_id=f"act_{row.id}",
        status=None,
        body=None,
        created_at=now,
    )
