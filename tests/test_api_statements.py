"""Monthly statements over the whole service: what Locally's own books say, to the cent, in every form."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.databases import KINDS
from tests.markup import Markup
from tests.placing_world import SECOND_UPC, World
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, UPC
from tests.sts_world import Parcel, buy, selling_world
from tests.test_operating import Bridge, run


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with selling_world(request.param, tmp_path, sts_default_percent="50") as running:
        yield running


async def statement(world: World, month: str, form: str = "application/json") -> httpx.Response:
    answer = await world.service.call("GET", f"/v1/statements/{month}", with_=SECRET_KEY, Accept=form)
    assert answer.status_code == 200, answer.text
    return answer


def this_month(world: World) -> str:
    return f"{world.service.clock():%Y-%m}"


async def follow(parcel: Parcel) -> None:
    """Have the order's cart read, as a webhook would; the action itself is not possible any more."""
    await parcel.ask("refund")


async def sell(world: World) -> tuple[Parcel, Parcel]:
    """One order that was picked up, and one whose first item was refunded after shipping and whose second waits."""
    held, returned = await buy(world, quantity=2), await buy(world, UPC, SECOND_UPC)
    await held.do("confirm")
    await held.do("ship")
    await held.at_store("picked_up")
    await returned.do("process")
    await returned.do("ship")
    await returned.at_store("refund")
    for parcel in (held, returned):
        await follow(parcel)
    return held, returned


async def test_statement_is_locallys_own(world: World) -> None:
    held, returned = await sell(world)
    body = (await statement(world, this_month(world))).json()
    assert [order["order"] for order in body["orders"]] == [held.order_id, returned.order_id]
    theirs = (await world.service.sandbox.get(f"/_sandbox/statements/{this_month(world)}")).json()
    assert [_total(total) for total in body["totals"]] == [
        (total["party"], total["store_id"], total["amount"]) for total in theirs["totals"]
    ]
    assert body["differences"] == []
    assert not body["final"]


def _total(total: dict[str, Any]) -> tuple[str, int | None, int]:
    return total["party"], total["store"] and total["store"]["id"], total["amount"]["amount"]


async def test_totals_are_the_sums_of_the_lines(world: World) -> None:
    await sell(world)
    body = (await statement(world, this_month(world))).json()
    for party in ("brand", "retailer"):
        lines = [line for order in body["orders"] for line in order["lines"] if line["party"] == party]
        amounts = sum(line["amount"]["amount"] for line in lines)
        assert amounts == sum(total["amount"]["amount"] for total in body["totals"] if total["party"] == party)
        assert amounts == sum(order["total"][party]["amount"] for order in body["orders"])


async def test_each_month_has_its_own(world: World) -> None:
    held = await buy(world)
    await held.do("process")
    await held.do("ship")
    first = this_month(world)
    world.service.clock.advance(days=40)
    await held.at_store("picked_up")
    await follow(held)
    second = this_month(world)
    months = {month: (await statement(world, month)).json() for month in (first, second)}
    why = {
        month: [line["why"] for order in body["orders"] for line in order["lines"]] for month, body in months.items()
    }
    assert why == {first: ["shipped"], second: ["picked_up"]}
    assert (months[first]["final"], months[second]["final"]) == (True, False)
    year, number = map(int, first.split("-"))
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    assert months[first]["audited"] == {"begins": f"{following:%Y-%m}-01", "ends": f"{following:%Y-%m}-07"}
    assert months[first]["paid"] == {"begins": f"{following:%Y-%m}-08", "ends": f"{following:%Y-%m}-12"}


async def test_our_own_split_flags_what_differs(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path, sts_default_percent="60") as world:
        await sell(world)
        body = (await statement(world, this_month(world))).json()
        assert {each["of"] for each in body["differences"]} == {"split"}
        assert body["differences"][0]["ours"]["brand"]["amount"] == 2 * 5340
        assert sum(total["amount"]["amount"] for total in body["totals"]) == 17800


async def test_file_and_page_say_the_same(world: World) -> None:
    await sell(world)
    body = (await statement(world, this_month(world))).json()
    sheet = await statement(world, this_month(world), "text/csv")
    assert sheet.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(sheet.text.splitlines()))
    told = [line["amount"]["amount"] for order in body["orders"] for line in order["lines"]]
    assert [Decimal(row["amount"]) * 100 for row in rows] == told
    page = await statement(world, this_month(world), "text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    text = Markup(page.text).one("body").text
    for total in body["totals"]:
        assert f"{total['amount']['amount'] / 100:,.2f} USD" in text


async def test_empty_month_is_a_statement_too(world: World) -> None:
    body = (await statement(world, "2001-02")).json()
    assert (body["orders"], body["totals"], body["final"]) == ([], [], True)
    assert "Nothing in this month." in (await statement(world, "2001-02", "text/html")).text


@pytest.mark.parametrize("month", ["2026-13", "2026", "november"])
async def test_other_names_are_not_found(world: World, month: str) -> None:
    assert (await world.service.call("GET", f"/v1/statements/{month}", with_=SECRET_KEY)).status_code == 404


async def test_only_the_secret_key_reads_statements(world: World) -> None:
    assert (await world.service.call("GET", "/v1/statements/2026-11", with_=PUBLISHABLE_KEY)).status_code == 403


async def test_terminal_prints_every_form(world: World) -> None:
    held, _ = await sell(world)
    month = this_month(world)

    async def told(*arguments: str) -> str:
        bridge = Bridge(world.service.app, asyncio.get_running_loop())
        with capture_logs():
            result = await asyncio.to_thread(run, bridge, "statement", *arguments)
        assert result.exit_code == 0, result.output
        return result.output

    text = await told(month)
    assert "133.50 USD" in text
    assert "-44.50 USD" in text
    assert "Wicker Park Cyclery (37175)" in text
    assert (await told(month, "--csv")).startswith("at,order,")
    assert (await told(month, "--html")).startswith("<!doctype html>")
    assert held.order_id in await told(month, "--json")
    assert await told("2001-02") == "Nothing became payable in 2001-02.\n"
