"""The sandbox's own controls, under /_sandbox: look into its world, change it, break it."""

import re
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from checkout.sandbox.asking import control, only, read_object
from checkout.sandbox.faults import CALLS, KINDS, parse_fault
from checkout.sandbox.parts import Parts
from checkout.sandbox.records import as_text

_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_MOST_SECONDS = 10 * 366 * 86400


class Controls:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/_sandbox", control(self.start_afresh), methods=["DELETE"]),
            Route("/_sandbox/ledger", control(self.ledger), methods=["GET"]),
            Route("/_sandbox/catalogue", control(self.catalogue), methods=["GET"]),
            Route("/_sandbox/faults", control(self.faults), methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/clock", control(self.clock), methods=["GET", "POST"]),
            Route("/_sandbox/stock", control(self.stock), methods=["POST"]),
            Route("/_sandbox/settings", control(self.settings), methods=["GET", "POST"]),
        ]

    async def start_afresh(self, _: Request) -> Any:
        self._parts.start_afresh()
        return {"status": "fresh"}

    async def ledger(self, _: Request) -> Any:
        return self._parts.ledger.as_document()

    async def catalogue(self, _: Request) -> Any:
        return self._parts.world.catalogue()

    async def faults(self, request: Request) -> Any:
        if request.method == "DELETE":
            self._parts.faults.clear()
        elif request.method == "POST":
            self._parts.faults.add(parse_fault(await read_object(request)))
        return {"faults": self._parts.faults.as_documents(), "calls": list(CALLS), "kinds": list(KINDS)}

    async def clock(self, request: Request) -> Any:
        if request.method == "POST":
            body = await read_object(request)
            only(body, {"advance"})
            self._parts.advance(as_duration(body.get("advance")))
            await self._parts.feed.settle()
        return {"now": as_text(self._parts.clock.now()), "ahead_seconds": self._parts.clock.ahead.total_seconds()}

    async def stock(self, request: Request) -> Any:
        body = await read_object(request)
        only(body, {"store_id", "upc", "quantity", "price"})
        store_id, upc = body.get("store_id"), body.get("upc")
        if type(store_id) is not int or not self._parts.world.knows_place(store_id):
            raise ValueError("store_id must be the id of a store, or 0 for the warehouse")
        if not isinstance(upc, str) or upc not in self._parts.world.products:
            raise ValueError("upc must be one of the catalogue's")
        quantity, price = _amount(body, "quantity"), _amount(body, "price")
        if quantity is None and price is None:
            raise ValueError("quantity or price is required")
        self._parts.world.set_shelf_place(store_id, upc, quantity, price)
        now = {"quantity": self._parts.world.stock(store_id, upc), "price": self._parts.world.price(store_id, upc)}
        return {"store_id": store_id, "upc": upc, **now}

    async def settings(self, request: Request) -> Any:
        if request.method == "POST":
            self._parts.switches.change(await read_object(request))
        return self._parts.switches.as_document()


def as_duration(text: object) -> timedelta:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise ValueError('advance must be an ISO 8601 duration such as "PT2H" or "P1D"')
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    total = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
    if total > _MOST_SECONDS:
        raise ValueError("advance must be at most ten years")
    return timedelta(seconds=total)


def _amount(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is not None and (type(value) is not int or not 0 <= value < 10**10):
        raise ValueError(f"{name} must be a whole number of at least 0")
    return value
