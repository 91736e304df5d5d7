"""Values: the named integers and ids that every model is made of, and the named roundings.

Owns the units. All amounts are integers: money in minor units of its currency, points in the programme's own
decimals, instants in epoch milliseconds (UTC), days as proleptic ordinals. Does not own any arithmetic of rules.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, StringConstraints

I63 = 2**63 - 1
"""The largest amount of anything: what PostgreSQL's bigint and every JSON reader we know can hold exactly."""

ID = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$"
"""An id is readable, at most 100 characters, and safe in a URL path, a key and a log line."""

CODE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$"
"""A short name that a shop or a programme gives: an item, a category, a partner, a store."""

INSTANT = r"^(?:19[7-9][0-9]|2[0-9]{3})-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z$"
"""RFC 3339 in UTC with at most milliseconds, of the years 1970 to 2999: what calendars and clocks can do sums with."""

Id = Annotated[str, StringConstraints(pattern=ID)]
Code = Annotated[str, StringConstraints(pattern=CODE)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=50)]
"""What a shop calls an item or a category: any short text, as tills have it. Never part of a topic's name or an id."""
Instant = Annotated[str, StringConstraints(pattern=INSTANT)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
PositiveInt = Annotated[int, Field(gt=0, le=I63)]
NaturalInt = Annotated[int, Field(ge=0, le=I63)]
I31 = 2**31 - 1
Revision = Annotated[int, Field(ge=0, le=I31)]
"""How often a fact has been said anew; 0 the first time."""
SignedInt = Annotated[int, Field(ge=-I63, le=I63)]
LineMinor = Annotated[int, Field(ge=0, le=10**10)]
"""Money on one line of a receipt, in minor units: at most 100 million pounds."""
Quantity = Annotated[int, Field(ge=0, le=10**9)]
Count = Annotated[int, Field(gt=0, le=10**9)]
Points = Annotated[int, Field(gt=0, le=10**12)]
"""Points in one request. These four are far above any shop, and so far below 2^63 that no sum comes near it."""
PointsMoved = Annotated[int, Field(ge=-(10**12), le=10**12, json_schema_extra={"not": {"const": 0}})]
"""Points given (> 0) or taken (< 0) by hand. Never 0: intake sets such a record aside."""
CountMoved = Annotated[int, Field(ge=-(10**9), le=10**9, json_schema_extra={"not": {"const": 0}})]
"""How often something was done (> 0), or was said too often (< 0). Never 0: intake sets such a record aside."""
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A reason in a person's words."""
Months = Annotated[int, Field(ge=0, le=1200)]

_INSTANT = re.compile(INSTANT)


def millis(instant: str) -> int:
    """The epoch milliseconds of an RFC 3339 UTC instant. Raises ValueError for any other text or an impossible date."""
    if not _INSTANT.match(instant):
        raise ValueError(f"an instant must look like 2026-03-10T09:30:00Z, not {instant!r}")
    whole = datetime.fromisoformat(instant[:19]).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1000 + int(instant[20:-1].ljust(3, "0") or 0)


def instant(millis: int) -> str:
    """The RFC 3339 text of epoch milliseconds; milliseconds are written only where there are any."""
    whole = datetime.fromtimestamp(millis // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = millis % 1000
    return f"{whole}.{rest:03d}Z" if rest else f"{whole}Z"


floor_div: Callable[[int, int], int] = operator.floordiv
"""Rounds toward minus infinity. The stated rounding of points earned on a basket (never negative there)."""


def half_up_div(amount: int, by: int) -> int:
    """Rounds to nearest, ties up. The stated rounding of a discount (never negative there)."""
    return (2 * amount + by) // (2 * by)


def half_even_div(amount: int, by: int) -> int:
    """Rounds to nearest, ties to the even neighbour. The stated rounding of a line total to minor units."""
    whole, rest = divmod(amount, by)
    twice = 2 * rest
    return whole + (1 if twice > by or (twice == by and whole & 1) else 0)
