"""The sandbox's scans of the brand's available-to-sell feed: when it counts, what it offers, and when it is gone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.sandbox import create_sandbox
from checkout.sandbox.feed_sheet import read_sheet, sheet_of
from tests.sandbox_feed_server import HEAD, FeedServer, feed_server
from tests.sandbox_shopper import HEADLESS, STORE, Json, Shopper, fresh_shopper, shopper_at

UPC, OTHER = "068648100001", "068648100117"
SAMPLES = Path(__file__).parent.parent / "docs" / "samples"


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


@pytest.fixture
async def brand() -> AsyncIterator[FeedServer]:
    async with feed_server() as server:
        server.serve(f"{UPC},10,60,5.00,US")
        yield server


async def configured(shopper: Shopper, brand: FeedServer) -> Json:
    return await shopper.control("feed", {"url": brand.url})


async def advance(shopper: Shopper, by: str) -> Json:
    await shopper.control("clock", {"advance": by})
    return await shopper.get("/_sandbox/feed")


async def accepts(shopper: Shopper, quantity: int = 1, upc: str = UPC) -> bool:
    """Whether so many can be bought ship-to-store."""
    draft = await shopper.draft(quantity, path="sts")
    draft["items"][0] |= {"upc": upc, "price_per_unit": 89}
    success: bool = (await shopper.validate(draft)).json()["success"]
    return success


async def paths_of(shopper: Shopper, store_id: int = STORE) -> list[str]:
    stores = (await shopper.get("/_sandbox/catalogue"))["stores"]
    paths: list[str] = next(store["paths"] for store in stores if store["id"] == store_id)
    return paths


async def test_feed_says_what_can_be_shipped(shopper: Shopper, brand: FeedServer) -> None:
    told = await configured(shopper, brand)
    assert (told["on"], told["scan"]["status"], told["scan"]["read"]) == (True, 200, 1)
    assert [(row["upc"], row["quantity"], row["shipping"], row["percent"]) for row in told["rows"]] == [
        (UPC, 10, 500, "60")
    ]
    assert [await accepts(shopper, 10), await accepts(shopper, 11), await accepts(shopper, upc=OTHER)] == [
        True,
        False,
        False,
    ]


async def test_shipping_cost_is_in_every_total(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    draft = await shopper.draft(2, path="sts", card_token=await shopper.card())
    answer = (await shopper.validate(draft)).json()["data"]
    cart = (await shopper.client.get(f"{HEADLESS}/cart", headers={"Locally-Pl-Jwt": answer["cart_hash_jwt"]})).json()
    totals = cart["data"]["cart_content"]["cart"]
    assert [totals[name] for name in ("subtotal", "tax_total", "shipping_cost_total", "grand_total")] == [
        178,
        18.24,
        10,
        206.24,
    ]
    assert (await shopper.ledger())["holds"][0]["amount"] == 20624
    await shopper.commit(answer["cart_hash_jwt"])
    item = await shopper.item(answer["cart_hash"])
    assert (item["shipping"], item["total"], item["split_brand"], item["split_retailer"]) == (
        "10.00",
        "206.24",
        "116.80",
        "71.20",
    )
    assert (await shopper.get("/api/v2/carts"))["carts"][0]["items"][0]["total"] == 206.24


@pytest.mark.parametrize(
    ("head", "row", "shares"),
    [
        (HEAD, f"{UPC},10,-1,,", ("44.50", "44.50")),
        (HEAD, f"{UPC},10", ("44.50", "44.50")),
        (HEAD, f"{UPC},10,33.33,0,us", ("29.66", "59.34")),
        ("upc,qty,split_flat,shipping cost", f"{UPC},10,20.00,0", ("69.00", "20.00")),
        ("upc,qty,Split Flat,shipping cost", f"{UPC},10,-1,0", ("44.50", "44.50")),
        ("upc,qty,split_flat,shipping cost", f'{UPC},10,"1,000.00",0', ("0.00", "89.00")),
    ],
)
async def test_each_way_to_split_is_understood(
    shopper: Shopper, brand: FeedServer, head: str, row: str, shares: tuple[str, str]
) -> None:
    brand.serve(row, head=head)
    await configured(shopper, brand)
    item = await shopper.item(await shopper.order(1, path="sts"))
    assert (item["split_brand"], item["split_retailer"]) == shares


async def test_default_percent_is_a_setting(shopper: Shopper) -> None:
    await shopper.control("settings", {"sts_percent": 70})
    assert (await shopper.item(await shopper.order(1, path="sts")))["split_brand"] == "62.30"


async def test_country_of_a_row_is_where_it_counts(shopper: Shopper, brand: FeedServer) -> None:
    brand.serve(f"{UPC},10,60,0,CA", f"{OTHER},1,60,0,", f"{OTHER},4,60,0,US")
    await configured(shopper, brand)
    assert [await accepts(shopper), await accepts(shopper, 4, OTHER)] == [False, True]


async def test_feed_is_scanned_by_the_hour(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    await advance(shopper, "PT59M")
    assert len(brand.asked) == 1
    await advance(shopper, "PT1M")
    assert len(brand.asked) == 2
    await advance(shopper, "P2D")
    assert len(brand.asked) == 3


async def test_address_told_twice_is_scanned_once_an_hour(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    await configured(shopper, brand)
    await shopper.client.post("/_sandbox/feed/scan")
    await advance(shopper, "PT1H")
    assert len(brand.asked) == 4
    await advance(shopper, "PT1H")
    assert len(brand.asked) == 5


async def test_change_reaches_stores_three_hours_after_the_scan(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    brand.serve(f"{UPC},20,60,5.00,US")
    told = await advance(shopper, "PT1H")
    assert told["next_at_stores"] is not None
    assert await accepts(shopper, 20) is False
    await advance(shopper, "PT2H59M")
    assert await accepts(shopper, 20) is False
    await advance(shopper, "PT1M")
    assert await accepts(shopper, 20) is True


async def test_leap_of_four_hours_brings_the_change(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    brand.serve(f"{UPC},20,60,5.00,US")
    await advance(shopper, "PT4H")
    assert await accepts(shopper, 20) is True


async def test_change_may_reach_stores_at_once(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    await shopper.control("settings", {"feed_reach_hours": 0})
    brand.serve(f"{UPC},20,60,5.00,US")
    await shopper.client.post("/_sandbox/feed/scan")
    assert await accepts(shopper, 20) is True


@pytest.mark.parametrize("how", ["500", "404", "garbage", "cut", "silent"])
async def test_gone_feed_switches_ship_to_store_off(shopper: Shopper, brand: FeedServer, how: str) -> None:
    await configured(shopper, brand)
    sound, url = brand.body, brand.url
    if how.isdigit():
        brand.status = int(how)
    elif how == "garbage":
        brand.body = b"<!doctype html>\n<title>Back soon</title>"
    elif how == "cut":
        brand.serve(f"{UPC},10,60,5.00,US", f"{OTHER},10,60,5.00,US")
        brand.cut = 5
    else:
        await shopper.control("feed", {"url": "http://127.0.0.1:1/feed.csv"})
    told = await advance(shopper, "PT1H")
    assert (told["on"], bool(told["scan"]["fault"])) == (False, True)
    assert "sts" not in await paths_of(shopper)
    assert await accepts(shopper) is False
    brand.status, brand.cut, brand.body = 200, 0, sound
    if how == "silent":
        await shopper.control("feed", {"url": url})
    assert (await advance(shopper, "PT1H"))["on"] is True
    assert await accepts(shopper) is True


async def test_feed_that_offers_nothing_is_there(shopper: Shopper, brand: FeedServer) -> None:
    brand.serve()
    assert (await configured(shopper, brand))["on"] is True
    assert await accepts(shopper) is False


async def test_unchanged_feed_need_not_be_sent(shopper: Shopper, brand: FeedServer) -> None:
    brand.etag = '"v1"'
    await configured(shopper, brand)
    told = await advance(shopper, "PT1H")
    assert (told["on"], told["scan"]["status"], len(told["rows"])) == (True, 304, 1)
    assert all("user-agent: locally-sandbox" in head for head in brand.asked)


async def test_unsound_rows_are_told_by_line(shopper: Shopper, brand: FeedServer) -> None:
    brand.serve(
        f"{UPC},10,60,0,US",
        "",
        f"{UPC},9,60,0,US",
        "12,1,60",
        f"{OTHER},many",
        f"{OTHER},1,101",
        f"{OTHER},1,60,free",
        f"{OTHER},1,60,0,USA",
    )
    scan = (await configured(shopper, brand))["scan"]
    assert (scan["read"], scan["faulty"]) == (7, 6)
    assert [(fault["line"], fault["reason"].split(" must")[0]) for fault in scan["faults"]] == [
        (4, "upc stands in an earlier row"),
        (5, "upc"),
        (6, "qty"),
        (7, "percent revenue retained"),
        (8, "shipping cost"),
        (9, "country"),
    ]


async def test_sale_counts_until_the_feed_knows_of_it(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    await shopper.control("settings", {"feed_reach_hours": 0})
    await shopper.move(await shopper.order(8, path="sts"), sts_status="confirm-brand")
    assert [await accepts(shopper, 2), await accepts(shopper, 3)] == [True, False]
    await advance(shopper, "PT1H")
    assert await accepts(shopper, 3) is False
    brand.serve(f"{UPC},3,60,5.00,US")
    await advance(shopper, "PT1H")
    assert [await accepts(shopper, 3), await accepts(shopper, 4)] == [True, False]


async def test_sale_after_the_scan_outlives_the_change(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    brand.serve(f"{UPC},9,60,5.00,US")
    await advance(shopper, "PT1H")
    await shopper.move(await shopper.order(4, path="sts"), sts_status="confirm-brand")
    await advance(shopper, "PT3H")
    assert [await accepts(shopper, 5), await accepts(shopper, 6)] == [True, False]


async def test_without_a_feed_the_warehouse_counts_again(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    told = await shopper.control("feed", {"url": None})
    assert (told["url"], told["on"], told["rows"]) == (None, True, [])
    assert await accepts(shopper, 11) is True
    await advance(shopper, "PT2H")
    assert len(brand.asked) == 1


async def test_starting_afresh_ends_the_scans(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    await shopper.client.request("DELETE", "/_sandbox")
    assert (await advance(shopper, "PT2H"))["url"] is None
    assert len(brand.asked) == 1


async def test_state_file_carries_the_feed_on(brand: FeedServer, tmp_path: Path) -> None:
    def opened() -> Any:
        return shopper_at(transport=httpx.ASGITransport(create_sandbox(state=tmp_path / "sandbox.db")))

    async with opened() as before:
        await configured(before, brand)
        await before.move(await before.order(8, path="sts"), sts_status="confirm-brand")
        told = await before.get("/_sandbox/feed")
    async with opened() as after:
        assert await after.get("/_sandbox/feed") == told
        assert await accepts(after, 3) is False
        await advance(after, "PT1H")
        assert len(brand.asked) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("feed", {}),
        ("feed", {"url": "ftp://brand.test/feed.csv"}),
        ("feed", {"url": "http://x/\n"}),
        ("feed", {"url": 7}),
        ("feed", {"url": None, "hours": 1}),
        ("feed/scan", {}),
        ("settings", {"sts_percent": 101}),
        ("settings", {"feed_reach_hours": 4}),
    ],
)
async def test_senseless_feed_control_names_its_field(shopper: Shopper, path: str, body: Json) -> None:
    answer = await shopper.client.post(f"/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert any(name in answer.json()["error"] for name in [*body, "url"])


@given(st.text() | st.lists(st.text(max_size=12), max_size=8).map(",".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    sheet = read_sheet(text.splitlines(keepends=True), {UPC})
    assert sheet.faulty <= sheet.read
    assert sheet_of(sheet.as_document()) == sheet


@pytest.mark.parametrize("name", ["available-to-sell.csv", "available-to-sell-split-flat.csv"])
async def test_sample_feed_fits_the_sandbox(shopper: Shopper, brand: FeedServer, name: str) -> None:
    brand.body = (SAMPLES / name).read_bytes()
    told = await configured(shopper, brand)
    assert (told["scan"]["faulty"], len(told["rows"])) == (0, len(shopper.upcs))


async def test_warehouse_counts_until_a_later_feed_comes(shopper: Shopper, brand: FeedServer) -> None:
    brand.status = 404
    told = await shopper.control("feed", {"url": brand.url, "later": True})
    assert (told["on"], told["scan"], brand.asked) == (True, None, [])
    told = await advance(shopper, "PT1H")
    assert (told["on"], told["scan"]["status"], await accepts(shopper)) == (True, 404, True)
    brand.status = 200
    brand.serve(f"{OTHER},10,60,0,US")
    told = (await shopper.client.post("/_sandbox/feed/scan")).json()
    assert (told["on"], await accepts(shopper), await accepts(shopper, upc=OTHER)) == (True, False, True)
    brand.status = 404
    assert (await advance(shopper, "PT1H"))["on"] is False


async def test_later_feed_told_twice_goes_on(shopper: Shopper, brand: FeedServer) -> None:
    await configured(shopper, brand)
    told = await shopper.control("feed", {"url": brand.url, "later": True})
    assert [row["upc"] for row in told["rows"]] == [UPC]
