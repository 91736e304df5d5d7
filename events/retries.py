"""The header of a record that is read once more: it names the parked record whose bytes it brings again.

Such a record stands in the same partition as the first, so the offset alone is the name. The header is the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

RETRY_OF = "retry_of"


def retry_header(offset: int) -> tuple[str, bytes]:
    """For the record that brings the one at `offset` again."""
    return RETRY_OF, str(offset).encode()


def retry_of(headers: Sequence[tuple[str, bytes]]) -> int | None:
    """The offset of the record that this one brings again; None for a record of its own."""
    if not headers or headers[-1][0] != RETRY_OF:
        return None
    digits = headers[-1][1]
    return int(digits) if digits.isdigit() and len(digits) <= 18 else None
