"""Step 2, first half: what the records of a fetch say, partition by partition. Pure.

Owns decoding, setting aside what is no fact, and where a batch is cut: a tick is handled alone in its partition, and a
partition that is about to stop is read up to the fact that stops it. Does not own duplicates (duplicates.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from events.decode import Unreadable, decode_fact
from infra.kafka.client import Record
from services.ledger.batch import Done, Item, Owned, Parked, StoredFact
from services.programme.calendar import instant_ms


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
    unreadable: dict[str, Exception] = field(default_factory=dict)
    """Members whose stored state is broken: the first fact of one stops the partition."""

    @property
    def is_tick(self) -> bool:
        return bool(self.items) and self.items[0].fact.type == "tick"


def digest(value: bytes | None) -> bytes:
    """What the tables remember of a record's value, 16 bytes. No value hashes as an empty one."""
    return blake2b(value or b"", digest_size=16).digest()


def read(records: Mapping[int, Sequence[Record]], owned: Mapping[int, Owned], stops: Mapping[int, int]) -> list[Draft]:
    """The drafts of a batch. Where a partition begins with a tick, the batch holds such ticks only.

    `stops`: partition -> the offset of the fact that stops it, which is not read. Offsets that lie behind the position
    (read again after a seek) are passed over. A partition of which nothing is taken now is missing from the result.
    """
    drafts = []
    for partition in sorted(records):
        mine = owned.get(partition)
        if mine is not None:
            draft = _draft(mine, records[partition], stops.get(partition))
            if draft.next_offset > mine.next_offset:
                drafts.append(draft)
    ticks = [draft for draft in drafts if draft.is_tick]
    return ticks or drafts


def _draft(owned: Owned, records: Sequence[Record], stop: int | None) -> Draft:
    draft = Draft(owned, owned.next_offset, owned.last_hash)
    last: Record | None = None
    for record in records:
        if record.offset < owned.next_offset:
            continue
        if record.offset == stop:
            break
        item = _item(record)
        if isinstance(item, Parked):
            draft.parked.append(item)
        elif item.fact.type == "tick" and (draft.items or draft.parked):
            break  # it begins a batch of its own
        else:
            draft.items.append(item)
        last = record
        if draft.is_tick:
            break
    if last is not None:
        draft.next_offset, draft.last_hash = last.offset + 1, digest(last.value)
    return draft


def _item(record: Record) -> Item | Parked:
    value = record.value
    if value is None:
        return Parked(record, "the record has no value")
    try:
        fact = decode_fact(value)
        return Item(record, fact, instant_ms(fact.occurred_at))
    except Unreadable as error:
        return Parked(record, str(error))
    except ValueError as error:  # an instant like 31 February, which its pattern lets pass
        return Parked(record, f"occurred_at: {error}"[:300])
