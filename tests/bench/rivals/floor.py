"""The floor: the same bytes consumed and the same rows written by COPY, with no decoding, no rating and no publishing.

What a worker in this language, with these drivers, cannot go below for this state. The rows have the ledger's columns,
and its lengths on average (RIVAL_SAMPLE, taken from a round of the ledger in the same run); the body is the record's
own. Members are written once a batch, as many as the records name. One commit is in flight while the next is made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import uvloop
from aiokafka import TopicPartition

from events.entries import Entry, Posting
from infra.kafka.records import new_consumer
from infra.settings import load
from services.ledger.rows import (
    END,
    ENTRY_COLUMNS,
    FACT_COLUMNS,
    HEADER,
    REWARD_COLUMNS,
    entries_of,
    fact_row,
    reward_row,
)
from services.ledger.store import SQL
from tests.bench.rivals import ground
from tests.bench.rivals.naive import VIEWS

AT_ONCE = 10_000
MEMBERS = """insert into member
select p, m, 0, 0, 0, 0, 0, 0, 0, null, 0, s from unnest($1::int2[], $2::text[], $3::bytea[]) r (p, m, s)
on conflict (partition, member) do update set available = excluded.available, state = excluded.state"""


class Sample(NamedTuple):
    """What a fact of the ledger leaves behind, on average; lengths in bytes."""

    entries_a_fact: float
    rewards_a_fact: float
    lot: float
    why: float
    outcome: float
    postings: float
    reward: float
    hot_row_bytes: float


class Rows(NamedTuple):
    """One transaction."""

    facts: list[bytes]
    entries: list[bytes]
    rewards: list[bytes]
    members: dict[str, int]
    records: int


class Floor:
    """Makes rows of records."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._entry = Entry("issued", "lot", 100, "w" * int(sample.why), 100, "l" * int(sample.lot))
        self._rest = (*(bytes(16), b" " * int(sample.outcome), b" " * int(sample.postings), b" " * int(sample.reward)),)
        self._state = bytes(int(sample.hot_row_bytes))
        self._entries = self._rewards = 0.0

    def rows(self, got: dict[Any, list[Any]]) -> Rows:
        """The rows of what was fetched."""
        digest, outcome, postings, reward = self._rest
        sample, made = self._sample, Rows([], [], [], {}, sum(map(len, got.values())))
        for tp, records in got.items():
            partition = tp.partition
            for record in records:
                seq, key = record.offset + 1, (record.key or b"").decode()
                name = f"till-000:2025-{partition:02d}{seq:08d}"
                made.facts.append(
                    fact_row(
                        *(partition, seq, name, 0, key, "purchase", seq, record.timestamp, record.offset),
                        *(digest, record.value, outcome, postings),
                    )
                )
                made.members[key] = partition
                self._entries += sample.entries_a_fact
                entries = (self._entry,) * int(self._entries)
                self._entries -= len(entries)
                made.entries.append(entries_of(partition, seq, [Posting(key, 0, 0, 0, 0, 0, 0, entries)]))
                self._rewards += sample.rewards_a_fact
                if self._rewards >= 1:
                    self._rewards -= 1
                    made.rewards.append(reward_row(partition, "fuel", seq, seq, reward))
        return made

    async def commit(self, connection: Any, rows: Rows) -> None:
        """All of it in one transaction."""
        async with connection.transaction():
            for table, columns, packed in (
                ("fact", FACT_COLUMNS, rows.facts),
                ("entry", ENTRY_COLUMNS, rows.entries),
                ("reward", REWARD_COLUMNS, rows.rewards),
            ):
                if packed:
                    await connection.copy_to_table(table, source=_once(packed), columns=columns, format="binary")
            names = list(rows.members)
            await connection.execute(MEMBERS, list(rows.members.values()), names, [self._state] * len(names))


async def _once(packed: list[bytes]) -> AsyncIterator[bytes]:
    yield b"".join((HEADER, *packed, END))


async def main() -> None:
    clock = ground.Clock()
    floor = Floor(Sample(**json.loads(ground.SAMPLE.read_text())))
    connection = await asyncpg.connect(ground.DATABASE)
    await connection.execute((SQL / "001-ledger.sql").read_text() + VIEWS)
    settings = load()
    consumer = new_consumer(settings)
    await consumer.start()
    tps = [TopicPartition(ground.JOURNAL, partition) for partition in range(ground.PARTITIONS)]
    consumer.assign(tps)
    for tp in tps:
        consumer.seek(tp, 0)
    flying, made = None, 0
    try:
        while made < ground.RECORDS:
            rows = floor.rows(await consumer.getmany(timeout_ms=250, max_records=AT_ONCE))
            if not rows.records:
                continue
            if flying is not None:
                await flying[0]
                clock.done(flying[1])
            made += rows.records
            flying = asyncio.ensure_future(floor.commit(connection, rows)), rows.records
            await asyncio.sleep(0)
        if flying is not None:
            await flying[0]
            clock.done(flying[1])
        clock.say()
    finally:
        await consumer.stop()
        await connection.close()


if __name__ == "__main__":
    uvloop.run(main())
