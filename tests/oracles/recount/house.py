"""What a house holds once it is at rest: what was said to it and answered, its tables, its topics. Reads, and no more.

Shares no code with the product: it knows the names of tables and topics, and the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

Row = Mapping[str, Any]

QUERIES = {
    "fact": 'select partition, seq, fact_id, revision, member, type, recorded_at, "offset", body, outcome, postings '
    "from fact order by partition, seq",
    "entry": "select partition, seq, member, debit, credit, points, lot, why, balance_after from entry "
    "order by partition, seq, n",
    "reward": "select partition, partner, seq, fact_seq, value from reward order by partition, partner, seq",
    "reward_position": "select partition, partner, next_seq from reward_position",
    "member": "select partition, member, available, pending, held, debt from member",
    "position": "select partition, next_offset, next_seq, published_seq from position",
    "parked_journal": 'select partition, "offset", reason from parked_journal',
    "parked": 'select topic, partition, "offset", reason, value from parked',
    "identity": "select scheme, value, member from identity",
    "receipt": "select receipt, revision, member from receipt",
    "erasure": "select member from erasure",
    "intake_position": "select topic, partition, next_offset from intake_position",
}
MODELS = {
    "balance": "select member, partition, seq, available, pending, held, debt, balance, earned, redeemed, expired,"
    " reversed from {schema}.balance",
    "tier": "select member, partition, seq, level, since_ms, qualifying_minor from {schema}.tier",
}


class Record(NamedTuple):
    """A record of a topic."""

    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass
class House:
    """All of it. Rows are in the order of their keys, records in the order of their partition."""

    partitions: int
    said: list[tuple[str, str, str]] = field(default_factory=list)
    """What was acknowledged: topic, till, and the record as JSON; a second upload stands there twice."""
    answers: list[str] = field(default_factory=list)
    """What the tills read on outcomes.v1, as JSON."""
    tables: dict[str, Sequence[Row]] = field(default_factory=dict)
    models: dict[str, Sequence[Row]] = field(default_factory=dict)
    """The live rows of each read model, and under "<model>.position" how far it is."""
    inbound_ends: dict[tuple[str, int], int] = field(default_factory=dict)
    journal: dict[int, list[Record]] = field(default_factory=dict)
    entries: dict[int, list[Record]] = field(default_factory=dict)
    rewards: dict[str, dict[int, list[Record]]] = field(default_factory=dict)
    """By partner and partition."""


async def read(where: Mapping[str, Any]) -> House:
    """`where`: brokers, database (an address), prefix, partitions, partners, said, answers (two files)."""
    house = House(where["partitions"])
    for line in _lines(where["said"]):
        topic, till, text = line.rstrip("\n").split("\t")
        house.said.append((topic, till, text))
    house.answers = list(_lines(where["answers"]))
    await _read_tables(house, where["database"])
    consumer = AIOKafkaConsumer(bootstrap_servers=where["brokers"], enable_auto_commit=False, max_poll_records=5_000)
    await consumer.start()
    try:
        for topic in {row["topic"] for row in house.tables["intake_position"]}:
            tps = [TopicPartition(where["prefix"] + topic, number) for number in range(house.partitions)]
            for tp, end in (await consumer.end_offsets(tps)).items():
                house.inbound_ends[topic, tp.partition] = end
        house.journal = await records(consumer, where["prefix"] + "journal.v1", house.partitions)
        house.entries = await records(consumer, where["prefix"] + "entries.v1", house.partitions)
        for partner in where["partners"]:
            topic = f"{where['prefix']}rewards.{partner}.v1"
            house.rewards[partner] = await records(consumer, topic, house.partitions)
    finally:
        await consumer.stop()
    return house


def _lines(file: str) -> Iterator[str]:
    path = Path(file)
    if path.exists():
        with path.open() as lines:
            yield from lines


async def _read_tables(house: House, database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        for name, query in QUERIES.items():
            house.tables[name] = await connection.fetch(query)
        for model, schema in await connection.fetch("select model, schema from projection"):
            house.models[model] = await connection.fetch(MODELS[model].format(schema=schema))
            position = f"select partition, next_seq, next_offset from {schema}.position"
            house.models[f"{model}.position"] = await connection.fetch(position)
            parked = f'select partition, "offset", reason from {schema}.parked'
            house.models[f"{model}.parked"] = await connection.fetch(parked)
    finally:
        await connection.close()


async def records(consumer: AIOKafkaConsumer, topic: str, partitions: int) -> dict[int, list[Record]]:
    """Everything on a topic, by partition."""
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    ends = await consumer.end_offsets(tps)
    found: dict[int, list[Record]] = {tp.partition: [] for tp in tps}
    while any(await _rest(consumer, ends)):
        for tp, raws in (await consumer.getmany(timeout_ms=1000)).items():
            found[tp.partition] += [Record(r.offset, r.key, r.value, tuple(r.headers)) for r in raws]
    return found


async def _rest(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterable[int]:
    return [end - await consumer.position(tp) for tp, end in ends.items()]
