"""Who stands still in the middle of a command keeps its rows from nobody who claims; others are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from infra.postgres import stalled
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool, open_pool
from infra.settings import Settings
from services.ledger.store import SQL, PostgresStore

WAITS = """select count(*) from pg_stat_activity
where datname = current_database() and wait_event = $1 and state = 'active'"""


async def until_waiting(pool: Pool, event: str) -> None:
    async with asyncio.timeout(60):
        while not await pool.fetchval(WAITS, event):  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0.02)


async def half_a_command(pool: Pool, table: str) -> None:
    """A transaction that holds a row and says half of its next command."""

    async def half() -> AsyncIterator[bytes]:
        yield b"PGCOPY\n\xff\r\n\x00" + bytes(8)
        await asyncio.Event().wait()

    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select from position for update")
        await connection.copy_to_table(table, source=half(), format="binary")


async def test_who_claims_ends_a_session_that_stalls_and_no_other(
    house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, other = await open_pool(house, max_size=3), await open_pool(house, max_size=3)
    await migrate(pool, SQL, "ledger")
    store = PostgresStore(pool)
    assert (await store.claim([0], "journal"))[0].epoch == 1
    stands = asyncio.create_task(half_a_command(other, "message"))
    busy = asyncio.create_task(other.fetchval("select 1 from pg_sleep(3)"))
    idle = await other.acquire()
    await until_waiting(pool, "ClientRead")

    claim = asyncio.create_task(store.claim([0], "journal"))
    await until_waiting(pool, "transactionid")  # it stands for less than 20 s: the claim waits for its row
    monkeypatch.setattr(stalled, "STALLED_SECONDS", 0)
    async with asyncio.timeout(20):  # not by the limit of a command, which ends the stalled one after a minute
        assert (await store.claim([0], "journal"))[0].epoch in (2, 3)
        assert (await claim)[0].epoch in (2, 3)
    assert await pool.fetchval(WAITS, "ClientRead") == 0
    stands.cancel()
    with pytest.raises((asyncio.CancelledError, asyncpg.PostgresError, OSError, asyncpg.InterfaceError)):
        await stands
    assert await busy == 1
    assert await idle.fetchval("select 2") == 2
    await other.release(idle)
    await store.close()
    await other.close()
    await pool.close()
