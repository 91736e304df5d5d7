"""Goods that belong together (M13's cross-sell): points for every set of one of each in a basket.

A set is one unit that costs something of each of the categories. Nothing is stored: the basket is the cell, and a set
that is broken up by a return gives nothing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from events.values import Label, Points, PositiveInt
from services.programme.mechanic import (
    OF_PURCHASE,
    POINTS,
    Basket,
    Counted,
    Due,
    Frame,
    Key,
    Lasting,
    Mechanic,
    Meter,
)


class Bundle(Mechanic):
    """`points` for every set of one unit of each of the categories `together`."""

    class Config(Lasting):
        """The keys under `bundle:`."""

        together: Annotated[tuple[Label, ...], Field(min_length=2)]
        """Categories, one unit of each is a set."""
        points: Points
        sets: PositiveInt | None = None
        """At most so many sets of one basket; null: all of them."""

        @model_validator(mode="after")
        def _once_each(self) -> Self:
            if len(set(self.together)) < len(self.together):
                raise ValueError("a category stands twice in together; keep one")
            return self

    per_purchase: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._first, *self._others = [meter.add("paid units", Counted(only=(name,))) for name in config.together]
        self.measure = self._first
        self._points, self._sets = config.points, config.sets
        self._ends = config.ends(frame.zone)
        self.lasts_days = config.lasts_days
        most = f", at most {config.sets:,} times" if config.sets is not None else ""
        self.why = f"for {' and '.join(config.together)} together{most}"

    def due(self, key: Key | None, cell: Basket) -> tuple[Due, ...]:
        measures, most = cell.measures, self._sets
        sets = measures[self._first]
        for units in self._others:
            if measures[units] < sets:
                sets = measures[units]
        if most is not None and most < sets:
            sets = most
        if sets <= 0:
            return ()
        expires = self._ends[cell.day]
        return ((POINTS, self._points * sets, (expires, cell.at_ms, cell.at_ms, OF_PURCHASE + cell.purchase), ""),)
