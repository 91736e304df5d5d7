"""Step 2, second half: facts that came before, and what is asked of the index to know.

A fact is named by (id, revision). A second delivery is looked for in this batch and in the batch in flight, and in the
unique index only where it can be: for facts not later than the newest one of their member (the high-water mark). What
slips through that (a known id with another instant) violates the index at commit; the refold then asks for every id.
A repeat with the same content is answered again; with other content it is parked. `source` is no content: the same
receipt may come again from other coordinates. Whose it is, is: the directory gives an id to one member alone, so one
that comes of a second has been written past intake, and is parked like any other content. Where the two members lie in
two partitions nobody here can see it, until they are merged and it counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.decode import decode_fact
from services.ledger.batch import Batch, Done, FactKey, Item, StoredFact
from services.ledger.reading import Draft


def set_repeats_aside(draft: Draft, in_flight: Batch | None) -> None:
    """Move repeats within the draft, and of the batch in flight, from its items to its repeats."""
    before = in_flight and in_flight.part(draft.owned.partition)
    flying: Mapping[FactKey, Done] = before.done if before else {}
    seen: set[FactKey] = set()
    fresh: list[Item] = []
    for item in draft.items:
        key = item.fact.id, item.fact.revision
        if key in seen:
            draft.repeats.append((item, None))
        elif key in flying:
            draft.repeats.append((item, flying[key]))
        else:
            seen.add(key)
            fresh.append(item)
    draft.items = fresh


def to_look_up(draft: Draft, careful_before: int) -> list[tuple[int, FactKey]]:
    """The ids that the index must be asked for. Every fact of an offset below `careful_before` is asked for.

    Members must be loaded: one who is missing from the cache is new and has no facts yet.
    """
    members, partition = draft.owned.members, draft.owned.partition
    wanted = []
    for item in draft.items:
        fact = item.fact
        name = item.member
        if name is not None and item.record.offset >= careful_before:
            member = members.get(name)
            if member is None or item.at_ms > member.high_water_ms:
                continue
        wanted.append((partition, (fact.id, fact.revision)))
    return wanted


def set_known_aside(drafts: Sequence[Draft], known: Sequence[StoredFact]) -> None:
    """Move facts that the index knows from the drafts' items to their repeats."""
    by_key: dict[tuple[int, str, int], StoredFact] = {}
    for stored in known:
        fact = decode_fact(stored.body)
        by_key[stored.partition, fact.id, fact.revision] = stored
    for draft in drafts:
        fresh = []
        for item in draft.items:
            stored_fact = by_key.get((draft.owned.partition, item.fact.id, item.fact.revision))
            if stored_fact is None:
                fresh.append(item)
            else:
                draft.repeats.append((item, stored_fact))
        draft.items = fresh
