"""Where a read model's rows and positions lie: one schema of the database, the live one or its shadow in a rebuild."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from infra.clock import now_ms
from infra.postgres.migrate import migrate
from infra.postgres.pool import Connection, Pool
from infra.postgres.queries import load
from infra.postgres.stalled import end_stalled
from infra.runner.model import Placed, ReadModel

SQL = Path(__file__).with_name("sql")
queries = load(SQL / "queries")
WHY_LENGTH = 500


class ModelStopped(Exception):
    """A read model cannot go on by itself; the message is a sentence that says what to do."""


class Moved(Exception):
    """A position is not where we left it, or no longer ours, or another schema is live: look again."""


class Place(NamedTuple):
    """How far a partition is: the next seq and offset to be folded, and the epoch of the claim."""

    next_seq: int
    next_offset: int
    epoch: int


class Parked(NamedTuple):
    """A record that cannot be read, with its coordinates."""

    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None


class Move(NamedTuple):
    """From where to where a transaction takes a partition."""

    partition: int
    before: Place
    after: Place


class Store:
    """One schema of one model. `live`: refuse to write once another schema has become the live one."""

    def __init__(self, pool: Pool, model: ReadModel, topic_id: str, schema: str, *, live: bool) -> None:
        self.pool = pool
        self.model = model
        self.schema = schema
        self._topic_id = topic_id
        self._live = live

    async def claim(self, partitions: Collection[int]) -> dict[int, Place]:
        """Take partitions over. Raises ModelStopped where the rows stem from another topic of that name."""
        await end_stalled(self.pool)
        async with self._inside() as connection:
            rows = await connection.fetch(queries.claim, sorted(partitions), self._topic_id)
            if any(row["topic_id"] != self._topic_id for row in rows):
                raise ModelStopped(
                    f"topic {self.model.topic} was made anew, and read model {self.model.name} holds what was made of "
                    f"the one before; build it again: ./run rebuild {self.model.name}"
                )
        return {row["partition"]: Place(row["next_seq"], row["next_offset"], row["epoch"]) for row in rows}

    async def places(self, partitions: Collection[int]) -> dict[int, Place]:
        """How far the partitions are, whoever has them. Raises Moved when another schema is the live one."""
        async with self._inside() as connection:
            rows = await connection.fetch(queries.places, sorted(partitions))
        return {row["partition"]: Place(row["next_seq"], row["next_offset"], row["epoch"]) for row in rows}

    async def apply(self, moves: Sequence[Move], events: Sequence[Placed], parked: Sequence[Parked]) -> None:
        """Positions, rows and parked records in one transaction. Raises Moved; then nothing was written."""
        async with self._inside() as connection:
            moves = sorted(moves)
            columns = [(m.partition, m.before.epoch, *m.before[:2], *m.after[:2]) for m in moves]
            # first: the rows' locks are the fence, taken in one order by everybody
            done = await connection.execute(queries.advance, self._topic_id, *map(list, zip(*columns, strict=True)))
            if done != f"UPDATE {len(moves)}":
                raise Moved
            keys = sorted(self.model.touched(events)) if events else []
            if keys:
                before = await connection.fetch(self.model.queries.load, keys)
                rows = self.model.fold({row[0]: self.model.row(*row) for row in before}, events)
                changed = [rows[key] for key in sorted(rows)]
                if changed:
                    await connection.execute(self.model.queries.save, *map(list, zip(*changed, strict=True)))
            if parked:
                await connection.executemany(queries.park, parked)

    async def mark_stale(self, partition: int, why: str) -> None:
        await self.pool.execute(queries.mark_stale, self.model.name, partition, now_ms(), why[:WHY_LENGTH])

    async def clear_stale(self, partitions: Collection[int]) -> None:
        await self.pool.execute(queries.clear_stale, self.model.name, sorted(partitions))

    @asynccontextmanager
    async def _inside(self) -> AsyncIterator[Connection]:
        """A transaction that looks into our schema."""
        async with self.pool.acquire() as connection, connection.transaction():
            live = await connection.fetchval(queries.enter, self.schema, self.model.name, column=1)
            if self._live and live != self.schema:
                raise Moved
            yield connection


async def prepare(pool: Pool, models: Sequence[ReadModel]) -> None:
    """Make what is missing: the shared tables, and each new model's first schema."""
    await migrate(pool, SQL, "projections")
    for model in models:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("lock table projection in share row exclusive mode")
            if await connection.fetchrow(queries.live, model.name) is None:
                schema = await make_schema(connection, model)
                await connection.execute(queries.add, model.name, schema, model.shape)


async def make_schema(connection: Connection, model: ReadModel) -> str:
    """A new empty schema for a model, named after it with the next number."""
    names = [row[0] for row in await connection.fetch(queries.schemas, model.name)]
    number = max((int(name.rpartition("_")[2]) for name in names), default=0) + 1
    schema = f"{model.name}_{number}"
    await connection.execute(f"create schema {schema}")
    await connection.fetchrow(queries.enter, schema, model.name)
    await connection.execute(queries.make)
    await connection.execute(model.queries.create)
    return schema


async def live_store(pool: Pool, model: ReadModel, topic_id: str) -> Store:
    """The store that readers see. Raises ModelStopped where it was made by a program with another table."""
    row = await pool.fetchrow(queries.live, model.name)
    if row is None:
        raise ModelStopped(f"read model {model.name} has no table yet; start the projections once")
    if row["shape"] != model.shape:
        raise ModelStopped(
            f"read model {model.name} has another table than the one in this database; build it again: "
            f"./run rebuild {model.name}"
        )
    return Store(pool, model, topic_id, row["schema"], live=True)
