"""Decodes a record of `entries.v1` once for all read models of a process: they are fed the same bytes in turn."""

from __future__ import annotations

from functools import lru_cache

from events.entries import EntriesRecord
from events.entries import decode as decode_entries

KEPT = 10_000  # a batch


@lru_cache(maxsize=KEPT)
def decode(value: bytes) -> EntriesRecord:
    """The record of these bytes. Raises ValueError (msgspec's) for others."""
    try:
        return decode_entries(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
