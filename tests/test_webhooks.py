"""Locally's webhooks over the whole service: what is taken, what is refused, and what comes of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout import webhooks
from checkout.database.tables import attempts, holds, inbox, orders, timeline
from checkout.errors import InvalidField
from checkout.sandbox import create_sandbox
from tests.databases import KINDS, database_url
from tests.placing_world import PATIENCE, World, running_on, running_world
from tests.service import SANDBOX_URL, UPC, running_service
from tests.test_contracts import canonical
from tests.upstreams import Forward, answers, changed, lost_answer, lost_request

NEW, OLD = "new_webhook_token", "old_webhook_token"
TOKENS = f"{NEW},{OLD}"
# Locally would have to be asked for minutes: what happens sooner happens because of a webhook.
PATIENT = {"readback_delays": "600", "readback_interval": "600", "readback_until": "3600", "not_placed_after": "3000"}


def notice(cart_hash: str, status: str = "confirmed", **changes: Any) -> dict[str, Any]:
    """The short form, as Locally's page on webhooks shows it."""
    address = f"https://www.locally.com/api/v2/cart/{cart_hash}"
    return {"upc": UPC, "order_id": cart_hash, "status": status, "order_url": address, **changes}


def whole_cart(cart_hash: str) -> dict[str, Any]:
    """The form that Locally's older pages name: the cart as the Cart API shows it."""
    return {
        "status": True,
        "properties": {"hash": cart_hash, "type": "ORDER", "date_time": "2026-11-22 12:00:00"},
        "customer": {"first_name": "June", "email": "june.harper@example.com"},
        "store": {"store_id": 37175, "name": "Prairie Cycles"},
        "items": [{"upc": UPC, "status": "Confirmed", "qty": 1, "total": "2,262.74"}],
    }


async def send(
    world: World, body: Any, method: str = "POST", token: str | None = NEW, **headers: str
) -> httpx.Response:
    """One webhook; bytes are sent as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["locally-webhook-token"] = token
    return await world.service.client.request(method, "/webhooks/locally", content=content, headers=sent)


async def tell(world: World, cart_hash: str, **changes: Any) -> None:
    assert (await send(world, notice(cart_hash, **changes))).status_code == 200


async def events(world: World, holds: Callable[[list[dict[str, Any]]], Any]) -> list[dict[str, Any]]:
    """The rows of the inbox once a condition holds for them."""
    ends = time.monotonic() + PATIENCE
    while not holds(found := await world.rows(inbox)):
        assert time.monotonic() < ends, found
        await asyncio.sleep(0.02)
    return found


async def outcomes(world: World) -> list[str]:
    found = await events(world, lambda found: found and all(row["applied_at"] for row in found))
    return [row["outcome"] for row in found]


async def placed(world: World) -> dict[str, Any]:
    checkout, card = await world.ready()
    answer = await world.place(checkout, card)
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()["order"]
    return {**(await read(world, order)), "token": order["token"]}


async def read(world: World, order: dict[str, Any]) -> dict[str, Any]:
    return dict((await world.service.call("GET", f"/v1/orders/{order['id']}", with_=order["token"])).json())


async def books(world: World) -> list[list[dict[str, Any]]]:
    return [await world.rows(table) for table in (attempts, orders, holds, timeline)]


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(request.param, tmp_path, locally_webhook_tokens=TOKENS, **PATIENT) as running:
        yield running


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[World]:
    """On SQLite alone, for what does not depend on the database."""
    async with running_world("sqlite", tmp_path, locally_webhook_tokens=TOKENS, **PATIENT) as running:
        yield running


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_every_documented_form_is_taken(small: World, method: str) -> None:
    ship_to_store = {key: value for key, value in notice("CART2").items() if key != "status"}
    bodies: list[Any] = [notice("CART1"), {**ship_to_store, "sts_status": "confirm-store"}, whole_cart("CART3")]
    for body in bodies:
        answer = await send(small, body, method, Content_Type="application/json")
        assert (answer.status_code, answer.json()) == (200, {"status": True})
        assert answer.headers["Cache-Control"] == "no-store"
    assert [row["subject"] for row in await small.rows(inbox)] == ["CART1", "CART2", "CART3"]


@pytest.mark.parametrize("media_type", [None, "application/x-www-form-urlencoded", "text/plain; charset=utf-8"])
async def test_json_is_read_whatever_it_is_called(small: World, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content_Type": media_type}
    assert (await send(small, notice("CART1"), **headers)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        notice("O3V36"),
        whole_cart("O3V36"),
        {"hash": "O3V36", "type": "ORDER", "items": []},
        {"cart": {"id": 7, "hash": "O3V36"}},
        {"cart_hash": "O3V36", "cart_content": {}},
        {"order_id": 17, "hash": "O3V36"},
    ],
)
def test_hash_is_found_in_every_form(body: Any) -> None:
    assert webhooks.find_cart_hash(body) == "O3V36"


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], "O3V36", None, 7, {"order_id": None}, {"order_id": ["O3V36"]}, {"properties": ["O3V36"]}),
        *({"order_id": name} for name in ("", "../_sandbox", "A" * 65, "O3V36\n", "O3\x00V36", "O3V36?x=1", "\ud800")),
    ],
)
def test_what_is_no_hash_is_refused(body: Any) -> None:
    with pytest.raises(InvalidField):
        webhooks.find_cart_hash(body)


async def test_both_tokens_are_taken_while_one_replaces_the_other(small: World) -> None:
    for token in (NEW, OLD):
        assert (await send(small, notice("CART1"), token=token)).status_code == 200


@pytest.mark.parametrize("token", [None, "", "wrong", NEW[:-1], f"{NEW} {OLD}", NEW.upper(), TOKENS])
async def test_wrong_token_leaves_nothing(small: World, token: str | None) -> None:
    problem = canonical(await send(small, notice("CART1"), token=token))
    assert (problem.status, problem.code) == (401, "unauthenticated")
    assert await small.rows(inbox) == []


@pytest.mark.parametrize("given", [NEW, OLD, "wrong"])
async def test_every_token_is_compared_in_constant_time(
    small: World, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    compared = []

    def same(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(webhooks, "same_secret", same)
    await send(small, notice("CART1"), token=given)
    assert compared == [(given, NEW), (given, OLD)]


async def test_without_a_token_set_there_is_no_such_path() -> None:
    async with running_service() as service:
        for headers in ({}, {"locally-webhook-token": ""}):
            answer = await service.client.post("/webhooks/locally", json=notice("CART1"), headers=headers)
            assert canonical(answer).code == "not_found"


async def in_parts(body: bytes) -> AsyncIterator[bytes]:
    """A body whose length nobody announces."""
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


async def test_body_may_have_256_kib_and_no_more(small: World) -> None:
    most = 256 * 1024
    body = json.dumps({**whole_cart("CART1"), "notes": ""}).encode()
    full = body[:-2] + b"x" * (most - len(body)) + body[-2:]
    assert len(full) == most
    assert (await send(small, full)).status_code == 200
    assert canonical(await send(small, full + b" ")).code == "body_too_large"
    headers = {"locally-webhook-token": NEW}
    answer = await small.service.client.post("/webhooks/locally", content=in_parts(full + b" "), headers=headers)
    assert canonical(answer).status == 413
    assert len(await small.rows(inbox)) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        *((body, 400, "malformed_json") for body in (b"", b"{", b"\xff\xfe", b"upc=1&order_id=CART1", b"[" * 100_000)),
        *((body, 422, "invalid_field") for body in (b"{}", b"[]", b'"CART1"', b'{"order_id": "../CART1"}')),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_body_without_a_hash_is_refused(small: World, body: bytes, status: int, code: str) -> None:
    problem = canonical(await send(small, body))
    assert (problem.status, problem.code) == (status, code)
    assert await small.rows(inbox) == []


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_other_methods_are_refused(small: World, method: str) -> None:
    answer = await send(small, notice("CART1"), method)
    assert canonical(answer).status == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "PUT"}


async def test_thousand_notices_of_one_cart_are_one_row(world: World) -> None:
    sent = await asyncio.gather(*(send(world, notice("CART1")) for _ in range(1000)))
    assert {answer.status_code for answer in sent} == {200}
    (row,) = await world.rows(inbox)
    assert (row["subject"], row["notices"]) == ("CART1", 1000)


async def test_answer_does_not_wait_for_locally(small: World) -> None:
    order = await placed(small)
    reads, silence = small.upstreams.count("v2/cart"), asyncio.Event()

    async def silent(_request: httpx.Request, forward: Forward) -> httpx.Response:
        await silence.wait()
        return await forward()

    small.upstreams.always("v2/cart", silent)
    await tell(small, order["cart_hash"])
    await events(small, lambda _: small.upstreams.count("v2/cart") > reads)
    await tell(small, order["cart_hash"])
    assert (await small.rows(inbox))[0]["applied_at"] is None
    silence.set()
    await events(small, lambda found: found[0]["lease_owner"] is None)


async def test_notice_of_an_order_reads_its_cart(world: World) -> None:
    order = await placed(world)
    assert order["totals"]["total"]["amount"] != 9500
    world.upstreams.on("v2/cart", changed(lambda cart: cart["items"][0].update(total="95.00")))
    await tell(world, order["cart_hash"])
    assert await outcomes(world) == ["order_read"]
    assert (await read(world, order))["totals"]["total"]["amount"] == 9500


async def test_notice_finds_the_order_of_an_unknown_attempt(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", lost_answer)
    assert (await world.place(checkout, card, wait=0)).status_code == 202
    await world.until(checkout, lambda now: now["problems"])
    (cart_hash,) = await world.orders()
    await tell(world, cart_hash, status="ordered")
    assert (await world.settled(checkout))["status"] == "placed"
    assert await world.calls() == (1, 1)
    assert [row["cart_hash"] for row in await world.rows(orders)] == [cart_hash]
    assert await world.rows(holds) == []


async def test_forged_notice_of_an_order_that_is_none_changes_nothing(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/commit", lost_request)
    assert (await world.place(checkout, card, wait=0)).status_code == 202
    await world.until(checkout, lambda now: now["problems"])
    (attempt,) = await world.rows(attempts)
    await tell(world, attempt["cart_hash"], status="ordered")
    await events(world, lambda found: found[0]["tries"] and world.upstreams.count("v2/cart"))
    now = await world.service.read(checkout)
    assert (now["status"], [problem["code"] for problem in now["problems"]]) == ("placing", ["order_unconfirmed"])
    assert (await world.orders(), await world.rows(orders), world.upstreams.count("cart/commit")) == ([], [], 1)


async def test_notice_before_the_hash_is_known_is_kept(small: World) -> None:
    checkout, card = await small.ready()

    async def overtaken(_request: httpx.Request, forward: Forward) -> httpx.Response:
        """Locally's webhook is there before its own answer."""
        answer = await forward()
        told = json.loads(await answer.aread())
        await tell(small, told["data"]["cart_hash"], status="ordered")
        await events(small, lambda found: found[0]["tries"])
        return answer

    small.upstreams.on("cart/validate", overtaken)
    assert (await small.place(checkout, card)).status_code == 200
    small.service.clock.advance(seconds=5)
    assert await outcomes(small) == ["order_read"]
    assert await small.calls() == (1, 1)


async def test_cart_of_a_quote_is_not_read(small: World) -> None:
    await small.service.create()
    (cart,) = (await small.service.ledger())["carts"]
    await tell(small, cart["hash"])
    assert await outcomes(small) == ["quote"]
    assert small.upstreams.count("v2/cart") == 0


async def test_address_in_a_notice_is_never_followed(small: World) -> None:
    order = await placed(small)
    evil = "https://evil.example/api/v2/cart/1"
    await tell(small, order["cart_hash"], order_url=evil)
    await tell(small, "UNKNOWN", order_url=evil)
    await events(small, lambda found: found[0]["applied_at"] and found[1]["tries"])
    hosts = {str(request.url.copy_with(path="/", query=None)) for _, request in small.upstreams.sent}
    assert hosts == {f"{SANDBOX_URL}/"}


async def test_lies_about_an_order_change_nothing(world: World) -> None:
    order = await placed(world)
    was = await books(world)
    for lie in ("canceled", "refunded", "fulfilled", "never heard of", "ordered", "canceled"):
        await tell(world, order["cart_hash"], status=lie, upc="000000000000")
    world.service.clock.advance(seconds=6)
    assert set(await outcomes(world)) == {"order_read"}
    assert await books(world) == was


async def test_read_that_fails_is_tried_again(small: World) -> None:
    order = await placed(small)
    small.upstreams.always("v2/cart", answers(500))
    await tell(small, order["cart_hash"])
    (row,) = await events(small, lambda found: found[0]["tries"])
    assert row["applied_at"] is None
    small.upstreams.clear()
    small.service.clock.advance(seconds=10)
    assert await outcomes(small) == ["order_read"]


@pytest.mark.parametrize("kind", KINDS)
async def test_waiting_notice_outlives_a_restart(kind: str, tmp_path: Path) -> None:
    sandbox = create_sandbox()
    chosen = {"locally_webhook_tokens": TOKENS, **PATIENT}
    async with database_url(kind, tmp_path) as url:
        async with running_on(url, sandbox, **chosen) as first:
            order = await placed(first)
            first.upstreams.always("v2/cart", stuck)
            await tell(first, order["cart_hash"])
            await events(first, lambda found: found[0]["lease_owner"])
        async with running_on(url, sandbox, **chosen) as second:
            assert await outcomes(second) == ["order_read"]


async def stuck(_request: httpx.Request, _forward: Forward) -> httpx.Response:
    """The process ends while this call is under way."""
    await asyncio.Event().wait()
    raise AssertionError


# What somebody who knows no token, or who knows one and lies, may send.
LIES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["canceled", "../", "\x00", UPC]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["order_id", "hash", "cart_hash", "properties", "cart", "status", "order_url", "upc", "items"])
FORGED = st.tuples(
    st.sampled_from(["POST", "PUT", "GET", "PATCH"]),
    st.sampled_from([NEW, OLD, None, "", "wrong", "\xff", "Bearer x"]),
    st.dictionaries(KEYS, LIES | st.just("THE ORDER"), max_size=4) | LIES | st.binary(max_size=40),
)


@settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(FORGED, min_size=40, max_size=60))
def test_forged_webhooks_change_nothing(tmp_path_factory: pytest.TempPathFactory, forged: list[Any]) -> None:
    asyncio.run(forge(tmp_path_factory.mktemp("forged"), forged))


async def forge(folder: Path, forged: list[Any]) -> None:
    async with running_world("sqlite", folder, locally_webhook_tokens=TOKENS, **PATIENT) as world:
        order = await placed(world)
        was, asked = await books(world), len(world.upstreams.sent)
        for method, token, body in forged:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            content = content.replace(b"THE ORDER", order["cart_hash"].encode())
            headers = {} if token is None else {"locally-webhook-token": token.encode("latin-1")}
            answer = await world.service.client.request(method, "/webhooks/locally", content=content, headers=headers)
            assert answer.status_code in {200, 400, 401, 405, 422}, answer.text
        await events(world, lambda found: all(row["tries"] or row["applied_at"] for row in found))
        assert await books(world) == was
        assert {name for name, _ in world.upstreams.sent[asked:]} <= {"v2/cart"}
        assert {request.url.host for _, request in world.upstreams.sent} == {httpx.URL(SANDBOX_URL).host}
