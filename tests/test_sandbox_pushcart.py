"""The sandbox's stores as dealers: what they have set up, their inventory files, and which carts a retailer has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from checkout.sandbox import BRAND_TOKEN, RETAILER_TOKEN
from tests.sandbox_mailbox import open_mailbox
from tests.sandbox_shopper import HEADLESS, OTHER_STORE, STORE, Json, Shopper, fresh_shopper

SAMPLE = Path(__file__).parent.parent / "docs" / "samples" / "inventory.csv"
ONE_STORE = f"sandbox_retailer_{STORE}"


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


def as_whom(shopper: Shopper, token: str) -> None:
    shopper.client.headers["Locally-Api-Token"] = token


async def set_up(shopper: Shopper, **knobs: object) -> Json:
    return await shopper.control(f"stores/{STORE}", knobs)


async def send_inventory(shopper: Shopper, csv: str | bytes) -> Json:
    answer = await shopper.client.put(f"/_sandbox/stores/{STORE}/inventory", content=csv)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


async def advance(shopper: Shopper, by: str) -> None:
    await shopper.control("clock", {"advance": by})


async def paths(shopper: Shopper) -> list[str]:
    """As a shopper finds them at the store."""
    facts = {"company_id": 1, "upc": shopper.upcs[0], "only_store_id": STORE}
    facts |= {"map_distance_unit": "mi", "map_distance_diag": 50}
    answer = await shopper.get(f"{HEADLESS}/conversion/store_data", **facts)
    return list(answer["data"]["markers"][0]["acquisition_options"])


@pytest.mark.parametrize(
    ("knobs", "missing"),
    [
        ({"tax_rate": None}, ["tax_rate"]),
        ({"stripe_connected": False}, ["stripe_connected"]),
        ({"payment_method": False, "tax_rate": None}, ["tax_rate", "payment_method"]),
    ],
)
async def test_store_sells_only_with_buy_it_locally(shopper: Shopper, knobs: Json, missing: list[str]) -> None:
    cart_hash = await shopper.order(1)
    assert (await set_up(shopper, **knobs))["missing"] == missing
    assert await paths(shopper) == []
    assert (await shopper.validate(await shopper.draft())).json()["success"] is False
    assert (await shopper.item(cart_hash))["status"] == "Ordered"
    await set_up(shopper, tax_rate="0.1025", stripe_connected=True, payment_method=True)
    assert await paths(shopper) == ["bopis", "ropis", "sdd", "sts"]


async def test_ship_to_store_needs_the_stores_approval(shopper: Shopper) -> None:
    await set_up(shopper, sts_approved=False)
    assert await paths(shopper) == ["bopis", "ropis", "sdd"]
    assert (await shopper.validate(await shopper.draft(path="sts"))).json()["success"] is False


async def test_inventory_file_is_the_whole_stock(shopper: Shopper) -> None:
    first, second, third = shopper.upcs[:3]
    told = await send_inventory(shopper, f"upc,qty,price\n{first},3,80.50\n{second.lstrip('0')},4\n99999999,1\n")
    assert (told["rows"], told["known"], told["inventory_stale"]) == (3, 2, False)
    catalogue = await shopper.get("/_sandbox/catalogue")
    store = next(one for one in catalogue["stores"] if one["id"] == STORE)
    assert [store["stock"][upc] for upc in (first, second, third)] == [3, 4, 0]
    assert [store["price"][upc] for upc in (first, second)] == [8050, 8900]


async def test_sample_inventory_fits_the_sandbox(shopper: Shopper) -> None:
    told = await send_inventory(shopper, SAMPLE.read_bytes())
    assert told["rows"] == told["known"] == 24


@pytest.mark.parametrize(("profile", "hours"), [("latest", 72), ("oldest", 24)])
async def test_old_inventory_switches_pushcart_off(shopper: Shopper, profile: str, hours: int) -> None:
    await shopper.control("settings", {"pushcart_profile": profile, "auto_cancel": False})
    await send_inventory(shopper, SAMPLE.read_bytes())
    cart_hash = await shopper.order(1)
    await advance(shopper, f"PT{hours - 1}H59M")
    assert "bopis" in await paths(shopper)
    await advance(shopper, "PT1M1S")
    assert await paths(shopper) == ["sts"]
    as_whom(shopper, RETAILER_TOKEN)
    refused = await shopper.move(cart_hash, status="confirmed")
    assert (refused.status_code, refused.json()["status"]) == (403, False)
    await send_inventory(shopper, SAMPLE.read_bytes())
    assert (await shopper.move(cart_hash, status="confirmed")).status_code == 200
    as_whom(shopper, BRAND_TOKEN)
    assert "bopis" in await paths(shopper)


async def test_seeded_stock_never_gets_old(shopper: Shopper) -> None:
    await advance(shopper, "P90D")
    assert "bopis" in await paths(shopper)


@pytest.mark.parametrize(("where", "hours"), [("switch", 2), ("store", 2), ("neither", 8)])
async def test_oldest_profile_leaves_two_hours(shopper: Shopper, where: str, hours: int) -> None:
    if where == "switch":
        await shopper.control("settings", {"pushcart_profile": "oldest"})
    elif where == "store":
        await set_up(shopper, pushcart="oldest")
    await advance_to_opening(shopper)
    cart_hash = await shopper.order(1)
    await advance(shopper, f"PT{hours - 1}H59M")
    assert (await shopper.item(cart_hash))["status"] == "Ordered"
    await advance(shopper, "PT1M")
    assert (await shopper.item(cart_hash))["order_resolution"] == "AUTO_CANCELED"


async def advance_to_opening(shopper: Shopper) -> None:
    """Go on to the first quarter of an hour in which the store is open, on a day of nine hours."""
    was_closed = False
    for _ in range(4 * 24 * 4):
        facts = {"company_id": 1, "upc": shopper.upcs[0], "only_store_id": STORE}
        facts |= {"map_distance_unit": "mi", "map_distance_diag": 50}
        marker = (await shopper.get(f"{HEADLESS}/conversion/store_data", **facts))["data"]["markers"][0]
        if marker["is_open"] and marker["today_hours"] == "10am-7pm" and was_closed:
            return
        was_closed = not marker["is_open"]
        await advance(shopper, "PT15M")
    raise AssertionError("the store never opens")


async def test_retailer_of_one_store_has_its_carts_alone(shopper: Shopper) -> None:
    own, other = await shopper.order(1), await shopper.order(1, store_id=OTHER_STORE)
    as_whom(shopper, ONE_STORE)
    listed = await shopper.get("/api/v2/carts")
    assert [cart["hash"] for cart in listed["carts"]] == [own]
    assert (await shopper.client.get(f"/api/v2/cart/{other}")).status_code == 404
    assert (await shopper.move(other, status="confirmed")).status_code == 404
    assert (await shopper.move(own, status="confirmed")).status_code == 200
    as_whom(shopper, RETAILER_TOKEN)
    assert len((await shopper.get("/api/v2/carts"))["carts"]) == 2


async def test_pages_of_a_retailer_are_its_own(shopper: Shopper) -> None:
    for _ in range(3):
        await shopper.order(1, path="ropis", store_id=OTHER_STORE)
    own = [await shopper.order(1, path="ropis") for _ in range(51)]
    as_whom(shopper, ONE_STORE)
    pages = [await shopper.get(f"/api/v2/carts/{page}") for page in (0, 1, 2)]
    assert [len(page["carts"]) for page in pages] == [50, 1, 0]
    assert (pages[0]["properties"]["total_pages"], pages[1]["carts"][0]["hash"]) == (2, own[0])


@pytest.mark.parametrize("token", ["sandbox_retailer_1", "sandbox_retailer_", "sandbox_retailer_37175x"])
async def test_other_retailers_are_not_known(shopper: Shopper, token: str) -> None:
    as_whom(shopper, token)
    assert (await shopper.client.get("/api/v2/carts")).status_code == 401


async def test_retailer_has_no_headless_access(shopper: Shopper) -> None:
    as_whom(shopper, ONE_STORE)
    assert (await shopper.client.get(f"{HEADLESS}/cart")).status_code == 403


async def test_store_without_pushcart_answers_on_its_screen(shopper: Shopper) -> None:
    await set_up(shopper, pushcart="off")
    cart_hash = await shopper.order(1)
    as_whom(shopper, RETAILER_TOKEN)
    assert (await shopper.get("/api/v2/carts"))["carts"] == []
    assert (await shopper.move(cart_hash, status="confirmed")).status_code == 404
    await shopper.control(f"orders/{cart_hash}/items/{shopper.upcs[0]}", {"action": "confirm"})


async def test_ship_to_store_may_be_hidden_from_retailers(shopper: Shopper) -> None:
    await shopper.control("settings", {"retailer_sees_sts": False})
    await shopper.order(1, path="sts")
    as_whom(shopper, RETAILER_TOKEN)
    assert (await shopper.get("/api/v2/carts"))["carts"] == []


async def test_retailer_hears_of_its_store_alone(shopper: Shopper) -> None:
    async with open_mailbox("ours") as retailer, open_mailbox("theirs") as brand:
        targets = {"locally_url": brand.url, "locally_token": "theirs", "retailer_url": retailer.url}
        told = await shopper.control("webhooks", targets | {"retailer_token": "ours", "retailer_store": STORE})
        assert (told["retailer_url"], told["retailer_store"]) == (retailer.url, STORE)
        other, own = await shopper.order(1, store_id=OTHER_STORE), await shopper.order(1)
        assert [body["order_id"] for body in await brand.wait_for(2)] == [other, own]
        assert [body["order_id"] for body in await retailer.wait_for(1)] == [own]
        assert retailer.received[0].headers["locally-webhook-token"] == "ours"


async def test_silent_store_is_told_by_put(shopper: Shopper) -> None:
    async with open_mailbox("theirs") as brand:
        await shopper.control("webhooks", {"locally_url": brand.url, "locally_token": "theirs"})
        await shopper.order(1)
        await advance(shopper, "P3D")
        assert await brand.words(2) == ["ordered", "canceled"]
        await shopper.control("webhooks", {"auto_method": "POST"})
        await shopper.order(1)
        await advance(shopper, "P3D")
        await brand.wait_for(4)
        assert [mail.method for mail in brand.received] == ["POST", "PUT", "POST", "POST"]


async def test_shopper_is_led_to_the_retailers_page(shopper: Shopper) -> None:
    draft = await shopper.draft(1, path="ropis")
    data = (await shopper.validate(draft)).json()["data"]
    page = (await shopper.commit(data["cart_hash_jwt"])).json()["data"]["target_uri"]
    assert (await shopper.client.get(page)).status_code == 200
    as_whom(shopper, RETAILER_TOKEN)
    await shopper.move(data["cart_hash"], status="received", fulfillment_url="https://pos.test/1")
    led = await shopper.client.get(page)
    assert (led.status_code, led.headers["location"]) == (302, "https://pos.test/1")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "pos.test/1", "https://", "https://x/ y"])
async def test_senseless_fulfillment_url_is_refused(shopper: Shopper, url: str) -> None:
    cart_hash = await shopper.order(1)
    answer = await shopper.move(cart_hash, status="received", fulfillment_url=url)
    assert (answer.status_code, "fulfillment_url" in answer.json()["message"]) == (400, True)
    assert (await shopper.ledger())["carts"][0]["fulfillment_url"] is None


async def test_screen_says_why_nothing_is_offered(shopper: Shopper) -> None:
    page = f"/_sandbox/stores/{STORE}"
    assert "Buy it Locally lacks" not in (await shopper.client.get(page)).text
    await set_up(shopper, tax_rate=None, stripe_connected=False)
    assert "Buy it Locally lacks tax rate, stripe connected." in (await shopper.client.get(page)).text
    await set_up(shopper, tax_rate="0.1", stripe_connected=True)
    await send_inventory(shopper, SAMPLE.read_bytes())
    await advance(shopper, "P4D")
    assert "more than 72 hours old" in (await shopper.client.get(page)).text


@pytest.mark.parametrize(("path", "account"), [("sts", "acct_locally"), ("bopis", "acct_store")])
async def test_ship_to_store_is_charged_by_locally(shopper: Shopper, path: str, account: str) -> None:
    await set_up(shopper, requires_account="acct_store")
    await shopper.control("settings", {"sts_account": "acct_locally"})
    statuses = {}
    for name in ("acct_store", "acct_locally"):
        draft = await shopper.draft(path=path, card_token=await shopper.card(account=name))
        statuses[name] = (await shopper.validate(draft)).status_code
    assert statuses == {"acct_store": 402, "acct_locally": 402} | {account: 200}


@pytest.mark.parametrize("value", ["locally", None, "acct_"])
async def test_senseless_account_is_named(shopper: Shopper, value: object) -> None:
    answer = await shopper.client.post("/_sandbox/settings", json={"sts_account": value})
    assert (answer.status_code, "sts_account" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tax_rate", "1.5"),
        ("stripe_connected", "yes"),
        ("stripe_connected", None),
        ("payment_method", 1),
        ("sts_approved", []),
        ("pushcart", "on"),
        ("pushcart", {}),
        ("pushcart", ["latest"]),
        ("paths", {"bopis": 1}),
        ("inventory_at", "2026-01-01"),
    ],
)
async def test_senseless_knob_is_named(shopper: Shopper, name: str, value: object) -> None:
    answer = await shopper.client.post(f"/_sandbox/stores/{STORE}", json={name: value})
    assert (answer.status_code, name in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("csv", "named"),
    [
        (b"", "row"),
        (b"upc,qty\n", "row"),
        (b"\xff\xfe", "CSV"),
        (b"068648100001,1\n12,1\n", "line 2: upc"),
        (b"upc,qty\n068648100001,-1\n", "line 2: qty"),
        (b"068648100001,1,-5\n", "line 1: price"),
        (b"068648100001,1,1.005\n", "line 1: price"),
    ],
)
async def test_senseless_inventory_changes_nothing(shopper: Shopper, csv: bytes, named: str) -> None:
    before = await shopper.get("/_sandbox/catalogue")
    answer = await shopper.client.put(f"/_sandbox/stores/{STORE}/inventory", content=csv)
    assert (answer.status_code, named in answer.json()["error"]) == (400, True)
    assert await shopper.get("/_sandbox/catalogue") == before


async def test_retailers_store_must_exist(shopper: Shopper) -> None:
    answer = await shopper.client.post("/_sandbox/webhooks", json={"retailer_store": 1})
    assert (answer.status_code, "retailer_store" in answer.json()["error"]) == (400, True)
