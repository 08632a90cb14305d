"""`checkout orders`, against a retailer's service that runs beside the brand's."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from checkout.__main__ import main
from checkout.operating.orders_telling import tell_intake, tell_orders
from tests.pushcart_world import Trade, trading
from tests.service import SHOPPER, UPC
from tests.test_operating import Answering, Bridge, run

Ask = Callable[..., Awaitable[Result]]


@pytest.fixture
async def trade() -> AsyncIterator[Trade]:
    async with trading(before=2) as running:
        await running.intake_over()
        yield running


@pytest.fixture
async def ask(trade: Trade) -> Ask:
    """Run a command for the retailer."""
    bridge = Bridge(trade.retailer.app, asyncio.get_running_loop())

    async def asking(*arguments: str) -> Result:
        with capture_logs():  # The service logs to the same output, in this process.
            return await asyncio.to_thread(run, bridge, "orders", *arguments)

    return asking


async def test_order_is_listed_answered_and_shown(trade: Trade, ask: Ask) -> None:
    first, second = await trade.orders()
    listed = (await ask("list")).stdout
    assert first["id"] in listed
    assert second["id"] in listed
    assert (await ask("receive", first["id"], "--page", "https://a.example/1")).stdout == f"{UPC}: ordered\n"
    assert (await ask("confirm", first["id"], UPC)).stdout == f"{UPC}: confirmed\n"
    assert (await ask("refund", first["id"], UPC, "--amount", "10.00")).stdout == f"{UPC}: partially refunded\n"
    assert (await ask("fulfill", first["id"])).stdout == f"{UPC}: picked up\n"
    assert (await ask("reject", second["id"], "--reason", "Sold out")).stdout == f"{UPC}: declined\n"
    shown = (await ask("show", first["id"])).stdout
    assert "https://a.example/1" in shown
    assert SHOPPER["last_name"] in shown
    assert "10.00 USD" in shown
    assert "declined (Sold out)" in (await ask("show", second["id"])).stdout
    assert (await ask("list")).stdout == "There is no such order.\n"
    assert second["id"] in (await ask("list", "--status", "canceled")).stdout


async def test_answer_that_is_not_taken_ends_with_one(trade: Trade, ask: Ask) -> None:
    (order, _) = await trade.orders()
    refused = await ask("refund", order["id"])
    assert refused.exit_code == 1
    assert "Allowed now: receive, confirm, reject." in refused.stdout


async def test_refund_of_a_part_names_its_item(trade: Trade, ask: Ask) -> None:
    (order, _) = await trade.orders()
    assert (await ask("refund", order["id"], "--amount", "1.00")).exit_code == 2


async def test_import_takes_in_what_is_there(trade: Trade, ask: Ask) -> None:
    cart_hash = await trade.buy()
    imported = await ask("import")
    assert imported.stdout == "Orders taken in: 1. Pages read: 1.\n"
    assert cart_hash in {order["cart_hash"] for order in await trade.orders()}
    assert json.loads((await ask("import", "--json")).stdout)["taken_in"] == 0


class InTurn(httpx.BaseTransport):
    """One answer after the other."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self._documents = list(documents)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self._documents.pop(0))


def test_import_tells_once_what_holds_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.operating.orders._POLL_SECONDS", 0)
    running = {"status": "running", "pages": {"done": 0, "total": None}, "taken_in": 0, "left": 0, "fault": None}
    paused = {**running, "status": "paused", "fault": "upstream_busy"}
    over = {**running, "status": "waiting", "pages": {"done": 2, "total": 2}, "taken_in": 60}
    imported = run(InTurn(running, paused, paused, running, over), "orders", "import")
    assert imported.stderr.count("held up (upstream_busy)") == 1
    assert imported.stdout == "Orders taken in: 60. Pages read: 2.\n"


def test_brands_service_refuses_with_the_way_out() -> None:
    problem = {"code": "not_here", "detail": "There is no such call.", "errors": []}
    refused = run(Answering(404, problem), "orders", "import")
    assert refused.exit_code == 1
    assert "CHECKOUT_ROLE" in refused.stderr


def order_until(answer_by: str | None) -> dict[str, Any]:
    return {
        "id": "ord_1",
        "status": "open",
        "answer_by": answer_by,
        "placed_at": "2026-11-22T09:00:00Z",
        "store": {"name": "Main Street"},
        "items": [{"quantity": 2}, {"quantity": 1}],
        "totals": {"total": {"amount": 9812, "currency": "USD"}},
    }


@pytest.mark.parametrize(
    ("answer_by", "left"),
    [("2026-11-22T13:05:00Z", "1 h 05 min"), ("2026-11-22T11:00:00Z", "over"), (None, "-")],
)
def test_list_tells_how_long_is_left(answer_by: str | None, left: str) -> None:
    told = tell_orders({"data": [order_until(answer_by)], "next_cursor": None}, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert left in re.split(" {2,}", told.splitlines()[1])[1]


def test_list_says_that_there_are_more() -> None:
    told = tell_orders({"data": [order_until(None)], "next_cursor": "x"}, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert told.endswith("There are more: --limit shows them.")


def test_import_tells_what_could_not_be_read() -> None:
    told = tell_intake({"pages": {"done": 3, "total": 3}, "taken_in": 120, "left": 2})
    assert told.splitlines()[0] == "Orders taken in: 120. Pages read: 3."
    assert told.splitlines()[1].startswith("Carts that could not be read: 2.")


async def test_story_is_found_by_order_and_by_cart(trade: Trade) -> None:
    bridge = Bridge(trade.retailer.app, asyncio.get_running_loop())
    (order, _) = await trade.orders()
    for name in (order["id"], order["cart_hash"]):
        with capture_logs():
            told = await asyncio.to_thread(run, bridge, "explain", name)
        assert f"The order was taken in: cart {order['cart_hash']}" in told.stdout
    with capture_logs():
        unknown = await asyncio.to_thread(run, bridge, "explain", "NOWHERE")
    assert unknown.stderr.startswith("checkout: nothing is known of NOWHERE")


async def test_stopped_retailers_records_tell_the_story(tmp_path: Path) -> None:
    file = tmp_path / "retailer.db"
    async with trading(before=1, database_url=f"sqlite:///{file}") as trade:
        await trade.intake_over()
        (order,) = await trade.orders()
    for name in (order["id"], order["cart_hash"]):
        told = await asyncio.to_thread(
            CliRunner().invoke, main, ["explain", name, "--database", str(file)], catch_exceptions=False
        )
        assert f"The order was taken in: cart {order['cart_hash']}" in told.stdout
