"""Points for coming often: so many for every few visits in a calendar month. Days count, not receipts.

The cell is a month: one bit for each day with one receipt, and the days with another number of them, since a day counts
as long as one of its receipts has something left. The points of the n-th round are a lot that begins with the day that
completes it. Goods brought back without their receipt take no visit away.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import Field

from events.values import Months, NaturalInt, Points
from services.programme.calendar import NEVER, end_after_months, midnight, month_of
from services.programme.mechanic import LASTING_DAYS, POINTS, Basket, Change, Due, Frame, Key, Mechanic, Meter, Spend
from services.programme.words import counted, money


class Visits(Mechanic):
    """`points` for every `every` days of a month with a purchase of at least `from_minor`."""

    class Config(Spend):
        """The keys under `visits:`."""

        every: Annotated[int, Field(ge=1, le=31)]
        """Days of the calendar month that make one round."""
        points: Points
        from_minor: NaturalInt = 0
        """What a receipt must come to, in the lines that count; 0: anything."""
        valid_months: Months | None = None
        """Points end with the day this many months after the one that completes the round; None: never."""

    by_period: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._measure: int = self.measure
        self._every, self._points, self._from = config.every, config.points, max(config.from_minor, 1)
        self._months, self._zone = config.valid_months, frame.zone
        self.lasts_days = LASTING_DAYS if config.valid_months is None else 0  # it may touch an older day's lot
        least = f" of at least {money(config.from_minor, frame.currency)}" if config.from_minor else ""
        self.why = f"for {config.every} days of a month with a purchase{least}{counted(config)}"

    def key(self, change: Change) -> Key | None:
        basket = change.after or change.before
        return None if basket is None or not self._moved(change) else month_of(basket.day)

    def period(self, basket: Basket) -> int:
        return month_of(basket.day)

    def absorb(self, cell: Any, change: Change) -> Any:
        """(days with one receipt, as bits from the first of the month on; ((place, receipts), ...) of the others)."""
        basket = change.after or change.before
        assert basket is not None
        ones, others = cell or (0, ())
        place = basket.day - _first_day(month_of(basket.day))
        counts = dict(others)
        receipts = counts.pop(place, ones >> place & 1) + self._moved(change)
        ones &= ~(1 << place)
        if receipts == 1:
            ones |= 1 << place
        elif receipts:
            counts[place] = receipts
        return (ones, tuple(sorted(counts.items()))) if ones or counts else None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        ones, others = cell
        for place, receipts in others:
            ones |= (receipts > 0) << place
        if ones.bit_count() < self._every or not isinstance(key, int):
            return ()
        first, days = _first_day(key), []
        while ones:  # the days of its bits, the lowest first
            lowest = ones & -ones
            days.append(first + lowest.bit_length() - 1)
            ones ^= lowest
        points, months, zone, slot = self._points, self._months, self._zone, f"v:{key // 12}-{key % 12 + 1:02d}:"
        dues = []
        for number, day in enumerate(days[self._every - 1 :: self._every], 1):
            begins = midnight(day, zone)
            expires = NEVER if months is None else end_after_months(day, months, zone)
            dues.append((POINTS, points, (expires, begins, begins, f"{slot}{number}"), ""))
        return tuple(dues)

    def _moved(self, change: Change) -> int:
        return self._counts(change.after) - self._counts(change.before)

    def _counts(self, basket: Basket | None) -> bool:
        return basket is not None and basket.measures[self._measure] >= self._from


@lru_cache(1 << 12)
def _first_day(month: int) -> int:
    return date(month // 12, month % 12 + 1, 1).toordinal()
