"""Reads parts of topics without a group: what a worker fills a gap with, and what a rebuild reads from zero."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition

from infra.kafka.records import JournalGap, Record, check_order, close_consumer, new_consumer, record_of
from infra.settings import Settings

READ_SECONDS = 30.0


class Ranges:
    """One connection, made at the first question, thrown away after a failed one; one question at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._consumer: Any = None
        self._turn = asyncio.Lock()

    async def stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_consumer(consumer)

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset that the next record of each partition will get. Raises one of OUTAGE."""
        asked = {self._full(tp): tp for tp in tps}
        async with self._turn:
            found = await self._asked("end_offsets", list(asked))
        return {asked[tp]: offset for tp, offset in found.items()}

    async def record_at(self, tp: TopicPartition, offset: int) -> Record | None:
        """One record; None when the topic does not hold it (any more, or yet). Raises one of OUTAGE."""
        try:
            found = await self.range(tp, offset, offset + 1, 1)
        except JournalGap:
            return None
        return found[0] if found else None

    async def range(self, tp: TopicPartition, start: int, end: int, limit: int) -> list[Record]:
        """The records from start to before end, at most `limit`; fewer where the topic ends earlier.

        Raises JournalGap when `start` was deleted, or one of OUTAGE.
        """
        full = self._full(tp)
        async with self._turn:
            first = (await self._asked("beginning_offsets", [full]))[full]
            end = min(end, (await self._asked("end_offsets", [full]))[full], start + limit)
            if start < first:
                raise JournalGap(tp.topic, tp.partition, start, first)
            if start >= end:
                return []
            found: list[Record] = await self._guarded(self._read(tp, full, start, end))
            return found

    async def _read(self, tp: TopicPartition, full: TopicPartition, start: int, end: int) -> list[Record]:
        consumer = self._consumer
        consumer.assign([full])
        consumer.seek(full, start)
        found: list[Record] = []
        while start + len(found) < end:
            got = await consumer.getmany(full, timeout_ms=1000, max_records=end - start - len(found))
            records = [record_of(tp, raw) for raw in got.get(full, ())]
            check_order(tp, start + len(found), records)
            found += records
        return found

    async def _asked(self, what: str, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self._consumer is None:
            consumer = new_consumer(self._settings)
            try:
                await consumer.start()
            except BaseException:
                await close_consumer(consumer)
                raise
            self._consumer = consumer
        found: dict[TopicPartition, int] = await self._guarded(getattr(self._consumer, what)(tps))
        return found

    async def _guarded(self, question: Any) -> Any:
        """The answer, within reason; a connection that failed or was left in the middle is not used again."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await question
        except BaseException:
            await self.stop()
            raise

    def _full(self, tp: TopicPartition) -> TopicPartition:
        return TopicPartition(self._prefix + tp.topic, tp.partition)
