"""What the sandbox's tests do all the time: reach it, get a card set up, validate, commit, look into the ledger."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from checkout.sandbox import BRAND_TOKEN, create_sandbox

HEADLESS = "/headless/api/1.0"
STORE, OTHER_STORE = 37175, 37176
TAX_RATE = "0.1025"

Json = dict[str, Any]
SHOPPER = {
    "email": "ada@example.com",
    "phone": "+13125550199",
    "first_name": "Ada",
    "last_name": "Byron",
    "address": "1 Elm St",
    "city": "Chicago",
    "state": "IL",
    "zip": "60605",
    "country": "US",
}


@dataclass
class Shopper:
    """A caller of the sandbox with a Locally token and a Stripe key."""

    client: httpx.AsyncClient
    upcs: list[str]

    async def get(self, path: str, **params: Any) -> Json:
        body: Json = (await self.client.get(path, params=params)).json()
        return body

    async def control(self, path: str, body: Json) -> Json:
        answer = await self.client.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def ledger(self) -> Json:
        return await self.get("/_sandbox/ledger")

    async def price(self, store_id: int, upc: str) -> int:
        stores = (await self.get("/_sandbox/catalogue"))["stores"]
        return int(next(store["price"][upc] for store in stores if store["id"] == store_id))

    async def card(self, payment_method: str = "pm_card_visa", account: str | None = None) -> str:
        """The id of a SetupIntent confirmed with this card."""
        answer = await self.client.post(
            "/v1/setup_intents",
            data={"payment_method": payment_method, "confirm": "true", "return_url": "https://shop.test/"},
            headers={"Authorization": "Bearer sk_test_brand"} | ({"Stripe-Account": account} if account else {}),
        )
        setup_intent_id: str = answer.json()["id"]
        return setup_intent_id

    async def draft(self, *quantities: int, store_id: int = STORE, path: str = "bopis", **fields: Any) -> Json:
        """A validate request for the first UPCs of the catalogue, one for each quantity."""
        items = [
            {"upc": upc, "qty": quantity, "price_per_unit": await self.price(store_id, upc) / 100}
            for upc, quantity in zip(self.upcs, quantities or (1,), strict=False)
        ]
        return {"store_id": store_id, "path_to_purchase": path, "items": items, "shopper": SHOPPER} | fields

    async def validate(self, draft: Json) -> httpx.Response:
        return await self.client.post(f"{HEADLESS}/cart/validate", json=draft)

    async def commit(self, jwt: str) -> httpx.Response:
        return await self.client.post(f"{HEADLESS}/cart/commit", headers={"Locally-Pl-Jwt": jwt})

    async def order(self, *quantities: int, **fields: Any) -> str:
        """Buy with a good card; the hash of the order."""
        draft = await self.draft(*quantities, **{"card_token": await self.card()} | fields)
        data = (await self.validate(draft)).json()["data"]
        assert (await self.commit(data["cart_hash_jwt"])).json()["success"] is True
        cart_hash: str = data["cart_hash"]
        return cart_hash

    async def move(self, cart_hash: str, upc: str | None = None, **fields: Any) -> httpx.Response:
        return await self.client.post(f"/api/v2/cart/{cart_hash}/{upc or self.upcs[0]}", json=fields)

    async def item(self, cart_hash: str, index: int = 0) -> Json:
        item: Json = (await self.get(f"/api/v2/cart/{cart_hash}"))["items"][index]
        return item


@asynccontextmanager
async def shopper_at(
    origin: str = "http://sandbox.test", transport: httpx.AsyncBaseTransport | None = None, token: str = BRAND_TOKEN
) -> AsyncIterator[Shopper]:
    headers = {"Locally-Api-Token": token}
    async with httpx.AsyncClient(transport=transport, base_url=origin, headers=headers, timeout=10) as client:
        products = (await client.get("/_sandbox/catalogue")).json()["products"]
        yield Shopper(client, [product["upc"] for product in products])


@asynccontextmanager
async def fresh_shopper(token: str = BRAND_TOKEN) -> AsyncIterator[Shopper]:
    """A shopper in a sandbox of her own, without a socket."""
    async with shopper_at(transport=httpx.ASGITransport(create_sandbox()), token=token) as shopper:
        yield shopper
