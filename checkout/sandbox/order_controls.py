"""Controls of orders: see one, act for store, brand or shopper, and let its charge fail."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from checkout.sandbox.asking import control, read_object
from checkout.sandbox.parts import Parts


class OrderControls:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[BaseRoute]:
        order = "/_sandbox/orders/{cart_hash}"
        return [
            Route(order, control(self.order), methods=["GET", "POST"]),
            Route(order + "/items/{upc}", control(self.act), methods=["POST"]),
            Route(order + "/{upc}", control(self.move), methods=["POST"]),
        ]

    async def order(self, request: Request) -> Any:
        cart = self._parts.desk.find(request.path_params["cart_hash"])
        if request.method == "POST":
            return self._parts.desk.set_knobs(cart, await read_object(request))
        return self._parts.desk.document(cart)

    async def act(self, request: Request) -> Any:
        """What a person at the store, at the brand or at home does, in plain words."""
        wanted = await read_object(request)
        cart = self._parts.desk.find(request.path_params["cart_hash"])
        return self._parts.desk.act(cart, request.path_params["upc"], wanted)

    async def move(self, request: Request) -> Any:
        """Every move of the Cart API, and those that no API has, in the Cart API's own words."""
        wanted = await read_object(request)
        cart = self._parts.desk.find(request.path_params["cart_hash"])
        self._parts.moves.move(cart, request.path_params["upc"], wanted)
        return {"status": True}
