"""The fold of read model `balance`. A posting says how the member stands after the fact; totals are summed up here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from events.entries import EntriesRecord, Posting


class Balance(NamedTuple):
    """A row. All points; `seq` and `partition` name the last fact that changed it."""

    member: str
    partition: int
    seq: int
    available: int
    """In active lots: can be spent now."""
    pending: int
    """In lots that are not active yet."""
    held: int
    debt: int
    balance: int
    """Available and pending less debt."""
    earned: int
    redeemed: int
    expired: int
    reversed: int
    """Taken back because goods came back."""


Placed = tuple[int, EntriesRecord]
"""A record and the partition it came from."""


def touched(records: Sequence[Placed]) -> Collection[str]:
    """The members whose rows the records change."""
    return {posting.member for _, record in records for posting in record.postings}


def fold(rows: Mapping[str, Balance], records: Sequence[Placed]) -> dict[str, Balance]:
    """The rows as they are after the records. `rows` has those that exist of `touched(records)`."""
    after: dict[str, Balance] = {}
    for partition, record in records:
        for posting in record.postings:
            before = after.get(posting.member) or rows.get(posting.member)
            after[posting.member] = _after(before, partition, record.seq, posting)
    return after


def _after(before: Balance | None, partition: int, seq: int, posting: Posting) -> Balance:
    earned, redeemed, expired, reversed_ = before[8:12] if before else (0, 0, 0, 0)
    for entry in posting.entries:
        points = entry.points
        if entry.debit == "issued":
            earned += points
        elif entry.debit == "spent":
            redeemed -= points
        elif entry.debit == "expired":
            expired -= points
        elif entry.debit == "reversed":
            reversed_ -= points
        if entry.credit == "spent":
            redeemed += points
        elif entry.credit == "expired":
            expired += points
        elif entry.credit == "reversed":
            reversed_ += points
        elif entry.credit == "issued":
            earned -= points
    return Balance(
        posting.member,
        partition,
        seq,
        posting.available,
        posting.pending,
        posting.held,
        posting.debt,
        posting.available + posting.pending - posting.debt,
        earned,
        redeemed,
        expired,
        reversed_,
    )
