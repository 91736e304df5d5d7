"""What a batch is: for each of its partitions, the rows to commit and the records to publish.

Owns the shapes that pass between the steps, and the state of an owned partition between two batches. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from events.entries import Entry
from events.facts import Fact
from infra.kafka.client import Message, Record
from services.book.member import Member
from services.book.turn import ColdKey
from services.ledger.rows import FactRow, MessageRow, Posted, RewardRow
from services.programme.plan import Plan

WAITED_FOR = frozenset({"redemption_requested", "transfer_requested", "contribution_requested"})
"""Types of facts that ask: somebody stands at a till until the outcome is there."""

FactKey = tuple[str, int]
"""(id, revision): names a fact for ever."""


class Position(NamedTuple):
    """A row of `position`. `last_hash` is of the journal record at next_offset - 1; empty at the beginning."""

    partition: int
    topic_id: str
    next_offset: int
    next_seq: int
    published_seq: int
    epoch: int
    last_hash: bytes


class StoredFact(NamedTuple):
    """A fact as the tables hold it. `entries` are in order, each with its member."""

    partition: int
    seq: int
    recorded_at_ms: int
    body: bytes
    outcome: bytes
    postings: bytes
    entries: Sequence[tuple[str, Entry]]


class Parked(NamedTuple):
    """A journal record that counts for nothing, and why."""

    record: Record
    reason: str


class Item(msgspec.Struct, frozen=True, gc=False):
    """A record that is a fact."""

    record: Record
    fact: Fact
    at_ms: int
    """Its occurred_at."""
    member: str | None
    """None: it concerns a whole partition."""


class Done(msgspec.Struct, frozen=True, gc=False):
    """A fact that this process has folded: what a repeat of it is answered with."""

    fact: Fact
    body: bytes
    outcome: bytes
    answer: Message | None
    """For outcomes.v1; None for facts that nobody waits for."""
    recorded_at_ms: int = 0


@dataclass(slots=True)
class Chunk:
    """A run of facts of one partition to be published: everything that the seqs after..last cause on topics."""

    partition: int
    after_seq: int
    last_seq: int
    entries: list[Message] = field(default_factory=list)
    outcomes: list[Message] = field(default_factory=list)
    rewards: dict[str, list[Message]] = field(default_factory=dict)
    """By partner."""
    messages: list[bytes] = field(default_factory=list)
    """Journal values of facts for other members."""
    waited_for: bool = False
    """Somebody waits for an outcome among these."""
    repeats: list[Message] = field(default_factory=list)
    """Outcomes answered again. They have no seq, and are not published again after a crash."""


@dataclass(slots=True)
class Owned:
    """A partition that is ours, as of the last fact that was folded (committed, or in flight)."""

    partition: int
    epoch: int
    next_offset: int
    next_seq: int
    last_hash: bytes
    reward_seqs: dict[str, int]
    """Partner -> the next reward's seq; a partner without rewards yet is missing."""
    texts: tuple[str, ...]
    plan: Plan
    members: dict[str, Member] = field(default_factory=dict)
    """The cache, least recently touched first."""


@dataclass(slots=True)
class Part:
    """What one partition brings into a batch. Rows are those of rows.py."""

    owned: Owned
    at_offset: int
    at_seq: int
    next_offset: int
    next_seq: int
    last_hash: bytes
    chunk: Chunk
    facts: list[FactRow] = field(default_factory=list)
    entries: list[Posted] = field(default_factory=list)
    rewards: list[RewardRow] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    retries: list[Record] = field(default_factory=list)
    """Records that bring a parked one again."""
    reward_seqs: dict[str, int] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    """Touched by this part."""
    cold: dict[str, dict[ColdKey, bytes | None]] = field(default_factory=dict)
    """Member -> cold rows that this part wrote; None: removed."""
    done: dict[FactKey, Done] = field(default_factory=dict)
    booked: list[Done] = field(default_factory=list)
    """The same, by seq from at_seq on."""

    @property
    def partition(self) -> int:
        return self.owned.partition


@dataclass(slots=True)
class Batch:
    """What one transaction commits. `members` are rows of the table, encoded when the fold ended."""

    parts: list[Part]
    members: list[tuple[Any, ...]] = field(default_factory=list)
    records: int = 0

    def part(self, partition: int) -> Part | None:
        """The part of a partition; None when the batch has none."""
        return next((part for part in self.parts if part.partition == partition), None)
