"""A ship-to-store order over the whole service, and what brand and store do with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from checkout.database.tables import item_actions
from tests.placing_world import SECOND_UPC, World, running_world
from tests.service import SECRET_KEY, UPC

PLENTY_SECONDS = 30


def brand_prices(folder: Path) -> Path:
    """The brand's own prices, in a file."""
    catalogue = folder / "catalogue.csv"
    catalogue.write_text(f"upc,name,price\n{UPC},Trail jacket,89.00\n{SECOND_UPC},Trail shoe,89.00\n")
    return catalogue


@asynccontextmanager
async def selling_world(kind: str, folder: Path, **changes: str) -> AsyncIterator[World]:
    """The service with ship-to-store among its paths, and the brand's own prices, which these orders take."""
    settings = {"paths": "bopis,sts", "recovery_interval": "0.05", "catalogue": str(brand_prices(folder))}
    async with running_world(kind, folder, **settings, **changes) as world:
        yield world


@dataclass
class Parcel:
    """One ship-to-store order."""

    world: World
    order_id: str
    url: str
    cart_hash: str = ""

    async def ask(self, action: str, upc: str = UPC, *, using: str | None = None, **fields: Any) -> httpx.Response:
        """The brand asks for an action."""
        path = f"/v1/orders/{self.order_id}/items/{upc}/ship-to-store"
        headers = {"Idempotency_Key": using} if using else {}
        return await self.world.service.call(
            "POST", path, {"action": action, **fields}, with_=SECRET_KEY, Prefer="wait=0", **headers
        )

    async def do(self, action: str, upc: str = UPC, **fields: Any) -> dict[str, Any]:
        """The item, once the brand's action took effect."""
        answer = await self.ask(action, upc, **fields)
        assert answer.status_code == 200, answer.text
        return next(dict(item) for item in answer.json()["items"] if item["upc"] == upc)

    async def at_store(self, action: str, upc: str = UPC, **fields: Any) -> None:
        """What happens at Locally's own screens."""
        path = f"/_sandbox/orders/{self.cart_hash}/items/{upc}"
        answer = await self.world.service.sandbox.post(path, json={"action": action, **fields})
        assert answer.status_code == 200, answer.text

    async def read(self, path: str = "") -> dict[str, Any]:
        answer = await self.world.service.call("GET", f"/v1/orders/{self.order_id}{path}", with_=SECRET_KEY)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def status(self) -> str:
        return str((await self.read())["items"][0]["status"])

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until a condition holds, which may be asynchronous."""
        ends = time.monotonic() + PLENTY_SECONDS
        while not await holds():
            assert time.monotonic() < ends
            await asyncio.sleep(0.02)

    async def becomes(self, status: str) -> None:
        async def holds() -> bool:
            return await self.status() == status

        await self.until(holds)

    async def journal(self) -> list[tuple[str, str]]:
        """Action and state of all that was asked."""
        return [(row["action"], row["state"]) for row in await self.world.rows(item_actions)]

    async def ended(self) -> None:
        """Wait until nothing is under way."""

        async def holds() -> bool:
            return not any(state in {"sending", "unknown"} for _, state in await self.journal())

        await self.until(holds)

    async def story(self) -> list[str]:
        """What was noted of actions."""
        events = [entry["event"] for entry in (await self.read("/timeline"))["data"]]
        return [event for event in events if event.startswith("action.")]

    async def charges(self) -> list[tuple[int, int]]:
        """What of each charge was taken, and what went back."""
        ledger = await self.world.service.ledger()
        return [(charge["amount"], charge["refunded"]) for charge in ledger["charges"]]


async def buy(world: World, *upcs: str, quantity: int = 1) -> Parcel:
    items = [{"upc": upc, "quantity": quantity} for upc in upcs or (UPC,)]
    checkout, card = await world.ready(path_to_purchase="sts", items=items)
    answer = await world.place(checkout, card)
    assert answer.status_code == 200, answer.text
    order = answer.json()["order"]
    parcel = Parcel(world, order["id"], order["url"])
    parcel.cart_hash = (await parcel.read())["cart_hash"]
    return parcel
