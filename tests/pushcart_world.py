"""A brand and a retailer, each with the service in its role, over one sandbox."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from checkout.sandbox import RETAILER_TOKEN, create_sandbox
from tests.service import SECRET_KEY, UPC, Service, running_service
from tests.upstreams import Upstreams

WEBHOOK_TOKEN = "a token of Locally's webhooks"
# What a retailer need not give; nothing is as good as not given.
SELLING = {
    "locally_company_id": "",
    "stripe_secret_key": "",
    "stripe_publishable_key": "",
    "publishable_key": "",
    "origins": "",
    "paths": "",
}
RETAILER = {
    **SELLING,
    "role": "retailer",
    "brand": "main-street",
    "locally_api_token": RETAILER_TOKEN,
    "locally_webhook_tokens": WEBHOOK_TOKEN.replace(" ", "-"),
}


T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    """What a look shows as soon as it shows anything, within half a minute."""
    last = time.monotonic() + 30
    while not (shown := await look()):
        assert time.monotonic() < last, "it never came"
        await asyncio.sleep(0.02)
    return shown


@dataclass
class Trade:
    """The two services; `upstreams` stands between the retailer and the sandbox."""

    brand: Service
    retailer: Service
    upstreams: Upstreams

    async def buy(self, *, path: str = "bopis", **changes: Any) -> str:
        """An order that the brand's shopper places; gives the hash of its cart."""
        checkout = await self.brand.create(path_to_purchase=path, **changes)
        intent = await self.brand.take_card(checkout) if path != "ropis" else None
        placed = await self.brand.place(checkout, intent)
        assert placed.status_code == 200, placed.text
        order_id = placed.json()["order"]["id"]
        order = (await self.brand.call("GET", f"/v1/orders/{order_id}", with_=SECRET_KEY)).json()
        return str(order["cart_hash"])

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A call of the retailer's system."""
        return await self.retailer.call(method, path, body, with_=SECRET_KEY, **headers)

    async def tell(self, cart_hash: str, *, method: str = "POST", body: Any = None) -> httpx.Response:
        """Locally's webhook to the retailer, in the short form unless another is given."""
        url = f"https://www.locally.com/api/v2/cart/{cart_hash}"
        short = {"upc": UPC, "order_id": cart_hash, "status": "ordered", "order_url": url}
        headers = {"locally-webhook-token": RETAILER["locally_webhook_tokens"]}
        return await self.retailer.client.request(method, "/webhooks/locally", json=body or short, headers=headers)

    async def orders(self, query: str = "") -> list[dict[str, Any]]:
        return list((await self.ask("GET", f"/v1/orders?limit=100{query}")).json()["data"])

    async def taken_in(self, *hashes: str) -> dict[str, dict[str, Any]]:
        """The retailer's orders by the hashes of their carts, as soon as these are among them."""

        async def look() -> dict[str, dict[str, Any]] | None:
            found = {order["cart_hash"]: order for order in await self.orders()}
            return found if set(hashes) <= set(found) else None

        return await until(look)

    async def order(self, cart_hash: str) -> dict[str, Any]:
        return (await self.taken_in(cart_hash))[cart_hash]

    async def answer(self, order: dict[str, Any], action: str, upc: str = UPC, **more: Any) -> httpx.Response:
        headers = {"Idempotency_Key": more.pop("key")} if "key" in more else {}
        path = f"/v1/orders/{order['id']}/items/{upc}/answer"
        return await self.ask("POST", path, {"action": action, **more}, **headers)

    async def intake(self) -> dict[str, Any]:
        return dict((await self.ask("GET", "/v1/intake")).json())

    async def intake_over(self) -> dict[str, Any]:
        """How the intake stands as soon as nothing more is read."""

        async def look() -> dict[str, Any] | None:
            told = await self.intake()
            return told if told["status"] == "waiting" and told["finished_at"] else None

        return await until(look)

    async def events(self, order: dict[str, Any]) -> list[str]:
        """What happened to a retailer's order."""
        entries = (await self.ask("GET", f"/v1/orders/{order['id']}/timeline")).json()["data"]
        return [entry["event"] for entry in entries]


@asynccontextmanager
async def trading(*, before: int = 0, prices: Path | None = None, **changes: str) -> AsyncIterator[Trade]:
    """Both services; `before` orders are placed before the retailer's begins, whose settings `changes` are.

    `prices` is a file with the brand's own, which ship-to-store takes.
    """
    world = create_sandbox()
    upstreams = Upstreams(world)
    sold = {"paths": "bopis,ropis,sts"}
    if prices is not None:
        sold["catalogue"] = str(prices)
    async with running_service(None, world, **sold) as brand:
        trade = Trade(brand, brand, upstreams)
        for _ in range(before):
            await trade.buy()
        async with running_service(upstreams, world, **(RETAILER | changes)) as retailer:
            trade.retailer = retailer
            yield trade
