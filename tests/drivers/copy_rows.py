"""Reads rows of PostgreSQL's binary COPY back into values, by the published format and no code of ours."""

from __future__ import annotations

from typing import Any

NUMBERS = {
    *("partition", "seq", "n", "revision", "occurred_at", "recorded_at", "offset"),
    *("points", "balance_after", "fact_seq"),
}
BYTES = {"hash", "body", "outcome", "postings", "value"}


def decode_row(row: bytes, columns: tuple[str, ...]) -> dict[str, Any]:
    """One row by column name. Raises AssertionError where it is not exactly these columns."""
    assert int.from_bytes(row[:2], "big") == len(columns)
    values: dict[str, Any] = {}
    at = 2
    for column in columns:
        length = int.from_bytes(row[at : at + 4], "big", signed=True)
        at += 4
        raw = None if length < 0 else row[at : at + length]
        at += max(0, length)
        if raw is None:
            values[column] = None
        elif column in NUMBERS:
            values[column] = int.from_bytes(raw, "big", signed=True)
        else:
            values[column] = raw if column in BYTES else raw.decode()
    assert at == len(row), f"{len(row) - at} bytes behind the last column"
    return values
