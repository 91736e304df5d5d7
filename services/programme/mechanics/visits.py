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

from events.values import NaturalInt, Points
from services.programme.calendar import midnight, month_of
from services.programme.mechanic import (
    LASTING_DAYS,
    POINTS,
    Basket,
    Change,
    Due,
    Frame,
    Key,
    Lasting,
    Mechanic,
    Meter,
    Spend,
    slot_of_month,
)
from services.programme.words import counted, money


class Visits(Mechanic):
    """`points` for every `every` days of a month with a purchase of at least `from_minor`."""

    class Config(Spend, Lasting):
        """The keys under `visits:`."""

        every: Annotated[int, Field(ge=1, le=31)]
        """Days of the calendar month that make one round."""
        points: Points
        from_minor: NaturalInt = 0
        """What a receipt must come to, in the lines that count; 0: anything."""

    by_period: ClassVar[bool] = True
    gives_to = "month"

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._measure: int = self.measure
        self._every, self._points, self._from = config.every, config.points, max(config.from_minor, 1)
        self._ends, self._zone = config.ends(frame.zone), frame.zone
        self.lasts_days = 0 if config.end_key else LASTING_DAYS  # it may touch an older day's lot
        least = f" of at least {money(config.from_minor, frame.currency)}" if config.from_minor else ""
        self.why = f"for {config.every} days of a month with a purchase{least}{counted(config)}"

    def key(self, change: Change) -> Key | None:
        basket = change.after or change.before
        return None if basket is None else month_of(basket.day)

    def period(self, basket: Basket) -> int:
        return month_of(basket.day)

    def absorb(self, cell: Any, change: Change) -> Any:
        """(days with one receipt, as bits from the first of the month on; ((place, receipts), ...) of the others)."""
        basket, moved = change.after or change.before, self._moved(change)
        if basket is None or not moved:
            return cell
        ones, others = cell or (0, ())
        place = _place_of(basket.day)
        bit, counts = 1 << place, dict(others)
        receipts = counts.pop(place, 1 if ones & bit else 0) + moved
        ones = ones | bit if receipts == 1 else ones & ~bit
        if receipts and receipts != 1:
            counts[place] = receipts
        return (ones, tuple(sorted(counts.items())) if counts else ()) if ones or counts else None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        ones, others = cell
        for place, receipts in others:
            ones |= (receipts > 0) << place
        if ones.bit_count() < self._every or not isinstance(key, int):
            return ()
        points, zone, slot = self._points, self._zone, slot_of_month("v:", key)
        dues, visited = [], 0
        while ones:  # the days of its bits, the lowest first
            lowest = ones & -ones
            ones ^= lowest
            visited += 1
            if visited % self._every == 0:
                day = date(key // 12, key % 12 + 1, lowest.bit_length()).toordinal()
                begins = midnight(day, zone)
                dues.append((POINTS, points, (self._ends[day], begins, begins, f"{slot}:{visited // self._every}"), ""))
        return tuple(dues)

    def _moved(self, change: Change) -> int:
        before, after, measure, least = change.before, change.after, self._measure, self._from
        now = 1 if after is not None and after.measures[measure] >= least else 0
        return now - 1 if before is not None and before.measures[measure] >= least else now


@lru_cache(1 << 14)
def _place_of(day: int) -> int:
    """A day's place in its month; the first one's is 0."""
    return date.fromordinal(day).day - 1
