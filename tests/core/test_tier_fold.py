"""The fold of read model `tier`: the level, and since when."""

from __future__ import annotations

from events.entries import EntriesRecord, Outcome, Posting
from events.values import millis
from projections.tier.fold import Tier, fold

M = "mem_1"


def record(seq: int, day: int, level: int, spend: int = 0, member: str = M) -> EntriesRecord:
    posting = Posting(member, 0, 0, 0, 0, level, spend, ())
    return EntriesRecord(seq, f"f{seq}", "purchase", f"2026-03-{day:02d}T09:30:00Z", 1, Outcome("done"), (posting,))


def at(day: int) -> int:
    return millis(f"2026-03-{day:02d}T09:30:00Z")


def test_since_is_the_fact_that_changed_the_level() -> None:
    days = [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 1)]
    since: list[int] = []
    rows: dict[str, Tier] = {}
    for seq, (day, level) in enumerate(days, 1):
        rows |= fold(rows, [(2, record(seq, day, level, spend=day))])
        since.append(rows[M].since_ms)
    assert since == [at(1), at(1), at(3), at(3), at(5), at(6)]
    assert rows[M] == Tier(M, 2, 6, 1, at(6), 6)


def test_in_one_batch_as_one_by_one() -> None:
    records = [(2, record(seq, seq, level)) for seq, level in enumerate([0, 1, 1, 0, 2], 1)]
    one_by_one: dict[str, Tier] = {}
    for placed in records:
        one_by_one |= fold(one_by_one, [placed])
    assert fold({}, records) == one_by_one


def test_members_do_not_mix() -> None:
    rows = fold({}, [(0, record(1, 1, 0, member="a")), (0, record(2, 2, 1, member="b"))])
    assert {member: (row.level, row.since_ms) for member, row in rows.items()} == {"a": (0, at(1)), "b": (1, at(2))}
