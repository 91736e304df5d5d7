"""A restored directory catches up with the journal before anything new is claimed.

A directory from yesterday's backup has forgotten who got which member id since. The journal has not: it is read from
the end that the directory last saved, and each fact says by its `source` which inbound record made it; that record is
read again for the identifier. Inbound retention must outlast the oldest backup. After an ordinary crash the same walk
finds every receipt known, and restores nothing.

Somebody else may have written to the journal: a fact counts here only if the record that it names says the same id.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from events.decode import Unreadable, decode_fact
from events.topics import INBOUND, JOURNAL
from infra.kafka.client import JournalGap, Reader, Record, TopicPartition
from services.intake.core.batch import NewRevision, other_of
from services.intake.core.facts import OTHERS, encode_said, said_of
from services.intake.core.identity import CLAIMED, Key, Place, Revision
from services.intake.core.reading import Heard, content_of, hear
from services.intake.directory import Directory

CHUNK_RECORDS = 5_000

log = logging.getLogger(__name__)

_TOPICS = {topic.name: topic for topic in INBOUND}


class Unrecoverable(Exception):
    """The journal and the directory cannot be brought together; the message says what is in the way."""


class Trace(NamedTuple):
    """What a fact remembers of the directory."""

    receipt: str
    revision: int
    member: str
    other: str | None
    """Whom its second identifier leads to, where that is another member."""
    erased: bool
    """The person is forgotten."""
    source: Place
    fact: Any
    """The fact itself."""


async def recover(directory: Directory, reader: Reader, topic_ids: Mapping[str, str], partitions: int) -> int:
    """Restore what the journal remembers and the directory does not: how many receipts. Raises Unrecoverable.

    `topic_ids` by inbound topic, `partitions` of the journal.
    """
    restored = 0
    async with directory.recovery():
        known = await directory.journal_ends()
        journal = [TopicPartition(JOURNAL.name, partition) for partition in range(partitions)]
        ends = await reader.end_offsets(journal)
        for tp in journal:
            start = known.get(tp.partition, 0)
            if start > ends[tp]:
                raise Unrecoverable(
                    f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but the directory has seen it up to {start}: "
                    "this is another journal, or an older copy of it"
                )
            while start < ends[tp]:
                records = await reader.range(tp, start, ends[tp], CHUNK_RECORDS)
                start = records[-1].offset + 1
                traces = [trace for record in records if (trace := _trace(record, partitions))]
                restored += await _restore(directory, reader, topic_ids, traces, {tp.partition: start})
    return restored


async def _restore(
    directory: Directory,
    reader: Reader,
    topic_ids: Mapping[str, str],
    traces: Sequence[Trace],
    journal_ends: Mapping[int, int],
) -> int:
    known = await directory.revisions({trace.receipt for trace in traces})
    unknown = [trace for trace in traces if _member_of(trace, known) != trace.member]
    heard = await _heard_again(reader, unknown)
    lost = _said(unknown, heard, known)
    identities: dict[Key, str] = {}
    recovered: dict[TopicPartition, tuple[str, int]] = {}
    for trace in lost:
        identities |= _identities(trace, heard[trace.source])
        topic, partition, offset = trace.source
        tp = TopicPartition(topic, partition)
        recovered[tp] = (topic_ids[topic], max(offset + 1, recovered.get(tp, ("", 0))[1]))
    await _check(directory, identities)
    revisions = [_revision(trace, heard[trace.source], known.get(trace.receipt, ())) for trace in lost]
    forgotten = {trace.member for trace in traces if trace.erased}
    await directory.restore(identities, revisions, recovered, journal_ends, forgotten)
    return len(lost)


def _trace(record: Record, partitions: int) -> Trace | None:
    """None for what no inbound record caused, and for what the ledger will park."""
    try:
        fact = decode_fact(record.value or b"")
    except Unreadable:
        return None
    source = fact.source
    if source is None or source.topic not in _TOPICS or source.partition >= partitions:
        return None
    member = getattr(fact, "member", None)
    if member is None:
        return None
    other = getattr(fact, OTHERS[fact.type]) if fact.type in OTHERS else None
    return Trace(
        fact.id,
        fact.revision,
        member,
        other,
        fact.type == "erased",
        (source.topic, source.partition, source.offset),
        fact,
    )


def _member_of(trace: Trace, known: Mapping[str, Sequence[Revision]]) -> str | None:
    """Whose the fact is by the directory; None where it does not know, or has it as a guest's."""
    return next((row.member for row in known.get(trace.receipt, ()) if row.number == trace.revision), None)


def _said(
    traces: Sequence[Trace], heard: Mapping[Place, Heard], known: Mapping[str, Sequence[Revision]]
) -> list[Trace]:
    """Those whose records said so, each fact once. Raises Unrecoverable where the directory has it as another's."""
    found: dict[tuple[str, int], Trace] = {}
    for trace in traces:
        if heard[trace.source].id != trace.receipt:
            log.warning("%s is in the journal, but the record that it names said something else", trace.receipt)
        elif member := _member_of(trace, known):
            raise Unrecoverable(f"{trace.receipt} is {trace.member}'s in the journal, {member}'s in the directory")
        else:
            found.setdefault((trace.receipt, trace.revision), trace)
    return list(found.values())


async def _heard_again(reader: Reader, lost: Sequence[Trace]) -> dict[Place, Heard]:
    """What the inbound records said that made these facts."""
    offsets: dict[TopicPartition, set[int]] = defaultdict(set)
    for trace in lost:
        topic, partition, offset = trace.source
        offsets[TopicPartition(topic, partition)].add(offset)
    heard: dict[Place, Heard] = {}
    for tp, wanted in offsets.items():
        left = sorted(wanted)
        while left:
            records = await _range(reader, tp, left)
            for record in records:
                if record.offset in wanted:
                    heard[tp.topic, tp.partition, record.offset] = _hear(record)
            left = [offset for offset in left if offset > records[-1].offset]
    return heard


async def _range(reader: Reader, tp: TopicPartition, wanted: Sequence[int]) -> list[Record]:
    try:
        records = await reader.range(tp, wanted[0], wanted[-1] + 1, CHUNK_RECORDS)
    except JournalGap:
        records = []
    if not records:
        raise Unrecoverable(
            f"{tp.topic}/{tp.partition} no longer holds offset {wanted[0]}, which made a fact that this directory has "
            "forgotten; restore a newer backup"
        )
    return records


def _hear(record: Record) -> Heard:
    try:
        return hear(_TOPICS[record.topic], record.key, record.headers, record.value, None)
    except Unreadable as error:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        raise Unrecoverable(f"{place} made a fact once and cannot be read now: {error}") from None


def _identities(trace: Trace, heard: Heard) -> dict[Key, str]:
    """Whom the identifiers of a record lead to, as its fact says."""
    found = {} if heard.identifier is None else {heard.identifier: trace.member}
    other = other_of(heard.said)
    if other is not None:
        found[other] = trace.other or trace.member
    return found


def _revision(trace: Trace, heard: Heard, known: Sequence[Revision]) -> NewRevision:
    """In the place of the row that the older directory has, if it has one; what waited with that one stays."""
    row = Revision(trace.revision, heard.kind, trace.member, heard.content, trace.source, None, heard.lines)
    if heard.kind == CLAIMED:  # the fact alone knows what the guest's till said
        said = said_of(trace.fact)
        row = row._replace(kind=said.type, content=content_of(said), body=encode_said(said), lines=len(said.lines))
    for before in known:
        if before.number == row.number:
            row = row._replace(returns=before.returns, written=before.written)
    return NewRevision(trace.receipt, row)


async def _check(directory: Directory, identities: Mapping[Key, str]) -> None:
    """An identifier that leads to somebody else by now must never be re-routed."""
    for key, member in (await directory.members(identities.keys())).items():
        if member != identities[key]:
            raise Unrecoverable(f"an identifier ({key[0]}) leads to {member}, but in the journal to {identities[key]}")
