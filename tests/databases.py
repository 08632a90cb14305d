"""Databases for the tests: a SQLite file always, and PostgreSQL where CHECKOUT_TEST_POSTGRES_URL names a server."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Table, insert, make_url, select

from checkout.database import Database, Transaction, open_database, record_quote_cart
from checkout.database.tables import (
    attempts,
    checkouts,
    console_logins,
    deliveries,
    delivery_tries,
    feed_imports,
    feed_rows,
    holds,
    idempotency_keys,
    inbox,
    intent_uses,
    item_actions,
    mails,
    marks,
    metadata,
    order_links,
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
    order_links.name: {"link_hash": "link 2 of ord_1", "order_id": "ord_1", "generation": 2, "created_at": NOW},
    deliveries.name: {"outbox_id": 1, "endpoint": "shop", "subject": "chk_1", "state": "waiting", "tries": 0}
    | {"created_at": NOW, "next_try_at": NOW},
    delivery_tries.name: {"delivery_id": 1, "at": NOW, "milliseconds": 12, "status": 200},
    mails.name: {"order_id": "ord_1", "kind": "placed", "reference": "", "state": "waiting", "tries": 0}
    | {"created_at": NOW, "next_try_at": NOW},
    item_actions.name: {"order_id": "ord_1", "upc": "068648100001", "action": "cancel", "state": "sending"}
    | {"created_at": NOW},
    feed_imports.name: {
        "brand": "acme",
        "state": "serving",
        "created_at": NOW,
        "rows": 1,
        "digest": "d",
        "form": "flat",
    },
    feed_rows.name: {"import_id": 1, "upc": "068648100001", "country": "", "quantity": 3, "shipping": 0},
    console_logins.name: {"token_hash": "login 1", "kind": "link", "created_at": NOW, "expires_at": NOW},
    marks.name: {"name": "tidying", "value": "chk_1", "updated_at": NOW},
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
    """The URL of a database of a kind that holds no row yet.

    On PostgreSQL the next test gets the same one again, with all rows taken away: whoever changes more of it than rows,
    or looks at how its tables are made, takes `new_database_url`.
    """
    if kind == "sqlite" or not _spares.are_kept:
        async with new_database_url(kind, folder) as url:
            yield url
        return
    name = _spares.names.pop() if _spares.names else await _make_spare()
    try:
        yield _url_of(name)
    finally:
        if await _is_emptied(name):
            _spares.names.append(name)
        else:
            await _drop(name)


@asynccontextmanager
async def new_database_url(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of a database of a kind without any table, which is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'checkout.db'}"
        return
    name = await _create()
    try:
        yield _url_of(name)
    finally:
        await _drop(name)


class _Spares:
    """The names of PostgreSQL databases of this process that have all tables and no rows."""

    def __init__(self) -> None:
        self.are_kept = False
        self.names: list[str] = []


_spares = _Spares()


@contextmanager
def kept_databases() -> Iterator[None]:
    """Within it, databases on PostgreSQL are emptied and used again: to make one takes the better part of a second."""
    _spares.are_kept = True
    try:
        yield
    finally:
        _spares.are_kept = False
        asyncio.run(_drop_all())


async def _drop_all() -> None:
    while _spares.names:
        await _drop(_spares.names.pop())


async def _make_spare() -> str:
    await _drop_forgotten()
    name = await _create()
    async with running_database(_url_of(name)):
        return name


# Whatever of ours still talks to the database is to be gone before the rows are, or it could write one afterwards.
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Quicker by far than TRUNCATE, which makes new files and syncs them.
_TAKE_ROWS_AWAY = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))  # noqa: S608
_COUNT_FROM_ONE = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
    WHERE last_value IS NOT NULL
"""


async def _is_emptied(name: str) -> bool:
    """Take away what a test left. False where the database is not as it was made any more."""
    try:
        connection = await asyncpg.connect(_url_of(name), timeout=10, command_timeout=20)
        try:
            for statement in (_END_OTHERS, _TAKE_ROWS_AWAY, _COUNT_FROM_ONE):
                await connection.execute(statement)
        finally:
            await connection.close()
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False
    return True


_FORGOTTEN_AFTER = 3600  # Seconds: longer than the tests take.


async def _drop_forgotten() -> None:
    """Drop the databases of runs that were killed: old ones that nobody is connected to."""
    connection = await asyncpg.connect(SERVER)
    try:
        rows = await connection.fetch(r"SELECT datname FROM pg_database WHERE datname ~ '^checkout_test_\d+_'")
        old = [row["datname"] for row in rows if int(row["datname"].split("_")[2]) < time.time() - _FORGOTTEN_AFTER]
        for name in old:
            with suppress(asyncpg.PostgresError):  # In use after all, or another run was quicker.
                await connection.execute(f"DROP DATABASE {name}")
    finally:
        await connection.close()


async def _create() -> str:
    name = f"checkout_test_{int(time.time())}_{secrets.token_hex(6)}"
    await on_server(f"CREATE DATABASE {name}")
    return name


async def _drop(name: str) -> None:
    await on_server(f"DROP DATABASE {name} WITH (FORCE)")


def _url_of(name: str) -> str:
    return make_url(SERVER).set(database=name).render_as_string(hide_password=False)


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
