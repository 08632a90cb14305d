"""What the database itself refuses, whatever the code above it does: tried by breaking each rule."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Table, func, select

from checkout.attempts import INTENT_KEEPERS, LIVE_ATTEMPTS, AttemptStatus
from checkout.database import Database, Transaction, begin_call, count_validate, intent_use, rearm_commit
from checkout.database.tables import (
    attempts,
    checkouts,
    holds,
    idempotency_keys,
    intent_uses,
    orders,
    quote_carts,
    setup_intents,
    timeline,
    upstream_calls,
)
from checkout.errors import LostRace
from tests.databases import KINDS, NOW, database_url, put, put_world, running_database

OVER = sorted(set(AttemptStatus) - LIVE_ATTEMPTS)


@pytest_asyncio.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one row of everything."""
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        await database.write(put_world)
        yield database


async def count(database: Database, table: Table) -> int:
    async def work(tx: Transaction) -> int:
        return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())

    return await database.read(work)


async def refuses(database: Database, table: Table, **changes: Any) -> None:
    """A row with these changes to a valid one is refused and leaves nothing behind."""
    before = await count(database, table)
    with pytest.raises(LostRace):
        await database.write(lambda tx: put(tx, table, **changes))
    assert await count(database, table) == before


async def takes(database: Database, table: Table, **changes: Any) -> None:
    await database.write(lambda tx: put(tx, table, **changes))


@pytest.mark.parametrize("status", sorted(LIVE_ATTEMPTS))
async def test_checkout_has_one_live_attempt(database: Database, status: AttemptStatus) -> None:
    await refuses(database, attempts, id="att_2", status=status)


async def test_over_attempt_makes_room_for_another(database: Database) -> None:
    for number, status in enumerate(OVER):
        await takes(database, attempts, id=f"att_over_{number}", status=status)
    await takes(database, attempts, id="att_other", checkout_id="chk_2")


async def test_setup_intent_has_one_use_for_good(database: Database) -> None:
    await takes(database, attempts, id="att_2", checkout_id="chk_2", status="placed", setup_intent_id="seti_used")
    for number, status in enumerate(sorted(INTENT_KEEPERS)):
        await takes(database, checkouts, id=f"chk_k{number}", token_hash=f"k{number}")
        changes = {"id": f"att_k{number}", "checkout_id": f"chk_k{number}", "status": status}
        await refuses(database, attempts, **changes, setup_intent_id="seti_used")


async def test_refused_attempt_lets_go_of_its_setup_intent(database: Database) -> None:
    for number, status in enumerate(sorted(set(AttemptStatus) - INTENT_KEEPERS)):
        await takes(database, attempts, id=f"att_r{number}", status=status, setup_intent_id="seti_free")
    await takes(database, attempts, id="att_2", checkout_id="chk_2", setup_intent_id="seti_free")


async def test_reservations_share_no_setup_intent(database: Database) -> None:
    await takes(database, attempts, id="att_2", checkout_id="chk_2", setup_intent_id=None)


@pytest.mark.parametrize(
    "same", [{"checkout_id": "chk_1"}, {"cart_hash": "HASH1"}, {"token_hash": "token of ord_1"}], ids=str
)
async def test_order_is_the_only_one_of_its_kind(database: Database, same: dict[str, str]) -> None:
    other = {
        "id": "ord_2",
        "checkout_id": "chk_2",
        "cart_hash": "HASH2",
        "token_hash": "token 2",
        "link_hash": "link 2",
    }
    await refuses(database, orders, **(other | same))
    await refuses(database, orders, **(other | {"link_hash": "link of ord_1"}))
    await takes(database, orders, **other)


async def test_attempt_commits_once(database: Database) -> None:
    with pytest.raises(LostRace):
        await database.write(lambda tx: begin_call(tx, "att_1", "cart/commit", NOW))
    await database.write(lambda tx: begin_call(tx, "att_1", "cart/validate", NOW))
    await database.write(lambda tx: begin_call(tx, "att_1", "cart/validate", NOW))
    assert await count(database, upstream_calls) == 3


async def test_only_unsent_commit_is_rearmed(database: Database) -> None:
    with pytest.raises(LostRace):
        await database.write(lambda tx: rearm_commit(tx, "att_1", NOW))


async def test_setup_intent_reaches_the_card_twice(database: Database) -> None:
    await database.write(lambda tx: count_validate(tx, "seti_1", +1))
    with pytest.raises(LostRace):
        await database.write(lambda tx: count_validate(tx, "seti_1", +1))
    assert (await database.read(lambda tx: intent_use(tx, "seti_1"))).validates == 2


async def test_unsent_validate_is_not_counted(database: Database) -> None:
    await database.write(lambda tx: count_validate(tx, "seti_1", +1))
    await database.write(lambda tx: count_validate(tx, "seti_1", -1))
    await database.write(lambda tx: count_validate(tx, "seti_1", +1))
    assert (await database.read(lambda tx: intent_use(tx, "seti_1"))).validates == 2


@pytest.mark.parametrize("state", ["creating", "live"])
async def test_checkout_has_one_live_setup_intent(database: Database, state: str) -> None:
    await refuses(database, setup_intents, number=2, setup_intent_id="seti_2", state=state)
    await takes(database, setup_intents, number=2, setup_intent_id="seti_2", state="set_aside")


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (checkouts, {"token_hash": "another"}),
        (checkouts, {"id": "chk_3"}),
        (setup_intents, {"setup_intent_id": "seti_2", "state": "dead"}),
        (setup_intents, {"checkout_id": "chk_2"}),
        (intent_uses, {}),
        (idempotency_keys, {"fingerprint": "another"}),
        (quote_carts, {}),
    ],
    ids=str,
)
async def test_row_exists_once(database: Database, table: Table, changes: dict[str, Any]) -> None:
    await refuses(database, table, **changes)


@pytest.mark.parametrize("scope", ["brand", "operation", "scope", "key"])
async def test_key_is_unique_in_its_scope_alone(database: Database, scope: str) -> None:
    await takes(database, idempotency_keys, **{scope: "another"})


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (attempts, "checkout_id"),
        (orders, "checkout_id"),
        (orders, "attempt_id"),
        (setup_intents, "checkout_id"),
        (timeline, "checkout_id"),
        (upstream_calls, "attempt_id"),
        (holds, "attempt_id"),
    ],
    ids=str,
)
async def test_record_belongs_to_one_that_exists(database: Database, table: Table, column: str) -> None:
    fresh = {attempts: {"id": "att_2", "status": "lapsed"}, orders: {"id": "ord_2", "cart_hash": "HASH2"}}
    more = {orders: {"checkout_id": "chk_2", "token_hash": "token 2", "link_hash": "link 2"}}
    await refuses(database, table, **{**fresh.get(table, {}), **more.get(table, {}), column: "nowhere"})
