"""Points for a deed that is no purchase (M16): a review, a bottle brought back, a birthday (M04's gift).

Each `deed` fact is a lot of its own. Nothing takes it back but a deed with a count below 0, which draws in spending
order. A thing for every so many deeds is `stamps` with `deed`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from events.values import Code, Points
from services.programme.calendar import day_of, instant_ms
from services.programme.mechanic import POINTS, Due, Frame, Key, Lasting, Mechanic, Meter


class Reward(Mechanic):
    """`points` for each deed of one name."""

    class Config(Lasting):
        """The keys under `reward:`."""

        deed: Code
        """The deed's name, as `deed` facts say it."""
        points: Annotated[Points, Field(le=10**9)]

    kinds: ClassVar[frozenset[str]] = frozenset({"deed"})
    per_fact: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._deed, self._points, self._zone = config.deed, config.points, frame.zone
        self._ends = config.ends(frame.zone)
        self.why = f"for {config.deed}"

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        points = self._points * cell.count if cell.what == self._deed else 0
        if points <= 0:
            return ((POINTS, points, (0, 0, 0, "-d:" + cell.id), ""),) if points else ()
        at_ms = instant_ms(cell.occurred_at)
        return ((POINTS, points, (self._ends[day_of(at_ms, self._zone)], at_ms, at_ms, "d:" + cell.id), ""),)
