"""What a running service would answer, read from the records of a stopped one; no keys are needed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import BaseModel

from checkout.database import (
    DeliveryFilter,
    DeliveryState,
    find_checkout,
    find_order,
    list_deliveries,
    list_holds,
    list_reviews,
    order_of_cart,
    order_of_checkout,
    read_story,
)
from checkout.database.reviews import checkout_of_attempt, list_brands
from checkout.database.stopped import open_stopped
from checkout.database.transactions import Transaction, Work
from checkout.errors import CheckoutError, DatabaseUnavailable, SettingsFault
from checkout.operating.calling import Document, Refused, not_found, shown
from checkout.placing import READ_BACK
from checkout.schemas import (
    checkout_body,
    delivery_list_body,
    hold_list_body,
    order_body,
    review_list_body,
    timeline_body,
)


class Records:
    """Answers like `Service`, from a SQLite file or a postgresql:// URL. Raises Refused where it cannot."""

    def __init__(self, database: str) -> None:
        self._database = database

    def reviews(self) -> Document:
        return self._read(_reviews)

    def holds(self) -> Document:
        return self._read(_holds)

    def deliveries(self, *, state: DeliveryState | None = None, subject: str | None = None, most: int) -> Document:
        return self._read(partial(_deliveries, state=state, subject=subject, most=most))

    def redeliver(self, _names: Sequence[str]) -> Document:
        raise Refused("sending needs the running service: start it, and name it with --url")

    def console_link(self) -> Document:
        raise Refused("the console needs the running service: start it, and name it with --url")

    def order(self, _order_id: str) -> Document:
        raise _needs_service()

    def sts_items(self, *, everything: bool) -> Document:
        raise _needs_service()

    def act(self, _path: str, _actions: list[Document], *, key: str) -> Document:
        raise _needs_service()

    def statement(self, _month: str) -> Document:
        raise _needs_service()

    def statement_text(self, _month: str, _form: str) -> str:
        raise _needs_service()

    def story(self, name: str) -> Document:
        return self._read(lambda tx: _story(tx, name))

    def settle(self, _checkout_id: str, _decision: Document) -> Document:
        raise Refused("a decision needs the running service: start it, and name it with --url")

    def _read(self, work: Work[Document]) -> Document:
        async def once() -> Document:
            async with open_stopped(self._database) as records:
                return await records.read(work)

        try:
            return asyncio.run(once())
        except SettingsFault as fault:
            raise Refused(*fault.lines) from fault
        except DatabaseUnavailable as error:
            raise Refused("the database stopped answering; try again") from error
        except CheckoutError as error:
            raise Refused(error.detail) from error


async def _reviews(tx: Transaction) -> Document:
    found = [each for brand in await list_brands(tx) for each in await list_reviews(tx, brand, READ_BACK)]
    return _json(review_list_body(found))


async def _holds(tx: Transaction) -> Document:
    now = datetime.now(UTC)
    return _json(hold_list_body([row for brand in await list_brands(tx) for row in await list_holds(tx, brand, now)]))


async def _deliveries(tx: Transaction, *, state: DeliveryState | None, subject: str | None, most: int) -> Document:
    wanted = [DeliveryFilter(brand=brand, state=state, subject=subject, limit=most) for brand in await list_brands(tx)]
    found = [each for one in wanted for each in await list_deliveries(tx, one)]
    newest = sorted(found, key=lambda each: each.id, reverse=True)
    # The addresses stand in the settings alone.
    body = delivery_list_body(newest[:most], {}, f"dlv_{newest[most - 1].id}" if len(newest) > most else None)
    return _json(body)


async def _story(tx: Transaction, name: str) -> Document:
    if name.startswith("ord_"):
        found = await find_order(tx, name)
        if found is None:
            raise not_found(name)
        order = found[0]
        return await _told(tx, order.story_id, _json(order_body(order, masked=False)))
    checkout_id = name if name.startswith("chk_") else await checkout_of_attempt(tx, name)
    taken_in = await order_of_cart(tx, name) if checkout_id is None and name.isalnum() else None
    if taken_in is not None:
        return await _told(tx, taken_in.story_id, _json(order_body(taken_in, masked=False)))
    known = await find_checkout(tx, checkout_id) if checkout_id else None
    if known is None:
        raise not_found(name)
    checkout = known[0].as_of(datetime.now(UTC))
    placed = await order_of_checkout(tx, checkout.id)
    order_view = None if placed is None else {"id": placed.id, "status": placed.status}
    return await _told(tx, checkout.id, {**_json(checkout_body(checkout)), "order": order_view})


async def _told(tx: Transaction, story_id: str, record: Document) -> Document:
    timeline = _json(timeline_body(await read_story(tx, story_id), masked=False))["data"]
    return {"record": shown(record), "timeline": timeline}


def _json(body: BaseModel) -> dict[str, Any]:
    return body.model_dump(mode="json")


def _needs_service() -> Refused:
    return Refused("this needs the running service: start it, and name it with --url")
