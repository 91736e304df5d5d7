"""The ledger's tables in memory: the same methods as PostgresStore, kept to the same behaviour by tests/contract.

It can be told to fail: `lose_answer` commits and then says that the connection was lost, `lose_commit` does not commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from events.entries import Entry
from services.book.turn import ColdKey
from services.ledger.batch import Batch, FactKey, Part, Position, StoredFact
from services.ledger.rows import FACT_COLUMNS, MESSAGE_COLUMNS, REWARD_COLUMNS, entry_rows
from services.ledger.store import Doubled, Fenced, Refused, Unsure

ENTRY_TABLE = ("partition", "seq", "n", "member", "debit", "credit", "points", "lot", "why", "balance_after")


@dataclass
class MemoryStore:
    """Tables as dictionaries by primary key."""

    position: dict[int, Position] = field(default_factory=dict)
    fact: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    entry: dict[tuple[int, int, int], dict[str, Any]] = field(default_factory=dict)
    reward: dict[tuple[int, str, int], dict[str, Any]] = field(default_factory=dict)
    message: dict[tuple[int, int, int], dict[str, Any]] = field(default_factory=dict)
    reward_position: dict[tuple[int, str], int] = field(default_factory=dict)
    member: dict[tuple[int, str], tuple[Any, ...]] = field(default_factory=dict)
    cold: dict[tuple[int, str, str, str], bytes] = field(default_factory=dict)
    parked: dict[tuple[int, int], str] = field(default_factory=dict)
    by_id: dict[tuple[int, str, int], int] = field(default_factory=dict)
    lookups: list[FactKey] = field(default_factory=list)
    """Every id that the index was asked for."""
    commits: int = 0
    lose_answer: int = 0
    lose_commit: int = 0
    refuses: str = ""
    """The id of a fact whose row it does not take."""
    retries: list[tuple[int, int]] = field(default_factory=list)
    """(partition, offset) of the records that were said to bring a parked one again."""

    # ------------------------------------------------------------ positions

    async def positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        return {p: self.position[p] for p in sorted(partitions) if p in self.position}

    async def claim(self, partitions: Sequence[int], topic_id: str) -> dict[int, Position]:
        for p in partitions:
            row = self.position.get(p, Position(p, topic_id, 0, 1, 0, 0, b""))
            self.position[p] = row._replace(epoch=row.epoch + 1)
        return await self.positions(partitions)

    async def locked_positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        return await self.positions(partitions)

    async def save_published(self, rows: Sequence[tuple[int, int, int]]) -> None:
        for p, published, epoch in rows:
            row = self.position[p]
            if row.epoch == epoch and row.published_seq < published:
                self.position[p] = row._replace(published_seq=published)

    async def programmes(self, partitions: Sequence[int]) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {}
        for (p, _), row in sorted(self.fact.items()):
            if p in partitions and row["type"] == "programme_published":
                found.setdefault(p, []).append(row["body"])
        return found

    async def reward_positions(self, partitions: Sequence[int]) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {}
        for (p, partner), seq in self.reward_position.items():
            if p in partitions:
                found.setdefault(p, {})[partner] = seq
        return found

    # ------------------------------------------------------------ reading

    async def members(self, wanted: Sequence[tuple[int, str]]) -> list[tuple[int, str, bytes]]:
        return [(p, name, self.member[p, name][-1]) for p, name in wanted if (p, name) in self.member]

    async def due_members(self, partition: int, at_ms: int, number: int, slices: int) -> list[tuple[str, bytes]]:
        return [
            (name, row[-1])
            for (p, name), row in sorted(self.member.items())
            if p == partition and row[9] is not None and row[9] <= at_ms and row[2] % slices == number
        ]

    async def members_since(self, partition: int, from_ms: int) -> list[tuple[str, bytes]]:
        rows = sorted(self.member.items())
        return [(name, row[-1]) for (p, name), row in rows if p == partition and row[10] >= from_ms]

    async def count_due(self, partition: int, at_ms: int) -> int:
        return len(await self.due_members(partition, at_ms, 0, 1))

    async def has_fact(self, partition: int, fact_id: str) -> bool:
        return any(key[:2] == (partition, fact_id) for key in self.by_id)

    async def newest_tick(self, partition: int) -> int | None:
        ticks = [row["occurred_at"] for (p, _), row in self.fact.items() if p == partition and row["type"] == "tick"]
        return max(ticks, default=None)

    async def known_facts(self, wanted: Sequence[tuple[int, FactKey]]) -> list[StoredFact]:
        self.lookups += [key for _, key in wanted]
        return [self._stored(p, self.by_id[p, *key]) for p, key in wanted if (p, *key) in self.by_id]

    async def first_revisions(self, wanted: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str, bytes, bytes]]:
        found = []
        for p, member, fact_id in wanted:
            seq = self.by_id.get((p, fact_id, 0))
            if seq is not None and self.fact[p, seq]["member"] == member:
                row = self.fact[p, seq]
                found.append((p, member, fact_id, row["body"], row["outcome"]))
        return found

    async def facts_at(self, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int, bytes, bytes, int]]:
        rows = [(key, self.fact[key]) for key in wanted if key in self.fact]
        return [(*key, row["body"], row["outcome"], row["recorded_at"]) for key, row in rows]

    async def cold_rows(self, wanted: Sequence[tuple[int, str, ColdKey]]) -> list[tuple[int, str, ColdKey, bytes]]:
        return [(p, m, key, self.cold[p, m, *key]) for p, m, key in wanted if (p, m, *key) in self.cold]

    async def facts_from(self, partition: int, after_seq: int, last_seq: int, limit: int) -> list[StoredFact]:
        seqs = sorted(seq for p, seq in self.fact if p == partition and after_seq < seq <= last_seq)
        return [self._stored(partition, seq) for seq in seqs[:limit]]

    async def rewards_of(self, partition: int, after_seq: int, last_seq: int) -> list[tuple[str, bytes]]:
        return [
            (partner, row["value"])
            for (p, partner, _), row in sorted(self.reward.items())
            if p == partition and after_seq < row["fact_seq"] <= last_seq
        ]

    async def messages_of(self, partition: int, after_seq: int, last_seq: int) -> list[bytes]:
        rows = sorted(self.message.items())
        return [row["value"] for (p, seq, _), row in rows if p == partition and after_seq < seq <= last_seq]

    def _stored(self, partition: int, seq: int) -> StoredFact:
        row = self.fact[partition, seq]
        entries = [
            (e["member"], Entry(e["debit"], e["credit"], e["points"], e["why"], e["balance_after"], e["lot"]))
            for key, e in sorted(self.entry.items())
            if key[:2] == (partition, seq)
        ]
        return StoredFact(partition, seq, row["recorded_at"], row["body"], row["outcome"], row["postings"], entries)

    # ------------------------------------------------------------ the commit

    async def commit(self, batch: Batch) -> None:
        if self.lose_commit:
            self.lose_commit -= 1
            raise Unsure("the connection was lost before the commit")
        if not all(self._is_at(part) for part in batch.parts):
            raise Fenced("moved")
        facts = [dict(zip(FACT_COLUMNS, row, strict=True)) for part in batch.parts for row in part.facts]
        keys = [(row["partition"], row["fact_id"], row["revision"]) for row in facts]
        if len(set(keys)) < len(keys) or any(key in self.by_id for key in keys):
            raise Doubled("fact_once")
        if self.refuses in {fact_id for _, fact_id, _ in keys}:
            raise Refused("a row that no column takes")
        for row, key in zip(facts, keys, strict=True):
            self.fact[row["partition"], row["seq"]] = row
            self.by_id[key] = row["seq"]
        for part in batch.parts:
            self._write(part)
        for member in batch.members:
            self.member[member[0], member[1]] = member
        self.commits += 1
        if self.lose_answer:
            self.lose_answer -= 1
            raise Unsure("the connection was lost after the commit")

    def _is_at(self, part: Part) -> bool:
        row = self.position.get(part.partition)
        asked = (part.at_offset, part.at_seq, part.owned.epoch)
        return row is not None and (row.next_offset, row.next_seq, row.epoch) == asked

    def _write(self, part: Part) -> None:
        p = part.partition
        self.position[p] = self.position[p]._replace(
            next_offset=part.next_offset, next_seq=part.next_seq, last_hash=part.last_hash
        )
        for row in (dict(zip(ENTRY_TABLE, values, strict=True)) for values in entry_rows(part.entries)):
            self.entry[p, row["seq"], row["n"]] = row
        for row in (dict(zip(REWARD_COLUMNS, values, strict=True)) for values in part.rewards):
            self.reward[p, row["partner"], row["seq"]] = row
        for row in (dict(zip(MESSAGE_COLUMNS, values, strict=True)) for values in part.messages):
            self.message[p, row["seq"], row["n"]] = row
        for partner, seq in part.reward_seqs.items():
            self.reward_position[p, partner] = seq
        for member, rows in part.cold.items():
            for key, value in rows.items():
                if value is None:
                    self.cold.pop((p, member, *key), None)
                else:
                    self.cold[p, member, *key] = value
        self.retries += [(p, record.offset) for record in part.retries]
        for parked in part.parked:
            self.parked[p, parked.record.offset] = parked.reason
