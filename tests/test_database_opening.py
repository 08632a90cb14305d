"""How a database is opened: which one may be used, which schema it gets, and what is said where it cannot be."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from checkout.database import SqliteDatabase, open_database
from checkout.database.tables import metadata
from checkout.errors import SettingsFault
from tests.databases import KINDS, add, names, new_database_url, running_database

pytestmark = pytest.mark.usefixtures("real_history")


@pytest_asyncio.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    async with new_database_url(request.param, tmp_path) as url:
        yield url


async def faults_of(url: str) -> tuple[str, ...]:
    """What opening says where it is refused."""
    database = open_database(url)
    with pytest.raises(SettingsFault) as caught:
        await database.open()
    await database.close()
    return caught.value.lines


async def test_second_service_on_one_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkout.db"
    link = tmp_path / "another name.db"
    link.symlink_to(path)
    async with running_database(f"sqlite:///{path}"):
        for name in (path, link):
            (line,) = await faults_of(f"sqlite:///{name}")
            assert line.startswith("CHECKOUT_DATABASE_URL: another service is running on checkout.db")


async def test_new_folders_are_synced_into_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("checkout.database.files.sync_folder", synced.append)
    database = SqliteDatabase(str(tmp_path / "new" / "newer" / "checkout.db"))
    await database.open()
    await database.close()
    assert synced == [tmp_path, tmp_path / "new"]


async def test_file_opens_again_after_closing(url: str) -> None:
    async with running_database(url) as database:
        await add(database, "A")
    async with running_database(url) as database:
        assert await names(database) == ["A"]


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "x#y", "ü"])
async def test_any_file_name_is_taken(tmp_path: Path, name: str) -> None:
    async with running_database(f"sqlite:///{tmp_path / name / name}.db") as database:
        await add(database, "A")
    assert (tmp_path / name / f"{name}.db").is_file()


@pytest.mark.parametrize("made", ["folder", "text", "under a file"])
async def test_unusable_file_is_one_clear_line(tmp_path: Path, made: str) -> None:
    path = tmp_path / "x.db"
    if made == "folder":
        path.mkdir()
    else:
        path.write_text("This is no database. " * 100)
    (line,) = await faults_of(f"sqlite:///{path / 'y.db' if made == 'under a file' else path}")
    assert line.startswith("CHECKOUT_DATABASE_URL: cannot use the database ")
    assert str(path) in line


def run_on(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


async def on_url(url: str, work: Any, *values: Any) -> Any:
    """Call a function with a plain connection to the database."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.begin() as connection:
            answer = work(connection, *values)
        engine.dispose()
        return answer
    driver = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with driver.begin() as asynchronous:
        answer = await asynchronous.run_sync(work, *values)
    await driver.dispose()
    return answer


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


async def test_migrated_schema_is_the_one_in_tables(url: str) -> None:
    async with running_database(url):
        pass
    assert await on_url(url, differences) == []


async def test_tables_of_another_program_are_refused(url: str) -> None:
    await on_url(url, run_on, "CREATE TABLE invoices (id INTEGER)")
    (line,) = await faults_of(url)
    assert line == "CHECKOUT_DATABASE_URL: the database holds tables of another program; name an empty one"
