"""The directory in PostgreSQL: identifiers, receipts, parked records and positions, read and written in bulk.

Owns the transactions and what a lost race is. Does not own decisions (core/identity.py) nor the queries' text (sql/).

    Fenced        another worker has taken one of our partitions: nothing was written, start over
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from events.printable import printable
from events.retries import retry_of
from infra.kafka.client import TopicPartition
from infra.postgres.pool import Borrowed, Pool
from infra.postgres.queries import load
from infra.postgres.stalled import end_stalled
from services.intake.core.batch import NewRevision
from services.intake.core.identity import AWAITED, Key, Place, Revision

SQL = Path(__file__).parent / "sql"

_queries = load(SQL / "queries")


class Fenced(Exception):
    """Another worker has taken a partition that this one was working on."""


class Position(NamedTuple):
    """How far an inbound partition has come; each offset is the first that is not done."""

    topic_id: str
    epoch: int
    next_offset: int
    decided_offset: int
    recovered_offset: int


class Retry(NamedTuple):
    """A record that brings the bytes of a parked one again."""

    place: Place
    of: int
    """The offset of the parked one, in the same partition."""
    value: bytes | None


class Parked(NamedTuple):
    """A record to set aside, as it came."""

    place: Place
    reason: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    logged_at_ms: int


class Waiting(NamedTuple):
    """A return that takes nothing from anybody yet."""

    receipt: str
    has_not_come: bool
    """The receipt. Otherwise it is a guest's."""
    id: str
    place: Place


Offsets = Mapping[TopicPartition, tuple[int, int]]
"""Of each inbound partition: the epoch we hold, and an offset."""


class Directory:
    """Every answer is of this moment; only a write decides."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim_positions(self, topic_ids: Mapping[TopicPartition, str]) -> dict[TopicPartition, Position]:
        """Take these partitions: their positions, under a new epoch. A known one has the topic id it had before."""
        tps = sorted(topic_ids)
        await end_stalled(self._pool)
        rows = await self._pool.fetch(_queries.claim_positions, *_columns(tps, 2), [topic_ids[tp] for tp in tps])
        return {TopicPartition(row[0], row[1]): Position(*row[2:]) for row in rows}

    async def members(self, keys: Collection[Key]) -> dict[Key, str]:
        """The members of those identifiers that lead to one."""
        if not keys:
            return {}
        rows = await self._pool.fetch(_queries.members_of, *_columns(list(keys), 2))
        return {(row[0], row[1]): row[2] for row in rows}

    async def revisions(self, receipts: Collection[str]) -> dict[str, list[Revision]]:
        """What was said of those receipts that are known, and of the returns that waited with them, oldest first."""
        found: dict[str, list[Revision]] = {}
        waited: set[str] = set()
        if receipts:
            for row in await self._pool.fetch(_queries.revisions_of, list(receipts)):
                returns = () if row[10] is None else tuple(row[10].split())
                waited.update(returns)
                revision = Revision(row[1], row[2], row[3], row[4], row[5:8], row[8], row[9], returns, row[11])
                found.setdefault(row[0], []).append(revision)
        if more := waited.difference(receipts):
            found |= await self.revisions(more)
        return found

    async def returns_that_wait(self, after: tuple[str, str], limit: int) -> list[Waiting]:
        """Those whose receipt is no member's yet, behind one of this receipt and id, in the order of both."""
        rows = await self._pool.fetch(_queries.returns_that_wait, *after, limit)
        return [Waiting(receipt, kind == AWAITED, name, tuple(place)) for receipt, kind, name, *place in rows]

    async def erasures(self) -> int:
        """How many persons were forgotten: who remembers identifiers looks whether there are more."""
        return int(await self._pool.fetchval(_queries.erasures))

    async def _forgotten(self, connection: Borrowed, identities: Mapping[Key, str]) -> list[str]:
        """Those of these members who are forgotten."""
        rows = await connection.fetch(_queries.forgotten, sorted(set(identities.values())))
        return [row[0] for row in rows]

    async def write(
        self,
        decided: Offsets,
        identities: Mapping[Key, str],
        revisions: Collection[NewRevision],
        parked: Sequence[Parked],
        retries: Sequence[Retry] = (),
        forgotten: Collection[str] = (),
    ) -> bool:
        """Claim all of a batch in one transaction, or nothing: False where somebody was quicker. Raises Fenced."""
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await _fenced(connection, _queries.fence, decided)
                if forgotten:
                    await connection.execute(_queries.forget, sorted(forgotten))
                won = not identities or await _claim_identities(connection, identities)
                won = won and (not revisions or await _claim_revisions(connection, revisions))
                if won and retries:
                    rows = [(*retry.place, retry.value, retry.of) for retry in retries]
                    await connection.execute(_queries.read_again, *_columns(rows, 5))
                if won and parked:
                    await _park(connection, parked)
            except BaseException:
                await transaction.rollback()
                raise
            await (transaction.commit() if won else transaction.rollback())
            return won

    async def save(self, published: Offsets, journal_ends: Mapping[int, int]) -> None:
        """Every fact before these inbound offsets is in the journal, and every fact before its ends is known here.

        Raises Fenced.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if published:
                await _fenced(connection, _queries.save_positions, published)
            if journal_ends:
                ends = sorted(journal_ends.items())
                await connection.execute(_queries.save_journal_ends, *_columns(ends, 2))

    async def journal_ends(self) -> dict[int, int]:
        """By partition of the journal; 0 for one that is not there."""
        rows = await self._pool.fetch(_queries.journal_ends)
        return {row[0]: row[1] for row in rows}

    @asynccontextmanager
    async def recovery(self) -> AsyncIterator[None]:
        """For one worker at a time. A lost connection gives the turn back."""
        async with self._pool.acquire() as connection:
            await connection.execute(_queries.lock_recovery, timeout=None)
            try:
                yield
            finally:
                await connection.execute(_queries.unlock_recovery)

    async def restore(
        self,
        identities: Mapping[Key, str],
        revisions: Collection[NewRevision],
        recovered: Mapping[TopicPartition, tuple[str, int]],
        journal_ends: Mapping[int, int],
        forgotten: Collection[str],
    ) -> None:
        """Put back what the journal remembers, and of who is forgotten nothing.

        `recovered`: the topic's id and the first offset not recovered.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if recovered:
                tps = sorted(recovered)
                ids, offsets = [recovered[tp][0] for tp in tps], [recovered[tp][1] for tp in tps]
                await connection.execute(_queries.raise_recovered, *_columns(tps, 2), ids, offsets)
            await _claim_identities(connection, identities)
            if not await _claim_revisions(connection, revisions):
                raise Fenced("another worker has written what was to be restored")
            await connection.execute(
                _queries.forget, sorted({*forgotten, *await self._forgotten(connection, identities)})
            )
            await connection.execute(_queries.save_journal_ends, *_columns(sorted(journal_ends.items()), 2))


async def _fenced(connection: Borrowed, query: str, offsets: Offsets) -> None:
    tps = sorted(offsets)
    epochs, ends = [offsets[tp][0] for tp in tps], [offsets[tp][1] for tp in tps]
    done = await connection.execute(query, *_columns(tps, 2), epochs, ends)
    if _count(done) != len(tps):
        raise Fenced(f"of {len(tps)} partitions only {_count(done)} are still ours")


async def _claim_identities(connection: Borrowed, identities: Mapping[Key, str]) -> bool:
    """False when any of them led to somebody already. Sorted, so that two workers never wait for each other."""
    rows = sorted((scheme, value, member) for (scheme, value), member in identities.items())
    return _count(await connection.execute(_queries.claim_identities, *_columns(rows, 3))) == len(rows)


async def _claim_revisions(connection: Borrowed, revisions: Collection[NewRevision]) -> bool:
    """False when any of them was there already, a member's or not as it was read. Sorted as above."""
    rows = sorted(
        (
            *(receipt, row.number, row.kind, row.member, row.content, row.lines, *row.source, row.body),
            *(" ".join(row.returns) or None, row.written + 1),
        )
        for receipt, row in revisions
    )
    return _count(await connection.execute(_queries.claim_revisions, *_columns(rows, 12))) == len(rows)


async def _park(connection: Borrowed, parked: Iterable[Parked]) -> None:
    rows = [
        (*p.place, printable(p.reason), p.key, p.value, _json(p.headers), p.logged_at_ms, retry_of(p.headers))
        for p in parked
    ]
    await connection.execute(_queries.park, *_columns(rows, 9))


def _json(headers: Iterable[tuple[str, bytes]]) -> str:
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers])


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows as the arrays that unnest() takes; as many empty ones where there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _count(status: str) -> int:
    """The rows of a command's status: 'INSERT 0 5' and 'UPDATE 5' are 5."""
    return int(status.rpartition(" ")[2])
