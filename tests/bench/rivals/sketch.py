"""The loop alone: the sketch of the ledger's loop by whose latency the promise of `./run bench redeem` was made.

A fetch, a decoder, a point a pound with no programme, one transaction for all partitions (a fence, facts and entries by
COPY, members by an upsert), then the answers and the entries; each batch after the other. It keeps no body, hash, lot
or outcome, and a tenth of a member; it takes no late fact and knows no repeat. So it is a scale for the machine, the
servers and the drivers, not a ledger. Runs until SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition

from events.topics import ENTRIES, JOURNAL, OUTCOMES
from infra.kafka.records import new_consumer
from infra.settings import Settings, load

AT_ONCE = 5_000
TABLES = """
create table position (partition smallint primary key, next_offset bigint not null, next_seq bigint not null);
create table fact (partition smallint, fact_id text, member text, at bigint, primary key (partition, fact_id));
create table entry (partition smallint, seq bigint, member text, points bigint, balance bigint, fact_id text,
    primary key (partition, seq));
create table member (partition smallint, member text, version bigint, balance bigint, state bytea,
    primary key (partition, member)) with (fillfactor = 70);
insert into position select n - 1, 0, 1 from generate_series(1, %d) n"""
FENCE = """update position p set next_offset = r.to_offset, next_seq = r.to_seq
from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    r (partition, next_offset, next_seq, to_offset, to_seq)
where p.partition = r.partition and p.next_offset = r.next_offset and p.next_seq = r.next_seq"""
MEMBERS = """insert into member
select * from unnest($1::smallint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])
on conflict (partition, member) do update
set version = excluded.version, balance = excluded.balance, state = excluded.state"""


class Line(msgspec.Struct, gc=False):
    """Of a receipt."""

    total_minor: int


class Fact(msgspec.Struct, gc=False):
    """Any record of the journal."""

    type: str
    id: str
    member: str = ""
    occurred_at: str = ""
    points: int = 0
    lines: Sequence[Line] = ()


class Member(msgspec.Struct, array_like=True, gc=False):
    """What is kept of one."""

    version: int = 0
    balance: int = 0
    newest: str = ""


class Batch(NamedTuple):
    """One transaction, and what is told after it."""

    fences: list[tuple[int, int, int, int, int]]
    facts: list[tuple[int, str, str, int]]
    entries: list[tuple[int, int, str, int, int, str]]
    members: dict[str, int]
    answers: dict[int, list[tuple[bytes, bytes]]]
    told: dict[int, list[tuple[bytes | None, bytes]]]


class Sketch:
    """All members in memory, and where each partition is."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Fact).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._members: dict[str, Member] = {}
        self._at: dict[int, tuple[int, int]] = {}

    def fold(self, got: Mapping[Any, Sequence[Any]]) -> Batch:
        """What was fetched."""
        batch = Batch([], [], [], {}, {}, {})
        for tp, records in got.items():
            partition = tp.partition
            offset, seq = first = self._at.get(partition, (0, 1))
            told = batch.told.setdefault(partition, [])
            for record in records:
                fact = self._decode(record.value)
                points, balance = self._moved(fact)
                batch.facts.append((partition, fact.id, fact.member, record.offset))
                batch.entries.append((partition, seq, fact.member, points, balance, fact.id))
                if fact.member:
                    batch.members[fact.member] = partition
                value = b'{"fact":"%b","seq":%d,"points":%d,"balance":%d}' % (fact.id.encode(), seq, points, balance)
                told.append((record.key, value))
                if fact.type == "redemption_requested":
                    batch.answers.setdefault(partition, []).append((record.key, value))
                offset, seq = record.offset + 1, seq + 1
            self._at[partition] = offset, seq
            batch.fences.append((partition, *first, offset, seq))
        return batch

    def _moved(self, fact: Fact) -> tuple[int, int]:
        """Points that it moves, and the balance after it."""
        member = self._members.get(fact.member)
        if member is None:
            member = self._members[fact.member] = Member()
        pounds = sum(line.total_minor for line in fact.lines) // 100
        points = {"purchase": pounds, "return": -pounds}.get(fact.type, -min(fact.points, member.balance))
        member.version += 1
        member.balance += points
        member.newest = max(member.newest, fact.occurred_at)
        return points, member.balance

    async def commit(self, connection: Any, batch: Batch) -> None:
        """All of it in one transaction."""
        async with connection.transaction():
            done = await connection.execute(FENCE, *map(list, zip(*batch.fences, strict=True)))
            assert done == f"UPDATE {len(batch.fences)}"
            await connection.copy_records_to_table("fact", records=batch.facts)
            await connection.copy_records_to_table("entry", records=batch.entries)
            rows = [
                (partition, name, member.version, member.balance, self._encode(member))
                for name, partition in sorted(batch.members.items())
                for member in (self._members[name],)
            ]
            if rows:
                await connection.execute(MEMBERS, *map(list, zip(*rows, strict=True)))


async def tell(
    producer: Any, topic: str, parts: Mapping[int, Sequence[tuple[bytes | None, bytes]]]
) -> list[asyncio.Future[Any]]:
    """A batch of aiokafka for each partition."""
    sent = []
    for partition, records in parts.items():
        batch = producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent


async def loop(settings: Settings, stopping: asyncio.Event) -> None:
    """From the journal's beginning until it is asked to stop and nothing more comes."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    await connection.execute(TABLES % settings.partitions)
    servers = {"bootstrap_servers": settings.kafka_bootstrap_servers, "acks": "all", "max_batch_size": 1 << 20}
    answering, telling = AIOKafkaProducer(**servers), AIOKafkaProducer(**servers, enable_idempotence=True)
    consumer = new_consumer(settings)
    for one in (answering, telling, consumer):
        await one.start()
    prefix, sketch = settings.topic_prefix, Sketch()
    tps = [TopicPartition(prefix + JOURNAL.name, partition) for partition in range(settings.partitions)]
    consumer.assign(tps)
    for tp in tps:
        consumer.seek(tp, 0)
    flying: list[asyncio.Future[Any]] = []
    try:
        while not stopping.is_set():
            got = await consumer.getmany(timeout_ms=50, max_records=AT_ONCE)
            if not got:
                continue
            batch = sketch.fold(got)
            await sketch.commit(connection, batch)
            flying = [one for one in flying if not one.done()]
            flying += await tell(answering, prefix + OUTCOMES.name, batch.answers)
            flying += await tell(telling, prefix + ENTRIES.name, batch.told)
        await asyncio.gather(*flying)
    finally:
        for one in (consumer, telling, answering):
            await one.stop()
        await connection.close()


async def main() -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await loop(load(), stopping)


if __name__ == "__main__":
    uvloop.run(main())
