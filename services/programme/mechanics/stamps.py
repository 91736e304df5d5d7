"""Stamps and free items (M10): for every so many units bought, one of a kind free.

A unit that cost nothing gives no stamp, so the free one does not count for the next card. Stamps that come back after
their free item was taken leave the count below zero: the next card repays it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from events.values import Code, PositiveInt, floor_div
from services.programme.calendar import NEVER
from services.programme.mechanic import Basket, Change, Counted, Due, Frame, Key, Mechanic, Meter


class Stamps(Mechanic):
    """One `unit` free for `every` so many units of the lines that count, rounded down once, on all of them."""

    class Config(Counted):
        """The keys under `stamps:`."""

        every: PositiveInt
        """Stamps on a full card."""
        unit: Code
        """The free item's name; `used` facts say it."""

    kinds: ClassVar[frozenset[str]] = frozenset({"basket", "used"})

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add("paid units", config)
        self._measure: int = self.measure
        self._every = config.every
        self._unit = config.unit

    def key(self, change: Change) -> Key | None:
        if change.fact.type == "used":
            return self._unit if change.fact.what == self._unit else None
        return self._unit

    def absorb(self, cell: Any, change: Change) -> Any:
        """(stamps given, free items used)."""
        stamps, used = cell or (0, 0)
        stamps += self._units(change.after) - self._units(change.before)
        used += change.fact.count if change.fact.type == "used" else 0
        return (stamps, used) if stamps or used else None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        stamps, used = cell
        free = floor_div(max(stamps, 0), self._every) - used
        return ((self._unit, free, (NEVER, 0, 0, self._unit), ""),) if free else ()

    def _units(self, basket: Basket | None) -> int:
        return 0 if basket is None else basket.measures[self._measure]
