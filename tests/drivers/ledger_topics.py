"""A journal and the ledger's topics in memory, driven by a script: records, and marks of what goes wrong.

    Crash()        the process dies here and another one begins (whatever is in memory is gone)
    Crash(at=..)   it dies at a failpoint, the next time it comes there
    Redeliver(n)   the last n records are written to the journal again
    Reorder()      from here on the partitions are handed out in the opposite order, one record at a time
    Recreate()     the journal is deleted and made anew

What this driver cannot show: rebalances, the broker's own failures, real concurrency of two owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.kafka.client import Message, Record, TopicPartition, WriteFailed, partition_of

JOURNAL = "journal.v1"


class Crashed(Exception):
    """The process is dead: nothing of it may be used again."""


@dataclass(frozen=True)
class Crash:
    at: str = ""


@dataclass(frozen=True)
class Redeliver:
    count: int


@dataclass(frozen=True)
class Reorder:
    pass


@dataclass(frozen=True)
class Recreate:
    pass


@dataclass
class Topics:
    """Everything that was written, by (topic, partition). The journal's records have their offsets as positions."""

    partitions: int
    records: dict[tuple[str, int], list[Message]] = field(default_factory=dict)
    failures: int = 0
    """How many of the next writes fail, after half of what they were to write has arrived."""
    apart_ms: int = 1
    """Between the log times of two records of the journal. 0: a journal without its repeats has the same log times."""
    taken_at_ms: dict[bytes, int] = field(default_factory=dict)
    """When the journal took a record of this value, where a test says so."""

    async def write(self, topic: str, partition: int, records: Sequence[Message]) -> None:
        log = self.records.setdefault((topic, partition), [])
        if self.failures:
            self.failures -= 1
            log += records[: len(records) // 2]
            raise WriteFailed("not acknowledged")
        log += records

    async def reopen(self) -> None:
        pass

    def say(self, value: bytes | None, member: str | None = None, partition: int | None = None) -> None:
        """A record into the journal."""
        key = None if member is None else member.encode()
        to = partition if partition is not None else partition_of(key or b"", self.partitions)
        self.records.setdefault((JOURNAL, to), []).append((key, value, ()))


class ScriptedJournal:
    """The journal as a reader sees it, of one life of a process."""

    def __init__(self, topics: Topics, most: int = 10_000, backwards: bool = False) -> None:
        """most: records handed out at once."""
        self._topics = topics
        self._most = most
        self._backwards = backwards
        self._next: dict[int, int] = {}
        self._paused: set[int] = set()

    def waiting(self) -> bool:
        """Whether there is anything left to fetch."""
        logs = {p: len(self._topics.records.get((JOURNAL, p), [])) for p in self._next.keys() - self._paused}
        return any(self._next[p] < end for p, end in logs.items())

    def begin(self, offsets: dict[int, int]) -> None:
        self._next = dict(offsets)

    async def fetch(self, max_records: int, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        del timeout_ms
        left = min(max_records, self._most)
        found: dict[TopicPartition, list[Record]] = {}
        for partition in sorted(self._next.keys() - self._paused, reverse=self._backwards):
            at = self._next[partition]
            values = self._topics.records.get((JOURNAL, partition), [])[at : at + left]
            if values:
                found[TopicPartition(JOURNAL, partition)] = [
                    self._record(partition, at + n, message) for n, message in enumerate(values)
                ]
                self._next[partition] = at + len(values)
                left -= len(values)
            if not left:
                break
        return found

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._next[tp.partition] = offset

    def pause(self, tp: TopicPartition) -> None:
        self._paused.add(tp.partition)

    def resume(self, tp: TopicPartition) -> None:
        self._paused.discard(tp.partition)

    async def record_at(self, tp: TopicPartition, offset: int) -> Record | None:
        values = self._topics.records.get((JOURNAL, tp.partition), [])
        return self._record(tp.partition, offset, values[offset]) if offset < len(values) else None

    def _record(self, partition: int, offset: int, message: Message) -> Record:
        key, value, headers = message
        usual = 1_700_000_000_000 + offset * self._topics.apart_ms
        logged = self._topics.taken_at_ms.get(value or b"", usual)
        return Record(JOURNAL, partition, offset, logged, key, value, tuple(headers))
