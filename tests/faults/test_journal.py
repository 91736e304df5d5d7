"""A journal that is not the one that was booked: whoever reads it stops, says which and why, and books nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from events.topics import JOURNAL
from infra.kafka.client import Ranges
from infra.kafka.topics_admin import ensure_topics
from infra.settings import Settings
from tests.drivers.crowd import Crowd
from tests.drivers.figures import Figures
from tests.drivers.intake import until
from tests.drivers.recount import at_rest
from tests.drivers.tills import tills_of
from tests.drivers.workers import MODULES, Workers, workers_of
from tests.faults.conftest import opened

FACTS = 300
TRUNCATED = 0
"""The partition."""
UNREAD = 50
"""Facts of each partition that the sleeping ledger has not read, but the first few perhaps."""


@pytest.fixture
async def booked(house: Settings, folder: Path) -> AsyncIterator[Workers]:
    """A house with some facts in its book, and no process running."""
    house = await opened(house)
    async with workers_of(house) as workers, tills_of(house, Crowd(seed=107), folder) as tills:
        living = [await workers.start(kind) for kind in MODULES]
        async with tills.talking():
            await tills.moves(FACTS)
        await at_rest(house)
        assert [await worker.stop() for worker in living] == [0] * len(living)
        yield workers


async def test_a_journal_made_anew_is_refused(booked: Workers, figures: Figures) -> None:
    house = booked.settings
    name = house.topic_prefix + JOURNAL.name
    async with admin(house) as client:
        await client.delete_topics([name])

        async def gone() -> bool:
            return name not in await client.list_topics()

        await until(gone, "the topic is deleted")
    await ensure_topics(house, (JOURNAL,))
    before = await positions(house)
    assert "journal.v1 is not the topic that this database was booked from" in await refused(booked, "ledger")
    assert "ends at 0, but the directory has seen it up to" in await refused(booked, "intake")
    assert await positions(house) == before
    figures.other["journals made anew: refused"] += 1


async def test_a_truncated_journal_is_refused(booked: Workers, figures: Figures) -> None:
    house = booked.settings
    before = await positions(house)
    partition, offset = max(before.items(), key=lambda item: item[1])
    await truncate(house, partition, offset)
    said = await refused(booked, "ledger")
    assert f"journal.v1/{partition} does not hold offset {offset - 1}, which is booked: it was truncated" in said
    assert await positions(house) == before
    figures.other["truncated journals: refused"] += 1


async def test_truncated_under_a_ledger_that_runs(house: Settings, folder: Path, figures: Figures) -> None:
    """Facts that it has not read are deleted: that partition stops, the others go on, and none is booked behind."""
    house = await opened(house)
    async with workers_of(house) as workers, tills_of(house, Crowd(seed=108), folder) as tills:
        intake, ledger, projections = [await workers.start(kind) for kind in MODULES]
        async with tills.talking():
            await tills.moves(FACTS)
        await at_rest(house)
        before = await positions(house)
        ledger.freeze()
        while min(end - before[partition] for partition, end in (await ends(house)).items()) < UNREAD:
            await tills.say()
        assert await intake.stop() == 0
        there = await ends(house)
        await truncate(house, TRUNCATED, there[TRUNCATED])
        ledger.wake()
        said = await ledger.says(f"journal.v1/{TRUNCATED} stops at offset")

        async def others_booked() -> bool:
            found = await positions(house)
            return all(found[partition] >= end for partition, end in there.items() if partition != TRUNCATED)

        await until(others_booked, "the other partitions are booked to their ends")
        stands = (await positions(house))[TRUNCATED]
        assert f"offset {stands}: journal.v1/{TRUNCATED}: offset {stands} is not in the topic" in said
        assert [await worker.stop() for worker in (ledger, projections)] == [0, 0]
        figures.other["journals truncated under a ledger: one partition stopped"] += 1


@asynccontextmanager
async def admin(house: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=house.kafka_bootstrap_servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def truncate(house: Settings, partition: int, offset: int) -> None:
    """Delete everything of a partition of the journal that lies before an offset."""
    async with admin(house) as client:
        full = TopicPartition(house.topic_prefix + JOURNAL.name, partition)
        await client.delete_records({full: RecordsToDelete(before_offset=offset)})


async def ends(house: Settings) -> dict[int, int]:
    """Where each partition of the journal ends."""
    ranges = Ranges(house)
    try:
        tps = [TopicPartition(JOURNAL.name, partition) for partition in range(house.partitions)]
        return {tp.partition: end for tp, end in (await ranges.end_offsets(tps)).items()}
    finally:
        await ranges.stop()


async def positions(house: Settings) -> dict[int, int]:
    """How far the ledger has booked each partition of the journal."""
    connection = await asyncpg.connect(house.database_url.get_secret_value())
    try:
        return dict(await connection.fetch("select partition, next_offset from position"))
    finally:
        await connection.close()


async def refused(workers: Workers, kind: str) -> str:
    """What a process says when it will not go on: one sentence, at its end."""
    worker = await workers.start(kind)
    assert await worker.ended() == 1, worker.tail()
    assert not any("Traceback" in line for line in worker.lines), worker.tail()
    return worker.lines[-1]
