"""Days, months and midnights of a time zone. Pure and cached: the same few days are asked for again and again.

Instants are epoch milliseconds, days proleptic ordinals, months year * 12 + month - 1. An expiry is an exclusive
instant: a lot valid through 25 October ends at the first instant of 26 October in the programme's zone.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from functools import lru_cache

from events.values import millis as _millis
from services.programme.zones import zone_of

EPOCH = date(1970, 1, 1).toordinal()
"""The ordinal of 1970-01-01: rows keep days from there, in fewer bytes."""

NEVER = 1 << 60
"""The instant that does not come. Sorts behind every other."""

_QUARTER_MS = 900_000
"""Zones shift on whole quarter hours since 1972, so a quarter never spans two days."""

_DAY_MS = 86_400_000


def day_of(at_ms: int, zone: str) -> int:
    """The local day of an instant: that of UTC or a neighbour, told by the midnights between them."""
    day = at_ms // _DAY_MS + EPOCH
    begins, ends = _midnights(day, zone)
    return day + 1 if at_ms >= ends else day if at_ms >= begins else day - 1


@lru_cache(1 << 14)
def _minute_of_quarter(quarter: int, zone: str) -> int:
    local = datetime.fromtimestamp(quarter * 900, zone_of(zone))
    return local.hour * 60 + local.minute


def minute_of(at_ms: int, zone: str) -> int:
    """The local minute of its day, 0 to 1439, of an instant."""
    return _minute_of_quarter(at_ms // _QUARTER_MS, zone) + at_ms % _QUARTER_MS // 60_000


@lru_cache(1 << 16)
def midnight(day: int, zone: str) -> int:
    """The first instant of a local day (where 00:00 is skipped by a clock change, the instant of the change)."""
    d = date.fromordinal(day)
    return int(datetime(d.year, d.month, d.day, tzinfo=zone_of(zone)).timestamp() * 1000)


@lru_cache(1 << 16)
def _midnights(day: int, zone: str) -> tuple[int, int]:
    return midnight(day, zone), midnight(day + 1, zone)


@lru_cache(1 << 16)
def add_months(day: int, months: int) -> int:
    """The same day of the month, `months` later; the month's last day where there is no such day."""
    d = date.fromordinal(day)
    year, month = divmod(d.year * 12 + d.month - 1 + months, 12)
    return date(year, month + 1, min(d.day, monthrange(year, month + 1)[1])).toordinal()


@lru_cache(1 << 16)
def end_after_months(day: int, months: int, zone: str) -> int:
    """The exclusive end of the local day `months` after `day`, counted from that original day."""
    return midnight(add_months(day, months) + 1, zone)


class Ends(dict[int, int]):
    """When what is earned on a day ends: with the day so many days or months later; NEVER where both are None."""

    def __init__(self, months: int | None, zone: str, days: int | None = None) -> None:
        self._months, self._zone, self._days = months, zone, days

    def __missing__(self, day: int) -> int:
        if self._days is not None:
            end = midnight(day + self._days + 1, self._zone)
        else:
            end = NEVER if self._months is None else end_after_months(day, self._months, self._zone)
        self[day] = end
        return end


@lru_cache(1 << 14)
def year_end(day: int, zone: str, later: int = 0) -> int:
    """The exclusive end of the local calendar year of `day`, or of the one so many years later."""
    return midnight(date(date.fromordinal(day).year + 1 + later, 1, 1).toordinal(), zone)


@lru_cache(1 << 14)
def year_start(day: int) -> int:
    """The first day of the calendar year of `day`."""
    return date(date.fromordinal(day).year, 1, 1).toordinal()


def same_term(earned_ms: int, ends_ms: int, today: int, zone: str) -> int:
    """When what is earned today ends, if it lasts as long as something else did: as many months where that ended with
    the same day of a month, else as many days."""
    if ends_ms >= NEVER:
        return NEVER
    first, last = day_of(earned_ms, zone), day_of(ends_ms - 1, zone)
    months = month_of(last) - month_of(first)
    if add_months(first, months) == last:
        return end_after_months(today, months, zone)
    return midnight(today + last - first + 1, zone)


@lru_cache(1 << 14)
def month_of(day: int) -> int:
    """The calendar month of a day: year * 12 + month - 1."""
    d = date.fromordinal(day)
    return d.year * 12 + d.month - 1


@lru_cache(1 << 12)
def month_start(month: int, zone: str) -> int:
    """The first instant of a calendar month."""
    return midnight(date(month // 12, month % 12 + 1, 1).toordinal(), zone)


def instant_ms(instant: str) -> int:
    """`events.values.millis` of a text that looks like an instant, as every fact's does. Raises ValueError where there
    is no such day or time. Hours and what comes behind them are remembered: a third of the time, whatever the order."""
    return _HOURS[instant[:13]] + _WITHIN[instant[13:]]


@lru_cache(1 << 12)
def _day_ms(date: str) -> int:
    return _millis(f"{date}T00:00:00Z")


@lru_cache(24)
def _hour_ms(hour: str) -> int:
    return _millis(f"1970-01-01{hour}:00:00Z")


class _Hours(dict[str, int]):
    """By 2026-03-10T09; those that were asked for."""

    def __missing__(self, hour: str) -> int:
        if len(self) >= 1 << 14:  # two years of them
            self.clear()
        self[hour] = at_ms = _day_ms(hour[:10]) + _hour_ms(hour[10:])
        return at_ms


class _Within(dict[str, int]):
    """By :30:00Z, or :30:00.250Z; those of whole seconds that were asked for."""

    def __missing__(self, rest: str) -> int:
        at_ms = _millis(f"1970-01-01T00{rest}")
        if at_ms % 1000 == 0:
            self[rest] = at_ms
        return at_ms


_HOURS, _WITHIN = _Hours(), _Within()
