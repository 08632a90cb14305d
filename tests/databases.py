"""Databases for the tests: a SQLite file always, and PostgreSQL where CHECKOUT_TEST_POSTGRES_URL names a server."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Table, insert, make_url, select

from checkout.database import Database, Transaction, open_database, record_quote_cart
from checkout.database.tables import (
    attempts,
    checkouts,
    holds,
    idempotency_keys,
    inbox,
    intent_uses,
    metadata,
    orders,
    outbox,
    quote_carts,
    setup_intents,
    timeline,
    upstream_calls,
)

SERVER = os.environ.get("CHECKOUT_TEST_POSTGRES_URL", "")
KINDS = ["sqlite", "postgresql"] if SERVER else ["sqlite"]
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

# A valid row of each table that points at the checkout `chk_1` and its attempt `att_1`.
_ROWS: dict[str, dict[str, Any]] = {
    checkouts.name: {"id": "chk_1", "brand": "acme", "status": "ready", "version": 1, "token_hash": "hash of chk_1"}
    | {"created_at": NOW, "expires_at": NOW, "document": "{}"},
    attempts.name: {"id": "att_1", "checkout_id": "chk_1", "brand": "acme", "status": "received"}
    | {"idempotency_key": "k" * 20, "external_intent": False, "expected_amount": 1, "created_at": NOW}
    | {"updated_at": NOW},
    orders.name: {"id": "ord_1", "checkout_id": "chk_1", "attempt_id": "att_1", "brand": "acme", "cart_hash": "HASH1"}
    | {"status": "open", "placed_at": NOW, "updated_at": NOW, "token_hash": "token of ord_1", "document": "{}"}
    | {"link_hash": "link of ord_1"},
    setup_intents.name: {"checkout_id": "chk_1", "number": 1, "setup_intent_id": "seti_1", "state": "live"}
    | {"created_at": NOW},
    intent_uses.name: {"setup_intent_id": "seti_1", "validates": 1, "spent": False},
    upstream_calls.name: {"attempt_id": "att_1", "call": "cart/commit", "begun_at": NOW},
    holds.name: {"attempt_id": "att_1", "checkout_id": "chk_1", "brand": "acme", "state": "open", "reason": "lapsed"}
    | {"amount": 1, "currency": "USD", "created_at": NOW, "release_expected_at": NOW},
    idempotency_keys.name: {"brand": "acme", "operation": "place", "scope": "chk_1", "key": "k" * 20, "bound": False}
    | {"fingerprint": "f", "request_id": "req_1", "created_at": NOW},
    quote_carts.name: {"cart_hash": "HASH1", "created_at": NOW},
    timeline.name: {"checkout_id": "chk_1", "at": NOW, "event": "something", "facts": "{}"},
    outbox.name: {"brand": "acme", "topic": "checkout.placed", "subject": "chk_1", "created_at": NOW},
    inbox.name: {"source": "locally", "subject": "HASH1", "received_at": NOW, "last_received_at": NOW, "notices": 1}
    | {"next_try_at": NOW},
}


async def put(tx: Transaction, table: Table, **changes: Any) -> None:
    """Write a valid row of a table, with changes."""
    await tx.execute(insert(table).values({**_ROWS[table.name], **changes}))


async def put_world(tx: Transaction) -> None:
    """One row of every table, and a second checkout without anything."""
    for table in metadata.sorted_tables:
        await put(tx, table)
    await put(tx, checkouts, id="chk_2", token_hash="hash of chk_2")


@asynccontextmanager
async def database_url(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of an empty database of a kind, which is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'checkout.db'}"
        return
    name = f"checkout_test_{secrets.token_hex(6)}"
    await on_server(f"CREATE DATABASE {name}")
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        await on_server(f"DROP DATABASE {name} WITH (FORCE)")


async def on_server(statement: str, *values: str) -> None:
    """Run one statement as the administrator of the PostgreSQL server."""
    connection = await asyncpg.connect(SERVER)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


@asynccontextmanager
async def running_database(url: str) -> AsyncIterator[Database]:
    database = open_database(url)
    try:
        await database.open()
        yield database
    finally:
        await asyncio.wait_for(database.close(), 10)


async def add(database: Database, name: str) -> None:
    """Write one small row: the hash of a cart."""
    await database.write(lambda tx: record_quote_cart(tx, name, NOW))


async def names(database: Database) -> list[str]:
    async def work(tx: Transaction) -> list[str]:
        return [row.cart_hash for row in await tx.execute(select(quote_carts.c.cart_hash))]

    return sorted(await database.read(work))
