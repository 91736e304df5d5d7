"""The naive service: a record, a transaction, a record published, and the next one. Exact, and how most begin.

It folds with the very same pure rooms as the ledger, and keeps the very same rows; the difference is the shell around
them. A member's row is locked by `select ... for update`, a repeat is found by asking for the fact's id, the position
moves in the same transaction, and the record of entries goes out when the transaction is in.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from events.decode import decode_fact_slowly
from events.entries import encode_outcome
from events.facts.ticks import slice_of
from services.book.member import Member, decode, encode, new
from services.book.step import Missing, Result, step
from services.book.turn import ColdKey, pack
from services.ledger.published import entries_message, postings_column
from services.ledger.reading import digest
from services.ledger.store import SQL
from services.programme.calendar import instant_ms
from tests.bench.rivals import ground

VIEWS = """
create view rival_member as select member, available, debt, tier from member;
create view rival_fact as select fact_id as id, body from fact;
create view rival_entry as select debit, credit, points from entry;
create table rival_reward (
    partition smallint, partner text, seq bigint, kind text, points bigint, primary key (partition, partner, seq)
);
create table rival_next (partition smallint, partner text, next bigint, primary key (partition, partner));
"""
KNOWN = "select true from fact where partition = $1 and fact_id = $2 and revision = $3"
MEMBER = "select state from member where partition = $1 and member = $2 for update"
AT = "select body, outcome from fact where partition = $1 and seq = $2"
FIRST = "select body, outcome from fact where partition = $1 and fact_id = $2 and revision = 0 and member = $3"
COLD = "select value from cold where partition = $1 and member = $2 and kind = $3 and key = $4"
POSITION = "update position set next_offset = $2, next_seq = next_seq + $3 where partition = $1 returning next_seq - $3"
FACT = "insert into fact values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
ENTRY = "insert into entry values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
NEXT = (
    "insert into rival_next values ($1, $2, 2) on conflict (partition, partner) "
    "do update set next = rival_next.next + 1 returning next - 1"
)
REWARD = "insert into rival_reward values ($1, $2, $3, $4, $5)"
PUT_MEMBER = (
    "insert into member values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (partition, member) "
    "do update set available = $4, pending = $5, held = $6, debt = $7, tier = $8, qualifying_minor = $9, "
    "next_due = $10, high_water = $11, state = $12"
)
PUT_COLD = (
    "insert into cold values ($1, $2, $3, $4, $5) on conflict (partition, member, kind, key) do update set value = $5"
)
DROP_COLD = "delete from cold where partition = $1 and member = $2 and kind = $3 and key = $4"


async def prepare(connection: Any) -> None:
    """The ledger's own tables, and the views that the check reads."""
    await connection.execute((SQL / "001-ledger.sql").read_text() + VIEWS)
    await connection.executemany(
        "insert into position (partition, topic_id) values ($1, '')", [(p,) for p in range(ground.PARTITIONS)]
    )


def member_row(partition: int, member: Member) -> tuple[Any, ...]:
    """The parameters of PUT_MEMBER."""
    return (
        *(partition, member.id, slice_of(member.id)),
        *(member.available, member.pending, member.held, member.debt, member.tier),
        *(member.qualifying_minor, member.next_due_ms, member.high_water_ms, encode(member)),
    )


def fact_row(record: Any, seq: int, fact: Any, result: Result) -> tuple[Any, ...]:
    """The parameters of FACT."""
    return (
        *(record.partition, seq, fact.id, fact.revision, fact.member, fact.type, instant_ms(fact.occurred_at)),
        *(record.timestamp, record.offset, digest(record.value), record.value),
        *(encode_outcome(result.outcome), postings_column((result.posting,))),
    )


def entry_rows(partition: int, seq: int, result: Result) -> list[tuple[Any, ...]]:
    """The parameters of ENTRY, one tuple an entry."""
    return [
        (partition, seq, n, result.posting.member, e.debit, e.credit, e.points, e.lot, e.why, e.balance_after)
        for n, e in enumerate(result.posting.entries)
    ]


async def cold_row(connection: Any, partition: int, member: str, key: ColdKey) -> bytes | None:
    """One cold row; the row of a purchase is that of its fact, by its id, or of any fact by its seq."""
    if key[0] in ("fact", "step"):
        where = (FIRST, partition, key[1], member) if key[0] == "fact" else (AT, partition, int(key[1]))
        row = await connection.fetchrow(*where)
        return None if row is None else pack(row[0], row[1])
    value: bytes | None = await connection.fetchval(COLD, partition, member, *key)
    return value


async def book(connection: Any, record: Any, fact: Any, plan: Any) -> Any:
    """One fact in one transaction. Returns the record to publish; None for a repeat."""
    partition = record.partition
    async with connection.transaction():
        if await connection.fetchval(KNOWN, partition, fact.id, fact.revision):
            await connection.execute(POSITION, partition, record.offset + 1, 0)
            return None
        state = await connection.fetchval(MEMBER, partition, fact.member)
        member = new(fact.member) if state is None else decode(fact.member, state)
        seq = await connection.fetchval(POSITION, partition, record.offset + 1, 1)
        cold: dict[ColdKey, bytes | None] = {}
        result: Result | None = None
        while result is None:
            try:
                result = step(member, fact, instant_ms(fact.occurred_at), seq, plan, cold)
            except Missing as missing:
                for key in missing.keys:
                    cold[key] = await cold_row(connection, partition, fact.member, key)
        await connection.execute(FACT, *fact_row(record, seq, fact, result))
        for row in entry_rows(partition, seq, result):
            await connection.execute(ENTRY, *row)
        for due in result.rewards:
            number = await connection.fetchval(NEXT, partition, due.partner)
            await connection.execute(REWARD, partition, due.partner, number, due.kind, due.points)
        await connection.execute(PUT_MEMBER, *member_row(partition, member))
        for key, value in result.cold.items():
            if value is None:
                await connection.execute(DROP_COLD, partition, fact.member, *key)
            else:
                await connection.execute(PUT_COLD, partition, fact.member, *key, value)
    return entries_message(partition, seq, fact, record.timestamp, result.outcome, (result.posting,))


async def main() -> None:
    plan, clock = ground.plan(), ground.Clock()
    connection = await asyncpg.connect(ground.DATABASE)
    await prepare(connection)
    producer = AIOKafkaProducer(bootstrap_servers=ground.BROKERS, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=ground.BROKERS, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(ground.JOURNAL, partition) for partition in range(ground.PARTITIONS)])
    try:
        async for record in consumer:
            fact = decode_fact_slowly(record.value)
            if fact.type != "programme_published":
                told = await book(connection, record, fact, plan)
                if told is not None:
                    key, value, headers = told
                    await producer.send_and_wait(
                        ground.ENTRIES, value, key, partition=record.partition, headers=list(headers)
                    )
            if clock.done(1):
                break
        clock.say()
    finally:
        await consumer.stop()
        await producer.stop()
        await connection.close()


if __name__ == "__main__":
    uvloop.run(main())
