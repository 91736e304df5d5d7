"""Keeps every read model up to date: reads the topic once, and feeds each model's runner.

Knows nothing of Faust, which is only the shell around it (app.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from events.topics import ENTRIES
from infra.clock import monotonic
from infra.failpoints import Failpoint
from infra.health import Health
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import JournalGap, Ranges, Reader, Record, TopicPartition
from infra.kafka.topics_admin import ensure_topics, topic_id
from infra.metrics import Registry
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.postgres.pool import Pool, open_pool
from infra.runner.meters import Meters
from infra.runner.model import ReadModel
from infra.runner.runner import Runner
from infra.runner.store import live_store, prepare
from infra.settings import Settings

GROUP = "projections"
BATCH_RECORDS = 10_000
IDLE_MS = 250
HURRY_MS = 5  # while a model has something to catch up with that it has not been fed
PAUSE_SECONDS = 0.5
MEASURE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Keeping:
    """The reader of `entries.v1` and a runner for each read model, of one process."""

    def __init__(self, settings: Settings, models: Sequence[ReadModel], registry: Registry, health: Health) -> None:
        self._settings = settings
        self._models = models
        self._meters = Meters(registry)
        self._health = health
        self._runners: list[Runner] = []
        self._ranges = Ranges(settings)
        self._reader = Reader(settings, [ENTRIES.name], GROUP, self._claim)
        self._reach = Failpoint(settings.failpoint).reach
        self._pool: Pool | None = None
        self._measured = 0.0

    async def start(self) -> None:
        """Make what is missing and join the group. Raises TopicRefused, MigrationRefused, ModelStopped or an outage."""
        self._health.set_ready("kafka", False, "joining the group")
        await ensure_topics(self._settings, [ENTRIES])
        topic = await topic_id(self._settings, ENTRIES.name)
        self._pool = await open_pool(self._settings, max_size=2 + len(self._models))
        await prepare(self._pool, self._models)
        for model in self._models:
            store = await live_store(self._pool, model, topic)
            self._runners.append(Runner(store, topic, self._ranges, self._meters, self._reach))
        await self._reader.start()

    async def stop(self) -> None:
        await self._reader.stop()
        await self._ranges.stop()
        if self._pool is not None:
            self._pool.terminate()  # nothing is under way; close() would wait for a server that is away

    async def turn(self) -> None:
        """One round: what there is, to every model. Raises ModelStopped; an outage is waited out, a round at a time."""
        try:
            hurry = any(runner.behind() and not runner.trouble for runner in self._runners)
            self._reach("before-fetch")
            batch = await self._reader.fetch(BATCH_RECORDS, HURRY_MS if hurry else IDLE_MS)
            self._reach("after-fetch")
            await self._feed({tp.partition: records for tp, records in batch.items()})
            await self._measure()
        except JournalGap as gap:
            log.error("%s; the read models stop on this partition", gap)
            self._reader.pause(TopicPartition(gap.topic, gap.partition))
            await asyncio.gather(*(runner.stopped(gap.partition, str(gap)) for runner in self._runners))
        except (*KAFKA_OUTAGE, *POSTGRES_OUTAGE) as error:
            self._health.set_ready("kafka", False, repr(error))
            log.warning("waiting: %r", error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _feed(self, batch: Mapping[int, Sequence[Record]]) -> None:
        await asyncio.gather(*(runner.feed(batch) for runner in self._runners))
        assigned = bool(self._reader.assignment())
        self._health.set_ready("kafka", True, "" if assigned else "no partitions")
        for model, runner in zip(self._models, self._runners, strict=True):
            self._health.set_ready(model.name, not runner.trouble, runner.trouble[:200])

    async def _claim(self, assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Each model claims its own positions; the reader starts at the least, and each drops what it has."""
        self._reach("before-claim")
        offsets: dict[TopicPartition, int] = {}
        for runner in self._runners:
            for partition, offset in (await runner.claim([tp.partition for tp in assigned])).items():
                tp = TopicPartition(ENTRIES.name, partition)
                offsets[tp] = min(offset, offsets.get(tp, offset))
        self._reach("after-claim")
        return offsets

    async def _measure(self) -> None:
        if monotonic() - self._measured < MEASURE_SECONDS:
            return
        self._measured = monotonic()
        ends = await self._reader.end_offsets(self._reader.assignment())
        for runner in self._runners:
            for tp, end in ends.items():
                runner.reaches(tp.partition, end)
            runner.measure()
