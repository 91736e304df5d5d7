"""The naive service with batches: one transaction for up to 5,000 records, and in it a statement for each row.

What the naive service asks one by one is asked here for the whole batch (members, known ids, cold rows); what it writes
is written with `executemany`, which sends the rows of a table together, and the server runs an insert for each.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from events.decode import decode_fact_slowly
from infra.postgres.queries import load
from services.book.member import Member, decode, new
from services.book.step import Missing, needs, step
from services.book.turn import ColdKey, pack
from services.ledger.published import entries_message
from services.ledger.store import SQL
from services.programme.calendar import instant_ms
from tests.bench.rivals import ground, naive

AT_ONCE = 5_000

_sql = load(SQL)

Named = tuple[Any, Any]
"""(record, fact)."""
Rows = dict[ColdKey, bytes | None]


class Batch:
    """What one transaction reads and writes. Members have one partition each, so their names are enough."""

    def __init__(self) -> None:
        self.partition: dict[str, int] = {}
        self.members: dict[str, Member] = {}
        self.cold: dict[str, Rows] = {}
        self.wrote: dict[str, Rows] = {}
        self.facts: list[tuple[Any, ...]] = []
        self.entries: list[tuple[Any, ...]] = []
        self.rewards: list[tuple[Any, ...]] = []
        self.told: list[tuple[int, Any]] = []


class Service:
    """The numbers of facts and rewards are kept in memory; the tables have them in the same transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._plan = ground.plan()
        self._seq = dict.fromkeys(range(ground.PARTITIONS), 1)
        self._reward: dict[tuple[int, str], int] = {}

    async def book(self, records: list[Any]) -> Batch:
        """A batch of records in one transaction."""
        batch = Batch()
        named = [(record, decode_fact_slowly(record.value)) for record in records]
        async with self._connection.transaction():
            fresh = await self._fresh([one for one in named if one[1].type != "programme_published"])
            await self._load(batch, fresh)
            for record, fact in fresh:
                await self._fold(batch, record, fact)
            await self._write(batch, records)
        return batch

    async def _fresh(self, named: list[Named]) -> list[Named]:
        asked = [(record.partition, fact.id, fact.revision) for record, fact in named]
        rows = await self._ask(_sql.known_facts, asked) if asked else ()
        seen = {msgspec.json.decode(row["body"])["id"] for row in rows}
        fresh = []
        for record, fact in named:
            if fact.id not in seen:
                seen.add(fact.id)
                fresh.append((record, fact))
        return fresh

    async def _load(self, batch: Batch, fresh: list[Named]) -> None:
        batch.partition = {fact.member: record.partition for record, fact in fresh}
        batch.members = {name: new(name) for name in batch.partition}
        batch.cold = {name: {} for name in batch.partition}
        rows = [(partition, name) for name, partition in batch.partition.items()]
        for _, name, state in await self._ask(_sql.members, rows):
            batch.members[name] = decode(name, state)
        while wanted := self._wanted(batch, fresh):
            await self._look_up(batch, wanted)

    async def _look_up(self, batch: Batch, wanted: list[tuple[int, str, ColdKey]]) -> None:
        """What the tables have of these rows; of those of this very batch they have nothing."""
        for _, name, key in wanted:
            batch.cold[name].setdefault(key, None)
        rest = [(partition, name, *key) for partition, name, key in wanted if key[0] not in ("fact", "step")]
        for _, name, kind, key, value in await self._ask(_sql.cold_rows, rest):
            batch.cold[name][kind, key] = value
        facts = [(partition, name, key[1]) for partition, name, key in wanted if key[0] == "fact"]
        for _, name, key, body, outcome in await self._ask(_sql.first_revisions, facts):
            batch.cold[name]["fact", key] = pack(body, outcome)
        steps = {(partition, int(key[1])): name for partition, name, key in wanted if key[0] == "step"}
        for partition, seq, body, outcome in await self._ask(_sql.facts_at, list(steps)):
            batch.cold[steps[partition, seq]]["step", str(seq)] = pack(body, outcome)

    def _wanted(self, batch: Batch, named: list[Named]) -> list[tuple[int, str, ColdKey]]:
        wanted = []
        for record, fact in named:
            member, cold = batch.members[fact.member], batch.cold[fact.member]
            keys, _ = needs(member, fact, instant_ms(fact.occurred_at), self._plan, cold)
            wanted += [(record.partition, fact.member, key) for key in keys]
        return wanted

    async def _fold(self, batch: Batch, record: Any, fact: Any) -> None:
        partition, name = record.partition, fact.member
        member, cold = batch.members[name], batch.cold[name]
        seq, self._seq[partition] = self._seq[partition], self._seq[partition] + 1
        result = None
        while result is None:
            try:
                result = step(member, fact, instant_ms(fact.occurred_at), seq, self._plan, cold)
            except Missing as missing:
                await self._look_up(batch, [(partition, name, key) for key in missing.keys])
        cold.update(result.cold)
        batch.wrote.setdefault(name, {}).update(result.cold)
        row = naive.fact_row(record, seq, fact, result)
        cold["step", str(seq)] = cold["fact", fact.id] = pack(record.value, row[11])
        batch.facts.append(row)
        batch.entries += naive.entry_rows(partition, seq, result)
        for due in result.rewards:
            number = self._reward[partition, due.partner] = self._reward.get((partition, due.partner), 0) + 1
            batch.rewards.append((partition, due.partner, number, due.kind, due.points))
        told = entries_message(partition, seq, fact, record.timestamp, result.outcome, (result.posting,))
        batch.told.append((partition, told))

    async def _write(self, batch: Batch, records: list[Any]) -> None:
        connection = self._connection
        ends = {record.partition: record.offset + 1 for record in records}
        await connection.executemany(
            "update position set next_offset = $2, next_seq = $3 where partition = $1",
            [(partition, offset, self._seq[partition]) for partition, offset in ends.items()],
        )
        await connection.executemany(naive.FACT, batch.facts)
        await connection.executemany(naive.ENTRY, batch.entries)
        await connection.executemany(naive.REWARD, batch.rewards)
        members = [naive.member_row(batch.partition[name], member) for name, member in batch.members.items()]
        await connection.executemany(naive.PUT_MEMBER, members)
        cold = [
            (batch.partition[name], name, *key, value)
            for name, rows in batch.wrote.items()
            for key, value in rows.items()
        ]
        await connection.executemany(naive.PUT_COLD, [row for row in cold if row[4] is not None])
        await connection.executemany(naive.DROP_COLD, [row[:4] for row in cold if row[4] is None])

    async def _ask(self, sql: str, rows: list[tuple[Any, ...]]) -> list[Any]:
        if not rows:
            return []
        found: list[Any] = await self._connection.fetch(sql, *(list(column) for column in zip(*rows, strict=True)))
        return found


async def main() -> None:
    clock = ground.Clock()
    connection = await asyncpg.connect(ground.DATABASE)
    await naive.prepare(connection)
    service = Service(connection)
    producer = AIOKafkaProducer(bootstrap_servers=ground.BROKERS, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=ground.BROKERS, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(ground.JOURNAL, partition) for partition in range(ground.PARTITIONS)])
    try:
        ended = False
        while not ended:
            got = await consumer.getmany(timeout_ms=250, max_records=AT_ONCE)
            records = [record for some in got.values() for record in some]
            if records:
                batch = await service.book(records)
                sent = [
                    await producer.send(ground.ENTRIES, value, key, partition=partition, headers=list(headers))
                    for partition, (key, value, headers) in batch.told
                ]
                await asyncio.gather(*sent)
                ended = clock.done(len(records))
        clock.say()
    finally:
        await consumer.stop()
        await producer.stop()
        await connection.close()


if __name__ == "__main__":
    uvloop.run(main())
