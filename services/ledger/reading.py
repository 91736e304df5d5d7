"""Step 2, first half: what the records of a fetch say, partition by partition. Pure.

Owns decoding, setting aside what is no fact, and where a batch is cut: a tick is handled alone in its partition, and a
partition that is about to stop is read up to the fact that stops it. Does not own duplicates (duplicates.py).

Intake writes no record that is set aside here. Whoever else writes to the journal must be met all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from events.cloudevents import type_of
from events.decode import Unreadable, decode_fact
from events.facts import FACTS, Fact, Forwarded
from events.retries import retry_of
from events.topics import JOURNAL
from events.values import Instant
from infra.kafka.client import Record
from services.book.merging import NEVER_FORWARDED, check_readable
from services.ledger.batch import Done, Item, Owned, Parked, StoredFact
from services.programme.calendar import instant_ms

SKEW_MS = 60 * 60_000
"""How far a fact may lie ahead of the journal's log time. Intake judges by the till's own record, and more strictly;
this is the last guard, and wider, because the clocks of two brokers differ."""

UNKEYED = frozenset({"tick", "programme_published"})
"""Facts of a whole partition: no member to key them by. They concern members whom only the tables know, so each is a
batch of its own in its partition, with none in flight."""

FURTHER_INSTANTS = {
    str(model.model_fields["type"].default): names
    for model in FACTS
    if (names := tuple(name for name, field in model.model_fields.items() if field.annotation == Instant | None))
}
"""Fact type -> the fields that say an instant, beside occurred_at."""


@dataclass(slots=True)
class Draft:
    """What was read of one partition, before it is folded."""

    owned: Owned
    next_offset: int
    last_hash: bytes
    items: list[Item] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    repeats: list[tuple[Item, Done | StoredFact | None]] = field(default_factory=list)
    """Second deliveries, each with the first one: in flight, in the tables, or (None) earlier in this draft."""
    retries: list[Record] = field(default_factory=list)
    """Records that bring a parked one again (events/retries.py), whatever comes of them."""
    unreadable: dict[str, Exception] = field(default_factory=dict)
    """Members whose stored state is broken: the first fact of one stops the partition."""

    @property
    def alone(self) -> bool:
        return bool(self.items) and self.items[0].member is None


def digest(value: bytes | None) -> bytes:
    """What the tables remember of a record's value, 16 bytes. No value hashes as an empty one."""
    return blake2b(value or b"", digest_size=16).digest()


def read(
    records: Mapping[int, Sequence[Record]], owned: Mapping[int, Owned], stops: Mapping[int, int], *, wall: bool
) -> list[Draft]:
    """The drafts of a batch. Where a partition begins with a fact that has no member, the batch is that fact alone, so
    that the others wait for one of them at most.

    `wall`: log times are real ones, and a fact that lies ahead of its own is set aside; False where the data are the
    clock.

    `stops`: partition -> the offset of the fact that stops it, which is not read. Offsets that lie behind the position
    (read again after a seek) are passed over. A partition of which nothing is taken now is missing from the result.
    """
    drafts = []
    for partition in sorted(records):
        mine = owned.get(partition)
        if mine is not None:
            draft = _draft(mine, records[partition], stops.get(partition), wall)
            if draft.next_offset > mine.next_offset:
                drafts.append(draft)
    alone = [draft for draft in drafts if draft.alone]
    return alone[:1] or drafts


def _draft(owned: Owned, records: Sequence[Record], stop: int | None, wall: bool) -> Draft:
    draft = Draft(owned, owned.next_offset, owned.last_hash)
    last: Record | None = None
    for record in records:
        if record.offset < owned.next_offset:
            continue
        if record.offset == stop:
            break
        item = _item(record, wall)
        alone = False
        if isinstance(item, Item):
            alone = item.member is None
            if alone and (draft.items or draft.parked):
                break  # it begins a batch of its own
            draft.items.append(item)
        else:
            draft.parked.append(item)
        if record.headers and retry_of(record.headers) is not None:
            draft.retries.append(record)
        last = record
        if alone:
            break
    if last is not None:
        draft.next_offset, draft.last_hash = last.offset + 1, digest(last.value)
    return draft


def _item(record: Record, wall: bool) -> Item | Parked:
    try:
        fact = _fact(record)
        at_ms = _millis("occurred_at", fact.occurred_at)
        if wall and at_ms > record.timestamp_ms + SKEW_MS and fact.type != "programme_published":
            ahead_s = (at_ms - record.timestamp_ms) // 1000
            raise Unreadable(f"occurred_at {fact.occurred_at} is {ahead_s} s after the record was logged")
    except Unreadable as error:
        return Parked(record, str(error))
    return Item(record, fact, at_ms, getattr(fact, "member", None))


def _fact(record: Record) -> Fact:
    """What a record says. Raises Unreadable for one that a fold could not take."""
    value = record.value
    if value is None:
        raise Unreadable("the record has no value")
    if len(value) > JOURNAL.max_bytes:
        raise Unreadable(f"the record has {len(value)} bytes, and a record has at most {JOURNAL.max_bytes}")
    fact = decode_fact(value)
    if fact.type == "forwarded":
        _check_inner(fact)
    if not record.key and fact.type not in UNKEYED:
        raise Unreadable("the record has no key: a member's fact is keyed by the member")
    if record.headers and (kind := type_of(record.headers)) not in (None, f"tallystick.{fact.type}.v1"):
        raise Unreadable(f"ce_type {str(kind)[:100]!r} is not what the value says: a {fact.type}, version 1")
    if fact.type in FURTHER_INSTANTS:
        _check_instants(fact)
    return fact


def _check_inner(envelope: Forwarded) -> None:
    """Whether what is forwarded can be folded. Raises Unreadable."""
    for inner in envelope.facts:
        fact = decode_fact(inner.fact.encode())
        if fact.type in NEVER_FORWARDED:
            raise Unreadable(f"a {fact.type} is never forwarded")
        _millis("occurred_at", fact.occurred_at)
        _check_instants(fact)
        try:
            check_readable(inner)
        except ValueError as error:
            raise Unreadable(f"what became of {fact.id} cannot be read: {error}") from None


def _check_instants(fact: Fact) -> None:
    for name in FURTHER_INSTANTS.get(fact.type, ()):
        if (instant := getattr(fact, name)) is not None:
            _millis(name, instant)


def _millis(name: str, instant: str) -> int:
    """Raises Unreadable for a date like 31 February, which the pattern of an instant lets pass."""
    try:
        return instant_ms(instant)
    except ValueError:
        raise Unreadable(f"{name} {instant} is no date") from None
