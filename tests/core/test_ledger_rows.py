"""Rows packed by hand say what they were given; tests/contract lets PostgreSQL read them too."""

from __future__ import annotations

from typing import get_args

import pytest

from events.entries import Account, Entry, Posting
from services.ledger.rows import (
    END,
    ENTRY_COLUMNS,
    FACT_COLUMNS,
    HEADER,
    MESSAGE_COLUMNS,
    REWARD_COLUMNS,
    copy_of,
    entries_of,
    entry_rows,
    fact_row,
    message_row,
    reward_row,
)
from tests.drivers.copy_rows import decode_row
from tests.drivers.ledger_memory import ENTRY_TABLE

TEXTS = ["", "tea", "thé vert ☕", "x" * 1000]


@pytest.mark.parametrize("member", [None, "m1", "mé"])
@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)) * 20])
def test_a_fact(member: str | None, body: bytes) -> None:
    row = fact_row(11, 2**40, "r:1", 3, member, "tick", -5, 2**41, 7, b"h" * 16, body, b"o", b"[]")
    assert decode_row(row, FACT_COLUMNS) == {
        "partition": 11, "seq": 2**40, "fact_id": "r:1", "revision": 3, "member": member, "type": "tick",
        "occurred_at": -5, "recorded_at": 2**41, "offset": 7, "hash": b"h" * 16, "body": body, "outcome": b"o",
        "postings": b"[]",
    }  # fmt: skip


@pytest.mark.parametrize("account", get_args(Account))
@pytest.mark.parametrize("why", TEXTS)
def test_an_entry(account: Account, why: str) -> None:
    row = entries_of(0, 1, [posting("mé", Entry(account, "lot", 2**62, why, -(2**62), why))])
    assert decode_row(row, ENTRY_COLUMNS) == {
        "partition": 0, "seq": 1, "n": 0, "member": "mé", "debit": account, "credit": "lot", "points": 2**62,
        "lot": why, "why": why, "balance_after": -(2**62),
    }  # fmt: skip


def test_the_entries_of_a_fact_are_numbered_through_its_postings() -> None:
    a, b = Entry("lot", "spent", 7, "redemption", 3, "l1"), Entry("debt", "spent", 2, "redemption", 1)
    c = Entry("issued", "lot", 5, "stars@0:+5", 5, "l2")
    postings = [posting("ann", a, b), posting("bob"), posting("ann~stars", c)]
    rows = [
        (5, 9, 0, "ann", "lot", "spent", 7, "l1", "redemption", 3),
        (5, 9, 1, "ann", "debt", "spent", 2, "", "redemption", 1),
        (5, 9, 2, "ann~stars", "issued", "lot", 5, "l2", "stars@0:+5", 5),
    ]
    assert entry_rows([(5, 8, []), (5, 9, postings)]) == rows
    packed = entries_of(5, 9, postings)
    begins = [at for at in range(len(packed)) if packed[at:].startswith(b"\0\x0a\0\0\0\x02")]
    for row, at, end in zip(rows, begins, [*begins[1:], len(packed)], strict=True):
        assert decode_row(packed[at:end], ENTRY_COLUMNS) == dict(zip(ENTRY_TABLE, row, strict=True))
    assert entries_of(5, 8, [posting("bob")]) == b""


def posting(member: str, *entries: Entry) -> Posting:
    return Posting(member, 0, 0, 0, 0, 0, 0, entries)


def test_a_reward_and_a_message() -> None:
    reward = decode_row(reward_row(1, "shops-eire", 2, 3, b"v"), REWARD_COLUMNS)
    assert reward == {"partition": 1, "partner": "shops-eire", "seq": 2, "fact_seq": 3, "value": b"v"}
    assert decode_row(message_row(1, 2, 3, b"v"), MESSAGE_COLUMNS) == {"partition": 1, "seq": 2, "n": 3, "value": b"v"}


def test_a_copy_is_rows_between_a_header_and_an_end() -> None:
    rows = [(n, n + 1, 0, b"v" * (n % 3)) for n in range(1_000)]
    packed = b"".join(message_row(*row) for row in rows)
    assert b"".join(copy_of(message_row, rows)) == HEADER + packed + END
