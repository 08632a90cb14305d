"""The sandbox's controls: the ledger's shape, faults, clock, stock, switches, starting afresh and starting again."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from checkout.sandbox import BRAND_TOKEN, RETAILER_TOKEN, WEBHOOK_TOKEN, create_sandbox
from tests.sandbox_shopper import HEADLESS, STORE, Json, Shopper, fresh_shopper, shopper_at


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def suggest(shopper: Shopper) -> httpx.Response:
    return await shopper.client.get(f"{HEADLESS}/location/suggest", params={"query": "chicago"})


async def test_ledger_starts_empty(shopper: Shopper) -> None:
    assert await shopper.ledger() == {"orders": [], "holds": [], "charges": [], "carts": [], "calls": []}


async def test_ledger_has_the_documented_keys(shopper: Shopper) -> None:
    await shopper.move(await shopper.order(1), status="confirmed")
    ledger = await shopper.ledger()
    order, hold, charge = ledger["orders"][0], ledger["holds"][0], ledger["charges"][0]
    assert set(order) >= {"hash", "token", "store_id", "path", "items", "shopper", "ordered_at"}
    assert set(order["items"][0]) >= {"upc", "qty", "status"}
    assert set(hold) >= {"id", "cart_hash", "upc", "amount", "currency", "state", "setup_intent"}
    assert set(charge) >= {"id", "hold", "amount", "refunded"}
    assert set(ledger["carts"][0]) >= {"hash", "state", "source"}
    assert set(ledger["calls"][0]) >= {"at", "call", "method", "path", "status", "fault", "done"}
    assert charge["hold"] == hold["id"]
    assert hold["setup_intent"].startswith("seti_")


async def test_ledger_names_every_call(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    await shopper.get(f"/api/v2/cart/{cart_hash}")
    await shopper.get("/api/v2/carts/0")
    await shopper.get(f"{HEADLESS}/location/switch/41.9/-87.6")
    calls = [call["call"] for call in (await shopper.ledger())["calls"]]
    assert calls == [
        "stripe/setup_intents",
        "cart/validate",
        "cart/commit",
        "v2/update",
        "v2/cart",
        "v2/carts",
        "location/switch",
    ]


async def test_call_tells_time_status_and_outcome(shopper: Shopper) -> None:
    await suggest(shopper)
    call = (await shopper.ledger())["calls"][0]
    assert (call["method"], call["path"]) == ("GET", f"{HEADLESS}/location/suggest")
    assert (call["status"], call["fault"], call["done"]) == (200, None, True)
    assert call["at"].endswith("Z")
    assert datetime.fromisoformat(call["at"]).utcoffset() == timedelta(0)


async def test_status_500_is_not_done(shopper: Shopper) -> None:
    await shopper.control("faults", {"call": "location/suggest", "kind": "status_500"})
    answers = [(await suggest(shopper)).status_code for _ in range(2)]
    calls = (await shopper.ledger())["calls"]
    assert answers == [500, 200]
    assert [(call["status"], call["fault"], call["done"]) for call in calls] == [
        (500, "status_500", False),
        (200, None, True),
    ]


async def test_garbage_is_done_and_html(shopper: Shopper) -> None:
    draft = await shopper.draft(card_token=await shopper.card())
    await shopper.control("faults", {"call": "cart/validate", "kind": "garbage"})
    answer = await shopper.validate(draft)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert len((await shopper.ledger())["holds"]) == 1


async def test_slow_answers_after_its_seconds(shopper: Shopper) -> None:
    await shopper.control("faults", {"call": "location/suggest", "kind": "slow", "seconds": 0.05})
    answer = await suggest(shopper)
    assert (answer.status_code, answer.elapsed >= timedelta(seconds=0.05)) == (200, True)


@pytest.mark.parametrize(("kind", "done"), [("status_500", True), ("garbage", False), ("slow", False)])
async def test_done_overrides_the_kind(shopper: Shopper, kind: str, done: bool) -> None:
    draft = await shopper.draft(card_token=await shopper.card())
    await shopper.control("faults", {"call": "cart/validate", "kind": kind, "done": done, "seconds": 0})
    await shopper.validate(draft)
    ledger = await shopper.ledger()
    assert (ledger["calls"][-1]["done"], len(ledger["holds"])) == (done, int(done))


async def test_fault_hits_so_many_times_after_so_many(shopper: Shopper) -> None:
    await shopper.control("faults", {"call": "location/suggest", "kind": "status_500", "times": 2, "after": 1})
    assert [(await suggest(shopper)).status_code for _ in range(4)] == [200, 500, 500, 200]


async def test_fault_hits_its_own_call_only(shopper: Shopper) -> None:
    await shopper.control("faults", {"call": "stripe/setup_intents", "kind": "status_500"})
    assert (await suggest(shopper)).status_code == 200
    answer = await shopper.client.get("/v1/setup_intents/seti_x", headers={"Authorization": "Bearer sk_test_brand"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "api_error")


async def test_cleared_faults_hit_nothing(shopper: Shopper) -> None:
    told = await shopper.control("faults", {"call": "location/suggest", "kind": "status_500"})
    assert [fault["kind"] for fault in told["faults"]] == ["status_500"]
    cleared = await shopper.client.request("DELETE", "/_sandbox/faults")
    assert cleared.json()["faults"] == (await shopper.get("/_sandbox/faults"))["faults"] == []
    assert (await suggest(shopper)).status_code == 200


@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "reset", "hang"])
async def test_socket_fault_without_socket_is_an_error(shopper: Shopper, kind: str) -> None:
    await shopper.control("faults", {"call": "location/suggest", "kind": kind})
    with pytest.raises(RuntimeError, match="breaks a socket"):
        await suggest(shopper)


FAULT = {"call": "cart/commit", "kind": "slow"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", []),
        ("faults", {"call": "cart/commit"}),
        ("faults", FAULT | {"call": "cart/nothing"}),
        ("faults", FAULT | {"kind": "meteor"}),
        ("faults", FAULT | {"kind": ["slow"]}),
        ("faults", FAULT | {"times": 0}),
        ("faults", FAULT | {"times": True}),
        ("faults", FAULT | {"seconds": -1}),
        ("faults", FAULT | {"done": "yes"}),
        ("faults", FAULT | {"after": 1.5}),
        ("faults", FAULT | {"often": 1}),
        ("clock", {}),
        ("clock", {"advance": "2 hours"}),
        ("clock", {"advance": "P"}),
        ("clock", {"advance": "-PT1H"}),
        ("clock", {"advance": "P9999999W"}),
        ("stock", {"store_id": STORE, "upc": "068648100001"}),
        ("stock", {"store_id": 1, "upc": "068648100001", "quantity": 1}),
        ("stock", {"store_id": STORE, "upc": "1", "quantity": 1}),
        ("stock", {"store_id": STORE, "upc": ["1"], "quantity": 1}),
        ("stock", {"store_id": STORE, "upc": "068648100001", "quantity": -1}),
        ("stock", {"store_id": STORE, "upc": "068648100001", "price": 1.5}),
        ("settings", {"answer_hours": 3}),
        ("settings", {"answer_hours": [8]}),
        ("settings", {"gravity": True}),
        ("settings", {"ropis_tax": 1}),
        ("stores/1", {"paths": ["bopis"]}),
        (f"stores/{STORE}", {"paths": ["drone"]}),
        (f"stores/{STORE}", {"requires_account": "store1"}),
        (f"stores/{STORE}", {"tax_rate": "NaN"}),
        ("webhooks", {"locally_url": "ftp://x"}),
        ("webhooks", {"url": "http://x"}),
    ],
)
async def test_senseless_control_is_refused_plainly(shopper: Shopper, path: str, body: Json) -> None:
    answer = await shopper.client.post(f"/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert len(answer.json()["error"]) > 10


async def test_control_body_must_be_json(shopper: Shopper) -> None:
    assert (await shopper.client.post("/_sandbox/faults", content=b"{")).status_code == 400


async def test_controls_are_neither_recorded_nor_faulted(shopper: Shopper) -> None:
    await shopper.get("/_sandbox/catalogue")
    assert (await shopper.ledger())["calls"] == []


async def test_clock_only_moves_forward(shopper: Shopper) -> None:
    before = datetime.fromisoformat((await shopper.get("/_sandbox/clock"))["now"])
    told = await shopper.control("clock", {"advance": "P1DT2H30M"})
    ahead = timedelta(days=1, hours=2, minutes=30)
    assert ahead <= datetime.fromisoformat(told["now"]) - before < ahead + timedelta(minutes=1)


async def test_changed_price_is_the_stores_price(shopper: Shopper) -> None:
    old = await shopper.draft()
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "price": 7777})
    assert (await shopper.validate(old)).json()["success"] is False
    assert (await shopper.validate(await shopper.draft())).json()["success"] is True


async def test_changed_store_is_told_back(shopper: Shopper) -> None:
    told = await shopper.control(f"stores/{STORE}", {"paths": ["ropis"], "tax_rate": 0.05})
    assert (told["paths"], told["tax_rate"], told["requires_account"]) == (["ropis"], "0.05", None)


async def test_starting_afresh_forgets_all_but_names(shopper: Shopper) -> None:
    seeded = await shopper.get("/_sandbox/catalogue")
    first = await shopper.order(1)
    first_hold = (await shopper.ledger())["holds"][0]["id"]
    await shopper.control("stock", {"store_id": STORE, "upc": shopper.upcs[0], "quantity": 1, "price": 1})
    await shopper.control("faults", {"call": "cart/commit", "kind": "status_500"})
    await shopper.control("clock", {"advance": "P1D"})
    await shopper.control("settings", {"ropis_tax": True})
    assert (await shopper.client.request("DELETE", "/_sandbox")).status_code == 200
    assert await shopper.ledger() == {"orders": [], "holds": [], "charges": [], "carts": [], "calls": []}
    assert await shopper.get("/_sandbox/catalogue") == seeded
    assert (await shopper.get("/_sandbox/faults"))["faults"] == []
    assert (await shopper.get("/_sandbox/clock"))["ahead_seconds"] == 0
    assert (await shopper.get("/_sandbox/settings"))["ropis_tax"] is False
    assert await shopper.order(1) != first
    assert (await shopper.ledger())["holds"][0]["id"] != first_hold


async def test_guide_stands_at_the_root(shopper: Shopper) -> None:
    guide = await shopper.get("/")
    assert "GET /_sandbox/ledger" in guide["controls"]


async def test_guide_explains_every_switch_and_fault(shopper: Shopper) -> None:
    text = (Path(__file__).parent.parent / "docs" / "sandbox.md").read_text()
    faults = await shopper.get("/_sandbox/faults")
    names = [*await shopper.get("/_sandbox/settings"), *faults["kinds"], *faults["calls"], BRAND_TOKEN, RETAILER_TOKEN]
    assert [name for name in [*names, WEBHOOK_TOKEN] if f"`{name}`" not in text] == []


async def test_webhook_settings_change_one_by_one(shopper: Shopper) -> None:
    await shopper.control("webhooks", {"locally_url": "http://127.0.0.1:9/a", "stripe_url": "http://127.0.0.1:9/b"})
    told = await shopper.control("webhooks", {"stripe_secret": "whsec_x", "locally_token": "t", "method": "PUT"})
    wanted = {"locally_url": "http://127.0.0.1:9/a", "stripe_url": "http://127.0.0.1:9/b", "method": "PUT"}
    assert told | wanted == told


async def test_order_screen_takes_fractions_of_a_refund(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="confirmed")
    await shopper.control(f"orders/{cart_hash}/{shopper.upcs[0]}", {"status": "refund", "refund_amount": 10.5})
    assert (await shopper.ledger())["charges"][0]["refunded"] == 1050


async def test_clock_stops_short_of_the_end_of_time(shopper: Shopper) -> None:
    answers = [
        (await shopper.client.post("/_sandbox/clock", json={"advance": "P3650D"})).status_code for _ in range(12)
    ]
    assert (answers[0], answers[-1]) == (200, 400)
    assert (await shopper.get("/_sandbox/clock"))["now"] < "2200"


async def test_state_file_carries_the_world_on(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.db"
    async with shopper_at(transport=httpx.ASGITransport(create_sandbox(state=state))) as before:
        moved, waiting = await before.order(1), await before.order(1)
        await before.move(moved, status="confirmed")
        jwt = (await before.validate(await before.draft(card_token=await before.card()))).json()["data"][
            "cart_hash_jwt"
        ]
        await before.control("settings", {"answer_hours": 2})
        await before.control("clock", {"advance": "PT1M"})
        ledger, catalogue = await before.ledger(), await before.get("/_sandbox/catalogue")
    async with shopper_at(transport=httpx.ASGITransport(create_sandbox(state=state))) as after:
        assert await after.ledger() == ledger
        assert await after.get("/_sandbox/catalogue") == catalogue
        assert (await after.get("/_sandbox/clock"))["ahead_seconds"] == 60
        assert (await after.get("/_sandbox/settings"))["answer_hours"] == 2
        assert (await after.commit(jwt)).json()["success"] is True
        await after.control("clock", {"advance": "P2D"})
        assert (await after.item(waiting))["status"] == "Canceled"
        assert (await after.item(moved))["status"] == "Confirmed"
