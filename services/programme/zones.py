"""Time zones, from the pinned package tzdata and from nowhere else.

`zoneinfo` alone would read the machine's own files first: two workers, or a replay next year, could then disagree about
when a day ends. A newer package is a decision that requirements.lock shows, and the ledger's tables remember.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.resources import files
from zoneinfo import ZoneInfo

ZONE_RULES: str = import_module("tzdata").IANA_VERSION
"""The release of the IANA time zone database that instants are counted by, such as 2026f."""

NAMES = frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())
"""Every zone that there is."""


@cache
def zone_of(name: str) -> ZoneInfo:
    """A zone of NAMES by its name."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
