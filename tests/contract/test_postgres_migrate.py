"""Migrations on a real server: once, in order, together or not at all, never edited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.migrate import MigrationRefused, migrate
from infra.postgres.pool import OUTAGE, Pool, UniqueViolation, open_pool
from infra.settings import Settings


@pytest.fixture
async def pool(house: Settings) -> AsyncIterator[Pool]:
    pool = await open_pool(house)
    yield pool
    await pool.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "001-first.sql").write_text("create table first (a int primary key); insert into first values (1);")
    (tmp_path / "queries.sql").write_text("not a migration")
    return tmp_path


async def test_each_migration_is_applied_once(pool: Pool, folder: Path) -> None:
    await asyncio.gather(*(migrate(pool, folder, "room") for _ in range(3)))
    (folder / "002-second.sql").write_text("insert into first values (2)")
    await migrate(pool, folder, "room")
    assert await pool.fetchval("select array_agg(a order by a) from first") == [1, 2]
    rows = await pool.fetch("select room, number, name from tallystick_migration order by number")
    assert [tuple(row) for row in rows] == [("room", 1, "001-first.sql"), ("room", 2, "002-second.sql")]


async def test_two_rooms_count_for_themselves(
    pool: Pool, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "001-other.sql").write_text("create table other (a int)")
    await migrate(pool, folder, "room")
    await migrate(pool, other, "other room")
    assert await pool.fetchval("select count(*) from tallystick_migration") == 2


async def test_a_migration_that_fails_leaves_nothing(pool: Pool, folder: Path) -> None:
    (folder / "002-second.sql").write_text("create table second (a int); select 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(pool, folder, "room")
    assert await pool.fetchval("select to_regclass('first')") is None


async def test_an_edited_migration_refuses(pool: Pool, folder: Path) -> None:
    await migrate(pool, folder, "room")
    (folder / "001-first.sql").write_text("create table first (a bigint)")
    with pytest.raises(MigrationRefused, match="was edited after it was applied"):
        await migrate(pool, folder, "room")


async def test_a_newer_database_refuses(pool: Pool, folder: Path) -> None:
    await migrate(pool, folder, "room")
    (folder / "001-first.sql").unlink()
    with pytest.raises(MigrationRefused, match=r"this database is newer than this program: it has migration 001-first"):
        await migrate(pool, folder, "room")


async def test_a_migration_between_applied_ones_refuses(pool: Pool, folder: Path) -> None:
    (folder / "003-third.sql").write_text("select 1")
    await migrate(pool, folder, "room")
    (folder / "002-second.sql").write_text("select 1")
    with pytest.raises(MigrationRefused, match=r"002-second.sql comes before migrations that are applied"):
        await migrate(pool, folder, "room")


@pytest.mark.parametrize(("name", "why"), [("4-short.sql", "named like"), ("001-again.sql", "has the same number")])
async def test_names_are_checked(pool: Pool, folder: Path, name: str, why: str) -> None:
    (folder / name).write_text("select 1")
    with pytest.raises(MigrationRefused, match=why):
        await migrate(pool, folder, "room")


async def test_a_lost_session_is_an_outage_and_a_repeated_key_is_not(pool: Pool, folder: Path) -> None:
    await migrate(pool, folder, "room")
    with pytest.raises(UniqueViolation):
        await pool.execute("insert into first values (1)")
    async with pool.acquire() as connection:
        pid = connection.get_server_pid()
        await pool.fetchval("select pg_terminate_backend($1)", pid)
        with pytest.raises(OUTAGE):
            await connection.execute("select pg_sleep(10)")


async def test_a_server_that_is_not_there_is_an_outage(house: Settings) -> None:
    away = house.model_copy(update={"database_url": type(house.database_url)("postgresql://x:y@127.0.0.1:1/z")})
    with pytest.raises(OUTAGE):
        await open_pool(away)
