"""Stands for the ledger's publication: writes records of `entries.v1`, and counts by itself what must come of them.

The counting is the oracle of the read models: plain sums, with no code of theirs.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

from events.entries import EntriesRecord, Entry, Outcome, Posting, encode
from events.topics import ENTRIES
from events.values import instant
from infra.kafka.client import Message, Writer, partition_of
from infra.settings import Settings

START_MS = 1_767_225_600_000  # 2026-01-01


@dataclass
class Book:
    """A publication over the house's partitions."""

    settings: Settings
    seed: int = 1
    members: int = 200
    next_seq: dict[int, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    available: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    earned: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    redeemed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    level: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._names = [f"mem_{self.seed}_{number}" for number in range(self.members)]

    def make(self, count: int) -> dict[int, list[Message]]:
        """The next records of a random walk of its members, by partition."""
        made: dict[int, list[Message]] = defaultdict(list)
        for _ in range(count):
            member = self._random.choice(self._names)
            points = self._random.randint(1, 500)
            self.earned[member] += points
            self.available[member] += points
            entries = [Entry("issued", "lot", points, "base", self.available[member], "lot-1")]
            if self.available[member] > 2000:
                self.redeemed[member] += 500
                self.available[member] -= 500
                entries.append(Entry("lot", "spent", 500, "redemption", self.available[member], "lot-1"))
            self.level[member] = min(2, self.earned[member] // 3000)
            partition = partition_of(member.encode(), self.settings.partitions)
            made[partition].append((member.encode(), encode(self._record(partition, member, tuple(entries))), []))
        return made

    def _record(self, partition: int, member: str, entries: tuple[Entry, ...]) -> EntriesRecord:
        seq = self.next_seq[partition]
        self.next_seq[partition] += 1
        posting = Posting(
            member, self.available[member], 0, 0, 0, self.level[member], self.earned[member] * 100, entries
        )
        at = instant(START_MS + seq * 1000)
        return EntriesRecord(seq, f"f:{partition}:{seq}", "purchase", at, START_MS, Outcome("done"), (posting,))

    def expected(self) -> dict[str, tuple[int, int, int, int]]:
        """Available, earned, redeemed and level of each member there is."""
        return {m: (self.available[m], self.earned[m], self.redeemed[m], self.level[m]) for m in self.earned}


async def publish(writer: Writer, made: dict[int, list[Message]]) -> None:
    """Write what Book.make made."""
    for partition, messages in made.items():
        await writer.write(ENTRIES.name, partition, messages)
