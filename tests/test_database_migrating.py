"""`checkout migrate`: from empty or older to the present schema, all or nothing, and never beside a running service."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic import command
from alembic.config import Config
from click.testing import CliRunner, Result
from sqlalchemy import Column, Connection, MetaData, insert, inspect, text
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from checkout.__main__ import main
from checkout.database import Migration, migrate_database
from checkout.database import migrating as migrating_module
from checkout.database.tables import metadata
from checkout.errors import SettingsFault
from tests.databases import _ROWS, KINDS, new_database_url, running_database
from tests.processes import run
from tests.test_database_opening import differences, faults_of, on_url, run_on

NEWEST = "0003"
# Tables that the first version did not have.
_SINCE_0001 = {
    *("console_logins", "deliveries", "delivery_tries", "feed_imports", "feed_rows"),
    *("inbox", "item_actions", "mails", "marks", "order_links"),
}


pytestmark = pytest.mark.usefixtures("real_history")


@pytest_asyncio.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with new_database_url(request.param, tmp_path) as url:
        yield url


def to_version(connection: Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrating_module._HISTORY))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def fill(connection: Connection) -> None:
    """A row in each table as this database has it: the rows of today without what came later."""
    there = MetaData()
    there.reflect(connection)
    for table in metadata.sorted_tables:
        if table.name in there.tables:
            old = there.tables[table.name]
            defaults = {column.name: default_of(column) for column in table.columns if column.default is not None}
            row = {name: micros(value) for name, value in {**defaults, **_ROWS[table.name]}.items()}
            connection.execute(insert(old).values({name: row[name] for name in row if name in old.c}))


def default_of(column: Column[Any]) -> Any:
    assert isinstance(column.default, ScalarElementColumnDefault)
    return column.default.arg


def micros(value: Any) -> Any:
    """A time as the column holds it."""
    return round(value.timestamp() * 1_000_000) if isinstance(value, datetime) else value


def names_of(connection: Connection) -> list[str]:
    return [name for name in inspect(connection).get_table_names() if name != "alembic_version"]


def rows_of(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]  # noqa: S608  Our own names.
        for name in names_of(connection)
    }


def version_of(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


async def make_old(url: str) -> dict[str, list[dict[str, Any]]]:
    """A database as the first version left it, with rows in every table; gives them."""
    await on_url(url, to_version, "0001")
    await on_url(url, fill)
    return dict(await on_url(url, rows_of))


async def migrate(url: str) -> Migration:
    plans: list[Migration] = []
    await migrate_database(url, plans.append)
    (plan,) = plans
    return plan


async def test_old_database_keeps_its_rows(url: str) -> None:
    before = await make_old(url)
    assert len(before) == len(metadata.tables) - len(_SINCE_0001)
    assert all(before.values())
    done = await migrate(url)
    assert (done.before, done.after, [version for version, _ in done.steps]) == ("0001", NEWEST, ["0002", NEWEST])
    after = await on_url(url, rows_of)
    for table, rows in before.items():
        assert [{name: new[name] for name in old} for old, new in zip(rows, after[table], strict=True)] == rows, table
    assert await on_url(url, differences) == []
    async with running_database(url):
        pass


async def test_empty_database_gets_all_steps(url: str) -> None:
    done = await migrate(url)
    assert (done.before, [version for version, _ in done.steps]) == (None, ["0001", "0002", NEWEST])
    assert await on_url(url, differences) == []


async def test_present_database_is_left_alone(url: str) -> None:
    await migrate(url)
    assert await migrate(url) == Migration(NEWEST, NEWEST, ())


async def test_failing_step_leaves_everything_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await make_old(url)
    upgrade = command.upgrade

    def fail_at_the_end(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise OSError("the power is gone")

    monkeypatch.setattr(command, "upgrade", fail_at_the_end)
    with pytest.raises(SettingsFault, match="the power is gone"):
        await migrate(url)
    monkeypatch.undo()
    assert await on_url(url, rows_of) == before
    assert await on_url(url, version_of) == "0001"
    assert (await migrate(url)).steps


async def test_service_does_not_change_an_old_database(url: str) -> None:
    before = await make_old(url)
    (line,) = await faults_of(url)
    assert line.startswith("CHECKOUT_DATABASE_URL: the database has schema 0001, this version needs 0003;")
    assert line.endswith("take a copy of it, then run: checkout migrate")
    assert await on_url(url, rows_of) == before


@pytest.mark.parametrize(
    ("version", "said"),
    [("9999", "newer than 0003"), ("b1f0c2d3e4a5", "tables of another program")],
)
async def test_unknown_schema_is_neither_run_on_nor_changed(url: str, version: str, said: str) -> None:
    await migrate(url)
    await on_url(url, run_on, f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608  Our own.
    (line,) = await faults_of(url)
    assert said in line
    with pytest.raises(SettingsFault, match=said):
        await migrate(url)
    assert await on_url(url, version_of) == version


async def test_tables_of_others_are_not_migrated(url: str) -> None:
    await on_url(url, run_on, "CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(SettingsFault, match="tables of another program"):
        await migrate(url)
    assert await on_url(url, names_of) == ["invoices"]


async def test_two_migrations_at_once_are_one(url: str) -> None:
    await make_old(url)
    done = await asyncio.gather(*(migrate(url) for _ in range(3)), return_exceptions=True)
    steps = [plan.steps for plan in done if isinstance(plan, Migration)]
    refused = [str(error) for error in done if isinstance(error, SettingsFault)]
    assert sum(1 for some in steps if some) == 1
    # On SQLite the lock is one service's at a time; on PostgreSQL they wait for each other.
    assert len(steps) + len(refused) == 3
    assert all(url.startswith("sqlite") and "another service is running" in line for line in refused)


async def tell(*options: str, **environ: str) -> Result:
    """The command as somebody runs it who has set nothing else."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["migrate", *options], env=environ)


async def test_file_in_use_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "checkout.db"
    async with running_database(f"sqlite:///{path}"):
        refused = await tell("--database", str(path))
    assert refused.exit_code == 2
    assert refused.stderr.startswith("checkout: CHECKOUT_DATABASE_URL: another service is running on checkout.db")


async def test_command_tells_steps_and_versions(url: str) -> None:
    await make_old(url)
    told = await tell(CHECKOUT_DATABASE_URL=url)
    assert (told.exit_code, told.stderr) == (0, "")
    first, *_, last = told.stdout.splitlines()
    assert first.startswith("Step 0002: ")
    assert last == "The database went from 0001 to schema 0003."
    again = await tell(CHECKOUT_DATABASE_URL=url)
    assert again.stdout == "The database has schema 0003 already; nothing was changed.\n"


def test_command_needs_a_file_and_no_keys(tmp_path: Path) -> None:
    told = run("migrate", "--database", "new.db", "--json", cwd=tmp_path)
    assert json.loads(told.stdout) == {"before": None, "after": "0003", "steps": ["0001", "0002", "0003"]}
    assert (tmp_path / "new.db").is_file()


async def test_wrong_address_is_one_clear_line() -> None:
    told = await tell("--database", "mysql://nowhere")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == (
        "checkout: CHECKOUT_DATABASE_URL must look like sqlite:///checkout.db or postgresql://user@host/name\n"
    )
