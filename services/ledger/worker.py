"""The ledger's loop. Each batch goes through these steps; the comments below repeat the numbers.

0. *Claim* on assignment: check that the journal is still the one that was booked (topic id, and the hash of the record
   before each position), raise the epoch of every partition, read positions and programmes. Taking an epoch wins.
1. *Fetch* what is there, from PostgreSQL's positions, up to BATCH_RECORDS.
2. *Decode and find duplicates*: reading.py, duplicates.py.
3. *Load* members that are not cached, and the cold rows that a few facts need: fold.py, cold.py.
4. *Rate and post*: fold.py, with services/book. A fact that cannot be folded stops its partition only.
5. *Commit* everything of the batch in one transaction, behind a fence: store.py. The next one is fetched and folded
   meanwhile (one commit in flight, never two).
6. *Publish* outcomes, entries, rewards and messages: relay.py.

After a commit that failed, whatever the reason, nothing is guessed: positions are read again once every transaction on
them has ended, and everything in memory follows them. A commit whose answer was lost has happened or not; the position
says which. If it has, the relay publishes it from the tables; if not, the facts are fetched and folded again.

What breaks a batch without saying by which fact (a row that the database refuses, a bug beside the fold) is singled
out: its partitions are taken one by one, and by halves, down to the record that stops its partition.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Protocol

from events.decode import decode_fact
from events.topics import JOURNAL
from infra.clock import monotonic
from infra.health import Health
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import JournalGap, Record, TopicPartition
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from services.ledger.batch import Batch, Owned, Position
from services.ledger.fold import BROKEN, SERVERS, Fold, Stopped
from services.ledger.garbage import Sweep
from services.ledger.metrics import Metrics
from services.ledger.plans import Plans
from services.ledger.reading import Draft, digest, read
from services.ledger.relay import Relay
from services.ledger.store import Doubled, Fenced, Refused, Store, Unsure

BATCH_RECORDS = 3_000
"""More at once is not booked faster: the next batch begins with its look-ups while the database still has this one to
write (DECISIONS 33). And whoever waits for an answer waits for all of it."""
FETCH_MS = 250
BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

OUTAGES: tuple[type[Exception], ...] = (*KAFKA_OUTAGE, *POSTGRES_OUTAGE)

log = logging.getLogger(__name__)


class JournalRefused(Exception):
    """The journal is not the one that was booked. The message says what to do."""


class Journal(Protocol):
    """What the worker needs of infra.kafka's Reader."""

    async def fetch(self, max_records: int, timeout_ms: int) -> dict[TopicPartition, list[Record]]: ...

    def seek(self, tp: TopicPartition, offset: int) -> None: ...

    def pause(self, tp: TopicPartition) -> None: ...

    def resume(self, tp: TopicPartition) -> None: ...

    async def record_at(self, tp: TopicPartition, offset: int) -> Record | None: ...


class Worker:
    """One loop over the partitions that the group gives us."""

    def __init__(
        self,
        store: Store,
        relay: Relay,
        plans: Plans,
        partitions: int,
        journal_id: Callable[[], Awaitable[str]],
        health: Health,
        metrics: Metrics,
        reach: Callable[[str], None],
        members_cached: int,
        *,
        wall: bool,
    ) -> None:
        """partitions: of the journal. journal_id: asks Kafka for its uuid. reach: the failpoint. wall: see `read`.

        members_cached: how many members are kept in memory, over all partitions that are ours.
        """
        self.owned: dict[int, Owned] = {}
        self._store = store
        self._relay = relay
        self._plans = plans
        self._fold = Fold(store, plans, partitions)
        self._journal_id = journal_id
        self._health = health
        self._metrics = metrics
        self._reach = reach
        self._members_cached = members_cached
        self._wall = wall
        self._in_flight: Batch | None = None
        self._committing: asyncio.Task[None] | None = None
        self._careful_before: dict[int, int] = {}  # partition -> below this offset every id is looked up
        self._stops: dict[int, Stopped] = {}
        self._suspects: dict[int, int] = {}  # partition -> how many records of it make a batch, alone
        self._failures = 0  # in a row
        self._sweep = Sweep()
        self._started = False
        self._stopping = asyncio.Event()

    async def run(self, journal: Journal, stopping: asyncio.Event) -> None:
        """Batches until asked to stop; what was begun is finished, or left to the next process where a server is away.
        Raises what ends the process.
        """
        self._stopping = stopping
        gc.disable()
        try:
            while not stopping.is_set():
                await self.turn(journal)
            await self.settle(journal)
        except OUTAGES as error:
            if not stopping.is_set():
                raise
            log.warning("what was under way is read again by the next process: %r", error)
        finally:
            gc.enable()

    async def turn(self, journal: Journal) -> None:
        """One batch, up to the beginning of its commit."""
        if self._relay.fault is not None:
            raise self._relay.fault
        # 1. Fetch
        self._reach("before-fetch")
        try:
            fetched = await journal.fetch(BATCH_RECORDS, FETCH_MS)
        except JournalGap as gap:
            await self._stop(journal, [Stopped(gap.partition, gap.expected, str(gap))])
            return
        except OUTAGES as error:  # of Kafka, or of the tables during a claim
            await self._wait_out(error)
            return
        self._reach("after-fetch")
        if not fetched:
            if await self.settle(journal):
                self._idle()
            return
        try:
            await self._batch(journal, fetched)
        except OUTAGES as error:  # in the middle of a fold: what it touched is spoilt
            await self._wait_out(error)
            await self.settle(journal)
            await self._read_again(journal, self.owned, "outage")

    async def _batch(self, journal: Journal, fetched: Mapping[TopicPartition, list[Record]]) -> None:
        started = monotonic()
        # 2. Decode and find duplicates
        drafts = self._drafts(journal, fetched)
        alone = any(draft.alone for draft in drafts)
        if not drafts or (alone and not await self.settle(journal)):
            return
        # 2. to 4. Load, rate and post
        spans = {draft.owned.partition: (draft.owned.next_offset, draft.next_offset) for draft in drafts}
        try:
            batch, stopped = await self._fold.run(drafts, self._in_flight, self._careful_before)
        except SERVERS:
            raise
        except BROKEN as error:  # in no fact, or it would be among `stopped`
            if await self.settle(journal):  # else it was folded on top of what was not committed
                await self._single_out(journal, spans, error)
            return
        self._metrics.fold_seconds.observe(monotonic() - started)
        if not await self.settle(journal):
            return  # folded on top of what was not committed
        if stopped:
            await self._stop(journal, stopped)
        # 5. Commit
        if batch.parts:
            self._trim(batch)
            self._in_flight = batch
            self._committing = asyncio.ensure_future(self._commit(batch))
            self._sweep.after_batch()
            if alone:
                await self.settle(journal)

    async def settle(self, journal: Journal) -> bool:
        """Wait for the commit in flight. False: it failed, and everything was read again."""
        task, self._committing = self._committing, None
        if task is None:
            return True
        batch, reason = self._in_flight, ""
        try:
            await task
        except Fenced as error:
            reason = "fenced"
            log.warning("a batch was fenced: %s", error)
        except Doubled as error:
            reason = "doubled"
            log.warning("a fact is booked already; every id of the batch is looked up now: %s", error)
            assert batch is not None
            self._careful_before |= {part.partition: part.next_offset for part in batch.parts}
        except Unsure as error:
            reason = "unsure"
            await self._wait_out(error)
        except Refused as error:
            assert batch is not None
            spans = {part.partition: (part.at_offset, part.next_offset) for part in batch.parts}
            await self._single_out(journal, spans, error)
            return False
        finally:
            self._in_flight = None
        if reason:
            await self._read_again(journal, self.owned, reason)
            return False
        self._well()
        return True

    # ------------------------------------------------------------ step 0: claim

    async def claim(self, journal: Journal, partitions: Iterable[int]) -> dict[int, int]:
        """The offsets to start from. Raises JournalRefused, or one of OUTAGE (then it is asked again)."""
        await self.settle(journal)
        mine = sorted(partitions)
        self._reach("before-claim")
        topic_id = await self._journal_id()
        await self._check(journal, topic_id, await self._store.positions(mine))
        positions = await self._store.claim(mine, topic_id)
        self._reach("after-claim")
        before, fresh = self.owned, await self._owned_at(positions)
        for partition, owned in fresh.items():
            old = before.get(partition)
            if old is not None and (old.epoch + 1, old.next_offset) == (owned.epoch, owned.next_offset):
                owned.members = old.members  # nobody else had it meanwhile
        for partition in before.keys() - fresh.keys():
            self._relay.disown(partition)
        self._become(fresh)
        self._stops.clear()
        self._health.set_ready("ledger", True)
        self._suspects.clear()
        self._show_health()
        if not self._started:
            self._started = True
            self._sweep.sweep()
        return {partition: owned.next_offset for partition, owned in fresh.items()}

    async def _check(self, journal: Journal, topic_id: str, positions: Mapping[int, Position]) -> None:
        """Whether the journal is the one that was booked. Raises JournalRefused."""
        for partition, position in positions.items():
            if position.topic_id != topic_id:
                raise JournalRefused(
                    f"{JOURNAL.name} is not the topic that this database was booked from (its id was "
                    f"{position.topic_id}, and is {topic_id}): it was deleted and made anew. Restore it, or begin with "
                    "an empty database"
                )
            if position.next_offset == 0:
                continue
            offset = position.next_offset - 1
            record = await journal.record_at(TopicPartition(JOURNAL.name, partition), offset)
            if record is None:
                raise JournalRefused(
                    f"{JOURNAL.name}/{partition} does not hold offset {offset}, which is booked: it was truncated. "
                    "Restore it before the ledger goes on"
                )
            if digest(record.value) != position.last_hash:
                raise JournalRefused(
                    f"{JOURNAL.name}/{partition} holds another record at offset {offset} than the one that was booked: "
                    "it is another journal. Restore the right one, or begin with an empty database"
                )

    async def _owned_at(self, positions: Mapping[int, Position]) -> dict[int, Owned]:
        """The state in memory that belongs to these positions, with an empty cache."""
        partitions = list(positions)
        rewards = await self._store.reward_positions(partitions)
        programmes = await self._store.programmes(partitions)
        fresh = {}
        for partition, position in positions.items():
            texts = tuple(decode_fact(body).text for body in programmes.get(partition, ()))  # type: ignore[union-attr]
            fresh[partition] = Owned(
                partition=partition,
                epoch=position.epoch,
                next_offset=position.next_offset,
                next_seq=position.next_seq,
                last_hash=position.last_hash,
                reward_seqs=rewards.get(partition, {}),
                texts=texts,
                plan=await self._plans.of(texts),
            )
            self._relay.own(partition, position.epoch, position.published_seq, position.next_seq - 1)
        return fresh

    def _become(self, fresh: Mapping[int, Owned]) -> None:
        """In place: the ticker looks at the same dictionary."""
        self.owned.clear()
        self.owned.update(fresh)

    # ------------------------------------------------------------ step 2: drafts

    def _drafts(self, journal: Journal, fetched: Mapping[TopicPartition, list[Record]]) -> list[Draft]:
        """What of the fetched records makes this batch; the rest is fetched again. Partitions at their stop pause."""
        stops = {partition: stop.offset for partition, stop in self._stops.items()}
        records_of = {tp.partition: records for tp, records in fetched.items()}
        suspect = next((partition for partition in sorted(self._suspects) if partition in records_of), None)
        if suspect is not None and suspect in self.owned:
            ahead = [r for r in records_of[suspect] if r.offset >= self.owned[suspect].next_offset]
            records_of = {suspect: ahead[: self._suspects[suspect]]}
        drafts = read(records_of, self.owned, stops, wall=self._wall)
        taken = {draft.owned.partition: draft.next_offset for draft in drafts}
        for tp, records in fetched.items():
            mine = self.owned.get(tp.partition)
            if mine is None:
                journal.pause(tp)  # lost to another owner; the group has not told us yet
                continue
            upto = taken.get(tp.partition, mine.next_offset)
            if upto <= records[-1].offset:
                journal.seek(tp, upto)
            if upto == stops.get(tp.partition):
                journal.pause(tp)
        return drafts

    # ------------------------------------------------------------ steps 5 and 6

    async def _commit(self, batch: Batch) -> None:
        started = monotonic()
        self._reach("before-commit")
        await self._store.commit(batch)
        self._reach("after-commit")
        self._metrics.committed(batch, monotonic() - started)
        for part in batch.parts:
            self._suspects.pop(part.partition, None)
        # 6. Publish
        for part in batch.parts:
            self._relay.publish(part.chunk)

    # ------------------------------------------------------------ when something went wrong

    async def _read_again(self, journal: Journal, partitions: Iterable[int], reason: str) -> None:
        """Let memory follow the tables: positions, caches, programmes; fetch from there. Waits an outage out."""
        self._metrics.refolds.labels(reason).inc()
        lost, fresh = await self._follow(sorted(partitions))
        for partition in lost:
            log.warning("partition %d has another owner now", partition)
            self._relay.disown(partition)
            del self.owned[partition]
            journal.pause(TopicPartition(JOURNAL.name, partition))
        self.owned.update(fresh)
        for partition, owned in fresh.items():
            tp = TopicPartition(JOURNAL.name, partition)
            journal.seek(tp, owned.next_offset)
            stop = self._stops.get(partition)
            if stop is not None and stop.offset == owned.next_offset:
                journal.pause(tp)
            else:
                journal.resume(tp)
        self._show_health()

    async def _follow(self, partitions: list[int]) -> tuple[list[int], dict[int, Owned]]:
        """What the tables say of partitions that were ours: those lost, and the state of the others."""
        while True:
            try:
                positions = await self._store.locked_positions(partitions)
                ours = {p: row for p, row in positions.items() if row.epoch == self.owned[p].epoch}
                return [p for p in partitions if p not in ours], await self._owned_at(ours)
            except OUTAGES as error:
                await self._wait_out(error)

    async def _stop(self, journal: Journal, stopped: Iterable[Stopped]) -> None:
        """Facts that cannot be folded: their partitions are read again, up to them and no further."""
        for stop in stopped:
            log.error("%s", stop, exc_info=stop)
            self._stops[stop.partition] = stop
        await self._read_again(journal, [stop.partition for stop in stopped], "stopped")

    async def _single_out(self, journal: Journal, spans: Mapping[int, tuple[int, int]], error: Exception) -> None:
        """A batch of these offsets (by partition: from, to before) breaks whenever it is tried: try less at once."""
        log.warning("a batch breaks, and is tried in parts: %r", error, exc_info=error)
        if len(spans) > 1:
            self._suspects |= {partition: end - start for partition, (start, end) in spans.items()}
        else:
            ((partition, (start, end)),) = spans.items()
            if end - start == 1:
                self._suspects.pop(partition, None)
                self._stops[partition] = Stopped(partition, start, f"the record breaks its batch: {error!r}")
                log.error("%s", self._stops[partition])
            else:
                self._suspects[partition] = (end - start) // 2
        await self._read_again(journal, self.owned, "broken")

    async def _wait_out(self, error: Exception) -> None:
        """A pause before the next try, longer from try to try. Raises the error when asked to stop."""
        self._health.set_ready("servers", False, f"{type(error).__name__}: {error}")
        log.warning("trying again soon: %r", error)
        with suppress(TimeoutError):
            async with asyncio.timeout(BACKOFF_SECONDS[min(self._failures, len(BACKOFF_SECONDS) - 1)]):
                await self._stopping.wait()
        if self._stopping.is_set():
            raise error
        self._failures += 1

    def _well(self) -> None:
        """Fetched or committed: the servers are there."""
        self._failures = 0
        self._health.set_ready("servers", True)

    def _show_health(self) -> None:
        self._health.set_ready("partitions", not self._stops, "; ".join(str(stop) for stop in self._stops.values()))
        self._metrics.owned.set(len(self.owned))
        self._metrics.stopped.set(len(self._stops))

    # ------------------------------------------------------------ memory

    def _trim(self, batch: Batch) -> None:
        """Keep the cache within its bound: of each partition, those that were not touched for longest go.

        Runs when only this batch is uncommitted; its members stay, so nothing is read from the tables that is newer
        in memory.
        """
        bound = self._members_cached // max(1, len(self.owned))
        for part in batch.parts:
            members, touched = part.owned.members, part.members
            excess = len(members) - bound
            if excess <= 0:
                continue
            for name in touched:
                if name in members:  # a tick touches members that are not cached
                    members[name] = members.pop(name)
            for name in list(islice(members, excess)):
                if name not in touched:
                    del members[name]

    def _idle(self) -> None:
        if self._failures:
            self._well()
        self._metrics.members.set(sum(len(owned.members) for owned in self.owned.values()))
        self._metrics.unpublished.set(self._relay.unpublished)
        self._sweep.when_idle()
