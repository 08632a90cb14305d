"""`checkout sts` against the service itself: from what waits for the brand to what it did."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from structlog.testing import capture_logs

from checkout.operating.sts_telling import items_of, tell_items, tell_results
from checkout.terminal import read_amount
from tests.placing_world import SECOND_UPC, World
from tests.service import UPC
from tests.sts_world import buy, selling_world
from tests.test_operating import Bridge, Silent, run
from tests.upstreams import lost_answer


@dataclass
class Terminal:
    """A person at the brand's terminal."""

    world: World

    async def ask(self, *arguments: str) -> Result:
        bridge = Bridge(self.world.service.app, asyncio.get_running_loop())
        with capture_logs():  # The service logs to the same output, in this process.
            return await asyncio.to_thread(run, bridge, "sts", *arguments)

    async def told(self, *arguments: str) -> str:
        result = await self.ask(*arguments)
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    async with selling_world("sqlite", tmp_path) as world:
        yield Terminal(world)


async def test_brand_works_through_its_list(terminal: Terminal) -> None:
    assert await terminal.told("list") == "Nothing waits for the brand.\n"
    parcel = await buy(terminal.world, UPC, SECOND_UPC)
    listed = await terminal.told("list")
    assert listed.count(parcel.order_id) == 2
    assert "2 to confirm or reject." in listed
    assert await terminal.told("confirm", parcel.order_id) == f"{UPC}: confirmed\n{SECOND_UPC}: confirmed\n"
    shipped = await terminal.told(
        "ship", parcel.order_id, UPC, "--carrier", "UPS", "--number", "1Z9", "--message", "Soon"
    )
    assert shipped == f"{UPC}: shipped\n"
    assert terminal.world.upstreams.bodies("v2/update")[-1] == {"sts_status": "shipped", "message": "Soon\nUPS 1Z9"}
    assert (
        await terminal.told("refund", parcel.order_id, SECOND_UPC, "--amount", "12.50") == f"{SECOND_UPC}: confirmed\n"
    )
    assert [refunded for _, refunded in await parcel.charges()] == [0, 1250]
    assert await terminal.told("refund", parcel.order_id, SECOND_UPC) == f"{SECOND_UPC}: refunded\n"
    assert await terminal.told("list") == "Nothing waits for the brand.\n"
    everything = json.loads(await terminal.told("list", "--all", "--json"))
    assert {item["status"] for item in everything["data"]} == {"shipped", "refunded"}


async def test_refusal_ends_the_command_with_1(terminal: Terminal) -> None:
    parcel = await buy(terminal.world)
    result = await terminal.ask("ship", parcel.order_id)
    assert result.exit_code == 1
    assert "Allowed now: confirm, reject, process." in result.output
    assert (await terminal.ask("reject", parcel.order_id)).exit_code == 2
    assert await terminal.told("reject", parcel.order_id, "--reason", "Sold out") == f"{UPC}: rejected\n"


def test_broken_connection_is_no_reason_to_ask_again_blindly() -> None:
    result = run(Silent(), "sts", "confirm", f"ord_{'0' * 32}", UPC)
    assert result.exit_code == 3
    assert "before you ask again" in result.output


async def test_doubt_is_told_as_doubt(terminal: Terminal) -> None:
    parcel = await buy(terminal.world)
    terminal.world.upstreams.on("v2/update", lost_answer)
    assert "not known yet" in await terminal.told("confirm", parcel.order_id, UPC)


async def test_amount_is_of_one_item(terminal: Terminal) -> None:
    parcel = await buy(terminal.world)
    for arguments in ([], [UPC, SECOND_UPC]):
        assert (await terminal.ask("refund", parcel.order_id, *arguments, "--amount", "1.00")).exit_code == 2
    assert (await terminal.ask("refund", parcel.order_id, UPC, "--amount", "1.5")).exit_code == 2


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("12.50", "USD", 1250), ("12", "USD", 1200), ("0.01", "CAD", 1), ("1200", "JPY", 1200)],
)
def test_amounts_are_read_as_people_write_them(text: str, currency: str, amount: int) -> None:
    assert read_amount(text, currency) == {"amount": amount, "currency": currency}


def test_longest_waiting_comes_first() -> None:
    def order(number: int, status: str) -> dict[str, object]:
        item = {"status": status, "upc": UPC, "quantity": 1, "name": None}
        return {
            "id": f"ord_{number}",
            "store": {"name": "Main Street Sports"},
            "placed_at": f"2026-11-2{number}T09:00:00Z",
            "items": [item],
        }

    orders = [order(3, "confirmed"), order(2, "pending_brand"), order(1, "pending_brand"), order(0, "shipped")]
    waiting = items_of(orders, everything=False)
    assert [item["order"] for item in waiting] == ["ord_1", "ord_2", "ord_3"]
    assert len(items_of(orders, everything=True)) == 4
    assert "2 to confirm or reject." in tell_items({"data": waiting})


def test_each_result_has_its_line() -> None:
    row = {"upc": UPC, "status": 409, "code": "action_refused", "detail": "Locally refused this.", "item_status": None}
    assert tell_results({"data": [row]}, "ship") == f"{UPC}: Locally refused this. (action_refused)"
