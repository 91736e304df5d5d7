"""A house with a ledger in it: journal records to send, processes to start and kill, tables and topics to look at.

Knows the wire and the tables, and no code of the ledger: what a test expects it must say itself.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from events.topics import ENTRIES, JOURNAL, OUTCOMES
from infra.clock import monotonic
from infra.kafka.client import Message, Writer, partition_of
from infra.kafka.topics_admin import ensure_topics
from infra.settings import Settings, child_environment, variables

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "services" / "programme" / "examples"
PATIENCE_S = 60.0


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again until it holds."""
    deadline = monotonic() + PATIENCE_S
    while not await condition():
        assert monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.02)


@dataclass
class Ledger:
    """A house's journal and tables, and what was sent."""

    settings: Settings
    writer: Writer
    pool: asyncpg.Pool
    sent: dict[int, int] = field(default_factory=dict)
    """Partition -> records in the journal that we know of."""

    async def say(self, facts: Sequence[dict[str, Any]]) -> None:
        """Write facts of members into the journal, in their order."""
        by_partition: dict[int, list[Message]] = {}
        for fact in facts:
            key = fact["member"].encode()
            to = partition_of(key, self.settings.partitions)
            by_partition.setdefault(to, []).append((key, json.dumps(fact).encode(), ()))
        for partition, messages in by_partition.items():
            await self.write(partition, messages)

    async def say_to_all(self, fact: dict[str, Any]) -> None:
        """Write a fact into every partition; `{p}` in its id is the partition."""
        for partition in range(self.settings.partitions):
            value = {**fact, "id": fact["id"].replace("{p}", str(partition))}
            await self.write(partition, [(None, json.dumps(value).encode(), ())])

    async def write(self, partition: int, messages: Sequence[Message]) -> None:
        await self.writer.write(JOURNAL.name, partition, messages)
        self.sent[partition] = self.sent.get(partition, 0) + len(messages)

    async def publish_programme(self, name: str) -> None:
        text = (EXAMPLES / f"{name}.yaml").read_text()
        await self.say_to_all(
            {
                "type": "programme_published",
                "id": f"programme:{name}",
                "occurred_at": "2010-01-01T00:00:00Z",
                "text": text,
                "sha256": sha256(text.encode()).hexdigest(),
            }
        )

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(sql, *arguments)]

    async def booked(self) -> bool:
        """Whether the tables have come to the journal's end (of what we sent), and the topics to the tables'."""
        try:
            rows = await self.rows("select partition, next_offset, next_seq, published_seq from position")
        except asyncpg.UndefinedTableError:  # the ledger has just been started for the first time
            return False
        found = {partition: rest for partition, *rest in rows}
        return all(
            p in found and found[p][0] >= sent and found[p][2] == found[p][1] - 1 for p, sent in self.sent.items()
        )

    async def all_booked(self) -> None:
        await until(self.booked, "everything booked and published")

    async def records(self, topic: str, partition: int) -> list[tuple[bytes | None, bytes, dict[str, bytes]]]:
        """Every record there is of a partition: key, value, headers."""
        full = TopicPartition(self.settings.topic_prefix + topic, partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, enable_auto_commit=False, auto_offset_reset="none"
        )
        await consumer.start()
        try:
            consumer.assign([full])
            consumer.seek(full, 0)
            end = (await consumer.end_offsets([full]))[full]
            found: list[Any] = []
            while len(found) < end:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    found += [(r.key, r.value, dict(r.headers)) for r in records]
            return found
        finally:
            await consumer.stop()

    async def assert_topics_are_the_tables(self) -> int:
        """entries.v1 without its repeats is `fact` with its entries, seq by seq. Returns the number of repeats."""
        repeats = 0
        for partition in range(self.settings.partitions):
            facts = await self.rows("select seq, fact_id from fact where partition = $1 order by seq", partition)
            entries = await self.rows(
                "select seq, debit, credit, points, balance_after from entry where partition = $1 order by seq, n",
                partition,
            )
            told, moved, seen = [], [], {}
            for key, value, headers in await self.records(ENTRIES.name, partition):
                record, seq = json.loads(value), int(headers["seq"])
                assert seq == record["seq"]
                if seq in seen:
                    assert seen[seq] == (key, value, headers), f"seq {seq} came again with other bytes"
                    repeats += 1
                    continue
                assert seq == len(seen) + 1, f"partition {partition}: seq {seq} after {len(seen)}"
                seen[seq] = (key, value, headers)
                told.append((seq, record["fact"]))
                moved += [
                    (seq, e["debit"], e["credit"], e["points"], e["balance_after"])
                    for posting in record["postings"]
                    for e in posting["entries"]
                ]
            assert told == facts
            assert moved == entries
        return repeats

    async def outcomes(self) -> list[dict[str, Any]]:
        found = [await self.records(OUTCOMES.name, p) for p in range(self.settings.partitions)]
        return [json.loads(value) for records in found for _, value, _ in records]

    async def balances(self) -> dict[str, int]:
        rows = await self.rows("select member, available + pending - debt from member")
        return dict(rows)


@asynccontextmanager
async def ledger_of(settings: Settings) -> AsyncIterator[Ledger]:
    """The house's journal exists and can be written; no process runs."""
    await ensure_topics(settings, (JOURNAL, ENTRIES, OUTCOMES))
    writer = Writer(settings)
    await writer.start()
    try:
        async with asyncpg.create_pool(settings.database_url.get_secret_value(), min_size=1, max_size=2) as pool:
            yield Ledger(settings, writer, pool)
    finally:
        await writer.stop()


@asynccontextmanager
async def process_of(settings: Settings, **more: str) -> AsyncIterator[Process]:
    """`python -m services.ledger`; `more` are settings by field name. Killed at the end unless it has ended."""
    chosen = {f"TALLYSTICK_{name.upper()}": value for name, value in more.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ledger"),
        env={**child_environment(), **variables(settings), "PYTHONPATH": str(REPOSITORY), **chosen},
        stderr=PIPE,
        cwd="/",
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def stopped(process: Process) -> int:
    """Ask politely; the exit code."""
    process.send_signal(signal.SIGTERM)
    return await ended(process)


async def ended(process: Process) -> int:
    """The exit code once the process has ended by itself."""
    async with asyncio.timeout(PATIENCE_S):
        assert process.stderr is not None
        await process.stderr.read()
        return await process.wait()
