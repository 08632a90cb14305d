"""The service as a process that is killed while an action is under way, over a sandbox that outlives it."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.service import key
from tests.sts_world import Parcel, brand_prices, buy
from tests.test_placing_killed import serving
from tests.test_placing_sockets import listening

CALL = "v2/update"
PART = {"amount": 1000, "currency": "USD"}


async def killed_during(sandbox_url: str, folder: Path, settings: dict[str, str], using: str) -> Parcel:
    """An order whose service was killed while a refund hung that had been carried out."""
    async with serving(sandbox_url, folder, **settings) as world:
        parcel = await buy(world)
        await parcel.do("confirm")
        await world.service.fault(CALL, "hang")
        asking = asyncio.create_task(parcel.ask("refund", using=using, refund_amount=PART))
        await parcel.until(lambda: _is_carried_out(parcel))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    return parcel


async def _is_carried_out(parcel: Parcel) -> bool:
    return [refunded for _, refunded in await parcel.charges()] == [PART["amount"]]


@pytest.mark.parametrize("asks_again", [True, False])
async def test_killed_service_refunds_once(tmp_path: Path, asks_again: bool) -> None:
    using, settings = key(), {"CHECKOUT_PATHS": "bopis,sts", "CHECKOUT_CATALOGUE": str(brand_prices(tmp_path))}
    async with listening() as sandbox_url:
        dead = await killed_during(sandbox_url, tmp_path, settings, using)
        async with serving(sandbox_url, tmp_path, **settings) as world:
            parcel = replace(dead, world=world)

            async def is_known() -> Any:
                if asks_again:
                    return (await parcel.ask("refund", using=using, refund_amount=PART)).status_code == 200
                return (await parcel.read())["items"][0]["refunded"] == PART

            await parcel.until(is_known)
            await parcel.ended()
            assert await parcel.journal() == [("confirm", "done"), ("refund", "done")]
            assert await _is_carried_out(parcel)
