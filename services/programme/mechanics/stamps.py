"""Stamps and free items (M10): for every so many units bought, or deeds done (M16), one of a kind free.

A unit that cost nothing gives no stamp, so the free one does not count for the next card. Stamps that come back after
their free item was taken leave the count below zero: the next card repays it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import model_validator

from events.values import Code, PositiveInt, floor_div
from services.programme.calendar import NEVER
from services.programme.mechanic import LASTING_DAYS, Change, Counted, Due, Frame, Key, Lot, Mechanic, Meter
from services.programme.words import counted


class Stamps(Mechanic):
    """One `unit` free for `every` so many units of the lines that count, rounded down once, on all of them."""

    class Config(Counted):
        """The keys under `stamps:`."""

        every: PositiveInt
        """Stamps on a full card."""
        unit: Code
        """The free item's name; `used` facts say it."""
        deed: Code | None = None
        """Count deeds of this name in place of what is bought: five empty jars, a fresh mask (M16)."""

        @model_validator(mode="after")
        def _lines_or_deeds(self) -> Self:
            if self.deed is not None and (self.only or self.exclude or self.items):
                raise ValueError("only, exclude and items are about lines that are bought; leave them out beside deed")
            return self

    kinds: ClassVar[frozenset[str]] = frozenset({"basket", "used", "deed"})
    lasts_days = LASTING_DAYS  # it gives no points

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._deed, self.of_baskets = config.deed, config.deed is None
        if self._deed is None:
            self._units = self.measure = meter.add("paid units", config)
        self._every = config.every
        self._unit = config.unit
        self._lot: Lot = (NEVER, 0, 0, config.unit)
        what = config.deed or f"units bought{counted(config)}"
        self.why = f"free for every {config.every:,} {what}"

    def key(self, change: Change) -> Key | None:
        fact = change.fact
        if fact.type == "used":
            return self._unit if fact.what == self._unit else None
        if fact.type == "deed":
            return self._unit if fact.what == self._deed else None
        return self._unit if self._deed is None else None

    def absorb(self, cell: Any, change: Change) -> Any:
        """(stamps given, free items used)."""
        stamps, used = cell or (0, 0)
        fact = change.fact
        if fact.type == "used":
            used += fact.count
        elif fact.type == "deed":
            stamps += fact.count
        else:
            stamps += change.moved(self._units)
        return (stamps, used) if stamps or used else None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        stamps, used = cell
        free = (floor_div(stamps, self._every) if stamps > 0 else 0) - used
        return ((self._unit, free, self._lot, ""),) if free else ()
