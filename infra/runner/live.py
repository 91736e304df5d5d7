"""Reading a read model, whichever schema it lives in just now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.postgres.pool import Connection, Pool, UndefinedTable
from infra.runner.store import ModelStopped, queries


@asynccontextmanager
async def inside(pool: Pool, model: str) -> AsyncIterator[Connection]:
    """A read-only transaction in which the model's tables are found by name. Raises ModelStopped: no such model yet.

    The schema before a rebuild is dropped by the next one, so a reader that looked it up may finish.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        try:
            live = await connection.fetchrow(queries.live, model)
        except UndefinedTable:
            live = None
        if live is None:
            raise ModelStopped(f"read model {model} has no table yet; start the projections once")
        await connection.fetchrow(queries.enter, live["schema"], model)
        yield connection
