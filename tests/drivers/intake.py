"""Tills that write to a house's inbound topics, intakes that read them, and what stands in its tables and journal.

Knows the wire and the tables, and no code of intake but its entry: what a test expects it must say itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from events.topics import ENROLMENTS, INBOUND, JOURNAL, PURCHASES, REDEMPTIONS, Topic
from infra.clock import monotonic
from infra.health import Health
from infra.kafka.client import Writer, partition_of
from infra.kafka.topics_admin import ensure_topics
from infra.metrics import Registry
from infra.settings import Settings, child_environment, variables
from services.intake.metrics import Metrics
from services.intake.worker import run

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60.0
AT = "2026-03-10T09:30:00Z"


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again until it holds."""
    deadline = monotonic() + PATIENCE_S
    while not await condition():
        assert monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.02)


class Written(NamedTuple):
    """A journal record."""

    partition: int
    offset: int
    key: bytes
    value: bytes

    @property
    def fact(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value)
        return found


class Shop:
    """The tills of a house. Everything that one source says stands in one partition, in order."""

    def __init__(self, settings: Settings, writer: Writer, pool: asyncpg.Pool) -> None:
        self.settings = settings
        self.pool = pool
        self._writer = writer
        self.sent: dict[tuple[str, int], int] = {}

    async def say(self, topic: Topic, source: str, *values: dict[str, Any] | bytes, ce_type: str = "") -> None:
        key = source.encode()
        partition = partition_of(key, self.settings.partitions)
        headers = (("ce_type", ce_type.encode()),) if ce_type else ()
        records = [(key, v if isinstance(v, bytes) else json.dumps(v).encode(), headers) for v in values]
        await self._writer.write(topic.name, partition, records)
        place = (topic.name, partition)
        self.sent[place] = self.sent.get(place, 0) + len(records)

    async def buy(self, source: str, *purchases: dict[str, Any] | bytes) -> None:
        await self.say(PURCHASES, source, *purchases)

    async def redeem(self, source: str, *said: dict[str, Any]) -> None:
        await self.say(REDEMPTIONS, source, *said)

    async def enrol(self, source: str, *said: dict[str, Any]) -> None:
        await self.say(ENROLMENTS, source, *said)

    async def write_fact(self, key: bytes, fact: dict[str, Any]) -> None:
        """Into the journal itself, where only intake and the ledger should write."""
        partition = partition_of(key, self.settings.partitions)
        await self._writer.write(JOURNAL.name, partition, [(key, json.dumps(fact).encode(), ())])

    async def heard(self) -> None:
        """Until intake has done with everything that was said."""

        async def all_saved() -> bool:
            try:
                rows = await self.pool.fetch("select topic, partition, next_offset from intake_position")
            except asyncpg.UndefinedTableError:
                return False
            saved = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            return all(saved.get(place) == count for place, count in self.sent.items())

        await until(all_saved, "intake has saved the position behind everything that was said")

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.pool.fetch(query, *values)]

    async def members(self) -> dict[str, str]:
        """Member by identifier value."""
        return dict(await self.rows("select value, member from identity"))

    async def journal(self) -> list[Written]:
        """Everything in the journal, partition by partition."""
        return await read_topic(self.settings, JOURNAL)

    async def facts_of_intake(self) -> set[tuple[str, str]]:
        """(id, member) of the facts whose key is a member that the directory drew."""
        drawn = set((await self.members()).values())
        return {(w.fact["id"], w.fact["member"]) for w in await self.journal() if w.key.decode() in drawn}

    async def facts(self) -> list[dict[str, Any]]:
        """The journal as the ledger takes it: a repeat of (id, revision) is dropped. It must be the same bytes."""
        first: dict[tuple[str, int], Written] = {}
        for written in await self.journal():
            fact = written.fact
            known = first.setdefault((fact["id"], fact.get("revision", 0)), written)
            assert (known.partition, known.value) == (written.partition, written.value)
            assert written.partition == partition_of(fact["member"].encode(), self.settings.partitions)
            assert written.key == fact["member"].encode()
        return [written.fact for written in first.values()]


async def read_topic(settings: Settings, topic: Topic) -> list[Written]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        tps = [TopicPartition(settings.topic_prefix + topic.name, n) for n in range(settings.partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        found: list[Written] = []
        while len(found) < sum(ends.values()):  # nothing is ever deleted from our topics
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [Written(r.partition, r.offset, r.key, r.value) for r in records]
    finally:
        await consumer.stop()
    return sorted(found)


@asynccontextmanager
async def shop_of(settings: Settings) -> AsyncIterator[Shop]:
    await ensure_topics(settings, (*INBOUND, JOURNAL))
    writer = Writer(settings)
    await writer.start()
    async with asyncpg.create_pool(settings.database_url.get_secret_value(), min_size=0, max_size=2) as pool:
        try:
            yield Shop(settings, writer, pool)
        finally:
            await writer.stop()


@asynccontextmanager
async def intake(settings: Settings, instance: str = "0") -> AsyncIterator[tuple[Health, Registry]]:
    """An intake in this process, stopped politely at the end."""
    stopping, health, registry = asyncio.Event(), Health(), Registry()
    ours = settings.model_copy(update={"instance": instance})
    task = asyncio.create_task(run(ours, health, Metrics(registry), stopping))
    try:
        yield health, registry
    finally:
        stopping.set()
        await task


async def start_intake(settings: Settings, **more: str | int) -> asyncio.subprocess.Process:
    """An intake in a process of its own; it may die of a failpoint. `more`: settings by field."""
    ours = settings.model_copy(update=more)
    environment = child_environment() | variables(ours) | {"PYTHONPATH": str(REPOSITORY)}
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "services.intake", env=environment)


async def ended(process: asyncio.subprocess.Process) -> int:
    """Its exit code; one that does not end is killed, and the test fails."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise


def purchase(receipt: str, card: str | None = None, pence: int = 500, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "purchase", "id": receipt, "occurred_at": AT, "currency": "GBP"}
    said |= {"total_minor": pence, "lines": [{"item": "tea", "total_minor": pence}]}
    return said | ({} if card is None else {"identifier": shown(card)}) | more


def returned(name: str, receipt: str | None, card: str | None = None, pence: int = 500) -> dict[str, Any]:
    return purchase(name, card, pence) | {"type": "return", "purchase": receipt}


def shown(card: str) -> dict[str, str]:
    return {"scheme": "card", "value": card}
