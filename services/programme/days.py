"""Spend by day, as a member's row holds it: one string of bytes, so many for each day, the oldest day first.

A year has hundreds of days, and a purchase touches the newest one and the oldest. So they are kept in the form in which
they are stored: a row is decoded and encoded for no more than a copy of them, and only the day in question is read.
Days are counted from 1970 and ascend, none of them with nothing; no day at all is no byte.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from struct import Struct, error

_NARROW = Struct("<Hi")
"""Up to the year 2149 and 21 million of a currency a day. Behind the byte 0."""
_WIDE = Struct("<iq")
"""Where one of the days does not fit. Behind the byte 1."""


def first_of(days: bytes) -> int | None:
    """The first day; None: there is none."""
    form = _WIDE if days[:1] == b"\1" else _NARROW
    return form.unpack_from(days, 1)[0] if days else None


def without_first(days: bytes) -> tuple[bytes, int]:
    """The days after the first one, and what was spent on that."""
    if days[0]:
        (_, spend), *others = each(days)
        return packed(others), spend
    rest = days[1 + _NARROW.size :]
    return rest and b"\0" + rest, _NARROW.unpack_from(days, 1)[1]


def with_spend(days: bytes, day: int, spend: int) -> bytes:
    """With so much more on a day."""
    if not days:
        return packed([(day, spend)] if spend else [])
    if days[0]:
        return _with_any(days, day, spend)
    size, begin, end = _NARROW.size, len(days), len(days)
    last, had = _NARROW.unpack_from(days, end - size)
    if last < day:
        had = 0
    elif last == day:
        begin -= size
    else:
        count = end // size
        begin = 1 + size * bisect_left(  # behind it lie no more than there are days until the last
            range(count), day, max(0, count - 1 - last + day), key=lambda n: _NARROW.unpack_from(days, 1 + n * size)[0]
        )
        there, its = _NARROW.unpack_from(days, begin)
        end, had = (begin + size, its) if there == day else (begin, 0)
    try:
        one = _NARROW.pack(day, had + spend) if had + spend else b""
    except error:
        return _with_any(days, day, spend)
    changed = days[:begin] + one + days[end:]
    return changed if len(changed) > 1 else b""


def _with_any(days: bytes, day: int, spend: int) -> bytes:
    known = dict(each(days))
    known[day] = known.get(day, 0) + spend
    return packed(sorted((one, its) for one, its in known.items() if its))


def each(days: bytes) -> list[tuple[int, int]]:
    """Every day and what was spent on it."""
    form = _WIDE if days[:1] == b"\1" else _NARROW
    return list(form.iter_unpack(days[1:]))


def packed(days: Iterable[tuple[int, int]]) -> bytes:
    """Days that ascend, none of them with nothing."""
    known = list(days)
    try:
        return (known and b"\0" + b"".join([_NARROW.pack(*one) for one in known])) or b""
    except error:
        return b"\1" + b"".join([_WIDE.pack(*one) for one in known])
