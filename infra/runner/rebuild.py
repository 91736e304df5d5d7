"""Builds a read model again from the topic's first record, beside the live one, and makes it the live one.

1. A new schema; the runner, the same one, folds into it what the live one holds: of the topic, never further.
2. A snapshot of the live schema is taken, and the new one brought to exactly its positions.
3. Both are written out in the order of their keys, and their bytes compared.
4. The new one is brought to the topic's end and becomes the live one by one row. The one before stays to be looked at
   until the next rebuild; what is older is dropped.

The live one is read and written all the while. Two rebuilds of a model at once: the second is refused.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from infra.failpoints import Failpoint
from infra.kafka.client import Ranges, TopicPartition
from infra.metrics import Registry
from infra.postgres.pool import Connection, Pool
from infra.runner.meters import Meters
from infra.runner.model import ReadModel
from infra.runner.runner import Runner
from infra.runner.store import ModelStopped, Store, make_schema, queries

SHOWN = 3


@dataclass(frozen=True)
class Rebuilt:
    """What came of it. `differences` has a line for each table that was not the same, with its first rows."""

    model: str
    schema: str
    before: str
    rows: int
    sha256: str
    """Of the new schema's tables, at the position where they were compared."""
    differences: tuple[str, ...]
    not_compared: str = ""
    """Why there was nothing to compare with; empty when there was."""


async def rebuild(
    pool: Pool,
    model: ReadModel,
    topic_id: str,
    ranges: Ranges,
    partitions: int,
    say: Callable[[str], None] = lambda _line: None,
) -> Rebuilt:
    """Do it all. Raises ModelStopped in one sentence, or one of OUTAGE; the live one is then as it was."""
    async with _only_one(pool, model):
        live = await pool.fetchrow(queries.live, model.name)
        assert live is not None, "prepare() made it"
        async with pool.acquire() as connection, connection.transaction():
            schema = await make_schema(connection, model)
        try:
            shadow = Shadow(pool, model, topic_id, schema, ranges, range(partitions))
            await shadow.claim()
            for _ in range(2):  # the second time little is left, which came meanwhile
                await shadow.reach(await _how_far(pool, shadow, live["schema"]))
            say(f"{schema} has come as far as {live['schema']}; comparing them")
            rows, digest, differences, why = await _compare(pool, shadow, live["schema"], live["shape"])
            await shadow.reach(await shadow.ends())
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(queries.switch, model.name, schema, model.shape)
        except BaseException:
            await asyncio.shield(_drop(pool, [schema]))
            raise
        keep = {schema, live["schema"]}
        await _drop(pool, [row[0] for row in await pool.fetch(queries.schemas, model.name) if row[0] not in keep])
        return Rebuilt(model.name, schema, live["schema"], rows, digest, differences, why)


class Shadow:
    """The new schema and the runner that fills it."""

    def __init__(
        self, pool: Pool, model: ReadModel, topic_id: str, schema: str, ranges: Ranges, partitions: Collection[int]
    ) -> None:
        self.model, self.schema, self.topic_id = model, schema, topic_id
        self._ranges = ranges
        self._partitions = partitions
        self._runner = Runner(
            Store(pool, model, topic_id, schema, live=False), topic_id, ranges, Meters(Registry()), Failpoint("").reach
        )

    async def claim(self) -> None:
        await self._runner.claim(self._partitions)

    async def ends(self) -> dict[int, int]:
        found = await self._ranges.end_offsets(TopicPartition(self.model.topic, p) for p in self._partitions)
        return {tp.partition: end for tp, end in found.items()}

    async def reach(self, ends: Mapping[int, int]) -> None:
        """Fold up to these offsets. Raises ModelStopped where the topic cannot be folded."""
        for partition, end in ends.items():
            self._runner.reaches(partition, end)
        while self._runner.behind():
            await self._runner.feed({})
            if why := self._runner.trouble:
                raise ModelStopped(f"{self.model.name} cannot be built from {self.model.topic}: {why}")


async def _how_far(pool: Pool, shadow: Shadow, live: str) -> dict[int, int]:
    """How far the live one has come, which may be less than the topic holds; its ends where it is of another topic."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        places = await _places(connection, shadow, live)
    return await shadow.ends() if places is None else places


async def _places(connection: Connection, shadow: Shadow, live: str) -> dict[int, int] | None:
    """The next offsets of the live one. None: it was made of another topic of that name."""
    await connection.fetchrow(queries.enter, live, shadow.model.name)
    places = await connection.fetch(queries.all_places)
    if any(row["topic_id"] != shadow.topic_id for row in places):
        return None
    return {row["partition"]: row["next_offset"] for row in places}


async def _compare(
    pool: Pool, shadow: Shadow, live: str, shape: str
) -> tuple[int, str, tuple[str, ...], str]:  # rows, digest, differences, why not compared
    model = shadow.model
    async with (
        pool.acquire() as one,
        one.transaction(isolation="repeatable_read", readonly=True),
        pool.acquire() as two,
    ):
        places, why = await _places(one, shadow, live), ""
        if places is None:
            why = f"{live} was made of another topic of that name"
        elif shape != model.shape:
            why = f"{live} has another table"
        else:
            await shadow.reach(places)
        rows, digest, differences = 0, hashlib.sha256(), []
        for (table,) in await two.fetch(queries.tables, shadow.schema):
            new = await _written_out(two, shadow.schema, table)
            rows += len(new)
            digest.update(table.encode() + b"\n" + b"".join(new))
            if not why and (old := await _written_out(one, live, table)) != new:
                differences.append(_difference(table, old, new))
        return rows, digest.hexdigest(), tuple(differences), why


async def _written_out(connection: Connection, schema: str, table: str) -> list[bytes]:
    """The rows of a table in the order of its key, as COPY writes them."""
    key = ", ".join(f'"{row[0]}"' for row in await connection.fetch(queries.key_columns, schema, table))
    out = bytearray()

    async def take(data: bytes) -> None:
        out.extend(data)

    await connection.copy_from_query(f'select * from "{schema}"."{table}" order by {key}', output=take)  # noqa: S608
    return bytes(out).splitlines(keepends=True)


def _difference(table: str, old: list[bytes], new: list[bytes]) -> str:
    gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    shown = [f"  live   {row.decode().rstrip()}" for row in gone[:SHOWN]]
    shown += [f"  rebuilt {row.decode().rstrip()}" for row in come[:SHOWN]]
    return "\n".join([f"{table}: {len(gone)} rows only in the live one, {len(come)} only in the rebuilt one", *shown])


@asynccontextmanager
async def _only_one(pool: Pool, model: ReadModel) -> AsyncIterator[None]:
    async with pool.acquire() as connection:
        name = f"rebuild {model.name}"
        if not await connection.fetchval("select pg_try_advisory_lock(hashtext($1))", name):
            raise ModelStopped(f"read model {model.name} is being built again already; wait for that")
        try:
            yield
        finally:
            await connection.execute("select pg_advisory_unlock(hashtext($1))", name)


async def _drop(pool: Pool, schemas: list[str]) -> None:
    for schema in schemas:
        await pool.execute(f'drop schema "{schema}" cascade')
