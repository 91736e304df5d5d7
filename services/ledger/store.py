"""The ledger's tables: what the worker may ask of them, and PostgreSQL's answers.

A commit is one transaction behind a fence: positions move by compare-and-set on offset, seq and epoch, in the statement
that writes a small batch whole, and in front of the COPYs of a large one; who is no longer the owner changes nothing.
Owns the SQL. Does not own what stands in the rows.

    Fenced      some positions are not as this batch left them: another owner, or our own commit whose answer was lost
    Doubled     a fact of the batch is in the tables already
    Unsure      the connection was lost: the batch is committed or not, and only the position row knows
    Refused     the database takes a row of the batch for no such row: a bug of ours, met in one of its records
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from events.entries import Entry
from events.facts.ticks import SLICES
from events.printable import printable
from events.retries import retry_of
from infra.kafka.client import Record
from infra.postgres.pool import COMMAND_SECONDS, OUTAGE, ROW_REFUSED, Connection, Pool, UniqueViolation
from infra.postgres.queries import load
from infra.postgres.stalled import end_stalled
from services.book.turn import ColdKey
from services.ledger.batch import Batch, FactKey, Parked, Part, Position, StoredFact
from services.ledger.rows import (
    ENTRY_COLUMNS,
    FACT_COLUMNS,
    MESSAGE_COLUMNS,
    REWARD_COLUMNS,
    copy_of,
    entries_of,
    entry_rows,
    fact_row,
    message_row,
    reward_row,
)

SQL = Path(__file__).parent / "sql"

AT_ONCE_FACTS = 200
"""Up to here a batch is written by one statement, because somebody waits; COPY takes a trip for each table, and less
of both processors for each row."""

TABLES: tuple[tuple[str, str, tuple[str, ...], Callable[..., bytes]], ...] = (
    ("facts", "fact", FACT_COLUMNS, fact_row),
    ("entries", "entry", ENTRY_COLUMNS, entries_of),
    ("rewards", "reward", REWARD_COLUMNS, reward_row),
    ("messages", "message", MESSAGE_COLUMNS, message_row),
)
"""Tables that only grow: what a part calls their rows, name, columns, how a row is packed for COPY (of
entries: all rows of a fact)."""


class Fenced(Exception):
    """Some positions are not where the batch began: nothing of it was written."""


class Doubled(Exception):
    """A fact of the batch stands in the tables under the same id and revision: nothing of the batch was written."""


class Unsure(Exception):
    """The connection was lost in a commit: it may have happened or not."""


class Refused(Exception):
    """The database does not take a row of the batch: nothing of the batch was written, and it never will be."""


class Store(Protocol):
    """The tables. Methods have the names of the queries; any may raise one of OUTAGE."""

    async def positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        """As they are; partitions that were never read are missing."""

    async def claim(self, partitions: Sequence[int], topic_id: str) -> dict[int, Position]:
        """Raise the epoch of each and return them; makes those that are missing."""

    async def locked_positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        """As they are once every transaction on them has ended."""

    async def programmes(self, partitions: Sequence[int]) -> dict[int, list[bytes]]:
        """The bodies of each partition's programme facts, in order; partitions without are missing."""

    async def reward_positions(self, partitions: Sequence[int]) -> dict[int, dict[str, int]]:
        """Partner -> the next reward's seq."""

    async def members(self, wanted: Sequence[tuple[int, str]]) -> list[tuple[int, str, bytes]]:
        """(partition, member, state) of those that exist."""

    async def due_members(self, partition: int, at_ms: int, number: int, slices: int) -> list[tuple[str, bytes]]:
        """(member, state) of the members of slice `number` with something due, in the order of their ids."""

    async def members_since(self, partition: int, from_ms: int) -> list[tuple[str, bytes]]:
        """(member, state) of the members with a fact at or after an instant, in the order of their ids."""

    async def count_due(self, partition: int, at_ms: int) -> int: ...

    async def has_fact(self, partition: int, fact_id: str) -> bool:
        """Whether it is booked."""

    async def newest_tick(self, partition: int) -> int | None:
        """The instant of the newest tick that was folded; None without one."""

    async def known_facts(self, wanted: Sequence[tuple[int, FactKey]]) -> list[StoredFact]:
        """Those of the named facts that are in the tables."""

    async def first_revisions(self, wanted: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str, bytes, bytes]]:
        """(partition, member, fact id, body, outcome) of a member's own facts of revision 0."""

    async def facts_at(self, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int, bytes, bytes, int]]:
        """(partition, seq, body, outcome, when the journal took it) of facts by their seq."""

    async def cold_rows(self, wanted: Sequence[tuple[int, str, ColdKey]]) -> list[tuple[int, str, ColdKey, bytes]]:
        """Those of the named cold rows that exist."""

    async def facts_from(self, partition: int, after_seq: int, last_seq: int, limit: int) -> list[StoredFact]:
        """At most `limit` facts with after_seq < seq <= last_seq, in order."""

    async def rewards_of(self, partition: int, after_seq: int, last_seq: int) -> list[tuple[str, bytes]]:
        """(partner, value) of the rewards of those facts, in each partner's order."""

    async def messages_of(self, partition: int, after_seq: int, last_seq: int) -> list[bytes]:
        """The messages of those facts, in order."""

    async def commit(self, batch: Batch) -> None:
        """Everything of the batch, or nothing. Raises Fenced, Doubled, Unsure, Refused."""

    async def save_published(self, rows: Sequence[tuple[int, int, int]]) -> None:
        """(partition, published seq, epoch): moves forward only, and only for the owner's epoch."""


class PostgresStore:
    """The tables in PostgreSQL. One connection commits, one reads for the batch; the rest comes from the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sql = load(SQL)
        self._writer: Any = None
        self._reader: Any = None

    async def close(self) -> None:
        """Give the connections back."""
        for connection in (self._writer, self._reader):
            if connection is not None:
                await self._pool.release(connection)
        self._writer = self._reader = None

    # ------------------------------------------------------------ positions

    async def positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        return _positions(await self._pool.fetch(self._sql.positions, list(partitions)))

    async def claim(self, partitions: Sequence[int], topic_id: str) -> dict[int, Position]:
        await end_stalled(self._pool)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(self._sql.make_positions, sorted(partitions), topic_id)
            await connection.fetch(self._sql.locked_positions, list(partitions))
            await connection.execute(self._sql.claim, list(partitions))
            return _positions(await connection.fetch(self._sql.positions, list(partitions)))

    async def locked_positions(self, partitions: Sequence[int]) -> dict[int, Position]:
        return _positions(await self._pool.fetch(self._sql.locked_positions, list(partitions)))

    async def use_zone_rules(self, version: str) -> list[str]:
        """Remember the release of the time zone database that is in use; other ones that were in use before."""
        return [row[0] for row in await self._pool.fetch(self._sql.use_zone_rules, version)]

    async def save_published(self, rows: Sequence[tuple[int, int, int]]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetch(self._sql.locked_positions, [row[0] for row in rows])
            await connection.execute(self._sql.save_published, *map(list, zip(*rows, strict=True)))

    async def programmes(self, partitions: Sequence[int]) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {}
        for partition, body in await self._pool.fetch(self._sql.programmes, list(partitions)):
            found.setdefault(partition, []).append(body)
        return found

    async def reward_positions(self, partitions: Sequence[int]) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {}
        for partition, partner, next_seq in await self._pool.fetch(self._sql.reward_positions, list(partitions)):
            found.setdefault(partition, {})[partner] = next_seq
        return found

    # ------------------------------------------------------------ what a batch needs to know

    async def members(self, wanted: Sequence[tuple[int, str]]) -> list[tuple[int, str, bytes]]:
        return [tuple(row) for row in await self._read(self._sql.members, *_columns(wanted))]

    async def due_members(self, partition: int, at_ms: int, number: int, slices: int) -> list[tuple[str, bytes]]:
        mine = list(range(number, SLICES, slices))
        return [tuple(row) for row in await self._read(self._sql.due_members, partition, at_ms, mine)]

    async def members_since(self, partition: int, from_ms: int) -> list[tuple[str, bytes]]:
        return [tuple(row) for row in await self._read(self._sql.members_since, partition, from_ms)]

    async def known_facts(self, wanted: Sequence[tuple[int, FactKey]]) -> list[StoredFact]:
        rows = await self._read(self._sql.known_facts, *_columns([(p, *key) for p, key in wanted]))
        return await self._with_entries(rows, reader=True)

    async def first_revisions(self, wanted: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str, bytes, bytes]]:
        return [tuple(row) for row in await self._read(self._sql.first_revisions, *_columns(wanted))]

    async def facts_at(self, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int, bytes, bytes, int]]:
        return [tuple(row) for row in await self._read(self._sql.facts_at, *_columns(wanted))]

    async def cold_rows(self, wanted: Sequence[tuple[int, str, ColdKey]]) -> list[tuple[int, str, ColdKey, bytes]]:
        rows = await self._read(self._sql.cold_rows, *_columns([(p, member, *key) for p, member, key in wanted]))
        return [(p, member, (kind, key), value) for p, member, kind, key, value in rows]

    # ------------------------------------------------------------ beside the batches

    async def count_due(self, partition: int, at_ms: int) -> int:
        return int(await self._pool.fetchval(self._sql.count_due, partition, at_ms))

    async def has_fact(self, partition: int, fact_id: str) -> bool:
        return bool(await self._pool.fetchval(self._sql.has_fact, partition, fact_id))

    async def newest_tick(self, partition: int) -> int | None:
        found: int | None = await self._pool.fetchval(self._sql.newest_tick, partition)
        return found

    async def facts_from(self, partition: int, after_seq: int, last_seq: int, limit: int) -> list[StoredFact]:
        rows = await self._pool.fetch(self._sql.facts_from, partition, after_seq, last_seq, limit)
        return await self._with_entries(rows, reader=False)

    async def rewards_of(self, partition: int, after_seq: int, last_seq: int) -> list[tuple[str, bytes]]:
        return [tuple(row) for row in await self._pool.fetch(self._sql.rewards_of, partition, after_seq, last_seq)]

    async def messages_of(self, partition: int, after_seq: int, last_seq: int) -> list[bytes]:
        return [row[0] for row in await self._pool.fetch(self._sql.messages_of, partition, after_seq, last_seq)]

    # ------------------------------------------------------------ the commit

    async def commit(self, batch: Batch) -> None:
        connection = self._writer
        try:
            if connection is None:
                connection = self._writer = await self._pool.acquire()
            await self._commit(connection, batch)
        except (Fenced, Doubled):
            raise
        except ROW_REFUSED as error:
            await self._drop_writer()
            raise Refused(f"the database refuses a row: {error!r}") from error
        except OUTAGE as error:
            await self._drop_writer()
            raise Unsure(f"a commit was interrupted: {error!r}") from error
        except BaseException:  # a bug or a cancellation: nobody may go on inside this transaction
            await self._drop_writer()
            raise

    async def _commit(self, connection: Connection, batch: Batch) -> None:
        parts = batch.parts
        rows = [[row for part in parts for row in getattr(part, kind)] for kind, *_ in TABLES]
        small = sum(len(part.facts) for part in parts) <= AT_ONCE_FACTS
        try:
            if small and not any(part.parked or part.retries for part in parts):
                facts, posted, *others = rows
                await self._write(connection, batch, [facts, entry_rows(posted), *others])
                return
            # asyncpg's own limit does not hold while a COPY waits for a server that takes no more
            async with asyncio.timeout(COMMAND_SECONDS), connection.transaction():
                await self._write(connection, batch, [[] for _ in TABLES])
                for (_, table, columns, pack), table_rows in zip(TABLES, rows, strict=True):
                    if table_rows:
                        source = _pieces(copy_of(pack, table_rows))
                        await connection.copy_to_table(table, source=source, columns=columns, format="binary")
                await self._set_aside(connection, parts)
        except UniqueViolation as error:
            raise Doubled(str(error)) from None

    async def _write(self, connection: Connection, batch: Batch, rows: Sequence[Sequence[object]]) -> None:
        """Everything but what is parked; `rows` are those of TABLES, empty where COPY brings them. Raises Fenced."""
        parts = batch.parts
        moves = [
            (p.partition, p.at_offset, p.at_seq, p.owned.epoch, p.next_offset, p.next_seq, p.last_hash) for p in parts
        ]
        cold = sorted(
            (part.partition, member, *key, value)
            for part in parts
            for member, cold_rows in part.cold.items()
            for key, value in cold_rows.items()
        )
        written = [row for row in cold if row[4] is not None]
        removed = [row[:4] for row in cold if row[4] is None]
        partners = [(part.partition, *row) for part in parts for row in sorted(part.reward_seqs.items())]
        columns = _columns(removed) if removed else [[]] * 4
        stands = await connection.fetchval(
            self._sql.write, *_columns(moves), *rows, batch.members, written, *columns, partners
        )
        if not stands:
            raise Fenced(f"not all of {len(parts)} positions are where the batch began")

    async def _set_aside(self, connection: Connection, parts: Sequence[Part]) -> None:
        """Parked records, and those that bring one again."""
        if retries := [_retry(record) for part in parts for record in part.retries]:
            await connection.execute(self._sql.read_again, *_columns(retries))
        if parked := [_parked(one) for part in parts for one in part.parked]:
            await connection.execute(self._sql.park, *_columns(parked))

    async def _drop_writer(self) -> None:
        connection, self._writer = self._writer, None
        await self._discard(connection)

    async def _read(self, sql: str, *arguments: object) -> list[Any]:
        try:
            if self._reader is None:
                self._reader = await self._pool.acquire()
            found: list[Any] = await self._reader.fetch(sql, *arguments)
        except BaseException:
            connection, self._reader = self._reader, None
            await self._discard(connection)
            raise
        return found

    async def _discard(self, connection: Any) -> None:
        """Close a connection that may be in the middle of something, or gone."""
        if connection is not None:
            with suppress(*OUTAGE):  # one that was lost has left the pool by itself, and says so
                connection.terminate()
            await self._pool.release(connection)

    async def entries_at(self, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[tuple[str, Entry]]]:
        """(member, entry) of facts, by (partition, seq); a fact without entries is missing."""
        return await self._entries(wanted, self._pool.fetch) if wanted else {}

    async def facts_between(self, partition: int, member: str) -> list[tuple[int, bytes, bytes]]:
        """(seq, body, outcome) of a member's facts about accounts of one person, in the order of the book."""
        return [tuple(row) for row in await self._pool.fetch(self._sql.facts_between, partition, member)]

    async def _entries(self, wanted: Sequence[Any], fetch: Any) -> dict[tuple[int, int], list[tuple[str, Entry]]]:
        entries: dict[tuple[int, int], list[tuple[str, Entry]]] = {}
        for partition, seq, member, *values in await fetch(self._sql.entries_of, *_columns(wanted)):
            entries.setdefault((partition, seq), []).append((member, Entry(*values)))
        return entries

    async def _with_entries(self, rows: Sequence[Any], *, reader: bool) -> list[StoredFact]:
        if not rows:
            return []
        entries = await self._entries([row[:2] for row in rows], self._read if reader else self._pool.fetch)
        return [
            StoredFact(partition, seq, recorded_at, body, outcome, postings, entries.get((partition, seq), ()))
            for partition, seq, recorded_at, body, outcome, postings in rows
        ]


def _positions(rows: Iterable[Any]) -> dict[int, Position]:
    return {position.partition: position for position in (Position(*row) for row in rows)}


def _columns(rows: Sequence[Any]) -> list[list[object]]:
    """Rows (at least one) to columns, for unnest."""
    return [list(column) for column in zip(*rows, strict=True)]


def _parked(parked: Parked) -> tuple[object, ...]:
    record = parked.record
    headers = json.dumps([[name, value.decode("latin-1")] for name, value in record.headers])
    place, reason = (record.partition, record.offset), printable(parked.reason)
    return *place, reason, record.key, record.value, headers, record.timestamp_ms, retry_of(record.headers)


def _retry(record: Record) -> tuple[object, ...]:
    return record.partition, record.offset, record.value, retry_of(record.headers)


async def _pieces(stream: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in stream:
        yield piece
        await asyncio.sleep(0)  # the fold of the next batch, and the heartbeats, have their turns
