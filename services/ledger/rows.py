"""Rows of the big tables, and how they are packed by hand as PostgreSQL's binary COPY wants them. Pure.

A row is the values of a table's columns in the order of the migration. Packed, it is a count of fields, then each field
as a length and its bytes (length -1: null); doing that by hand costs a third of what a driver's general encoder does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import TypeAlias, get_args

from events.entries import Account, Posting

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"

FactRow: TypeAlias = tuple[int, int, str, int, str | None, str, int, int, int, bytes, bytes, bytes, bytes]
EntryRow: TypeAlias = tuple[int, int, int, str, str, str, int, str, str, int]
Posted: TypeAlias = tuple[int, int, Sequence[Posting]]
"""(partition, seq, postings): the entries of a fact, which are numbered through all of its postings."""
RewardRow: TypeAlias = tuple[int, str, int, int, bytes]
MessageRow: TypeAlias = tuple[int, int, int, bytes]

PACKED_AT_ONCE = 256
"""Rows, or facts with their entries, well under a millisecond."""

FACT_COLUMNS = (
    *("partition", "seq", "fact_id", "revision", "member", "type", "occurred_at", "recorded_at", "offset"),
    *("hash", "body", "outcome", "postings"),
)
ENTRY_COLUMNS = ("partition", "seq", "member", "debit", "credit", "n", "points", "balance_after", "lot", "why")
"""As they are packed: first what the entries of a fact have in common, then numbers, then texts."""
REWARD_COLUMNS = ("partition", "partner", "seq", "fact_seq", "value")
MESSAGE_COLUMNS = ("partition", "seq", "n", "value")

_length = Struct(">i").pack
_fact_head = Struct(">hihiqi").pack  # 13 fields; partition, seq, length of the id
_fact_middle = Struct(">iii").pack  # revision, length of the member (-1: null)
_fact_tail = Struct(">iqiqiqi16si").pack  # occurred_at, recorded_at, offset, hash, length of the body
_entry_head = Struct(">hihiq").pack  # 10 fields; partition, seq
_entry_numbers = Struct(">iiiqiqi").pack  # n, points, balance_after, length of the lot
_reward_head = Struct(">hihi").pack  # 5 fields; partition, length of the partner
_reward_tail = Struct(">iqiqi").pack  # seq, fact_seq, length of the value
_message = Struct(">hihiqiii").pack  # 4 fields; partition, seq, n, length of the value


def _text(word: str) -> bytes:
    raw = word.encode()
    return _length(len(raw)) + raw


_ACCOUNTS = {name: _text(name) for name in get_args(Account)}


class _Texts(dict[str, bytes]):
    """Texts of which there are few, packed when they are first asked for."""

    def __missing__(self, word: str) -> bytes:
        packed = self[word] = _text(word)
        return packed


_TYPES = _Texts()


def fact_row(
    partition: int,
    seq: int,
    fact_id: str,
    revision: int,
    member: str | None,
    kind: str,
    occurred_at_ms: int,
    recorded_at_ms: int,
    offset: int,
    digest: bytes,
    body: bytes,
    outcome: bytes,
    postings: bytes,
) -> bytes:
    """A row of `fact`. `digest` is 16 bytes; `member` None for what concerns a whole partition."""
    name, whose = fact_id.encode(), None if member is None else member.encode()
    return b"".join(
        (
            _fact_head(13, 2, partition, 8, seq, len(name)),
            name,
            _fact_middle(4, revision, -1 if whose is None else len(whose)),
            whose or b"",
            _TYPES[kind],
            _fact_tail(8, occurred_at_ms, 8, recorded_at_ms, 8, offset, 16, digest, len(body)),
            body,
            _length(len(outcome)),
            outcome,
            _length(len(postings)),
            postings,
        )
    )  # fmt: skip


def entries_of(partition: int, seq: int, postings: Sequence[Posting]) -> bytes:
    """The rows of `entry` of a fact."""
    head, n = _entry_head(10, 2, partition, 8, seq), 0
    pieces: list[bytes] = []
    for posting in postings:
        begins = head + _text(posting.member)
        for entry in posting.entries:
            lot, why = entry.lot.encode(), entry.why.encode()
            numbers = _entry_numbers(4, n, 8, entry.points, 8, entry.balance_after, len(lot))
            debit, credit = _ACCOUNTS[entry.debit], _ACCOUNTS[entry.credit]
            pieces += (begins, debit, credit, numbers, lot, _length(len(why)), why)
            n += 1
    return b"".join(pieces)


def entry_rows(posted: Iterable[Posted]) -> list[EntryRow]:
    """The same of some facts, as values in the order of the table."""
    return [
        (partition, seq, n, member, e.debit, e.credit, e.points, e.lot, e.why, e.balance_after)
        for partition, seq, postings in posted
        for n, (member, e) in enumerate([(one.member, entry) for one in postings for entry in one.entries])
    ]


def reward_row(partition: int, partner: str, seq: int, fact_seq: int, value: bytes) -> bytes:
    """A row of `reward`."""
    name = partner.encode()
    head = _reward_head(5, 2, partition, len(name))
    return b"".join((head, name, _reward_tail(8, seq, 8, fact_seq, len(value)), value))


def message_row(partition: int, seq: int, n: int, value: bytes) -> bytes:
    """A row of `message`."""
    return _message(4, 2, partition, 8, seq, 4, n, len(value)) + value


def copy_of(pack: Callable[..., bytes], rows: Sequence[tuple[object, ...]]) -> Iterator[bytes]:
    """The stream of a COPY ... FROM STDIN (FORMAT binary), in pieces; `pack` is one of the functions above that make
    bytes."""
    yield HEADER
    for start in range(0, len(rows), PACKED_AT_ONCE):
        yield b"".join([pack(*row) for row in rows[start : start + PACKED_AT_ONCE]])
    yield END
