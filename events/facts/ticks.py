"""Time as a fact: a day's end, in slices, so that a million expiries are not one transaction."""

from __future__ import annotations

from typing import Annotated, Literal
from zlib import crc32

from pydantic import Field

from events.facts.fact import AnyFact

ID = "tick:"
"""The ids of ticks begin so, and no till's may."""
SLICES = 1024
"""A day is never cut into more slices than this."""


class Tick(AnyFact):
    """Advance to `occurred_at` every member of this partition who has something due by then and is in the slice.

    Slice i of n holds the members whose slice number (see `slice_of`) modulo n is i.
    """

    type: Literal["tick"] = "tick"
    slice: Annotated[int, Field(ge=0, lt=SLICES)] = 0
    slices: Annotated[int, Field(ge=1, le=SLICES)] = 1


def slice_of(member: str) -> int:
    """The member's slice number, 0 to 1023: the CRC-32 of the id's bytes modulo 1024. For ever the same."""
    return crc32(member.encode()) % SLICES
