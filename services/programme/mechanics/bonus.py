"""A fixed bonus for what was bought (M13): 1,000 points for a laptop, whatever it cost.

Once for a purchase that has what is wanted, or for each of its units. Nothing is stored: the basket is the cell, and a
bonus goes back when what is left no longer has it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from events.values import NaturalInt, Points
from services.programme.calendar import midnight
from services.programme.mechanic import (
    OF_PURCHASE,
    POINTS,
    Basket,
    Due,
    Frame,
    Key,
    Lasting,
    Mechanic,
    Meter,
    Spend,
)
from services.programme.words import counted, money


class Bonus(Mechanic):
    """`points` for a purchase, or for each unit, of the lines that count."""

    class Config(Spend, Lasting):
        """The keys under `bonus:`."""

        points: Points
        each: Literal["purchase", "unit"] = "purchase"
        """unit: as often as there are units that cost something."""
        from_minor: NaturalInt = 0
        """What the lines that count must come to; 0: anything."""
        pending_days: Annotated[int, Field(ge=0, le=3660)] = 0
        """Points can be spent from the beginning of the day this many days later; 0: at once."""

    per_purchase: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._spend: int = self.measure
        self._units = meter.add("paid units", config) if config.each == "unit" else None
        self._points, self._from = config.points, max(config.from_minor, 1)
        self._ends = config.ends(frame.zone)
        self._pending, self._zone = config.pending_days, frame.zone
        least = f", of at least {money(config.from_minor, frame.currency)}" if config.from_minor else ""
        self.lasts_days = config.lasts_days
        each = "each unit of " if config.each == "unit" else ""
        what = " or ".join(config.items or config.only) or f"a purchase{counted(config)}"
        self.why = f"as a bonus for {each}{what}{least}"

    def due(self, key: Key | None, cell: Basket) -> tuple[Due, ...]:
        if cell.measures[self._spend] < self._from:
            return ()
        points = self._points * (1 if self._units is None else cell.measures[self._units])
        if not points:
            return ()
        active = midnight(cell.day + self._pending, self._zone) if self._pending else cell.at_ms
        return ((POINTS, points, (self._ends[cell.day], cell.at_ms, active, OF_PURCHASE + cell.purchase), ""),)
