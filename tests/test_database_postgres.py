"""PostgreSQL's own ways to fail, and what its many instances share; collected where a server is named."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import make_url, select, text

from checkout.database import Database, Transaction, find_checkout, find_order, open_database
from checkout.database.postgres import PostgresDatabase
from checkout.database.tables import quote_carts
from checkout.errors import DatabaseUnavailable, SettingsFault
from tests.databases import add, database_url, names, new_database_url, on_server, running_database
from tests.service import running_service


@pytest_asyncio.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with database_url("postgresql", tmp_path) as url:
        yield url


@pytest_asyncio.fixture
async def new_url(tmp_path: Path) -> AsyncIterator[str]:
    async with new_database_url("postgresql", tmp_path) as url:
        yield url


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with running_database(url) as database:
        yield database


def name_of(url: str) -> str:
    return str(make_url(url).database)


async def disconnect_all(url: str) -> None:
    """End every connection to the database, as a restart of the server does."""
    connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    await on_server(connections, name_of(url))


async def test_commits_are_synced_whatever_the_server_says(new_url: str) -> None:
    await on_server(f"ALTER DATABASE {name_of(new_url)} SET synchronous_commit = off")

    async def ask(tx: Transaction) -> str:
        return str((await tx.execute(text("SHOW synchronous_commit"))).scalar_one())

    async with running_database(new_url) as database:
        assert await database.read(ask) == "on"


async def test_restarted_server_is_used_again(database: Database, url: str) -> None:
    await asyncio.gather(*(add(database, f"N{n}") for n in range(5)))
    await disconnect_all(url)
    await add(database, "after")
    assert "after" in await names(database)


async def test_server_gone_in_mid_work_is_unavailable(database: Database, url: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(select(quote_carts))
        await disconnect_all(url)
        await tx.execute(select(quote_carts))

    with pytest.raises(DatabaseUnavailable):
        await database.write(work)
    await add(database, "after")


async def test_stopped_server_is_unavailable_until_it_is_back(database: Database, url: str) -> None:
    await on_server(f"ALTER DATABASE {name_of(url)} ALLOW_CONNECTIONS false")
    await disconnect_all(url)
    for work in (add(database, "A"), names(database)):
        with pytest.raises(DatabaseUnavailable):
            await work
    await on_server(f"ALTER DATABASE {name_of(url)} ALLOW_CONNECTIONS true")
    await add(database, "A")
    assert await names(database) == ["A"]


async def test_table_that_was_taken_away_is_unavailable(database: Database, url: str) -> None:
    administrator = await asyncpg.connect(url)
    await administrator.execute("ALTER TABLE quote_carts RENAME TO away")
    with pytest.raises(DatabaseUnavailable):
        await add(database, "A")
    await administrator.execute("ALTER TABLE away RENAME TO quote_carts")
    await administrator.close()
    await add(database, "B")
    assert await names(database) == ["B"]


async def test_exhausted_pool_is_unavailable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.database.postgres._CONNECTIONS", 1)
    monkeypatch.setattr("checkout.database.postgres._MORE_CONNECTIONS", 0)
    monkeypatch.setattr("checkout.database.postgres._CONNECT_SECONDS", 0.2)
    release = asyncio.Event()

    async def occupy(tx: Transaction) -> None:
        await tx.execute(select(quote_carts))
        await release.wait()

    async with running_database(url) as database:
        busy = asyncio.create_task(database.write(occupy))
        await asyncio.sleep(0.1)
        with pytest.raises(DatabaseUnavailable):
            await add(database, "A")
        release.set()
        await busy
        await add(database, "B")
        assert await names(database) == ["B"]


async def test_silent_server_does_not_keep_a_caller(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.database.postgres._STATEMENT_SECONDS", 0.2)

    async def dawdle(tx: Transaction) -> None:
        await tx.execute(text("SELECT pg_sleep(30)"))

    async with running_database(url) as database:
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(database.write(dawdle), 5)


async def test_value_that_does_not_fit_is_no_outage(database: Database) -> None:
    with pytest.raises(Exception, match="too long") as caught:
        await add(database, "x" * 65)
    assert not isinstance(caught.value, DatabaseUnavailable)


async def test_id_that_no_record_can_have_is_unknown(database: Database) -> None:
    assert await database.read(lambda tx: find_checkout(tx, "chk_\x00")) is None
    assert await database.read(lambda tx: find_order(tx, "ord_\x00")) is None


async def test_instances_may_start_at_once(new_url: str) -> None:
    instances = [open_database(new_url) for _ in range(4)]
    await asyncio.gather(*(instance.open() for instance in instances))
    await asyncio.gather(*(add(instance, f"N{n}") for n, instance in enumerate(instances)))
    assert len(await names(instances[0])) == 4
    for instance in instances:
        await instance.close()


async def test_sslmode_of_libpq_is_understood(url: str) -> None:
    async with running_database(f"{url}?sslmode=disable") as database:
        await add(database, "A")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"database": "no_such_database"}, "does not exist"),
        ({"port": 1}, "onnect"),
        ({"username": "nobody_there"}, "nobody_there"),
    ],
    ids=str,
)
async def test_unusable_server_is_one_clear_line(url: str, change: dict[str, str], said: str) -> None:
    wrong = make_url(url).set(password="hunter2", **change)  # type: ignore[arg-type]  # One of three kinds.
    database = open_database(wrong.render_as_string(hide_password=False))
    with pytest.raises(SettingsFault) as caught:
        await database.open()
    await database.close()
    (line,) = caught.value.lines
    assert line.startswith("CHECKOUT_DATABASE_URL: cannot use the database postgresql")
    assert said in line
    assert "hunter2" not in line


def test_malformed_url_is_one_clear_line() -> None:
    with pytest.raises(SettingsFault, match="CHECKOUT_DATABASE_URL must look like postgresql:"):
        PostgresDatabase("postgresql://host:port/name")


async def test_service_sells_on_postgresql_too(url: str) -> None:
    async with running_service(database_url=url) as service:
        checkout = await service.create()
        placed = await service.place(checkout, await service.take_card(checkout))
        assert (placed.status_code, placed.json()["status"]) == (200, "placed")
        assert [order["hash"] for order in (await service.ledger())["orders"]]


async def test_strange_ids_are_not_found_on_postgresql(url: str) -> None:
    async with running_service(database_url=url) as service:
        for path in ("/v1/checkouts/chk_%00", "/v1/orders/ord_%00", f"/v1/checkouts/{'x' * 3000}"):
            answer = await service.call("GET", path, with_="csk_test_tests")
            assert answer.status_code == 404, path
