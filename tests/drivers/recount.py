"""A house that has come to rest: counted again by the independent program, its read models built again from zero."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from events.topics import ENTRIES, INBOUND, JOURNAL
from infra.clock import monotonic
from infra.settings import Settings
from projections.models import MODELS
from services.workbench.rebuild import rebuild_model
from tests.drivers.crowd import PARTNERS
from tests.drivers.documents import ROOT
from tests.drivers.tills import Tills

PATIENCE_SECONDS = 300.0


async def at_rest(settings: Settings) -> None:
    """Until every position is the end of its topic. Nobody may be talking, and the processes must run."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    await consumer.start()
    deadline = monotonic() + PATIENCE_SECONDS
    try:
        while late := await _late(settings, consumer, connection):
            assert monotonic() < deadline, f"not at rest after {PATIENCE_SECONDS:g} s: {late}"
            await asyncio.sleep(0.2)
    finally:
        await consumer.stop()
        await connection.close()


async def _late(settings: Settings, consumer: AIOKafkaConsumer, connection: asyncpg.Connection) -> str:
    """Which positions are not at their ends; empty when all are."""
    topics = [topic.name for topic in (*INBOUND, JOURNAL, ENTRIES)]
    tps = [TopicPartition(settings.topic_prefix + name, p) for name in topics for p in range(settings.partitions)]
    ends = {
        (tp.topic.removeprefix(settings.topic_prefix), tp.partition): end
        for tp, end in (await consumer.end_offsets(tps)).items()
    }
    late = []
    for topic, partition, offset in await connection.fetch("select topic, partition, next_offset from intake_position"):
        if offset != ends[topic, partition]:
            late.append(f"intake at {offset} of {topic}/{partition} ({ends[topic, partition]})")
    for partition, offset, seq, published in await connection.fetch(
        "select partition, next_offset, next_seq, published_seq from position"
    ):
        if offset != ends[JOURNAL.name, partition] or published != seq - 1:
            late.append(
                f"the ledger at {offset}, {published} of {partition}: {ends[JOURNAL.name, partition]}, {seq - 1}"
            )
    for model, schema in await connection.fetch("select model, schema from projection"):
        for partition, offset in await connection.fetch(f"select partition, next_offset from {schema}.position"):
            if offset != ends[ENTRIES.name, partition]:
                late.append(f"{model} at {offset} of {partition} ({ends[ENTRIES.name, partition]})")
    return "; ".join(late)


async def recounted(settings: Settings, tills: Tills) -> dict[str, Any]:
    """The report of the independent program; fails with its sentences when anything differs."""
    where = {
        "brokers": settings.kafka_bootstrap_servers,
        "database": settings.database_url.get_secret_value(),
        "prefix": settings.topic_prefix,
        "partitions": settings.partitions,
        "partners": PARTNERS,
        "said": str(tills.said),
        "answers": str(tills.answers),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.oracles.recount"), cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    printed, _ = await process.communicate(json.dumps(where).encode())
    assert printed, "the recount has printed nothing"
    report: dict[str, Any] = json.loads(printed)
    assert report["exact"], json.dumps(report, indent=1)
    assert process.returncode == 0
    assert report["records"] == tills.records
    for model in MODELS:
        rebuilt = await rebuild_model(settings, model.name)
        assert not rebuilt.differences, rebuilt.differences
        assert not rebuilt.not_compared, rebuilt.not_compared
    return report
