"""The fold of read model `tier`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from events.entries import EntriesRecord
from events.values import millis


class Tier(NamedTuple):
    """A row; `seq` and `partition` name the last fact that changed it."""

    member: str
    partition: int
    seq: int
    level: int
    """0 is the lowest."""
    since_ms: int
    """When the fact occurred that brought the member to this level; for the first level, the member's first fact."""
    qualifying_minor: int
    """Spend of the window after the last fact, in minor units."""


Placed = tuple[int, EntriesRecord]
"""A record and the partition it came from."""


def touched(records: Sequence[Placed]) -> Collection[str]:
    """The members whose rows the records change."""
    return {posting.member for _, record in records for posting in record.postings}


def fold(rows: Mapping[str, Tier], records: Sequence[Placed]) -> dict[str, Tier]:
    """The rows as they are after the records. `rows` has those that exist of `touched(records)`."""
    after: dict[str, Tier] = {}
    for partition, record in records:
        for posting in record.postings:
            member = posting.member
            before = after.get(member) or rows.get(member)
            same = before is not None and before.level == posting.tier
            since_ms = before.since_ms if same and before is not None else millis(record.occurred_at)
            after[member] = Tier(member, partition, record.seq, posting.tier, since_ms, posting.qualifying_minor)
    return after
