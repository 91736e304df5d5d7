"""Step 6: what the book has decided goes to its topics, in the order of seq, without holes.

Each partition has a lane: committed chunks wait in it for the next beat, when all lanes write what they have, so that
few requests carry it; the next write starts when the one before is acknowledged, so a lost one can never be overtaken.
Outcomes of a partition in which somebody waits for an answer go ahead at once, on a connection of their own. Whatever
the lane does not hold in memory (after a crash, after a failed write, when Kafka was away too long) is read from the
tables, and one function builds the record on both paths. Repeats on the topics are possible and have the same seq; a
consumer drops `seq <= last`.

Owns `published_seq`. Does not own what the records look like (published.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from events.decode import decode_fact
from events.topics import ENTRIES, JOURNAL, OUTCOMES, rewards_topic
from infra.clock import monotonic
from infra.kafka.client import OUTAGE as KAFKA_OUTAGE
from infra.kafka.client import Message, partition_of
from infra.postgres.pool import OUTAGE as POSTGRES_OUTAGE
from services.ledger.batch import Chunk
from services.ledger.published import chunk_of
from services.ledger.store import Store

log = logging.getLogger(__name__)

PAGE_FACTS = 2_000
WAITING_FACTS = 50_000
"""A lane holds no more than this in memory; what comes beyond it is read from the tables later."""
BEAT_SECONDS = 0.05
"""Between two writes of entries, rewards, messages, and outcomes that nobody waits for."""
SAVE_SECONDS = 1.0
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)

OUTAGES = KAFKA_OUTAGE + POSTGRES_OUTAGE


class Topics(Protocol):
    """What the relay needs of infra.kafka's Writer."""

    async def write(self, topic: str, partition: int, records: Sequence[Message]) -> None: ...

    async def reopen(self) -> None: ...


@dataclass(slots=True)
class Lane:
    """One partition's way to the topics."""

    partition: int
    epoch: int
    published: int
    """Everything up to this seq is acknowledged."""
    saved: int
    committed: int
    """The newest seq that is committed."""
    queue: deque[Chunk] = field(default_factory=deque)
    queued_to: int = 0
    """The newest seq that is in the queue, being written, or published."""
    answers: list[Awaitable[None]] = field(default_factory=list)
    """Outcomes of queued chunks that were sent ahead: what is published waits for them too."""
    repeats: list[Message] = field(default_factory=list)
    """Outcomes to be answered again; they have no seq."""
    lost: bool = False
    busy: asyncio.Task[None] | None = None


class Relay:
    """The lanes of the partitions that are ours."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        outcomes: Topics,
        partitions: int,
        reach: Callable[[str], None],
        beat: Callable[[], Awaitable[object]],
    ) -> None:
        """outcomes: topics again, by another connection. partitions: of the journal. reach: the failpoint.

        beat: ends when lanes may write.
        """
        self._store = store
        self._topics = topics
        self._outcomes = outcomes
        self._beat = beat
        self._partitions = partitions
        self._reach = reach
        self._lanes: dict[int, Lane] = {}
        self._writing = 0  # how often the topics were opened: who fails with an old number need not reopen them
        self._reopening = asyncio.Lock()
        self.failing = ""
        """Why nothing can be published just now; empty when all is well."""
        self.fault: BaseException | None = None
        """A bug met on the way, which must end the process."""

    def own(self, partition: int, epoch: int, published_seq: int, committed_seq: int) -> None:
        """A partition is ours, or its position was read again: publish what is committed and not published."""
        lane = self._lanes.get(partition)
        if lane is not None and lane.epoch in (epoch, epoch - 1):  # nobody else had it meanwhile
            lane.epoch, lane.committed = epoch, max(lane.committed, committed_seq)
        else:
            self.disown(partition)
            lane = Lane(partition, epoch, published_seq, published_seq, committed_seq, queued_to=published_seq)
            self._lanes[partition] = lane
        self._go(lane)

    def disown(self, partition: int) -> None:
        """A partition was lost: its new owner publishes from the tables. What is on its way may arrive."""
        lane = self._lanes.pop(partition, None)
        if lane is not None:
            lane.lost = True

    def publish(self, chunk: Chunk) -> None:
        """Take a committed chunk. Never waits."""
        lane = self._lanes.get(chunk.partition)
        if lane is None:
            return
        lane.repeats += chunk.repeats
        lane.committed = max(lane.committed, chunk.last_seq)
        follows = lane.queued_to == chunk.after_seq < chunk.last_seq
        if follows and chunk.last_seq - lane.published <= WAITING_FACTS:
            lane.queue.append(chunk)
            lane.queued_to = chunk.last_seq
            if chunk.waited_for:
                self._answer(lane)
        self._go(lane)

    async def write(self, topic: str, partition: int, records: Sequence[Message]) -> None:
        """Write something that is no part of the book (ticks). Raises one of Kafka's OUTAGE, connections renewed."""
        opened = self._writing
        try:
            await self._topics.write(topic, partition, records)
        except KAFKA_OUTAGE:
            await self._reopen(opened)
            raise

    @property
    def unpublished(self) -> int:
        """Facts that are committed and not acknowledged by every topic."""
        return sum(lane.committed - lane.published for lane in self._lanes.values())

    async def drain(self) -> None:
        """Until everything that is committed is published, and that is saved. Raises one of the stores' OUTAGE."""
        while busy := [lane.busy for lane in self._lanes.values() if lane.busy is not None]:
            await asyncio.wait(busy)
        await self.save()

    async def save(self) -> None:
        """Remember in the tables how far the topics are, for all partitions."""
        rows = [
            (lane.partition, lane.published, lane.epoch) for lane in self._lanes.values() if lane.published > lane.saved
        ]
        if not rows:
            return
        self._reach("before-mark")
        await self._store.save_published(rows)
        self._reach("after-mark")
        for partition, published, epoch in rows:
            lane = self._lanes.get(partition)
            if lane is not None and lane.epoch == epoch:
                lane.saved = published

    async def save_now_and_then(self) -> None:
        """The timer: runs until it is cancelled. While the tables are away it tries again."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await self.save()
            except POSTGRES_OUTAGE as error:
                log.warning("how far the topics are could not be saved, and will be: %r", error)

    def stop(self) -> None:
        """Give up everything that is being written."""
        for lane in self._lanes.values():
            if lane.busy is not None:
                lane.busy.cancel()

    # ------------------------------------------------------------ a lane

    def _go(self, lane: Lane) -> None:
        if lane.busy is None and (lane.published < lane.committed or lane.repeats):
            lane.busy = asyncio.ensure_future(self._empty(lane))
            lane.busy.add_done_callback(lambda task: self._ended(lane, task))

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        lane.busy = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.fault = error
        else:
            self._go(lane)  # something may have come between its last look and now

    async def _empty(self, lane: Lane) -> None:
        """Write until nothing waits; during an outage, try again and again."""
        attempt = 0
        while (lane.published < lane.committed or lane.repeats) and not lane.lost:
            await self._beat()
            opened = self._writing
            try:
                chunk = self._next(lane) or await self._from_tables(lane)
                await self._write(lane, chunk)
            except OUTAGES as error:
                lane.queue.clear()
                lane.answers.clear()
                lane.queued_to = lane.published
                self.failing = f"{error!r}"
                log.warning("partition %d: publishing failed, and is tried again: %r", lane.partition, error)
                await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1
                if isinstance(error, KAFKA_OUTAGE):
                    await self._reopen(opened)
            else:
                lane.published = max(lane.published, chunk.last_seq)
                lane.queued_to = max(lane.queued_to, lane.published)
                attempt, self.failing = 0, ""

    def _answer(self, lane: Lane) -> None:
        """Send the outcomes of everything that waits in memory ahead of the rest of it."""
        outcomes = [outcome for chunk in lane.queue for outcome in chunk.outcomes]
        for chunk in lane.queue:
            chunk.outcomes = []
        answer = asyncio.ensure_future(self._outcomes.write(OUTCOMES.name, lane.partition, outcomes))
        answer.add_done_callback(_looked_at)
        lane.answers.append(answer)

    def _next(self, lane: Lane) -> Chunk | None:
        """Everything that waits in memory, as one chunk; None when the tables must be read."""
        if lane.published == lane.committed:
            return Chunk(lane.partition, lane.published, lane.published)  # repeats only
        if not lane.queue or lane.queue[0].after_seq != lane.published:
            lane.queue.clear()
            return None
        first = lane.queue.popleft()
        while lane.queue:
            _join(first, lane.queue.popleft())
        return first

    async def _from_tables(self, lane: Lane) -> Chunk:
        """The next page of what is committed and not published."""
        after, last = lane.published, lane.committed
        facts = await self._store.facts_from(lane.partition, after, last, PAGE_FACTS)
        last = facts[-1].seq
        rewards = await self._store.rewards_of(lane.partition, after, last)
        messages = await self._store.messages_of(lane.partition, after, last)
        chunk = chunk_of(lane.partition, after, facts, rewards, messages)
        lane.queued_to = max(lane.queued_to, last)
        return chunk

    async def _write(self, lane: Lane, chunk: Chunk) -> None:
        """All topics at once; returns when everything is acknowledged. Raises WriteFailed."""
        partition = chunk.partition
        repeats, lane.repeats = lane.repeats, []
        writes, lane.answers = lane.answers, []
        self._reach("before-produce")
        if chunk.outcomes or repeats:
            writes.append(self._outcomes.write(OUTCOMES.name, partition, chunk.outcomes + repeats))
        if chunk.entries:
            writes.append(self._topics.write(ENTRIES.name, partition, chunk.entries))
        for partner, rewards in chunk.rewards.items():
            writes.append(self._topics.write(rewards_topic(partner).name, partition, rewards))
        for to, values in _by_receiver(chunk.messages, self._partitions).items():
            writes.append(self._topics.write(JOURNAL.name, to, values))
        for result in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(result, BaseException):
                lane.repeats = repeats + lane.repeats
                raise result
        self._reach("after-produce")

    async def _reopen(self, opened: int) -> None:
        """New connections, once for all lanes that failed on the old ones."""
        async with self._reopening:
            if self._writing == opened:
                try:
                    await self._topics.reopen()
                    await self._outcomes.reopen()
                except KAFKA_OUTAGE as error:
                    log.warning("Kafka is still away: %r", error)
                    return
                self._writing += 1


async def next_beat() -> None:
    """Until the next of the moments at which all lanes write."""
    await asyncio.sleep(BEAT_SECONDS - monotonic() % BEAT_SECONDS)


def _looked_at(answer: asyncio.Future[None]) -> None:
    """A failure is met by the lane's next write; a lane that was lost has none, and need not know."""
    if not answer.cancelled():
        answer.exception()


def _join(first: Chunk, second: Chunk) -> None:
    first.last_seq = second.last_seq
    first.entries += second.entries
    first.outcomes += second.outcomes
    first.messages += second.messages
    for partner, rewards in second.rewards.items():
        first.rewards.setdefault(partner, []).extend(rewards)


def _by_receiver(values: Sequence[bytes], partitions: int) -> dict[int, list[Message]]:
    """Journal records for members, by the members' partitions."""
    found: dict[int, list[Message]] = {}
    for value in values:
        key = decode_fact(value).member.encode()  # type: ignore[union-attr]
        found.setdefault(partition_of(key, partitions), []).append((key, value, ()))
    return found
