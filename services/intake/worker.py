"""The loop of intake.

0. *Claim* on assignment: the next epoch of each inbound partition, and its position. Before the first one: catch up
   with the journal, should this directory be a restored copy (recovery.py).
1. *Fetch* a batch from the inbound topics, bounded in records and in bytes.
2. *Read* each record in its dialect and check it (pure, core/). While batches are full, the one before goes through the
   other steps meanwhile (one under way, never two).
3. *Decide*: look up identifiers and receipts, and walk the records with them (pure, core/).
4. *Claim* identities and receipts, park what cannot be read, and note that these records are decided: one transaction,
   fenced by the epoch. Who loses a race against another worker decides again with what that one wrote.
5. *Produce* the facts to the journal, keyed by member, in the order of each inbound partition.
6. *Save* the position: the facts of these records are in the journal. From time to time also the journal's ends.

A crash after 4 or 5 leaves `decided_offset` ahead of `next_offset`. What lies between is read again and never decided
again: a record that a row of the directory remembers makes the same fact with the same id, revision and member, the
others make none. The ledger drops a fact that it has already.

Every fact before a saved journal end is known to the directory: an end is asked for first and saved afterwards, and
whoever wrote a fact before it had committed its claims before writing.

A record is done, or parked. An outage stops the loop, which starts again from 0 (`run`). What breaks a batch otherwise
is a bug of ours that one of its records brings out: it is singled out, by halves, and its partition stops before it, as
one with a hole does. Stopped partitions show in /readyz, and are tried again at the next claim.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from events.decode import Unreadable, encode_fact
from events.retries import retry_of
from events.topics import ENROLMENTS, INBOUND, JOURNAL, Topic
from infra.clock import monotonic
from infra.failpoints import Failpoint
from infra.health import Health
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import JournalGap, Message, Reader, Record, TopicPartition, Writer, partition_of
from infra.kafka.topics_admin import ensure_topics, topic_id
from infra.postgres.migrate import migrate
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from infra.postgres.pool import ROW_REFUSED, PostgresError, open_pool
from infra.settings import Settings
from services.intake.core.batch import Item, Plan, identifiers, receipts, walk
from services.intake.core.identity import MEMBER_BYTES, Act, Decided, Key, member_id
from services.intake.core.reading import Heard, hear
from services.intake.directory import SQL, Directory, Fenced, Parked, Position, Retry
from services.intake.metrics import END, Metrics
from services.intake.recovery import recover

BATCH_RECORDS = 5_000
BATCH_BYTES = 16 << 20
FULL_RECORDS = 1_000
"""From this size on, the next batch is fetched and read while this one is claimed and written."""
AT_ONCE_RECORDS = 100
"""Read without a pause: the batch under way is waiting for its turn."""
FETCH_MS = 250
"""How long an idle loop waits before it looks at the request to stop."""
ENDS_SECONDS = 2.0
"""How often the ends of the topics are asked for: the lag shown, and what a restart reads of the journal."""
MEMBERS_CACHED = 500_000
BACKOFF_SECONDS = (0.2, 5.0)
"""First and longest wait after an outage; it doubles from one to the other."""

AGAIN: tuple[type[Exception], ...] = (*KAFKA_OUTAGE, *POSTGRES_OUTAGE, Fenced)
"""What starts the loop again from the saved position."""

SERVERS: tuple[type[Exception], ...] = (*AGAIN, PostgresError)
"""What no record is to blame for; a row that a column refuses is."""

log = logging.getLogger(__name__)

_TOPICS = {topic.name: topic for topic in INBOUND}
_ORDER = {topic.name: n for n, topic in enumerate(sorted(INBOUND, key=lambda topic: topic is not ENROLMENTS))}
"""Within a batch a new card is read before the purchases it is shown with."""


class TopicMadeAnew(Exception):
    """An inbound topic is not the one whose offsets we remember; the message says what to do."""


async def run(settings: Settings, health: Health, metrics: Metrics, stopping: asyncio.Event) -> None:
    """Work until `stopping` is set. Outages are waited out; anything else that cannot go on is raised."""
    reach = Failpoint(settings.failpoint).reach
    shortest, longest = BACKOFF_SECONDS
    backoff = shortest
    while not stopping.is_set():
        started = monotonic()
        try:
            async with _worker(settings, health, metrics, reach) as worker:
                await worker.loop(stopping)
        except AGAIN as error:
            if monotonic() - started > longest:
                backoff = shortest  # it did work before
            health.set_ready("intake", False, f"{type(error).__name__}: {error}")
            log.warning("starting again in %.1f s: %s: %s", backoff, type(error).__name__, error)
            metrics.restarts.inc()
            await _wait(stopping, backoff)
            backoff = min(2 * backoff, longest)
    health.set_ready("intake", False, "stopped")


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


@asynccontextmanager
async def _worker(
    settings: Settings, health: Health, metrics: Metrics, reach: Callable[[str], None]
) -> AsyncIterator[Worker]:
    """A worker with its connections, caught up with the journal."""
    async with AsyncExitStack() as stack:
        pool = await open_pool(settings, max_size=2, by_index=True)
        stack.callback(pool.terminate)  # nothing is under way; close() would wait for a server that is away
        await migrate(pool, SQL, "intake")
        await ensure_topics(settings, (*INBOUND, JOURNAL))
        topic_ids = {topic.name: await topic_id(settings, topic.name) for topic in INBOUND}
        writer = Writer(settings)
        await writer.start()
        stack.push_async_callback(writer.stop)
        worker = Worker(settings, Directory(pool), writer, health, metrics, reach, topic_ids)
        await worker.reader.start()
        stack.push_async_callback(worker.reader.stop)
        restored = await recover(worker.directory, worker.reader, topic_ids, settings.partitions)
        if restored:
            metrics.restored.inc(restored)
            log.warning("the directory is an older copy: %d receipts restored from the journal", restored)
        yield worker


class Worker:
    """One loop over its share of the inbound partitions."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        writer: Writer,
        health: Health,
        metrics: Metrics,
        reach: Callable[[str], None],
        topic_ids: Mapping[str, str],
    ) -> None:
        """reach: the failpoint. topic_ids: Kafka's uuid of each inbound topic."""
        self.directory = directory
        self.reader = Reader(settings, [topic.name for topic in INBOUND], "intake", self._claim)
        self._settings = settings
        self._writer = writer
        self._health = health
        self._metrics = metrics
        self._reach = reach
        self._topic_ids = topic_ids
        self._positions: dict[TopicPartition, Position] = {}
        self._members: dict[Key, str] = {}  # identifiers are written once: what is here stays true until an erasure
        self._erasures = 0
        self._stops: dict[TopicPartition, str] = {}
        self._under_way: asyncio.Task[None] | None = None  # the batch that is decided, claimed and written
        self._ends_due = monotonic()

    async def loop(self, stopping: asyncio.Event) -> None:
        """Batches until asked to stop; a batch that was begun is finished."""
        try:
            while not stopping.is_set():
                await self._turn()
            await self._settle()
        finally:
            gc.enable()
            if self._under_way is not None:  # something else went wrong: as after a crash
                self._under_way.cancel()
                await asyncio.wait([self._under_way])
        await self._look_at_ends()

    async def _turn(self) -> None:
        """One batch, to its end where it is small, else until it is read and the one before has come to its end."""
        # 1. Fetch
        self._reach("before-fetch")
        try:
            fetched = await self.reader.fetch(BATCH_RECORDS, FETCH_MS, BATCH_BYTES)
        except JournalGap as gap:
            self._stop(TopicPartition(gap.topic, gap.partition), str(gap))
            return
        self._reach("after-fetch")
        gc.disable()  # a batch makes many objects and no cycles
        reading = asyncio.create_task(self._read(fetched))
        await asyncio.wait([reading])  # if it breaks, that is met in this batch's turn
        await self._settle()
        if left := {tp: records for tp, records in fetched.items() if tp not in self._stops}:
            if len(left) < len(fetched):
                reading = asyncio.create_task(self._read(left))
            self._under_way = asyncio.create_task(self._try(left, reading))
        if sum(map(len, left.values())) < FULL_RECORDS:
            await self._settle()
            gc.enable()
        if monotonic() >= self._ends_due:
            await self._look_at_ends()
        self._health.set_ready("intake", True)

    async def _settle(self) -> None:
        """Until the batch under way has come to its end. Raises what a server said."""
        if self._under_way is not None:
            await self._under_way
            self._under_way = None

    async def _claim(self, assigned: frozenset[TopicPartition]) -> dict[TopicPartition, int]:
        """Step 0: where to start."""
        await self._settle()  # under the epochs it was fetched under
        self._reach("before-claim")
        self._positions = await self.directory.claim_positions({tp: self._topic_ids[tp.topic] for tp in assigned})
        for tp, position in self._positions.items():
            if position.topic_id != self._topic_ids[tp.topic]:
                raise TopicMadeAnew(
                    f"topic {tp.topic} was deleted and made anew: its offsets no longer mean what the directory "
                    f"remembers; if that was meant, delete its rows from intake_position"
                )
        self._stops.clear()
        self._show_stops()
        self._reach("after-claim")
        return {tp: position.next_offset for tp, position in self._positions.items()}

    async def _try(self, fetched: Mapping[TopicPartition, list[Record]], reading: Awaitable[list[Item]]) -> None:
        """A batch, read already or not. One that breaks is tried in parts: by partition, then by halves, down to one
        record."""
        try:
            items = await reading
            with self._metrics.batch_seconds.time():
                await self._batch(fetched, items)
        except Exception as error:
            if isinstance(error, SERVERS) and not isinstance(error, ROW_REFUSED):
                raise
            ((tp, records), *others) = fetched.items()
            if not others and len(records) == 1:
                log.error("a record cannot be handled", exc_info=error)
                self._stop(tp, f"offset {records[0].offset} cannot be handled: {error!r}")
                return
            for part in _parts(fetched):
                if left := {tp: records for tp, records in part.items() if tp not in self._stops}:
                    await self._try(left, self._read(left))

    async def _read(self, fetched: Mapping[TopicPartition, list[Record]]) -> list[Item]:
        # 2. Read
        items = []
        for tp in sorted(fetched, key=_order):
            for record in fetched[tp]:
                items.append(self._item(tp, record))
                if len(items) % AT_ONCE_RECORDS == 0:
                    await asyncio.sleep(0)
        return items

    async def _batch(self, fetched: Mapping[TopicPartition, list[Record]], items: list[Item]) -> None:
        # 3. Decide, 4. Claim: again when another worker claimed the same meanwhile
        while (plan := await self._decided(items, fetched)) is None:
            self._metrics.races.inc()
        self._reach("after-commit")
        # 5. Produce
        await self._produce(plan)
        # 6. Save
        ends = {tp: records[-1].offset + 1 for tp, records in fetched.items()}
        self._reach("before-mark")
        await self.directory.save({tp: (self._positions[tp].epoch, end) for tp, end in ends.items()}, {})
        self._reach("after-mark")
        self._count(plan, items)

    def _item(self, tp: TopicPartition, record: Record) -> Item:
        position = self._positions[tp]
        if record.offset < position.decided_offset:
            decided = Decided.BEFORE_A_CRASH
        elif record.offset < position.recovered_offset:
            decided = Decided.BEFORE_A_RESTORE
        else:
            decided = Decided.NOT_YET
        logged_at_ms = None if self._settings.clock == "facts" else record.timestamp_ms
        place = (tp.topic, tp.partition, record.offset)
        return Item(place, decided, _heard(_TOPICS[tp.topic], record, logged_at_ms), record.value)

    async def _decided(self, items: list[Item], fetched: Mapping[TopicPartition, list[Record]]) -> Plan | None:
        """The plan of a batch, claimed; None where another worker was quicker. Raises Fenced."""
        keys = identifiers(items)
        if (erasures := await self.directory.erasures()) != self._erasures:
            self._members.clear()
            self._erasures = erasures
        # receipts first: whoever sees another worker's receipt then sees whose it is, for both were claimed at once
        revisions = await self.directory.revisions(receipts(items))
        found = await self.directory.members([key for key in keys if key not in self._members])
        members = {key: self._members[key] for key in keys if key in self._members} | found
        plan = walk(items, members, revisions, _draw)
        ends = {tp: records[-1].offset + 1 for tp, records in fetched.items()}
        self._reach("before-commit")
        won = await self.directory.write(
            {tp: (self._positions[tp].epoch, end) for tp, end in ends.items()},
            plan.identities,
            plan.revisions.values(),
            list(_parked(plan, fetched)),
            list(_retries(fetched)),
            plan.forgotten,
        )
        if not won:
            return None
        for tp, end in ends.items():
            position = self._positions[tp]
            self._positions[tp] = position._replace(decided_offset=max(position.decided_offset, end))
        self._remember(found)
        self._remember(plan.identities)
        return plan

    def _remember(self, members: Mapping[Key, str]) -> None:
        if len(self._members) > MEMBERS_CACHED:
            self._members.clear()
        self._members.update(members)

    async def _produce(self, plan: Plan) -> None:
        """Returns when all is acknowledged. Raises WriteFailed."""
        by_partition: dict[int, list[Message]] = {}
        for _, fact in plan.facts:
            key = fact.member.encode()
            partition = partition_of(key, self._settings.partitions)
            by_partition.setdefault(partition, []).append((key, encode_fact(fact), ()))
        self._reach("before-produce")
        on_their_way = [
            sent
            for partition, messages in by_partition.items()
            for sent in await self._writer.send(JOURNAL.name, partition, messages)
        ]
        await asyncio.gather(*on_their_way)
        self._reach("after-produce")

    async def _look_at_ends(self) -> None:
        """How much waits to be read, and how far the directory knows the journal."""
        journal = [TopicPartition(JOURNAL.name, partition) for partition in range(self._settings.partitions)]
        ours = self.reader.assignment()
        ends = await self.reader.end_offsets([*journal, *ours])
        positions = {tp: self._positions[tp] for tp in ours if tp in self._positions}
        for topic in INBOUND:
            waiting = [
                ends[tp] - position.decided_offset for tp, position in positions.items() if tp.topic == topic.name
            ]
            self._metrics.lag.labels(topic.name).set(sum(waiting))
        await self.directory.save({}, {tp.partition: ends[tp] for tp in journal})
        self._ends_due = monotonic() + ENDS_SECONDS

    def _stop(self, tp: TopicPartition, why: str) -> None:
        """This partition and no other."""
        log.error("%s/%d stands still until intake is started again: %s", tp.topic, tp.partition, why)
        self._stops[tp] = f"{tp.topic}/{tp.partition} stops: {why}"
        self.reader.pause(tp)
        self._show_stops()

    def _show_stops(self) -> None:
        self._health.set_ready("partitions", not self._stops, "; ".join(self._stops.values()))
        self._metrics.stopped.set(len(self._stops))

    def _count(self, plan: Plan, items: list[Item]) -> None:
        for (topic, act), count in plan.acts.items():
            self._metrics.records.labels(topic, END.get(act, "done")).inc(count)
            self._metrics.acts.labels(topic, act.value).inc(count)
            if act is Act.KEEP:
                self._metrics.guest_receipts.inc(count)
        self._metrics.guest_lines.inc(plan.guest_lines)
        self._metrics.identities.inc(len(plan.identities))
        self._metrics.batch_records.observe(len(items))


def _parts(fetched: Mapping[TopicPartition, list[Record]]) -> list[dict[TopicPartition, list[Record]]]:
    """A batch in parts to be tried one after the other: its partitions, or the halves of its one partition."""
    if len(fetched) > 1:
        return [{tp: fetched[tp]} for tp in sorted(fetched, key=_order)]
    ((tp, records),) = fetched.items()
    half = len(records) // 2
    return [{tp: records[:half]}, {tp: records[half:]}]


def _order(tp: TopicPartition) -> tuple[int, int]:
    return _ORDER[tp.topic], tp.partition


def _heard(topic: Topic, record: Record, logged_at_ms: int | None) -> Heard | str:
    try:
        return hear(topic, record.key, record.headers, record.value, logged_at_ms)
    except Unreadable as error:
        return str(error)


def _parked(plan: Plan, fetched: Mapping[TopicPartition, list[Record]]) -> Iterable[Parked]:
    for place, reason in plan.parked:
        topic, partition, offset = place
        records = fetched[TopicPartition(topic, partition)]
        record = records[offset - records[0].offset]  # the reader lets no hole through
        yield Parked(place, reason, record.key, record.value, record.headers, record.timestamp_ms)


def _retries(fetched: Mapping[TopicPartition, list[Record]]) -> Iterable[Retry]:
    for tp, records in fetched.items():
        for record in records:
            if record.headers and (of := retry_of(record.headers)) is not None:
                yield Retry((tp.topic, tp.partition, record.offset), of, record.value)


def _draw() -> str:
    return member_id(os.urandom(MEMBER_BYTES))
