"""What a running service would answer, read from the records of a stopped one; no keys are needed."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from checkout.database import find_checkout, find_order, list_holds, list_reviews, order_of_checkout, read_story
from checkout.database.reviews import checkout_of_attempt, list_brands
from checkout.database.stopped import open_stopped
from checkout.database.transactions import Transaction, Work
from checkout.errors import CheckoutError, DatabaseUnavailable, SettingsFault
from checkout.operating.calling import Document, Refused, not_found, shown
from checkout.placing import READ_BACK
from checkout.schemas import checkout_body, hold_list_body, order_body, review_list_body, timeline_body


class Records:
    """Answers like `Service`, from a SQLite file or a postgresql:// URL. Raises Refused where it cannot."""

    def __init__(self, database: str) -> None:
        self._database = database

    def reviews(self) -> Document:
        return self._read(_reviews)

    def holds(self) -> Document:
        return self._read(_holds)

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


async def _story(tx: Transaction, name: str) -> Document:
    if name.startswith("ord_"):
        found = await find_order(tx, name)
        if found is None:
            raise not_found(name)
        order = found[0]
        return await _told(tx, order.checkout_id, _json(order_body(order, masked=False)))
    checkout_id = name if name.startswith("chk_") else await checkout_of_attempt(tx, name)
    known = await find_checkout(tx, checkout_id) if checkout_id else None
    if known is None:
        raise not_found(name)
    checkout = known[0].as_of(datetime.now(UTC))
    placed = await order_of_checkout(tx, checkout.id)
    order_view = None if placed is None else {"id": placed.id, "status": placed.status}
    return await _told(tx, checkout.id, {**_json(checkout_body(checkout)), "order": order_view})


async def _told(tx: Transaction, checkout_id: str, record: Document) -> Document:
    timeline = _json(timeline_body(await read_story(tx, checkout_id), masked=False))["data"]
    return {"record": shown(record), "timeline": timeline}


def _json(body: BaseModel) -> dict[str, Any]:
    return body.model_dump(mode="json")
