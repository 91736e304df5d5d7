"""Cold rows as the facts of one part see them: written a moment ago, in flight, or loaded; and what was found by them.

A fact sees what an earlier fact of the same batch wrote, and what the batch in flight wrote though it is not committed
yet; only then what the tables hold. Rows of kind "fact" (a purchase, by its id) and "step" (any fact, by its seq) are
rows of `fact` itself, and follow the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.book.turn import ColdKey, pack
from services.ledger.batch import Part
from services.ledger.store import Store
from services.programme.rate import Worth

FACT = "fact"
STEP = "step"
_NOTHING: dict[ColdKey, bytes | None] = {}


class Cold:
    """The cold rows of one part. `before` is the same partition's part of the batch in flight."""

    __slots__ = ("_before", "_rows", "_worths", "part")

    def __init__(self, part: Part, before: Part | None) -> None:
        self.part = part
        self._before = before
        self._rows: dict[str, dict[ColdKey, bytes | None]] = {}
        self._worths: dict[int, Worth] = {}

    @property
    def partition(self) -> int:
        return self.part.partition

    def of(self, member: str) -> Mapping[ColdKey, bytes | None]:
        """What is known of a member's cold rows; a key that is missing was not looked up."""
        return self._rows.get(member, _NOTHING)

    def wrote(self, member: str, rows: Mapping[ColdKey, bytes | None]) -> None:
        """A fact wrote these: to be committed, and seen by the facts behind it."""
        self.part.cold.setdefault(member, {}).update(rows)
        self._rows.setdefault(member, {}).update(rows)

    def booked(self, member: str, fact_id: str, body: bytes, outcome: bytes) -> None:
        """A first revision was booked: whoever was told that there is none must see it now."""
        rows = self._rows.get(member)
        if rows is not None and (FACT, fact_id) in rows:
            rows[FACT, fact_id] = pack(body, outcome)

    def put(self, member: str, key: ColdKey, value: bytes | None) -> None:
        self._rows.setdefault(member, {})[key] = value

    def rated(self, offset: int, worth: Worth) -> None:
        """What the fact of an offset is worth, as its member stood before the batch."""
        self._worths[offset] = worth

    def worth(self, member: str, offset: int) -> Worth | None:
        """The same. None: nobody asked, or the batch has folded something into the member since."""
        return None if member in self.part.members else self._worths.get(offset)

    def uncommitted(self, member: str, key: ColdKey) -> tuple[bytes | None] | None:
        """A row that only this process knows of, in a tuple of one; None: ask the tables."""
        if key[0] == FACT:
            return self._booked(member, key[1])
        if _is_booked(key):
            return self._at(int(key[1]))
        if self._before is not None:
            rows = self._before.cold.get(member)
            if rows is not None and key in rows:
                return (rows[key],)
        return None

    def _booked(self, member: str, fact_id: str) -> tuple[bytes | None] | None:
        for part in (self.part, self._before):
            done = part.done.get((fact_id, 0)) if part is not None else None
            if done is not None:
                mine = getattr(done.fact, "member", None) == member
                return (pack(done.body, done.outcome) if mine else None,)
        return None

    def _at(self, seq: int) -> tuple[bytes] | None:
        for part in (self.part, self._before):
            if part is not None and 0 <= seq - part.at_seq < len(part.booked):
                done = part.booked[seq - part.at_seq]
                return (pack(done.body, done.outcome, done.recorded_at_ms),)
        return None


def _is_booked(key: ColdKey) -> bool:
    """Whether it is a row of `fact`, by its seq. Facts that another account has forwarded are numbered below zero."""
    return key[0] == STEP and key[1][0] != "-"


async def load(store: Store, wanted: Sequence[tuple[Cold, str, ColdKey]]) -> None:
    """Look rows up, in one query a table and kind of key; afterwards every wanted key is known."""
    asked: dict[tuple[int, str, ColdKey], Cold] = {}
    for cold, member, key in wanted:
        own = cold.uncommitted(member, key)
        if own is not None:
            cold.put(member, key, own[0])
        else:
            asked[cold.partition, member, key] = cold
            cold.put(member, key, None)
    for partition, member, key, value in await from_tables(store, asked):
        asked[partition, member, key].put(member, key, value)


async def from_tables(store: Store, asked: Iterable[tuple[int, str, ColdKey]]) -> list[tuple[int, str, ColdKey, bytes]]:
    """(partition, member, key, value) of those that are committed; of the kinds FACT and STEP too."""
    facts = [(partition, member, key[1]) for partition, member, key in asked if key[0] == FACT]
    steps = {(partition, int(key[1])): member for partition, member, key in asked if _is_booked(key)}
    rows = [one for one in asked if one[2][0] != FACT and not _is_booked(one[2])]
    found: list[tuple[int, str, ColdKey, bytes]] = []
    if rows:
        found += await store.cold_rows(rows)
    if facts:
        found += [
            (partition, member, (FACT, fact_id), pack(body, outcome))
            for partition, member, fact_id, body, outcome in await store.first_revisions(facts)
        ]
    if steps:
        found += [
            (partition, steps[partition, seq], (STEP, str(seq)), pack(body, outcome, recorded_at))
            for partition, seq, body, outcome, recorded_at in await store.facts_at(list(steps))
        ]
    return found
