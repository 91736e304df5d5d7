"""What lies parked in a house, and what an operator may do with it: look at it, have it read again, discard it.

Records lie in three places: intake's, the ledger's, and each read model's. A record has a state: `parked`; `retrying`
(written to its topic again); `retried` (read again, under the offset that `retried_as` says); `discarded`.

A retry writes the same bytes to the same partition, with a header that names the first record. Only whoever reads the
topic says `retried`, in the transaction in which it moves its position past the copy. So a crash at any point leaves
`retrying`, which may be retried: a second copy changes nothing, because ids are known, and is not parked twice.
Owns these rules. Does not own the words on the screen (commands.py), nor the tables.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from events.retries import RETRY_OF, retry_header
from events.topics import ENTRIES, INBOUND, JOURNAL
from infra.kafka.client import Message, Writer
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool
from infra.postgres.queries import load
from infra.runner.store import SQL as PROJECTIONS
from services.intake.directory import SQL as INTAKE
from services.ledger.store import SQL as LEDGER
from services.workbench.inside import Refused

_queries = load(Path(__file__).parent)

STATES = ("parked", "retrying", "retried", "discarded")
WAITING = STATES[:2]
"""Somebody should look after these."""
TOPICS = tuple(sorted(topic.name for topic in (*INBOUND, JOURNAL, ENTRIES)))
RETRY_RECORDS = 200
RETRY_BYTES = 8 << 20
"""So much is on its way at once, and one record more."""

_COORDINATES = re.compile(r"(.+)/([0-9]{1,9})/([0-9]{1,18})\Z")


class Coordinates(NamedTuple):
    """Where a record stands; the topic without the prefix of the house."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


BEGINNING = Coordinates("", -1, -1)


class Parked(NamedTuple):
    """A parked record without its content."""

    at: Coordinates
    read_by: str
    """Who parked it: intake, ledger, or the read models."""
    reason: str
    state: str
    logged_at_ms: int | None
    """Its log time; None where it was not kept."""
    bytes: int | None
    """Of its value; None for a record without one."""
    retry_of: int | None
    """It brings again what stands at this offset of its partition."""
    retried_as: int | None
    discarded_by: str | None
    discarded_why: str | None
    discarded_at: datetime | None


class Content(NamedTuple):
    """A parked record as it came."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Filter:
    """Which records are meant. None: any."""

    topic: str | None = None
    reason: str | None = None
    """A part of it."""
    states: tuple[str, ...] = WAITING


def coordinates(text: str, prefix: str) -> Coordinates:
    """Of a text like purchases.v1/3/17, with or without the prefix of the house. Raises Refused."""
    found = _COORDINATES.match(text)
    if found is None:
        raise Refused(f"{text!r} are no coordinates: write topic, partition and offset, such as purchases.v1/3/17")
    return Coordinates(topic_of(found[1], prefix), int(found[2]), int(found[3]))


def topic_of(name: str, prefix: str) -> str:
    """The name of a topic without the prefix of the house. Raises Refused for one of which nothing is ever parked."""
    bare = name.removeprefix(prefix)
    if bare not in TOPICS:
        raise Refused(f"nothing is parked of topic {name!r}: records are parked of {', '.join(TOPICS)}")
    return bare


class Shelves:
    """The parked records of one house."""

    def __init__(self, pool: Pool, places: Mapping[str, str]) -> None:
        """places: of `intake`, `ledger` and `projections` those that exist, each with the query of its records."""
        self._pool = pool
        self._places = places

    async def page(self, which: Filter, after: Coordinates, limit: int) -> list[Parked]:
        """The next so many, in the order of their coordinates."""
        asked = (which.topic, which.reason, list(which.states), *after, limit)
        pages = [
            [_parked(row) for row in await self._pool.fetch(_in(_queries.page, place), _topic(name), *asked)]
            for name, place in self._places.items()
        ]
        return list(merge(*pages))[:limit]

    async def pages(self, which: Filter) -> AsyncIterator[list[Parked]]:
        """All of them, a page at a time; what is done with one page changes no other."""
        after = BEGINNING
        while found := await self.page(which, after, RETRY_RECORDS):
            yield found
            after = found[-1].at

    async def one(self, at: Coordinates) -> tuple[Parked, Content] | None:
        """None where nothing is parked."""
        name = place_of(at.topic)
        if name not in self._places:
            return None
        row = await self._pool.fetchrow(_in(_queries.one, self._places[name]), _topic(name), *at)
        return None if row is None else (_parked(row), Content(row["key"], row["value"], _headers(row["headers"])))

    async def retry(self, writer: Writer, wanted: Sequence[Parked]) -> dict[Coordinates, int]:
        """Have these read again as if they came now: their new offsets. Those in another state are passed over.

        Raises WriteFailed: those that are not acknowledged are `retrying`.
        """
        again: dict[Coordinates, int] = {}
        for chunk in _chunks(sorted(wanted)):
            for name, places in _by_place(record.at for record in chunk).items():
                rows = await self._pool.fetch(getattr(_queries, f"retry_{name}"), *_columns(places))
                again |= await _written(writer, rows)
        return again

    async def discard(self, wanted: Iterable[Coordinates], by: str, why: str) -> set[Coordinates]:
        """Say that nobody will look after these, and why; returns those that it was said of now. The rows stay."""
        done: set[Coordinates] = set()
        for name, places in _by_place(wanted).items():
            rows = await self._pool.fetch(getattr(_queries, f"discard_{name}"), *_columns(places), by, why)
            done |= {Coordinates(*row) for row in rows}
        return done


async def shelves(pool: Pool) -> Shelves:
    """The places that exist in a house's database, brought up to date. Raises MigrationRefused."""
    row = await pool.fetchrow(_queries.places)
    assert row is not None
    intake, ledger, projections = row
    places = {}
    if intake:
        await migrate(pool, INTAKE, "intake")
        places["intake"] = _queries.intake
    if ledger:
        await migrate(pool, LEDGER, "ledger")
        places["ledger"] = _queries.ledger
    if projections:
        await migrate(pool, PROJECTIONS, "projections")
        models = [
            _queries.model.replace("{model}", model).replace("{schema}", schema)
            for model, schema in await pool.fetch(_queries.models)
        ]
        if models:
            places["projections"] = _queries.projections.replace("{models}", " union all ".join(models))
    return Shelves(pool, places)


def place_of(topic: str) -> str:
    """Who reads a topic, and so keeps what is parked of it."""
    return {JOURNAL.name: "ledger", ENTRIES.name: "projections"}.get(topic, "intake")


async def _written(writer: Writer, rows: Sequence[Any]) -> dict[Coordinates, int]:
    """Write records again, in order, and wait until all are acknowledged."""
    on_their_way: list[tuple[Coordinates, asyncio.Future[int]]] = []
    for topic, partition, offset, key, value, headers in sorted(rows, key=lambda row: tuple(row[:3])):
        kept = [header for header in _headers(headers) if header[0] != RETRY_OF]
        message: Message = (key, value, [*kept, retry_header(offset)])
        (sent,) = await writer.send(topic, partition, [message])
        on_their_way.append((Coordinates(topic, partition, offset), sent))
    ends = await asyncio.gather(*(sent for _, sent in on_their_way))
    return {at: end - 1 for (at, _), end in zip(on_their_way, ends, strict=True)}


def _chunks(records: Iterable[Parked]) -> Iterable[list[Parked]]:
    """Bounded in records and bytes."""
    chunk: list[Parked] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += record.bytes or 0
        if len(chunk) == RETRY_RECORDS or size >= RETRY_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _by_place(places: Iterable[Coordinates]) -> dict[str, list[Coordinates]]:
    found: dict[str, list[Coordinates]] = {}
    for at in places:
        found.setdefault(place_of(at.topic), []).append(at)
    return found


def _columns(places: Sequence[Coordinates]) -> list[list[object]]:
    return [list(column) for column in zip(*places, strict=True)]


def _topic(place: str) -> str:
    """What the query of a place wants as $1; intake's rows say it themselves."""
    return {"ledger": JOURNAL.name, "projections": ENTRIES.name}.get(place, "")


def _in(query: str, place: str) -> str:
    return query.replace("{place}", place)


def _parked(row: Any) -> Parked:
    return Parked(Coordinates(*row[:3]), *row[3:13])


def _headers(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(text))
