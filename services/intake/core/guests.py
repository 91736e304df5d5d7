"""A guest's receipt in a dialect that can hold more than the language can say."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Guest(NamedTuple):
    """A receipt that shows no identifier: counted and kept as it came, never booked, and claimed later at most once."""

    id: str
    kind: Literal["purchase", "return"]
    lines: int
    canonical: bytes
    """What it says in canonical JSON: two sayings of the receipt with the same bytes are the same."""
