"""The fold of read model `balance`, as a bookkeeper reads it: entries in, totals out."""

from __future__ import annotations

import pytest

from events.entries import Account, EntriesRecord, Entry, Outcome, Posting
from projections.balance.fold import Balance, fold, touched

M = "mem_1"
ZERO = Balance(M, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def entry(debit: Account, credit: Account, points: int) -> Entry:
    return Entry(debit, credit, points, "why", 0)


def posting(
    *entries: Entry, member: str = M, available: int = 0, pending: int = 0, held: int = 0, debt: int = 0
) -> Posting:
    return Posting(member, available, pending, held, debt, 0, 0, entries)


def record(seq: int, *postings: Posting) -> EntriesRecord:
    return EntriesRecord(seq, f"f{seq}", "purchase", "2026-03-10T09:30:00Z", 1, Outcome("done"), postings)


@pytest.mark.parametrize(
    ("entries", "earned", "redeemed", "expired", "reversed_"),
    [
        #  what happened                                                     earned redeemed expired reversed
        ([entry("issued", "lot", 100)], 100, 0, 0, 0),
        ([entry("issued", "lot", 100), entry("lot", "spent", 30)], 100, 30, 0, 0),
        ([entry("issued", "lot", 100), entry("lot", "held", 30)], 100, 0, 0, 0),
        ([entry("lot", "held", 30), entry("held", "spent", 30)], 0, 30, 0, 0),
        ([entry("lot", "held", 30), entry("held", "lot", 30)], 0, 0, 0, 0),
        ([entry("lot", "spent", 30), entry("spent", "lot", 30)], 0, 0, 0, 0),
        ([entry("lot", "expired", 40)], 0, 0, 40, 0),
        ([entry("lot", "reversed", 40)], 0, 0, 0, 40),
        ([entry("debt", "reversed", 40)], 0, 0, 0, 40),
        ([entry("debt", "spent", 40)], 0, 40, 0, 0),
        ([entry("issued", "debt", 40)], 40, 0, 0, 0),
        ([entry("lot", "debt", 40)], 0, 0, 0, 0),
        ([entry("expired", "reversed", 5)], 0, 0, -5, 5),
        ([entry("issued", "lot", 9), entry("lot", "issued", 4)], 5, 0, 0, 0),
    ],
)
def test_totals(entries: list[Entry], earned: int, redeemed: int, expired: int, reversed_: int) -> None:
    row = fold({}, [(0, record(1, posting(*entries)))])[M]
    assert (row.earned, row.redeemed, row.expired, row.reversed) == (earned, redeemed, expired, reversed_)


def test_how_the_member_stands_is_taken_from_the_last_posting() -> None:
    first = record(7, posting(entry("issued", "lot", 100), available=60, pending=40))
    second = record(8, posting(entry("lot", "held", 10), available=50, pending=40, held=10))
    assert fold({}, [(3, first), (3, second)])[M] == Balance(M, 3, 8, 50, 40, 10, 0, 90, 100, 0, 0, 0)
    third = record(9, posting(entry("debt", "reversed", 8), debt=8))
    assert fold({M: ZERO._replace(earned=100)}, [(3, third)])[M] == Balance(M, 3, 9, 0, 0, 0, 8, -8, 100, 0, 0, 8)


def test_a_declined_request_changes_the_seq_only() -> None:
    before = ZERO._replace(seq=4, available=10, balance=10, earned=10)
    declined = EntriesRecord(
        5, "f5", "redemption_requested", "2026-03-10T09:30:00Z", 1, Outcome("declined"), (posting(available=10),)
    )
    assert fold({M: before}, [(0, declined)]) == {M: before._replace(seq=5)}


def test_a_tick_touches_many_and_a_programme_nobody() -> None:
    tick = record(1, posting(entry("lot", "expired", 1), member="a"), posting(entry("lot", "expired", 2), member="b"))
    programme = record(2)
    assert set(touched([(0, tick), (0, programme)])) == {"a", "b"}
    rows = fold({}, [(0, tick), (0, programme)])
    assert {member: (row.expired, row.seq) for member, row in rows.items()} == {"a": (1, 1), "b": (2, 1)}


def test_however_the_records_are_cut_into_batches_the_rows_are_the_same() -> None:
    records = [(0, record(n, posting(entry("issued", "lot", n), available=n * (n + 1) // 2))) for n in range(1, 20)]
    whole = fold({}, records)
    rows: dict[str, Balance] = {}
    for start in range(0, len(records), 3):
        rows |= fold(rows, records[start : start + 3])
    assert rows == whole
