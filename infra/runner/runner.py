"""Keeps one read model up to date, whatever happens: the loop around the fold.

1. Records come in by partition; what was seen before is dropped, what was missed is read from the topic.
2. They are decoded; what cannot be read is parked. A hole in seq, or an unreadable record of the ledger, is a failure.
3. Positions (compare-and-set), rows and parked records are written in one transaction.
4. A failure of several partitions is tried again for each alone; one that fails alone is stale: tried again with
   growing pauses, and marked until it succeeds. The others go on.
5. An outage pauses the whole model; positions are looked up again after it.

Nothing but a cancellation leaves feed(): a read model must not stop its neighbours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from events.printable import printable
from infra.clock import monotonic, now_ms
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import Ranges, Record, TopicPartition
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.runner.meters import Meters
from infra.runner.model import Placed
from infra.runner.store import ModelStopped, Move, Moved, Parked, Place, Store, live_store

BATCH_RECORDS = 10_000
GAP_RECORDS_MIN = 1_000
PAUSE_SECONDS_MAX = 5.0
MOVED_TRIES = 5
SEQ_HEADER = "seq"

OUTAGE = (*KAFKA_OUTAGE, *POSTGRES_OUTAGE)

log = logging.getLogger(__name__)


class Hole(Exception):
    """A seq is missing on a partition, or a record that the ledger numbered cannot be read."""


class _Retry(NamedTuple):
    at: float
    tries: int


class _Step:
    """What one transaction will do. Of a partition's missed records at most `gap_records` are read for it."""

    def __init__(self, gap_records: int) -> None:
        self.gap_records = gap_records
        self.moves: list[Move] = []
        self.events: list[Placed] = []
        self.parked: list[Parked] = []
        self.reached_ms: dict[int, int] = {}


class Runner:
    """One read model in one process. Calls take turns."""

    def __init__(
        self, store: Store, topic_id: str, ranges: Ranges, meters: Meters, reach: Callable[[str], None]
    ) -> None:
        """reach: the failpoint."""
        self._store = store
        self._topic_id = topic_id
        self._ranges = ranges
        self._model = store.model
        self._meters = meters
        self._reach = reach
        self._turn = asyncio.Lock()
        self._epochs: dict[int, int] = {}  # the partitions we own, by the epoch of our claim
        self._places: dict[int, Place] = {}  # of them, those whose position is known
        self._ends: dict[int, int] = {}  # the topic is known to reach to here
        self._waiting_ms: dict[int, int] = {}  # since when a record has been waiting to be folded
        self._stale: dict[int, _Retry] = {}
        self._marked: set[int] = set()
        self._away: _Retry | None = None
        self._why = ""

    async def claim(self, partitions: Collection[int]) -> dict[int, int]:
        """Own exactly these partitions; returns the next offset of each. Raises ModelStopped or one of OUTAGE."""
        async with self._turn:
            self._epochs.clear()
            for known in (self._places, self._ends, self._stale, self._waiting_ms):
                known.clear()
            await self._claim(partitions)
            self._marked = set(partitions)  # a mark of whoever had them before goes with our first success
            self._away = None
            return {partition: place.next_offset for partition, place in self._places.items()}

    async def feed(self, batch: Mapping[int, Sequence[Record]]) -> None:
        """Fold these records, and whatever else is due: {} is a good time to catch up. Raises nothing."""
        async with self._turn:
            for partition, records in batch.items():
                self.reaches(partition, records[-1].offset + 1)
                self._waiting_ms.setdefault(partition, records[0].timestamp_ms)
            if self._away is not None and monotonic() < self._away.at:
                return  # dropped: they are read from the topic when the outage is over
            try:
                await self._catch_up(batch)
            except Exception as error:  # noqa: BLE001  # the model is repeated as a whole, and says so
                self._pause(error)

    def reaches(self, partition: int, end: int) -> None:
        """The topic reaches to this offset: the model will catch up with it even if nobody feeds it."""
        if end > self._ends.get(partition, 0):
            self._ends[partition] = end

    async def stopped(self, partition: int, why: str) -> None:
        """Mark a partition stale that the reader cannot go on with."""
        try:
            await self._mark(partition, why)
        except OUTAGE as error:
            self._pause(error)

    @property
    def owned(self) -> frozenset[int]:
        return frozenset(self._epochs)

    @property
    def stale(self) -> bool:
        return bool(self._stale) or self._away is not None

    @property
    def trouble(self) -> str:
        """Why the model does not keep up just now; empty when it does."""
        return self._why if self.stale else ""

    def behind(self) -> int:
        """Records known to be on the topic and not in the rows; partitions whose position is unknown count as one."""
        return sum(self._behind(partition) for partition in self._epochs)

    def measure(self) -> None:
        """Set the gauges."""
        name = self._model.name
        self._meters.stale.labels(name).set(self.stale)
        self._meters.stopped.labels(name).set(len(self._stale))
        self._meters.lag.labels(name).set(self.behind())
        late = [at for partition, at in self._waiting_ms.items() if partition in self._epochs]
        oldest = min(late, default=None)
        self._meters.age.labels(name).set(0 if oldest is None else max(0.0, (now_ms() - oldest) / 1000))

    # --- steps

    async def _catch_up(self, batch: Mapping[int, Sequence[Record]]) -> None:
        await self._look_up(self._epochs.keys() - self._places.keys())
        now = monotonic()
        work = {
            partition: batch.get(partition, ())
            for partition in self._epochs
            if self._behind(partition) and (partition not in self._stale or self._stale[partition].at <= now)
        }
        together = {partition: records for partition, records in work.items() if partition not in self._stale}
        alone = set(work) - set(together)
        try:
            await self._attempt(together)
        except OUTAGE as error:
            if isinstance(error, ValueError):  # asyncpg's word for a wrong argument is both: a fault of ours
                alone = set(work)
            else:
                raise
        except Exception:  # noqa: BLE001  # one bad partition must not hold up the others: below, each alone
            alone = set(work)
        for partition in sorted(alone):
            await self._alone(partition, work[partition])
        if self._away is not None:
            log.info("read model %s goes on", self._model.name)
            self._away = None
        self._waiting_ms = {partition: at for partition, at in self._waiting_ms.items() if self._behind(partition)}
        await self._clear(work.keys() - self._stale.keys())

    async def _alone(self, partition: int, records: Sequence[Record]) -> None:
        """4. One partition by itself; it is stale until this succeeds."""
        try:
            await self._attempt({partition: records})
        except Exception as error:  # whatever it is, it is this partition's, and it is repeated
            if isinstance(error, OUTAGE) and not isinstance(error, ValueError):
                raise
            self._places.pop(partition, None)
            tries = self._stale.get(partition, _Retry(0, 0)).tries + 1
            self._stale[partition] = _Retry(monotonic() + _pause_seconds(tries), tries)
            self._meters.failures.labels(self._model.name).inc()
            if tries == 1:
                log.exception("read model %s is stale on partition %d", self._model.name, partition)
            await self._mark(partition, repr(error))
        else:
            self._stale.pop(partition, None)

    async def _attempt(self, work: Mapping[int, Sequence[Record]]) -> None:
        """1-3 once: what is left over is for the next turn, so that a model far behind does not hold up the others."""
        for _ in range(MOVED_TRIES):
            known = {partition: records for partition, records in work.items() if partition in self._places}
            step = _Step(gap_records=max(GAP_RECORDS_MIN, BATCH_RECORDS // max(1, len(known))))
            for partition, records in known.items():
                await self._prepare(step, partition, records)
            try:
                await self._write(step)
            except Moved:
                await self._look_again(known)
            else:
                return
        raise Moved

    async def _prepare(self, step: _Step, partition: int, records: Sequence[Record]) -> None:
        """1 and 2 for one partition: what is next, decoded."""
        before = self._places[partition]
        seq, offset = before.next_seq, before.next_offset
        if not records or records[0].offset > offset:
            end = records[0].offset if records else self._ends[partition]
            tp = TopicPartition(self._model.topic, partition)
            missed = await self._ranges.range(tp, offset, end, step.gap_records)
            records = [*missed, *records] if missed and missed[-1].offset + 1 == end else missed
        for record in records:
            if record.offset < offset:
                continue
            try:
                event = self._model.decode(record.value or b"")
            except ValueError as error:
                if any(name == SEQ_HEADER for name, _ in record.headers):
                    raise Hole(f"the ledger's record at offset {record.offset} cannot be read: {error}") from error
                reason = printable(str(error)[:300])
                step.parked.append(Parked(partition, record.offset, reason, record.key, record.value))
            else:
                if event.seq > seq:
                    raise Hole(f"seq {event.seq} came at offset {record.offset}, and {seq} was due")
                if event.seq == seq:
                    step.events.append((partition, event))
                    seq += 1
            offset = record.offset + 1
        if records:
            self._waiting_ms.setdefault(partition, records[0].timestamp_ms)
            step.reached_ms[partition] = records[-1].timestamp_ms
        if offset != before.next_offset:
            step.moves.append(Move(partition, before, Place(seq, offset, before.epoch)))

    async def _write(self, step: _Step) -> None:
        """3."""
        if not step.moves:
            return
        self._reach("before-commit")
        with self._meters.commit.labels(self._model.name).time():
            await self._store.apply(step.moves, step.events, step.parked)
        self._reach("after-commit")
        for move in step.moves:
            self._places[move.partition] = move.after
            self._waiting_ms[move.partition] = step.reached_ms[move.partition]
        self._meters.applied.labels(self._model.name).inc(len(step.events))
        if step.parked:
            self._meters.parked.labels(self._model.name).inc(len(step.parked))
            for parked in step.parked:
                log.warning(
                    "read model %s parked %s/%d offset %d: %s",
                    *(self._model.name, self._model.topic, parked.partition, parked.offset, parked.reason),
                )

    # --- positions

    def _behind(self, partition: int) -> int:
        place = self._places.get(partition)
        return 1 if place is None else max(0, self._ends.get(partition, 0) - place.next_offset)

    async def _claim(self, partitions: Collection[int]) -> None:
        self._places = await self._store.claim(partitions)
        self._epochs = {partition: place.epoch for partition, place in self._places.items()}

    async def _look_up(self, partitions: Collection[int]) -> None:
        """Read positions that are unknown; a partition whose epoch is another's now is no longer ours."""
        if not partitions:
            return
        try:
            found = await self._store.places(partitions)
        except Moved:
            await self._follow_switch()
            return
        for partition in partitions:
            place = found.get(partition)
            if place is not None and place.epoch == self._epochs[partition]:
                self._places[partition] = place
            else:
                log.warning("read model %s: partition %d has another owner now", self._model.name, partition)
                self._forget(partition)

    async def _look_again(self, partitions: Iterable[int]) -> None:
        for partition in list(partitions):
            self._places.pop(partition, None)
        await self._look_up([partition for partition in partitions if partition in self._epochs])

    async def _follow_switch(self) -> None:
        """A rebuild has made another schema the live one: claim the same partitions there."""
        self._store = await live_store(self._store.pool, self._model, self._topic_id)
        log.info("read model %s goes on in schema %s", self._model.name, self._store.schema)
        await self._claim(list(self._epochs))

    def _forget(self, partition: int) -> None:
        for known in (self._epochs, self._places, self._ends, self._stale, self._waiting_ms):
            known.pop(partition, None)
        self._marked.discard(partition)

    # --- failures

    def _pause(self, error: Exception) -> None:
        """5. The whole model waits."""
        tries = (self._away.tries if self._away else 0) + 1
        self._away = _Retry(monotonic() + _pause_seconds(tries), tries)
        self._places.clear()
        self._why = repr(error)
        self._meters.failures.labels(self._model.name).inc()
        if tries == 1:
            expected = isinstance(error, (*OUTAGE, ModelStopped))
            log.warning("read model %s waits: %r", self._model.name, error, exc_info=None if expected else error)

    async def _mark(self, partition: int, why: str) -> None:
        self._why = f"partition {partition}: {why}"
        await self._store.mark_stale(partition, why)
        self._marked.add(partition)

    async def _clear(self, partitions: Collection[int]) -> None:
        healed = self._marked & set(partitions)
        if healed:
            await self._store.clear_stale(healed)
            self._marked -= healed


def _pause_seconds(tries: int) -> float:
    """0.2, 0.4, 0.8 ... at most 5 seconds."""
    return float(min(PAUSE_SECONDS_MAX, 0.1 * 2 ** min(tries, 10)))
