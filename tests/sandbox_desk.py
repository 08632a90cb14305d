"""What the tests of the sandbox's order desk do all the time: act on an item, and look at its money."""

from typing import Any

import httpx

from tests.sandbox_shopper import Json, Shopper


async def act(shopper: Shopper, cart_hash: str, action: str, upc: str = "", **fields: Any) -> httpx.Response:
    path = f"/_sandbox/orders/{cart_hash}/items/{upc or shopper.upcs[0]}"
    return await shopper.client.post(path, json={"action": action} | fields)


async def done(shopper: Shopper, cart_hash: str, action: str, **fields: Any) -> Json:
    answer = await act(shopper, cart_hash, action, **fields)
    assert answer.status_code == 200, answer.text
    item: Json = answer.json()
    return item


def money(item: Json) -> tuple[str | None, int | None, int | None]:
    """State of the hold, amount charged and amount refunded."""
    hold, charge = item["hold"], item["charge"]
    return hold and hold["state"], charge and charge["amount"], charge and charge["refunded"]
