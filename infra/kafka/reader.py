"""Reads topics as a member of a group whose positions live elsewhere: with what was made of the records.

Owns the gate (nothing is handed out between a rebalance and the claim of the new partitions) and the order of offsets
(a hole stops). Does not own positions, nor what a record means. Never commits to Kafka.

Topics are named without the prefix of the house; it is put on and taken off here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from infra.clock import monotonic
from infra.kafka.ranges import Ranges
from infra.kafka.records import JournalGap, Record, check_order, close_consumer, new_consumer, record_of
from infra.settings import Settings

SESSION_MS = 8_000
HEARTBEAT_MS = 2_000
REBALANCE_SLACK_SECONDS = 0.05
JOIN_SECONDS = 60.0
"""So long the group may take to give us partitions, or to take them; then another consumer tries."""

log = logging.getLogger(__name__)

Claim = Callable[[frozenset[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]


class _Gate(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """What aiokafka's callbacks may do: note that the assignment changed. They swallow exceptions, so no more."""

    def __init__(self) -> None:
        self.generation = 0
        self.moving = True
        self.moving_since = monotonic()
        self.to_claim = False

    def on_partitions_revoked(self, _revoked: object) -> None:
        self.generation += 1
        self.moving = True
        self.moving_since = monotonic()

    def on_partitions_assigned(self, _assigned: object) -> None:
        self.generation += 1
        self.moving = False
        self.to_claim = True


class Reader:
    """Group consumer whose positions live elsewhere; start at exactly these, and stop at a hole."""

    def __init__(self, settings: Settings, topics: Sequence[str], group: str, claim: Claim) -> None:
        """`claim(assigned)` is awaited inside fetch() before anything is handed out; it returns where to start."""
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._topics = tuple(topics)
        self._group = self._prefix + group
        self._claim = claim
        self._gate = _Gate()
        self._next: dict[TopicPartition, int] = {}  # claimed partitions: the offset to be handed out next
        self._kept: dict[TopicPartition, list[Record]] = {}  # fetched, in order, not handed out yet
        self._consumer: Any = None
        self._broken = False
        self._side = Ranges(settings)

    async def start(self) -> None:
        """Join the group; returns with a first assignment, which the first fetch() claims. Raises one of OUTAGE."""
        self._gate = _Gate()
        self._broken = False
        self._consumer = new_consumer(
            self._settings,
            group_id=self._group,
            group_instance_id=f"{self._group}-{self._settings.instance}",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=SESSION_MS,
        )
        self._consumer.subscribe([self._prefix + topic for topic in self._topics], listener=self._gate)
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await self._consumer.start()
        except BaseException:
            self._broken = True
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close the connections. The group keeps our slot for the session's time, so a restart causes no rebalance."""
        self._next.clear()
        self._kept.clear()
        await self._side.stop()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_consumer(consumer)

    async def fetch(
        self, max_records: int, timeout_ms: int, max_bytes: int = 32 << 20
    ) -> dict[TopicPartition, list[Record]]:
        """What there is, at most so much, waiting at most so long for a first record; {} when nothing came.

        Raises what claim() raised (the next fetch claims again), JournalGap, or one of OUTAGE. At least one record is
        handed out however large it is.
        """
        deadline = monotonic() + timeout_ms / 1000
        while True:
            await self._mend()
            await self._claim_assigned()
            if self._gate.moving:
                self._kept.clear()  # read again by whoever claims them
            if not self._kept:
                await self._take(max_records, deadline)
            if not self._gate.moving and not self._gate.to_claim:
                handed = self._hand_out(max_records, max_bytes)
                if handed or monotonic() >= deadline:
                    return handed
            elif monotonic() >= deadline:
                return {}

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that were claimed and are ours as far as we know."""
        return frozenset() if self._gate.moving or self._gate.to_claim else frozenset(self._next)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """The next fetch starts at this offset. A partition that is no longer ours is passed over."""
        if tp not in self._next:
            return
        self._kept.pop(tp, None)
        self._next[tp] = offset
        try:
            self._consumer.seek(self._full(tp), offset)
        except IllegalStateError:  # taken away just now: whoever owns it claims it
            del self._next[tp]

    def pause(self, tp: TopicPartition) -> None:
        """Fetch no more of this partition, until resume() or the next claim."""
        if tp in self._next:
            self.seek(tp, self._next[tp])  # what was fetched and not handed out is read again after resume()
        with suppress(IllegalStateError):  # taken away just now, as in seek()
            self._consumer.pause(self._full(tp))

    def resume(self, tp: TopicPartition) -> None:
        """Fetch of it again. A partition that is no longer ours is passed over."""
        if tp in self._next:
            with suppress(IllegalStateError):
                self._consumer.resume(self._full(tp))

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset that the next record of each partition will get."""
        return await self._side.end_offsets(tps)

    async def record_at(self, tp: TopicPartition, offset: int) -> Record | None:
        """One record, read beside the group; None when the topic does not hold it (any more, or yet)."""
        return await self._side.record_at(tp, offset)

    async def range(self, tp: TopicPartition, start: int, end: int, limit: int) -> list[Record]:
        """See Ranges.range: a part of the topic, read beside the group."""
        return await self._side.range(tp, start, end, limit)

    async def _mend(self) -> None:
        """A new consumer for one that broke. aiokafka tells nobody when a task of it has died: it hands out {}."""
        late = self._gate.moving and monotonic() - self._gate.moving_since > JOIN_SECONDS
        consumer = self._consumer
        if self._broken or late or consumer is None or _dead(consumer):
            log.warning("%s opens a new consumer", self._group)
            await self.stop()
            await self.start()

    async def _claim_assigned(self) -> None:
        """Until the gate stands open: ask where to start, and go there."""
        while self._gate.to_claim and not self._gate.moving:
            generation = self._gate.generation
            self._next.clear()
            self._kept.clear()
            assigned = {self._bare(tp): tp for tp in self._consumer.assignment()}
            offsets = await self._claim(frozenset(assigned))
            if self._gate.generation != generation:
                continue  # taken away meanwhile: claim what is ours now
            for tp, full in assigned.items():
                self._consumer.seek(full, offsets[tp])
                self._next[tp] = offsets[tp]
            self._gate.to_claim = False
            log.info("%s reads %s", self._group, ", ".join(f"{t.topic}/{t.partition}" for t in sorted(assigned)))

    async def _take(self, max_records: int, deadline: float) -> None:
        """Fill `_kept` from aiokafka. It is left empty when a rebalance began meanwhile, or nothing came in time."""
        generation = self._gate.generation
        left = max(0.0, deadline - monotonic())
        try:
            # aiokafka's own timeout does not hold while the group rebalances
            async with asyncio.timeout(left + REBALANCE_SLACK_SECONDS):
                got = await self._consumer.getmany(timeout_ms=int(left * 1000), max_records=max_records)
        except TimeoutError:
            return
        except NoOffsetForPartitionError:
            if self._gate.generation == generation and not self._gate.moving:
                raise
            return  # newly assigned, not claimed yet
        except OffsetOutOfRangeError as error:
            tp, offset = next(iter(error.args[0].items()))
            raise JournalGap(self._bare(tp).topic, tp.partition, offset, None) from None
        except KafkaError:
            self._broken = True
            raise
        if self._gate.generation != generation:
            return  # these are read again by whoever claims them
        gap: JournalGap | None = None
        for full, raws in got.items():
            tp = self._bare(full)
            records = [record_of(tp, raw) for raw in raws]
            try:
                check_order(tp, self._next[tp], records)
            except JournalGap as found:
                gap = found
                self.seek(tp, self._next[tp])
            else:
                self._kept[tp] = records
        if gap is not None:
            raise gap

    def _hand_out(self, max_records: int, max_bytes: int) -> dict[TopicPartition, list[Record]]:
        """Take from `_kept` what the two bounds allow, in order."""
        handed: dict[TopicPartition, list[Record]] = {}
        for tp in list(self._kept):
            if max_records <= 0 or max_bytes <= 0:
                break
            records = self._kept.pop(tp)
            count = 0
            for record in records[:max_records]:
                count += 1
                max_bytes -= len(record.value or b"")
                if max_bytes <= 0:
                    break
            max_records -= count
            handed[tp] = records[:count]
            if count < len(records):
                self._kept[tp] = records[count:]
            self._next[tp] = handed[tp][-1].offset + 1
        return handed

    def _full(self, tp: TopicPartition) -> TopicPartition:
        return TopicPartition(self._prefix + tp.topic, tp.partition)

    def _bare(self, tp: TopicPartition) -> TopicPartition:
        return TopicPartition(tp.topic[len(self._prefix) :], tp.partition)


def _dead(consumer: Any) -> bool:
    """Whether the task that fetches has ended, or the one that asks for the cluster's metadata."""
    return bool(consumer._fetcher.error_future.done() or consumer._client._sync_task.done())
